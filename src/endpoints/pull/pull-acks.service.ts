import { Injectable, Logger } from '@nestjs/common';
import { DeliveryConfig } from '../../config/config.js';
import { plainHeaders } from '../../deliveries/attempt-headers.js';
import { logAttempt, redacted } from '../../deliveries/attempt-log.js';
import { ATTEMPT_MADE, type AttemptMade } from '../../deliveries/attempt-made.js';
import type { AttemptRecord } from '../../deliveries/attempt-record.js';
import type { DeliveryState } from '../../deliveries/delivery.state.js';
import { DeliveryStore } from '../../deliveries/delivery.store.js';
import { EndpointHealth } from '../../deliveries/endpoint-health.js';
import { nextStep } from '../../deliveries/next-step.js';
import type { Verdict } from '../../deliveries/verdict.js';
import type { EndpointEntity } from '../endpoint.entity.js';
import { type Lease, type NamedDelivery, PullStore } from './pull.store.js';
import { PullsService } from './pulls.service.js';

/** What a consumer says of a delivery that it has pulled. */
export interface Ack {
  readonly id: string;
  /** Of the lease that it means; undefined: whichever stands. */
  readonly attempt: number | undefined;
  readonly ok: boolean;
  readonly error: string | null;
  readonly httpStatus: number | null;
}

/** What became of it: `late` where the lease is over or the delivery has ended, `unknown` where the endpoint has no such delivery. */
export interface AckOutcome {
  readonly id: string;
  readonly result: 'acked' | 'nacked' | 'late' | 'unknown';
  /** The delivery's, as it stands now. */
  readonly state: DeliveryState | null;
  readonly nextAttemptAt: Date | null;
}

/** Ends the attempts of deliveries that consumers have pulled, as their answer would end a POST. */
@Injectable()
export class PullAcksService {
  private readonly logger = new Logger('Deliveries');

  constructor(
    private readonly pulls: PullsService,
    private readonly store: PullStore,
    private readonly deliveries: DeliveryStore,
    private readonly health: EndpointHealth,
    private readonly config: DeliveryConfig,
  ) {}

  /** Records what a consumer says, each for itself and in its order. What is said again is late, and changes nothing. */
  async acknowledge(accountId: string | null, id: string, acks: readonly Ack[]): Promise<AckOutcome[]> {
    const endpoint = await this.pulls.find(accountId, id);
    const named = new Map(
      (await this.store.named(id, [...new Set(acks.map((ack) => ack.id))])).map((one) => [one.id, one]),
    );
    const told = new Set<string>();
    return Promise.all(
      acks.map(async (ack) => {
        const delivery = named.get(ack.id);
        if (!delivery) return unanswered(ack.id, 'unknown', null);
        const { lease, state, at } = delivery;
        const isOther = ack.attempt !== undefined && ack.attempt !== lease?.delivery.attemptCount;
        if (!lease || isOther || told.has(ack.id)) return unanswered(ack.id, 'late', state);
        told.add(ack.id);
        return await this.end(endpoint, lease, ack, at);
      }),
    );
  }

  private async end(endpoint: EndpointEntity, lease: Lease, ack: Ack, at: Date): Promise<AckOutcome> {
    const { delivery } = lease;
    const record = this.record(endpoint, lease, ack, at);
    const recorded = await this.deliveries.record(record);
    // Lost between the look and the record: others may have it by now.
    if (!recorded) return this.late(endpoint.id, ack.id);
    logAttempt(this.logger, delivery, record);
    if (ATTEMPT_MADE.hasSubscribers) ATTEMPT_MADE.publish(made(lease, record, at));
    if (recorded.failedForDays)
      await this.health.disable(endpoint, 'failing_for_5_days', () => true).catch(() => undefined);
    return {
      id: ack.id,
      result: ack.ok ? 'acked' : 'nacked',
      state: record.state,
      nextAttemptAt: record.delayS === null ? null : new Date(at.getTime() + record.delayS * 1000),
    };
  }

  private async late(endpointId: string, id: string): Promise<AckOutcome> {
    const [now] = await this.store.named(endpointId, [id]);
    return unanswered(id, 'late', now?.state ?? null);
  }

  private record(
    endpoint: EndpointEntity,
    { delivery, token, startedAt }: Lease,
    ack: Ack,
    at: NamedDelivery['at'],
  ): AttemptRecord {
    const { schedule, deadlineS } = this.config;
    const judged = verdictOf(ack);
    const headers = plainHeaders({ delivery, claimedAt: startedAt });
    return {
      seq: delivery.seq,
      leaseToken: token,
      number: delivery.attemptCount,
      ...nextStep(delivery, { schedule: endpoint.retrySchedule ?? schedule, deadlineS }, judged, at),
      outcome: judged.outcome,
      interrupted: false,
      durationMs: Math.max(0, at.getTime() - startedAt.getTime()),
      phasesMs: null,
      httpStatus: ack.httpStatus,
      error: judged.outcome === 'failed' ? judged.error : null,
      detail: null,
      requestHeaders: JSON.stringify(redacted(headers)),
      responseHeaders: null,
      responseBody: null,
      responseTruncated: null,
      resent: false,
      retryAfterS: null,
    };
  }
}

function unanswered(id: string, result: 'late' | 'unknown', state: DeliveryState | null): AckOutcome {
  return { id, result, state, nextAttemptAt: null };
}

/** A consumer that can't take it may take it later: what it answers gives nothing up, and disables nothing by itself. */
function verdictOf({ ok, error, httpStatus }: Ack): Verdict {
  if (ok) return { outcome: 'delivered', disableEndpoint: false };
  const why = error ?? (httpStatus === null ? 'its consumer refused it' : `HTTP ${httpStatus}`);
  // PostgreSQL has no NUL in its texts.
  const told = why.replaceAll('\u0000', '\ufffd');
  return { outcome: 'failed', retry: true, retryAfterS: null, error: `nacked: ${told}` };
}

/** What metrics learn of it. */
function made({ delivery }: Lease, record: AttemptRecord, at: Date): AttemptMade {
  const { acceptedAt, deliveredAt } = delivery;
  const { outcome, httpStatus, durationMs, state } = record;
  return {
    outcome,
    outcomeClass:
      httpStatus === null
        ? outcome === 'delivered'
          ? 'acked'
          : 'nacked'
        : `${Math.floor(httpStatus / 100)}xx`,
    durationS: durationMs / 1000,
    latencyS:
      state === 'Delivered' && acceptedAt !== null && deliveredAt === null
        ? (at.getTime() - acceptedAt.getTime()) / 1000
        : null,
  };
}
