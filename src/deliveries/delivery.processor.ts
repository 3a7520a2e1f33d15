import { Processor } from '@nestjs/bullmq';
import { ProcessConfig } from '../config/config.js';
import { WorkProcessor } from '../engine/work-processor.js';
import { DELIVERIES_QUEUE, DeliveryHints, WORKER_OPTIONS, WORKERS } from '../engine/engine.module.js';
import { DeliveryAttempts } from './delivery-attempts.js';

/** Follows the hints of the deliveries queue. */
// Their order matters less than their number, and to take a job is mostly to wait for the queue.
@Processor({ name: DELIVERIES_QUEUE, configKey: WORKERS }, { ...WORKER_OPTIONS, concurrency: 4 })
export class DeliveryProcessor extends WorkProcessor {
  constructor(hints: DeliveryHints, attempts: DeliveryAttempts, { shutdownGraceS }: ProcessConfig) {
    super(hints, attempts, shutdownGraceS);
  }
}
