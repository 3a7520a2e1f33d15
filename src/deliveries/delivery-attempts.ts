import { randomUUID } from 'node:crypto';
import { SpanKind } from '@opentelemetry/api';
import { Injectable, Logger } from '@nestjs/common';
import { DeliveryConfig } from '../config/config.js';
import { Database } from '../database/database.js';
import { type KeptLeases, LeaseKeeper } from '../database/lease-keeper.js';
import { rideOut } from '../database/ride-out.js';
import type { Hint } from '../engine/hint.js';
import { WorkerPool, type SendBack } from '../engine/worker-pool.js';
import { Step } from '../tracing/spans.js';
import { attemptRecord, logAttempt } from './attempt-log.js';
import { ATTEMPT_MADE, attemptMade } from './attempt-made.js';
import type { AttemptRecord } from './attempt-record.js';
import { AttemptRequests } from './attempt-requests.js';
import type { DeliveryClaim, LeasedDelivery } from './delivery-claim.js';
import { DeliveryStore, PARKED_PER_PLACE, type Recorded } from './delivery.store.js';
import { RENEW_DELIVERIES } from './due-deliveries.js';
import { type FirstAttempt, type FirstAttemptMaker, FirstAttempts } from './first-attempts.js';
import { EndpointHealth } from './endpoint-health.js';
import { limitsOf } from './next-step.js';
import { type Verdict, verdict } from './verdict.js';

/** An attempt whose receiver takes longer gives its place up; milliseconds. */
const PATIENCE_MS = 1_000;
/** For how many leases an attempt is kept by a process whose event loop is blocked: its callback must not wait for long. */
const MAX_LEASES = 3;

/** Makes attempts: claims what hints name, POSTs, judges and records. */
@Injectable()
export class DeliveryAttempts implements FirstAttemptMaker {
  private readonly logger = new Logger('Deliveries');
  private readonly follower: WorkerPool;
  private readonly leases: KeptLeases;
  private readonly isOver = (): boolean => this.follower.over;

  constructor(
    private readonly store: DeliveryStore,
    private readonly health: EndpointHealth,
    private readonly requests: AttemptRequests,
    firstAttempts: FirstAttempts,
    keeper: LeaseKeeper,
    private readonly config: DeliveryConfig,
    database: Database,
  ) {
    this.leases = keeper.of({ renew: RENEW_DELIVERIES, leaseS: config.leaseS });
    this.follower = new WorkerPool({
      name: 'Deliveries',
      concurrency: config.concurrency,
      mostParked: config.concurrency * PARKED_PER_PLACE,
      act: (hint, park) => this.claimAndAttempt(hint, park),
      giveBack: (hint) => store.returnHint(hint),
      reach: () => database.query('SELECT'),
    });
    if (config.fastStart) firstAttempts.madeBy(this);
  }

  /** Begins to attempt what the hints name, as far as there are places; resolves when there is a place for more. */
  follow(hints: readonly Hint[], sendBack: SendBack): Promise<void> {
    return this.follower.follow(hints, sendBack);
  }

  /** Stops claiming, lets attempts finish for `graceS`, then cuts off and gives back those still in flight. */
  drain(graceS: number): Promise<void> {
    return this.follower.drain(graceS, () => this.requests.cutOff());
  }

  private async claimAndAttempt(hint: Hint, park: () => void): Promise<void> {
    const claim = await this.store.claim(hint);
    if (claim) await this.make(claim, park);
  }

  /** A place for the first attempt of a delivery that is being made. */
  reserve(): FirstAttempt | null {
    const place = this.follower.reserve();
    if (!place) return null;
    const token = randomUUID();
    const abandon = (which: { seq: string } | { operationId: string }): void => {
      this.store.giveBack({ ...which, token });
      place.end();
    };
    return {
      token,
      begin: (claim) => {
        const { seq } = claim.delivery;
        if (this.follower.stopping) abandon({ seq });
        else this.follower.run(place, seq, this.make(claim, place.park));
      },
      cancel: place.end,
      abandon: (operationId) => abandon({ operationId }),
    };
  }

  /** Holds the lease while the attempt is made, though the event loop be blocked meanwhile. */
  private async make(claim: DeliveryClaim, park: () => void): Promise<void> {
    const { delivery, leaseToken: token } = claim;
    this.leases.hold({ id: delivery.seq, token, forS: MAX_LEASES * this.config.leaseS });
    try {
      await this.attemptClaimed(claim, park);
    } finally {
      this.leases.drop(token);
    }
  }

  private async attemptClaimed(claim: DeliveryClaim, park: () => void): Promise<void> {
    const { delivery } = claim;
    // Receivers that hang must not fill the places of those that answer.
    if (claim.isDoubted) park();
    const impatience = setTimeout(park, PATIENCE_MS);
    const step = Step.start('callback attempt', SpanKind.CLIENT, delivery.traceparent, {
      'ringback.operation': delivery.operationRid ?? '',
      'ringback.delivery': delivery.id,
      'ringback.attempt': delivery.attemptCount,
    });
    const limits = limitsOf(claim, this.config);
    const attempted = await this.requests
      .make(claim, limits, step.traceparent, this.isOver)
      .catch((error: unknown) => {
        step.end({}, String(error));
        throw error;
      })
      .finally(() => clearTimeout(impatience));
    const { result } = attempted;
    const judged = verdict(result, new Date(claim.claimedAt.getTime() + result.durationMs));
    step.end(
      result.kind === 'response' ? { 'http.response.status_code': result.status } : {},
      judged.outcome === 'failed' ? judged.error : null,
    );
    const record = attemptRecord(claim, attempted, judged, limits);
    const recorded = await this.keep(record);
    if (recorded) {
      logAttempt(this.logger, delivery, record);
      if (ATTEMPT_MADE.hasSubscribers) ATTEMPT_MADE.publish(attemptMade(claim, result, record));
      await this.judgeEndpoint(delivery, judged, recorded);
    }
  }

  /** Disables the endpoint where its receiver asked for it, or where it has failed for days. */
  private async judgeEndpoint(
    { endpointId, accountId }: LeasedDelivery,
    judged: Verdict,
    recorded: Recorded,
  ): Promise<void> {
    if (endpointId === null) return;
    const asked = 'disableEndpoint' in judged && judged.disableEndpoint;
    if (!asked && !recorded.failedForDays) return;
    const gone = judged.outcome === 'failed' && !judged.retry && judged.reason === 'gone';
    const reason = gone ? 'gone' : asked ? 'asked_by_receiver' : 'failing_for_5_days';
    await this.health.disable({ id: endpointId, accountId }, reason, this.isOver);
  }

  /** Rides out an outage: what a receiver has seen must not be forgotten because PostgreSQL was away for a moment. */
  private keep(record: AttemptRecord): Promise<Recorded | null> {
    return rideOut(() => this.store.record(record), this.isOver);
  }
}
