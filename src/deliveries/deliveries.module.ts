import { Module } from '@nestjs/common';
import { DeliveryDispatcher } from './delivery.dispatcher.js';
import { DeliveryReads } from './delivery-reads.store.js';
import { DeliveryStore } from './delivery.store.js';
import { FirstAttempts } from './first-attempts.js';
import { OwnCallbackStore } from './own-callback.store.js';
import { EndpointHealth } from './endpoint-health.js';
import { EndpointHealthStore } from './endpoint-health.store.js';

/** Deliveries: their rows and their dispatcher. */
@Module({
  providers: [
    DeliveryStore,
    OwnCallbackStore,
    DeliveryReads,
    DeliveryDispatcher,
    EndpointHealthStore,
    EndpointHealth,
    FirstAttempts,
  ],
  exports: [
    DeliveryStore,
    OwnCallbackStore,
    DeliveryReads,
    DeliveryDispatcher,
    EndpointHealthStore,
    EndpointHealth,
    FirstAttempts,
  ],
})
export class DeliveriesModule {}
