import { Readable } from 'node:stream';
import { Injectable, Logger } from '@nestjs/common';
import { rideOut } from '../../database/ride-out.js';
import { explainEgressError } from '../../egress/egress.js';
import type { SmallAnswer } from '../../egress/small-request.js';
import { FilesService } from '../../files/files.service.js';
import { type How, OperationEnder } from '../end/operation-ender.js';
import { storable } from '../run/operation-run.js';
import { finished } from '../run/run-ending.js';
import { keepResponse, nameOf } from '../types/kept-response.js';
import { PollAnswer } from './poll-answer.js';
import type { PollPlan } from './poll-plan.js';
import { urlAt } from './poll-source.js';
import { PollStore, type TakenPoll } from './poll.store.js';
import { PollTargets } from './poll-targets.js';
import type { PollingHandler, PollTarget } from './polling-handler.js';

/** A job whose poll this process has taken, and who knows how to ask for it. */
export interface TakenJob {
  readonly poll: TakenPoll;
  readonly target: PollTarget;
  readonly plan: PollPlan;
  readonly handler: PollingHandler;
  /** For requests, milliseconds. */
  readonly timeoutMs: number;
}

/** Ends what was waited for with what a poll has found. All answer whether the poll is off the list: else it is to be put down. */
@Injectable()
export class JobEnder {
  private readonly logger = new Logger('Polls');
  private over = false;

  constructor(
    private readonly store: PollStore,
    private readonly targets: PollTargets,
    private readonly files: FilesService,
    private readonly ender: OperationEnder,
  ) {}

  /** Outages are ridden out no longer. */
  stop(): void {
    this.over = true;
  }

  /** Ends the operation with an answer that is the result. */
  async finish(job: TakenJob, answer: SmallAnswer): Promise<boolean> {
    const { file, contentType, text } = await this.keep(job, answer);
    const { status, headers } = answer;
    const kept = { status, headers, contentType, file: file.id, text };
    return this.end(job, finished(job.handler.outcome(job.target, kept)));
  }

  /** Ends it with a failure, of which the answer is kept where there is one. */
  async fail(
    job: TakenJob,
    answer: SmallAnswer | null,
    { code, message }: { readonly code: string; readonly message: string },
  ): Promise<boolean> {
    const fileId = answer === null ? null : (await this.keep(job, answer)).file.id;
    return this.end(job, { state: 'Failed', code, message: storable(message), fileId });
  }

  /** Leaves a result that is large, or elsewhere, to a run of the handler: that has all the time that it takes. */
  async collect({ poll, target, plan }: TakenJob, url: string): Promise<boolean> {
    const sealed = this.targets.seal(poll, { ...target, url, collect: true });
    return this.store.collect(poll, sealed, plan.everyS);
  }

  /** The operation has ended without its job: where it was canceled, and the API can, the job is canceled too. */
  async forget(job: TakenJob): Promise<boolean> {
    const { poll, target, plan } = job;
    const { cancel } = plan;
    if (poll.ended === 'Canceled' && cancel !== null && !target.collect) await this.cancel(job, cancel);
    await this.store.drop(poll);
    return true;
  }

  private keep({ poll, target }: TakenJob, { headers, body }: SmallAnswer) {
    const { accountId, requestId: operationId } = poll;
    return keepResponse({ headers, body: Readable.from([body]) }, nameOf(target.asked), {
      saveFile: (stream, about) => this.files.save(stream, { accountId, operationId, ...about }),
    });
  }

  /** An outage is ridden out: the API may not tell the end a second time. */
  private async end({ poll }: TakenJob, how: How): Promise<boolean> {
    const patiently = <T>(work: () => Promise<T>): Promise<T> => rideOut(work, () => this.over);
    const claim = await patiently(() => this.store.lease(poll));
    // Canceled meanwhile, or ended; where it is neither yet, somebody is about to.
    if (!claim) return false;
    const finishedAt = new Date(claim.claimedAt.getTime() + performance.now() - claim.askedAt);
    await patiently(() => this.ender.end(claim, how, finishedAt));
    await patiently(() => this.store.drop(poll));
    return true;
  }

  /** At best: whoever canceled was answered long ago. */
  private async cancel({ target, handler, timeoutMs }: TakenJob, how: string): Promise<void> {
    const [method, source] = how.split(' ') as [string, string];
    const url = urlAt([source], new PollAnswer(0, {}, Buffer.alloc(0)), target.url);
    try {
      if (url !== null) await handler.ask(target, { method, url, timeoutMs });
    } catch (error) {
      this.logger.debug(`a job was not canceled: ${explainEgressError(error)}`);
    }
  }
}
