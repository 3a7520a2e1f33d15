import { Injectable } from '@nestjs/common';
import { DeliveryConfig } from '../../config/config.js';
import { EndpointHealth } from '../../deliveries/endpoint-health.js';
import { DispatchLoop } from '../../engine/dispatch-loop.js';
import { Lookout } from '../../engine/lookout.js';
import { DUE_PULLS, PullStore } from './pull.store.js';
import { PullWaits } from './pull-waits.js';

/** Leases one round takes back, and endpoints it ends, at the most. */
const MOST = 500;
const MOST_ENDPOINTS = 20;

/** Takes back what consumers leased and didn't acknowledge, and ends endpoints that nobody pulls. */
@Injectable()
export class PullLoop extends DispatchLoop {
  constructor(
    private readonly store: PullStore,
    private readonly waits: PullWaits,
    private readonly health: EndpointHealth,
    private readonly config: DeliveryConfig,
    lookout: Lookout,
  ) {
    super('pulls', config.pollMs, { lookout, due: DUE_PULLS(config.pullIdleS) });
  }

  protected async round(): Promise<boolean> {
    const rescued = await this.store.rescue(MOST);
    if (rescued > 0) this.waits.wake();
    const removed = await this.store.removeEphemeral(MOST_ENDPOINTS);
    for (const { id, accountId } of removed) {
      const nobody = { actor: null, actor_name: null, address: null };
      const details = { reason: 'not_pulled' };
      const action = 'endpoint.deleted';
      this.logger.log({ msg: 'audit', action, account: accountId, ...nobody, target: id, details });
    }
    const idle = await this.store.idle(this.config.pullIdleS, MOST_ENDPOINTS);
    for (const endpoint of idle) await this.health.disable(endpoint, 'not_pulled', () => true);
    return rescued === MOST || removed.length === MOST_ENDPOINTS || idle.length === MOST_ENDPOINTS;
  }
}
