import { Module } from '@nestjs/common';
import { DeliveriesModule } from '../deliveries/deliveries.module.js';
import { EgressModule } from '../egress/egress.module.js';
import { SigningModule } from '../signing/signing.module.js';
import { EndpointSettingsMaker } from './endpoint-settings.js';
import { EndpointStore } from './endpoint.store.js';
import { EndpointTests } from './endpoint-tests.js';
import { EndpointsService } from './endpoints.service.js';
import { OwnershipHandshake } from './ownership-handshake.js';
import { PullAcksService } from './pull/pull-acks.service.js';
import { PullLoop } from './pull/pull.loop.js';
import { PullStore } from './pull/pull.store.js';
import { PullWaits } from './pull/pull-waits.js';
import { PullsService } from './pull/pulls.service.js';
import { RecoveriesService } from './recoveries.service.js';
import { RecoveryLoop } from './recovery.loop.js';
import { RecoveryStore } from './recovery.store.js';

/** Registered callback URLs: their settings, secrets, health and recovery. */
@Module({
  imports: [DeliveriesModule, EgressModule, SigningModule],
  providers: [
    EndpointStore,
    EndpointsService,
    EndpointSettingsMaker,
    EndpointTests,
    OwnershipHandshake,
    RecoveryStore,
    RecoveryLoop,
    RecoveriesService,
    PullStore,
    PullWaits,
    PullLoop,
    PullsService,
    PullAcksService,
  ],
  exports: [
    EndpointStore,
    EndpointsService,
    EndpointSettingsMaker,
    EndpointTests,
    RecoveriesService,
    PullsService,
    PullAcksService,
  ],
})
export class EndpointsModule {}
