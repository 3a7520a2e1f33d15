import { Module } from '@nestjs/common';
import { DeliveryDispatcher } from './delivery.dispatcher.js';
import { DeliveryStore } from './delivery.store.js';
import { FirstAttempts } from './first-attempts.js';
import { EndpointHealthStore } from './endpoint-health.store.js';

/** Deliveries: their rows and their dispatcher. */
@Module({
  providers: [DeliveryStore, DeliveryDispatcher, EndpointHealthStore, FirstAttempts],
  exports: [DeliveryStore, DeliveryDispatcher, EndpointHealthStore, FirstAttempts],
})
export class DeliveriesModule {}
