import { Processor } from '@nestjs/bullmq';
import { DeliveryConfig, ProcessConfig } from '../config/config.js';
import { HintProcessor } from '../queues/hint-processor.js';
import { DELIVERIES_QUEUE, WORKER_OPTIONS, WORKERS } from '../queues/queues.module.js';
import { DeliveryAttempts } from './delivery-attempts.js';

/** Follows the hints of the deliveries queue. */
@Processor({ name: DELIVERIES_QUEUE, configKey: WORKERS }, WORKER_OPTIONS)
export class DeliveryProcessor extends HintProcessor {
  constructor(attempts: DeliveryAttempts, config: DeliveryConfig, { shutdownGraceS }: ProcessConfig) {
    super(DELIVERIES_QUEUE, attempts, config.concurrency, shutdownGraceS);
  }
}
