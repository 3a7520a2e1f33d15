import { Module } from '@nestjs/common';
import { DeliveryConfig } from '../config/config.js';
import { USER_AGENT } from '../config/version.js';
import { Egress } from '../egress/egress.js';
import { EgressModule } from '../egress/egress.module.js';
import { SigningModule } from '../signing/signing.module.js';
import { AttemptRequests } from './attempt-requests.js';
import { DeliveriesModule } from './deliveries.module.js';
import { DeliveryAttempts } from './delivery-attempts.js';
import { DeliveryProcessor } from './delivery.processor.js';
import { WebhookClient } from './webhook.client.js';

/** Makes callback attempts in this process. */
@Module({
  imports: [DeliveriesModule, EgressModule, SigningModule],
  providers: [
    AttemptRequests,
    DeliveryAttempts,
    DeliveryProcessor,
    {
      provide: WebhookClient,
      inject: [Egress, DeliveryConfig],
      useFactory: (egress: Egress, config: DeliveryConfig) =>
        new WebhookClient(egress, { timeoutMs: config.timeoutS * 1000, userAgent: USER_AGENT }),
    },
  ],
})
export class DeliveriesWorkerModule {}
