import { Injectable } from '@nestjs/common';
import { OperationConfig } from '../../config/config.js';
import { BUSY_MS, DispatchLoop } from '../../engine/dispatch-loop.js';
import { Lookout } from '../../engine/lookout.js';
import { after } from '../../engine/worker-pool.js';
import { classifyEgressError, explainEgressError } from '../../egress/egress.js';
import type { SmallAnswer } from '../../egress/small-request.js';
import { OperationWaits } from '../read/operation-waits.js';
import { storable } from '../run/operation-run.js';
import { OperationTypes } from '../run/operation-types.js';
import { JobEnder, type Left } from './job-ender.js';
import { type Asked, JobRequests, type TakenJob } from './job-requests.js';
import { PollAnswer } from './poll-answer.js';
import { type Decision, decide } from './poll-decision.js';
import { planOf } from './poll-input.js';
import { newsOf, plainText, pollDelay } from './poll-news.js';
import { PollPlaces } from './poll-places.js';
import { DUE_POLLS, type NextPoll, type PollNews, PollStore, type TakenPoll } from './poll.store.js';
import { PollTargets } from './poll-targets.js';
import { isPolling, originOf, type PollTarget } from './polling-handler.js';

/** Polls that this process has taken and not yet put down, at the most. */
const MAX_TAKEN = 1_000;
/** What came back is put down together, so often; milliseconds. */
const RECORD_MS = 100;
/** How long a poll waits for a place at its origin, milliseconds. */
const PATIENCE_MS = 1_000;
/** For one request, milliseconds; shorter where a lease is. */
const TIMEOUT_MS = 15_000;
/** So many answers in a row that the API doesn't know the caller, and the job is given up. */
const MAX_REFUSALS = 3;
/** How long a shutdown waits for polls that are under way, milliseconds. */
const LAST_MS = 2_000;

/** What a poll has found, and in which answer; null where none came. */
interface Found {
  readonly answer: SmallAnswer | null;
  readonly decision: Decision;
}

/**
 * Polls jobs of other APIs that operations wait for. A poll is taken with a lease, many in a statement, and put down with when the
 * next one is, likewise. What a crash forgets of it is asked for again.
 */
@Injectable()
export class PollLoop extends DispatchLoop {
  private readonly places: PollPlaces;
  private readonly timeoutMs: number;
  private taken = 0;
  private next: NextPoll[] = [];
  private news: PollNews[] = [];
  private recording: NodeJS.Timeout | undefined;
  /** The last round took as many as there was room for. */
  private isMore = false;
  private over = false;

  constructor(
    private readonly store: PollStore,
    private readonly targets: PollTargets,
    private readonly types: OperationTypes,
    private readonly requests: JobRequests,
    private readonly ender: JobEnder,
    private readonly waits: OperationWaits,
    config: OperationConfig,
    lookout: Lookout,
  ) {
    super('polls', config.pollMs, { lookout, due: DUE_POLLS });
    this.places = new PollPlaces(config.polls, Math.ceil(config.polls / 2));
    // With the wait for a place well within the lease.
    this.timeoutMs = Math.min(TIMEOUT_MS, (config.leaseS * 1000) / 2);
  }

  /** What one process has no place for, another may have. */
  override get isOwn(): boolean {
    return this.restedMs < BUSY_MS;
  }

  protected async round(): Promise<boolean> {
    this.places.giveUp(PATIENCE_MS);
    const room = MAX_TAKEN - this.taken;
    if (room <= MAX_TAKEN / 10) return false;
    const polls = await this.store.take(room);
    this.taken += polls.length;
    for (const poll of polls) this.begin(poll);
    this.isMore = polls.length === room;
    return false;
  }

  /** Puts down what has come back; what has not been asked for yet is left to others. */
  override async onModuleDestroy(): Promise<void> {
    await super.onModuleDestroy();
    this.over = true;
    this.places.giveUp(-1);
    for (let waitedMs = 0; this.taken > this.next.length && waitedMs < LAST_MS; waitedMs += 20)
      await after(20);
    this.ender.stop();
    await this.record();
  }

  private begin(poll: TakenPoll): void {
    const { handler } = this.types.get(poll.type) ?? {};
    // A worker of another version has it.
    if (!isPolling(handler)) return this.putDown(poll, { afterS: 5 });
    let target: PollTarget;
    try {
      target = this.targets.open(poll, poll.target);
    } catch (error) {
      this.logger.error(`the job of operation ${poll.rid} can't be polled: ${String(error)}`);
      return this.putDown(poll, { afterS: 60 });
    }
    const plan = planOf(target.poll);
    const { everyS } = plan;
    // Somebody ends the operation, or runs it; or a run is about to fetch the result.
    if (poll.waits === false || (poll.waits && target.collect)) return this.putDown(poll, { afterS: everyS });
    const job = { poll, target, plan, handler, timeoutMs: this.timeoutMs };
    this.places.take(originOf(target.url), {
      begin: () => this.see(job),
      giveUp: () => this.putDown(poll, { afterS: this.over ? 0 : everyS }),
    });
  }

  private async see(job: TakenJob): Promise<void> {
    const { poll, target, plan } = job;
    try {
      if (poll.waits === null) return this.gone(job, await this.ender.forget(job));
      const asked = await this.requests.make(job, 'GET', target.url);
      if (asked.kind === 'later') return this.putDown(poll, { afterS: asked.afterS });
      const { answer, decision } = found(job, asked);
      if (decision.kind === 'again') return this.again(job, decision);
      if (decision.kind === 'failed') return this.gone(job, await this.ender.fail(job, answer, decision));
      // One that is longer than what is read of it is fetched again, whole.
      if (decision.from === null && answer!.whole)
        return this.gone(job, await this.ender.finish(job, answer!));
      this.gone(job, await this.ender.collect(job, decision.from ?? target.url));
    } catch (error) {
      // Of our own storage or database: the job is there as before.
      this.logger.warn(`the job of operation ${poll.rid} is polled again: ${String(error)}`);
      this.putDown(poll, { afterS: plan.everyS });
    }
  }

  private again({ poll, target, plan }: TakenJob, answer: Extract<Decision, { kind: 'again' }>): void {
    const failures = answer.trouble === null ? 0 : Math.min(poll.failures + 1, 1_000);
    const refusals = answer.refused ? poll.refusals + 1 : 0;
    const afterS = pollDelay(plan.everyS, answer.retryAfterS, failures, Math.random());
    const news = newsOf(poll, answer, failures, plainText(target.url));
    if (news) this.news.push({ ...news, text: storable(news.text) });
    this.putDown(poll, { afterS, failures, refusals });
  }

  private gone({ poll }: TakenJob, left: Left): void {
    if (left === null) this.taken--;
    else this.putDown(poll, { afterS: left });
  }

  private putDown(
    poll: TakenPoll,
    {
      afterS,
      failures = poll.failures,
      refusals = poll.refusals,
    }: Omit<Partial<NextPoll>, 'afterS'> & { afterS: number },
  ): void {
    this.next.push({ poll, afterS, failures, refusals });
    this.recording ??= setTimeout(() => void this.record(), RECORD_MS);
  }

  private async record(): Promise<void> {
    clearTimeout(this.recording);
    this.recording = undefined;
    const { next, news } = this;
    this.next = [];
    this.news = [];
    try {
      if (news.length > 0) {
        await this.store.tell(news);
        for (const { requestId, news: kind } of news) if (kind !== null) this.waits.grew(requestId);
      }
      if (next.length > 0) await this.store.record(next);
    } catch (error) {
      // The leases run out, and these are polled again.
      this.logger.warn(`polls could not be put down: ${String(error)}`);
    }
    this.taken -= next.length;
    if (this.isMore && this.taken < MAX_TAKEN / 2) this.wake();
  }
}

/** What came of asking, and what it means. */
function found({ poll, target, plan }: TakenJob, asked: Exclude<Asked, { kind: 'later' }>): Found {
  if (asked.kind === 'unanswered') return { answer: null, decision: unasked(asked.error) };
  const { answer } = asked;
  const { status, headers, body, whole } = answer;
  const seen = new PollAnswer(status, headers, body, whole);
  const decision = decide(plan, seen, target.url, new Date());
  if (decision.kind !== 'again' || !decision.refused || poll.refusals + 1 < MAX_REFUSALS)
    return { answer, decision };
  const message = `${decision.trouble}, ${MAX_REFUSALS} times in a row`;
  return { answer, decision: { kind: 'failed', code: 'job_refused', message } };
}

/** What a request means that got no answer. */
function unasked(error: unknown): Decision {
  const trouble = explainEgressError(error);
  if (classifyEgressError(error) === 'blocked_destination')
    return {
      kind: 'failed',
      code: 'no_job',
      message: `the URL of the job is not called any more: ${trouble}`,
    };
  return { kind: 'again', retryAfterS: null, progress: null, text: null, trouble, refused: false };
}
