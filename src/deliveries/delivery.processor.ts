import { Processor } from '@nestjs/bullmq';
import { ProcessConfig } from '../config/config.js';
import { HintProcessor } from '../queues/hint-processor.js';
import { DELIVERIES_QUEUE, DeliveryHints, WORKER_OPTIONS, WORKERS } from '../queues/queues.module.js';
import { DeliveryAttempts } from './delivery-attempts.js';

/** Follows the hints of the deliveries queue. */
// Their order matters less than their number, and to take a job is mostly to wait for the queue.
@Processor({ name: DELIVERIES_QUEUE, configKey: WORKERS }, { ...WORKER_OPTIONS, concurrency: 4 })
export class DeliveryProcessor extends HintProcessor {
  constructor(hints: DeliveryHints, attempts: DeliveryAttempts, { shutdownGraceS }: ProcessConfig) {
    super(hints, attempts, shutdownGraceS);
  }
}
