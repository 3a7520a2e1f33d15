import { Injectable } from '@nestjs/common';
import { DeliveryConfig } from '../config/config.js';
import { DeliveryDispatcher } from '../deliveries/delivery.dispatcher.js';
import type { DeliveryEntity } from '../deliveries/delivery.entity.js';
import { DeliveryReads } from '../deliveries/delivery-reads.store.js';
import { DeliveryStore } from '../deliveries/delivery.store.js';
import type { EndpointEntity } from './endpoint.entity.js';
import { EndpointRefusedError } from './endpoint.errors.js';
import { randomId } from '../database/random-id.js';

const LOOK_MS = 50;
/** How long a test may wait for its turn beyond the attempt's own timeout. */
const PATIENCE_MS = 5_000;

const NO_ROOM = 'had no room for a test within its cap and rate: try again';
const NOBODY = 'was not pulled by any consumer meanwhile: start one, and try again';

/** Sends a sample to an endpoint, by the same way as every delivery: one attempt, which tells nothing of its health. */
@Injectable()
export class EndpointTests {
  constructor(
    private readonly deliveries: DeliveryStore,
    private readonly reads: DeliveryReads,
    private readonly dispatcher: DeliveryDispatcher,
    private readonly config: DeliveryConfig,
  ) {}

  /** The sample's delivery once its attempt has ended. */
  async send(endpoint: EndpointEntity): Promise<DeliveryEntity> {
    if (endpoint.disabledAt !== null) {
      throw new EndpointRefusedError('endpoint-disabled', [
        { path: 'id', message: 'is disabled: enable it first' },
      ]);
    }
    const id = randomId('dlv_');
    const body = JSON.stringify({
      type: 'endpoint.test',
      timestamp: new Date().toISOString(),
      data: { endpoint_id: endpoint.id },
    });
    await this.deliveries.addTest({
      id,
      accountId: endpoint.accountId,
      endpointId: endpoint.id,
      url: endpoint.url,
      origin: endpoint.origin,
      body,
    });
    this.dispatcher.wake();
    const until = performance.now() + this.config.timeoutS * 1000 + PATIENCE_MS;
    for (;;) {
      const delivery = await this.reads.find(endpoint.accountId, id);
      if (delivery && delivery.state !== 'Pending') return delivery;
      if (performance.now() > until) {
        await this.deliveries.cancel(endpoint.accountId, id);
        throw new EndpointRefusedError('endpoint-busy', [
          { path: 'id', message: endpoint.mode === 'pull' ? NOBODY : NO_ROOM },
        ]);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }
}
