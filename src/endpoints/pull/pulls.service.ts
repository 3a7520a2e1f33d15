import { Injectable } from '@nestjs/common';
import { USER_AGENT } from '../../config/version.js';
import { attemptHeaders } from '../../deliveries/attempt-headers.js';
import { SigningSecrets } from '../../signing/signing-secrets.store.js';
import type { EndpointEntity } from '../endpoint.entity.js';
import { EndpointNotFoundError, EndpointRefusedError } from '../endpoint.errors.js';
import { EndpointSettingsMaker } from '../endpoint-settings.js';
import { PullStore } from './pull.store.js';
import { PullWaits } from './pull-waits.js';

/** Seconds for which what is pulled is its consumer's own, where neither the pull nor the endpoint says otherwise, and at the most. */
export const LEASE_S = 30;
export const MAX_LEASE_S = 3600;
/** Deliveries that one pull answers at the most, and acknowledgements that one request takes. */
export const MAX_PULLED = 500;

/** What a consumer asks for. */
export interface Pull {
  readonly most: number;
  /** How long to wait where there is nothing, milliseconds. */
  readonly waitMs: number;
  /** Seconds; null: the endpoint's. */
  readonly leaseS: number | null;
}

/** The consumer that waits for an answer. */
export interface Consumer {
  /** Fires when it has gone. */
  readonly gone: AbortSignal;
  /** Whether the answer may be held: asked once, where there is nothing yet. */
  hold(): boolean;
}

/** A delivery as its POST would be. */
export interface PulledDelivery {
  readonly id: string;
  readonly attempt: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** Gives consumers the deliveries of pull endpoints, signed as they would be sent. */
@Injectable()
export class PullsService {
  constructor(
    private readonly store: PullStore,
    private readonly waits: PullWaits,
    private readonly settings: EndpointSettingsMaker,
    private readonly signing: SigningSecrets,
  ) {}

  /** Leases what waits, the oldest first; where there is nothing, what comes within the time. */
  async pull(
    accountId: string | null,
    id: string,
    { most, waitMs, leaseS }: Pull,
    consumer: Consumer,
  ): Promise<PulledDelivery[]> {
    const until = performance.now() + waitMs;
    for (let held = false; ;) {
      const wait = this.waits.enlist(id, consumer.gone);
      try {
        const endpoint = await this.open(accountId, id);
        const pulled = await this.lease(endpoint, most, leaseS ?? endpoint.leaseS ?? LEASE_S, consumer.gone);
        const leftMs = until - performance.now();
        if (pulled.length > 0 || leftMs <= 0 || consumer.gone.aborted) return pulled;
        if (this.waits.closing || !(held ||= consumer.hold())) return [];
        await wait.within(leftMs);
      } finally {
        wait.leave();
      }
    }
  }

  /** The pull endpoint, in whatever state. */
  async find(accountId: string | null, id: string): Promise<EndpointEntity> {
    const endpoint = await this.store.attend(accountId, id);
    if (!endpoint) throw new EndpointNotFoundError(`there is no endpoint ${id.slice(0, 60)} in this account`);
    if (endpoint.mode === 'pull') return endpoint;
    const message = 'is no pull endpoint: its deliveries are sent to its URL';
    throw new EndpointRefusedError('endpoint-not-pull', [{ path: 'id', message }]);
  }

  private async open(accountId: string | null, id: string): Promise<EndpointEntity> {
    const endpoint = await this.find(accountId, id);
    if (endpoint.disabledAt === null) return endpoint;
    const message = `is disabled (${endpoint.disabledReason}), and its deliveries wait: enable it first`;
    throw new EndpointRefusedError('endpoint-disabled', [{ path: 'id', message }]);
  }

  private async lease(
    endpoint: EndpointEntity,
    most: number,
    leaseS: number,
    gone: AbortSignal,
  ): Promise<PulledDelivery[]> {
    // First: what can't be signed is not leased.
    const { headers: own } = this.settings.destination(endpoint);
    const keys = await this.signing.of(endpoint.accountId, endpoint.id);
    if (gone.aborted) return [];
    const leases = await this.store.lease(endpoint.id, most, leaseS);
    if (gone.aborted && leases.length > 0) {
      await this.store.giveBack(leases);
      return [];
    }
    const profile = endpoint.signatureProfile;
    return leases.map(({ delivery, startedAt }) => ({
      id: delivery.id,
      attempt: delivery.attemptCount,
      headers: {
        'user-agent': USER_AGENT,
        ...attemptHeaders(
          { delivery, claimedAt: startedAt, profile },
          { own, keys, traceparent: delivery.traceparent },
        ),
      },
      body: delivery.body,
    }));
  }
}
