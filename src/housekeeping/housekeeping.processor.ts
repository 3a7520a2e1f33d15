import { Processor } from '@nestjs/bullmq';
import { ProcessConfig } from '../config/config.js';
import { HintProcessor } from '../queues/hint-processor.js';
import { HOUSEKEEPING_QUEUE, HousekeepingHints, WORKER_OPTIONS, WORKERS } from '../queues/queues.module.js';
import { Housekeeping } from './housekeeping.js';

/** Follows the hints of the housekeeping queue. */
@Processor({ name: HOUSEKEEPING_QUEUE, configKey: WORKERS }, WORKER_OPTIONS)
export class HousekeepingProcessor extends HintProcessor {
  constructor(hints: HousekeepingHints, housekeeping: Housekeeping, { shutdownGraceS }: ProcessConfig) {
    super(hints, housekeeping, shutdownGraceS);
  }
}
