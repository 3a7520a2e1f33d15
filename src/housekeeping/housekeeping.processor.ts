import { Processor } from '@nestjs/bullmq';
import { ProcessConfig } from '../config/config.js';
import { WorkProcessor } from '../engine/work-processor.js';
import { HOUSEKEEPING_QUEUE, HousekeepingHints, WORKER_OPTIONS, WORKERS } from '../engine/engine.module.js';
import { Housekeeping } from './housekeeping.js';

/** Follows the hints of the housekeeping queue. */
@Processor({ name: HOUSEKEEPING_QUEUE, configKey: WORKERS }, WORKER_OPTIONS)
export class HousekeepingProcessor extends WorkProcessor {
  constructor(hints: HousekeepingHints, housekeeping: Housekeeping, { shutdownGraceS }: ProcessConfig) {
    super(hints, housekeeping, shutdownGraceS);
  }
}
