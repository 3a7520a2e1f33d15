import { Processor } from '@nestjs/bullmq';
import { ProcessConfig } from '../../config/config.js';
import { WorkProcessor } from '../../engine/work-processor.js';
import { OperationHints, OPERATIONS_QUEUE, WORKER_OPTIONS, WORKERS } from '../../engine/engine.module.js';
import { OperationRunner } from './operation-runner.js';

/** Follows the hints of the operations queue. */
@Processor({ name: OPERATIONS_QUEUE, configKey: WORKERS }, WORKER_OPTIONS)
export class OperationProcessor extends WorkProcessor {
  constructor(hints: OperationHints, runner: OperationRunner, { shutdownGraceS }: ProcessConfig) {
    super(hints, runner, shutdownGraceS);
  }
}
