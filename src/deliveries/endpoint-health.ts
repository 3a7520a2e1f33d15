import { Injectable, Logger } from '@nestjs/common';
import { rideOut } from '../database/ride-out.js';
import { EndpointHealthStore } from './endpoint-health.store.js';

/** Why the service disables an endpoint by itself. */
export type DisablingReason = 'gone' | 'asked_by_receiver' | 'failing_for_5_days' | 'not_pulled';

/** Disables endpoints that nobody answers for any more, and says so. */
@Injectable()
export class EndpointHealth {
  private readonly logger = new Logger('Deliveries');

  constructor(private readonly store: EndpointHealthStore) {}

  /** Disables the endpoint, over an outage until `isOver`; nothing happens where it is disabled already. */
  async disable(
    { id, accountId }: { readonly id: string; readonly accountId: string },
    reason: DisablingReason,
    isOver: () => boolean,
  ): Promise<void> {
    if (!(await rideOut(() => this.store.disable(id, reason), isOver))) return;
    this.logger.warn({ msg: 'endpoint disabled', endpoint: id, reason });
    const nobody = { actor: null, actor_name: null, address: null };
    const action = 'endpoint.disabled';
    this.logger.log({
      ...{ msg: 'audit', action, account: accountId, ...nobody, target: id, details: { reason } },
    });
  }
}
