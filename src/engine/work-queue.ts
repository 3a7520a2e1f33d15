import { randomBytes } from 'node:crypto';
import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Queue } from 'bullmq';
import { Heartbeat } from './heartbeat.js';
import type { Hint } from './hint.js';
import type { QueueBackend } from './queue-backend.js';
import type { WakeUps } from './wake-ups.js';

/** What a job of a hint queue carries. */
export type HintJob = readonly Hint[];

/** How long telling the queue may take; a hint that didn't make it is sent again by the dispatcher. */
const SEND_MS = 500;
/** Jobs that are added one by one at the most, where that is cheaper. */
const MAX_SINGLE_ADDS = 8;
/** Jobs that may wait in the queue before the dispatcher pauses: the backlog stays in PostgreSQL. */
const MAX_WAITING_JOBS = 200;
/** How often they are counted at the most, and how long a count tells that there are none. */
const COUNT_MS = 250;
const FRESH_MS = 1_000;

/** Sends hints: best effort by design, since a lost hint costs only time. */
export abstract class WorkQueue implements OnApplicationShutdown {
  private readonly logger: Logger;
  private readonly queue: Queue;
  /** Tells whether hints go through. */
  readonly heartbeat: Heartbeat;
  /** Jobs that waited for a worker, null where nobody knows, and when that was. */
  private counted: { readonly waiting: number | null; readonly at: number } = { waiting: null, at: 0 };
  private counting: Promise<void> | undefined;

  constructor(
    readonly name: string,
    /** `op`, `dlv` or `hk`: begins every job id. */
    private readonly prefix: string,
    readonly backend: QueueBackend,
    wakeUps: WakeUps,
  ) {
    this.logger = new Logger(`Queue ${name}`);
    this.queue = new Queue(name, {
      connection: backend.producer,
      prefix: backend.prefix,
      // BullMQ asks a Redis for its version once: a queue whose question failed would never work.
      skipVersionCheck: true,
      defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true },
    });
    this.heartbeat = new Heartbeat(this.queue, prefix, wakeUps, backend.fleet);
    this.queue.on('error', (error) => this.logger.debug(`the queue's connection failed: ${error.message}`));
  }

  /**
   * How the queue stands: `away` where it doesn't answer, `full` while so many jobs wait that more would only pile up, `empty`
   * where none waited within the last second, else `busy`.
   */
  async look(): Promise<'away' | 'full' | 'busy' | 'empty'> {
    const counting = this.count();
    if (this.counted.waiting === null) await counting;
    const { waiting, at } = this.counted;
    if (waiting === null) return 'away';
    if (waiting >= MAX_WAITING_JOBS) return 'full';
    return waiting === 0 && performance.now() - at < FRESH_MS ? 'empty' : 'busy';
  }

  /** Whether hints may be sent without a look before: as the queue was lately. */
  get isOpen(): boolean {
    const { waiting, at } = this.counted;
    if (performance.now() - at > FRESH_MS) void this.count();
    return waiting !== null && waiting < MAX_WAITING_JOBS;
  }

  /** Hints that one job carries at the most. */
  protected get hintsPerJob(): number {
    return this.backend.hintsPerJob;
  }

  /** Sends hints in order, in as few jobs as the backend likes best; false where that failed or took too long, never rejects. */
  async send(hints: readonly Hint[], where: 'first' | 'last' = 'last'): Promise<boolean> {
    if (hints.length === 0) return true;
    const { hintsPerJob } = this;
    const again = where === 'first' ? `-${randomBytes(6).toString('hex')}` : '';
    const jobs = [];
    for (let start = 0; start < hints.length; start += hintsPerJob) {
      const data = hints.slice(start, start + hintsPerJob);
      // BullMQ drops an add whose id still exists, so an id is never used twice: the epoch grows with every dispatch, and what
      // is put back has a number of its own, since the job that it was taken from is still there.
      jobs.push({
        name: this.prefix,
        data,
        opts: { jobId: `${this.prefix}-${data[0]!.id}-${data[0]!.epoch}${again}`, lifo: where === 'first' },
      });
    }
    // Each goes to the head, so the first of them goes last.
    return this.bestEffort(this.adding(where === 'first' ? jobs.toReversed() : jobs));
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.race([this.queue.close().catch(() => undefined), deadline(1000)]);
  }

  /** On PostgreSQL BullMQ's bulk add makes temporary tables each time: a few single adds cost less than half. */
  private async adding(jobs: readonly Parameters<Queue['addBulk']>[0][number][]): Promise<void> {
    const single = this.backend.kind === 'postgresql' && jobs.length <= MAX_SINGLE_ADDS;
    if (!single) await this.queue.addBulk([...jobs]);
    // One after the other, so that they are taken in this order.
    else for (const { name, data, opts } of jobs) await this.queue.add(name, data, opts);
  }

  private bestEffort(sending: Promise<void>): Promise<boolean> {
    const sent = sending.then(
      () => true,
      (error: Error) => {
        this.logger.debug(`hints were not sent: ${error.message}`);
        return false;
      },
    );
    return Promise.race([sent, deadline(SEND_MS).then(() => false)]);
  }

  /** Counts the waiting jobs, a few times a second at the most. */
  private count(): Promise<void> {
    this.counting ??= this.recount().finally(() => {
      setTimeout(() => (this.counting = undefined), COUNT_MS).unref();
    });
    return this.counting;
  }

  private async recount(): Promise<void> {
    const counts = this.queue.getJobCounts('waiting').then(
      ({ waiting = 0 }) => waiting,
      () => null,
    );
    const waiting = await Promise.race([counts, deadline(SEND_MS).then(() => null)]);
    this.counted = { waiting, at: performance.now() };
  }
}

function deadline(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
