import { Processor, WorkerHost } from '@nestjs/bullmq';
import {
  type BeforeApplicationShutdown,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
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
  implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown
{
  private drained: Promise<unknown> | undefined;
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

  /** Begins here, where nobody waits, so that operations and deliveries have the same grace time and not one after the other. */
  onModuleDestroy(): void {
    const { shutdownGraceS } = this.process_;
    this.drained = Promise.all([closeWorker(this.worker, shutdownGraceS), this.runner.drain(shutdownGraceS)]);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.drained;
  }
}
