import { Processor, WorkerHost } from '@nestjs/bullmq';
import {
  type BeforeApplicationShutdown,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import type { Job } from 'bullmq';
import { DeliveryConfig, ProcessConfig } from '../config/config.js';
import type { HintJob } from '../queues/hint-queue.js';
import { DELIVERIES_QUEUE, WORKER_OPTIONS, WORKERS } from '../queues/queues.module.js';
import { closeWorker, startWorker } from '../queues/worker-lifecycle.js';
import { DeliveryAttempts } from './delivery-attempts.js';

/** Follows the hints of the deliveries queue. */
@Processor({ name: DELIVERIES_QUEUE, configKey: WORKERS }, WORKER_OPTIONS)
export class DeliveryProcessor
  extends WorkerHost
  implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown
{
  private drained: Promise<unknown> | undefined;
  private readonly logger = new Logger('Deliveries queue');

  constructor(
    private readonly attempts: DeliveryAttempts,
    private readonly config: DeliveryConfig,
    private readonly process_: ProcessConfig,
  ) {
    super();
  }

  process(job: Job<HintJob>): Promise<void> {
    return this.attempts.follow(job.data);
  }

  onApplicationBootstrap(): void {
    startWorker(this.worker, this.config.concurrency, this.logger);
  }

  /** Begins here, where nobody waits, so that operations and deliveries have the same grace time and not one after the other. */
  onModuleDestroy(): void {
    const { shutdownGraceS } = this.process_;
    this.drained = Promise.all([
      closeWorker(this.worker, shutdownGraceS),
      this.attempts.drain(shutdownGraceS),
    ]);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.drained;
  }
}
