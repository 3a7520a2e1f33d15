import { Processor, WorkerHost } from '@nestjs/bullmq';
import { type BeforeApplicationShutdown, Logger, type OnApplicationBootstrap } from '@nestjs/common';
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
  implements OnApplicationBootstrap, BeforeApplicationShutdown
{
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

  async beforeApplicationShutdown(): Promise<void> {
    const closing = closeWorker(this.worker, this.process_.shutdownGraceS);
    await this.attempts.drain(this.process_.shutdownGraceS);
    await closing;
  }
}
