import { Module } from '@nestjs/common';
import { DeliveryDispatcher } from './delivery.dispatcher.js';
import { DeliveryStore } from './delivery.store.js';
import { EndpointHealthStore } from './endpoint-health.store.js';

/** Deliveries: their rows and their dispatcher. */
@Module({
  providers: [DeliveryStore, DeliveryDispatcher, EndpointHealthStore],
  exports: [DeliveryStore, DeliveryDispatcher, EndpointHealthStore],
})
export class DeliveriesModule {}
