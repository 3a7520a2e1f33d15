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
import { JobRequests, type TakenJob } from './job-requests.js';
import { PollAnswer } from './poll-answer.js';
import { urlAt } from './poll-source.js';
import { PollStore } from './poll.store.js';
import { PollTargets } from './poll-targets.js';

/** In how many seconds a poll is to be looked at again that is still on the list; null: it is off. */
export type Left = number | null;

/** What was to be ended is somebody's who is about to: it is looked at soon. */
const SOON_S = 1;

/** Ends what was waited for with what a poll has found. */
@Injectable()
export class JobEnder {
  private readonly logger = new Logger('Polls');
  private over = false;

  constructor(
    private readonly store: PollStore,
    private readonly targets: PollTargets,
    private readonly requests: JobRequests,
    private readonly files: FilesService,
    private readonly ender: OperationEnder,
  ) {}

  /** Outages are ridden out no longer. */
  stop(): void {
    this.over = true;
  }

  /** Ends the operation with an answer that is the result. */
  async finish(job: TakenJob, answer: SmallAnswer): Promise<Left> {
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
  ): Promise<Left> {
    const fileId = answer === null ? null : (await this.keep(job, answer)).file.id;
    return this.end(job, { state: 'Failed', code, message: storable(message), fileId });
  }

  /** Leaves a result that is large, or elsewhere, to a run of the handler: that has all the time that it takes. */
  async collect({ poll, target, plan }: TakenJob, url: string): Promise<Left> {
    const sealed = this.targets.seal(poll, { ...target, url, collect: true });
    return (await this.store.collect(poll, sealed, plan.everyS)) ? null : SOON_S;
  }

  /** The operation has ended without its job: where it was canceled, and the API can, the job is canceled too. */
  async forget(job: TakenJob): Promise<Left> {
    const { poll, target, plan } = job;
    const { cancel } = plan;
    if (poll.ended === 'Canceled' && cancel !== null && !target.collect) {
      const afterS = await this.cancel(job, cancel);
      if (afterS !== null) return afterS;
    }
    await this.store.drop(poll);
    return null;
  }

  private keep({ poll, target }: TakenJob, { headers, body }: SmallAnswer) {
    const { accountId, requestId: operationId } = poll;
    return keepResponse({ headers, body: Readable.from([body]) }, nameOf(target.asked), {
      saveFile: (stream, about) => this.files.save(stream, { accountId, operationId, ...about }),
    });
  }

  /** An outage is ridden out: the API may not tell the end a second time. */
  private async end({ poll }: TakenJob, how: How): Promise<Left> {
    const patiently = <T>(work: () => Promise<T>): Promise<T> => rideOut(work, () => this.over);
    const claim = await patiently(() => this.store.lease(poll));
    // Canceled meanwhile, or ended; where it is neither yet, somebody is about to.
    if (!claim) return SOON_S;
    const finishedAt = new Date(claim.claimedAt.getTime() + performance.now() - claim.askedAt);
    await patiently(() => this.ender.end(claim, how, finishedAt));
    await patiently(() => this.store.drop(poll));
    return null;
  }

  /** At best: whoever canceled was answered long ago. Where it isn't its turn, it is looked at again as long as the job may run. */
  private async cancel(job: TakenJob, how: string): Promise<Left> {
    const { target } = job;
    const [method, source] = how.split(' ') as [string, string];
    const url = urlAt([source], new PollAnswer(0, {}, Buffer.alloc(0)), target.url);
    if (url === null) return null;
    const asked = await this.requests.make(job, method, url);
    if (asked.kind === 'unanswered')
      this.logger.debug(`a job was not canceled: ${explainEgressError(asked.error)}`);
    return asked.kind === 'later' && Date.now() < target.untilMs ? asked.afterS : null;
  }
}
