import { Processor } from '@nestjs/bullmq';
import { ProcessConfig } from '../config/config.js';
import { HintProcessor } from '../queues/hint-processor.js';
import { HOUSEKEEPING_QUEUE, WORKER_OPTIONS, WORKERS } from '../queues/queues.module.js';
import { Housekeeping } from './housekeeping.js';

/** Follows the hints of the housekeeping queue. */
@Processor({ name: HOUSEKEEPING_QUEUE, configKey: WORKERS }, WORKER_OPTIONS)
export class HousekeepingProcessor extends HintProcessor {
  constructor(housekeeping: Housekeeping, { shutdownGraceS }: ProcessConfig) {
    super(HOUSEKEEPING_QUEUE, housekeeping, 1, shutdownGraceS);
  }
}
