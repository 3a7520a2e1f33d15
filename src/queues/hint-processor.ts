import { WorkerHost } from '@nestjs/bullmq';
import {
  type BeforeApplicationShutdown,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import type { Job, Worker } from 'bullmq';
import type { Hint } from './hint.js';
import type { HintJob } from './hint-queue.js';

/** Does what hints name. */
export interface Follower {
  /** Resolves when all that the hints name has been done or turned out to be somebody else's. */
  follow(hints: readonly Hint[]): Promise<void>;
  /** Stops beginning anything, lets what runs finish for `graceS`, then cuts it off. */
  drain(graceS: number): Promise<void>;
}

/** Takes the jobs of a hint queue, once the whole application is up and until it shuts down. */
export abstract class HintProcessor
  extends WorkerHost
  implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown
{
  private drained: Promise<unknown> | undefined;
  private readonly logger: Logger;

  protected constructor(
    name: string,
    private readonly follower: Follower,
    private readonly concurrency: number,
    private readonly graceS: number,
  ) {
    super();
    this.logger = new Logger(`Queue ${name}`);
  }

  process(job: Job<HintJob>): Promise<void> {
    return this.follower.follow(job.data);
  }

  onApplicationBootstrap(): void {
    const { worker } = this;
    // An outage of the queue is logged, never thrown.
    worker.on('error', (error) => this.logger.debug(`the queue's connection failed: ${error.message}`));
    worker.concurrency = this.concurrency;
    worker.run().catch((error: Error) => this.logger.error(`the worker stopped: ${error.message}`));
  }

  /** Begins here, where nobody waits, so that all queues have the same grace time and not one after the other. */
  onModuleDestroy(): void {
    this.drained = Promise.all([closeWorker(this.worker, this.graceS), this.follower.drain(this.graceS)]);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.drained;
  }
}

/** Stops taking jobs and waits for those that run; gives up some seconds after `graceS`, since closing never ends while Redis is down. */
async function closeWorker(worker: Worker, graceS: number): Promise<void> {
  const late = new Promise((resolve) => setTimeout(resolve, (graceS + 3) * 1000).unref());
  await Promise.race([worker.close().catch(() => undefined), late]);
}
