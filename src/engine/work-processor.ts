import { OnWorkerEvent, WorkerHost } from '@nestjs/bullmq';
import {
  type BeforeApplicationShutdown,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import type { Job, Worker } from 'bullmq';
import type { Fleet } from './fleet.js';
import type { Hint } from './hint.js';
import { tookOf } from './patient-backend.js';
import type { SendBack } from './worker-pool.js';
import type { HintJob, WorkQueue } from './work-queue.js';

/** How often a worker looks for jobs whose worker died, ms: alone, and one of many. */
const STALLED_MS = 5_000;
const MAX_STALLED_MS = 60_000;
/** How long it waits for a job in Redis before it looks again, seconds. */
const QUIET_S = 5;
const MAX_QUIET_S = 10;

/** Does what hints name. */
export interface Follower {
  /** Begins what the hints name, as far as there are places; resolves when there is a place for more. */
  follow(hints: readonly Hint[], sendBack: SendBack): Promise<void>;
  /** Stops beginning anything, lets what runs finish for `graceS`, then cuts it off. */
  drain(graceS: number): Promise<void>;
}

/**
 * Takes the jobs of a hint queue, once the whole application is up and until it shuts down, and only while there are places for
 * what they name. What finds none stays in the queue, in its order, for any process that has some.
 */
export abstract class WorkProcessor
  extends WorkerHost
  implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown
{
  private drained: Promise<unknown> | undefined;
  private readonly logger: Logger;

  protected constructor(
    private readonly hints: WorkQueue,
    private readonly follower: Follower,
    private readonly graceS: number,
  ) {
    super();
    this.logger = new Logger(`Queue ${hints.name}`);
  }

  process(job: Job<HintJob>): Promise<void> {
    return this.hints.heartbeat.during(job.id, this.follow(job.data));
  }

  /** An outage of the queue is logged, never thrown. Heard from the worker's making on: else BullMQ prints each error. */
  @OnWorkerEvent('error')
  failed(error: Error): void {
    this.logger.debug(`the queue's connection failed: ${error.message}`);
  }

  onApplicationBootstrap(): void {
    const { worker } = this;
    pace(worker, this.hints.backend.fleet);
    worker.run().catch((error: Error) => this.logger.error(`the worker stopped: ${error.message}`));
    this.hints.heartbeat.start(worker.getBackend());
  }

  /** Begins here, where nobody waits, so that all queues have the same grace time and not one after the other. */
  onModuleDestroy(): void {
    this.hints.heartbeat.stop();
    const { worker } = this;
    const closed = closeWorker(worker, this.graceS);
    // Nest's module closes it later, too, and would wait without a limit.
    worker.close = () => closed;
    this.drained = Promise.all([closed, this.follower.drain(this.graceS)]);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.drained;
  }

  /** A job without hints is a heartbeat. */
  private async follow(hints: HintJob): Promise<void> {
    tookOf(this.worker.getBackend(), hints.length);
    if (hints.length > 0) await this.follower.follow(hints, (rest) => this.hints.send(rest, 'first'));
  }
}

/** An idle worker's looks, for jobs whose worker died and at a queue in Redis, are as many over all processes as one alone makes. */
function pace({ opts }: Worker, fleet: Fleet): void {
  Object.defineProperties(opts, {
    stalledInterval: { get: () => fleet.pause(STALLED_MS, MAX_STALLED_MS) },
    drainDelay: { get: () => fleet.pause(QUIET_S, MAX_QUIET_S) },
  });
}

/** Stops taking jobs and waits for those that run; gives up some seconds after `graceS`, since closing never ends while Redis is down. */
async function closeWorker(worker: Worker, graceS: number): Promise<void> {
  const late = new Promise((resolve) => setTimeout(resolve, (graceS + 3) * 1000).unref());
  await Promise.race([worker.close().catch(() => undefined), late]);
}
