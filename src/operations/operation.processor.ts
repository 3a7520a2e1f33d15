import { Processor, WorkerHost } from '@nestjs/bullmq';
import { type BeforeApplicationShutdown, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import type { Job } from 'bullmq';
import { OperationConfig, ProcessConfig } from '../config/config.js';
import type { HintJob } from '../queues/hint-queue.js';
import { OPERATIONS_QUEUE, WORKER_OPTIONS, WORKERS } from '../queues/queues.module.js';
import { closeWorker, startWorker } from '../queues/worker-lifecycle.js';
import { OperationRunner } from './operation-runner.js';

/** Follows the hints of the operations queue. */
@Processor({ name: OPERATIONS_QUEUE, configKey: WORKERS }, WORKER_OPTIONS)
export class OperationProcessor
  extends WorkerHost
  implements OnApplicationBootstrap, BeforeApplicationShutdown
{
  private readonly logger = new Logger('Operations queue');

  constructor(
    private readonly runner: OperationRunner,
    private readonly config: OperationConfig,
    private readonly process_: ProcessConfig,
  ) {
    super();
  }

  process(job: Job<HintJob>): Promise<void> {
    return this.runner.follow(job.data);
  }

  onApplicationBootstrap(): void {
    startWorker(this.worker, this.config.concurrency, this.logger);
  }

  async beforeApplicationShutdown(): Promise<void> {
    const closing = closeWorker(this.worker, this.process_.shutdownGraceS);
    await this.runner.drain(this.process_.shutdownGraceS);
    await closing;
  }
}
