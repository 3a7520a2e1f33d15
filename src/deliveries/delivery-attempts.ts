import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { SpanKind } from '@opentelemetry/api';
import { Injectable, Logger } from '@nestjs/common';
import { DeliveryConfig } from '../config/config.js';
import { Database } from '../database/database.js';
import { DatabaseUnavailableError } from '../database/database-errors.js';
import { type KeptLeases, LeaseKeeper } from '../database/lease-keeper.js';
import { rideOut } from '../database/ride-out.js';
import type { Hint } from '../engine/hint.js';
import { WorkerPool, type SendBack } from '../engine/worker-pool.js';
import { SecretBox } from '../signing/secret-box.js';
import { SigningSecrets } from '../signing/signing-secrets.store.js';
import { Step } from '../tracing/spans.js';
import { attemptDestination, attemptHeaders } from './attempt-headers.js';
import { headersText, logAttempt, redacted, type Sent, withoutSecrets } from './attempt-log.js';
import { ATTEMPT_MADE, type AttemptMade } from './attempt-made.js';
import type { AttemptRecord } from './attempt-record.js';
import type { DeliveryClaim, LeasedDelivery } from './delivery-claim.js';
import { DeliveryStore, PARKED_PER_PLACE, type Recorded } from './delivery.store.js';
import { RENEW_DELIVERIES } from './due-deliveries.js';
import { type FirstAttempt, type FirstAttemptMaker, FirstAttempts } from './first-attempts.js';
import { EndpointHealth } from './endpoint-health.js';
import { isSpent, nextStep, type RetryLimits } from './next-step.js';
import { type Verdict, verdict } from './verdict.js';
import { type AttemptResult, WebhookClient } from './webhook.client.js';

/** An attempt whose receiver takes longer gives its place up; milliseconds. */
const PATIENCE_MS = 1_000;
/** For how many leases an attempt is kept by a process whose event loop is blocked: its callback must not wait for long. */
const MAX_LEASES = 3;
/** What becomes of an attempt that our shutdown cut off: the receiver may have seen it, and it is made again. */
const INTERRUPTED = {
  outcome: 'unknown',
  interrupted: true,
  state: 'Pending',
  reason: null,
  delayS: 0,
  exhaustedBody: null,
  error: 'interrupted',
} as const;
const NOT_MADE: AttemptResult = {
  kind: 'error',
  code: 'unknown',
  durationMs: 0,
  phasesMs: { dns: null, connect: null, tls: null, first_byte: null },
};
/** Of an attempt that came too late to be made: given back, as one that was cut off. */
const NOT_BEGUN: AttemptResult = { ...NOT_MADE, code: 'aborted' };

/** Makes attempts: claims what hints name, POSTs, judges and records. */
@Injectable()
export class DeliveryAttempts implements FirstAttemptMaker {
  private readonly logger = new Logger('Deliveries');
  private readonly follower: WorkerPool;
  private readonly leases: KeptLeases;
  private readonly shutdown = new AbortController();

  constructor(
    private readonly store: DeliveryStore,
    private readonly health: EndpointHealth,
    private readonly client: WebhookClient,
    private readonly secrets: SigningSecrets,
    private readonly box: SecretBox,
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
    // Every attempt in flight listens.
    setMaxListeners(0, this.shutdown.signal);
  }

  /** Begins to attempt what the hints name, as far as there are places; resolves when there is a place for more. */
  follow(hints: readonly Hint[], sendBack: SendBack): Promise<void> {
    return this.follower.follow(hints, sendBack);
  }

  /** Stops claiming, lets attempts finish for `graceS`, then cuts off and gives back those still in flight. */
  drain(graceS: number): Promise<void> {
    return this.follower.drain(graceS, () => this.shutdown.abort());
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
    const { url, headers, result } = await this.attempt(claim, step.traceparent)
      .catch((error: unknown) => {
        step.end({}, String(error));
        throw error;
      })
      .finally(() => clearTimeout(impatience));
    const judged = verdict(result, new Date(claim.claimedAt.getTime() + result.durationMs));
    step.end(
      result.kind === 'response' ? { 'http.response.status_code': result.status } : {},
      judged.outcome === 'failed' ? judged.error : null,
    );
    const interrupted = result.kind === 'error' && result.code === 'aborted';
    const record = {
      ...this.record(claim, { url, headers }, result, judged),
      ...(interrupted ? INTERRUPTED : {}),
    };
    const recorded = await this.keep(record);
    if (recorded) {
      logAttempt(this.logger, delivery, record);
      if (ATTEMPT_MADE.hasSubscribers) ATTEMPT_MADE.publish(made(claim, result, record));
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
    await this.health.disable({ id: endpointId, accountId }, reason, () => this.follower.over);
  }

  private async attempt(
    claim: DeliveryClaim,
    traceparent: string | null,
  ): Promise<Sent & { result: AttemptResult }> {
    const { delivery } = claim;
    if (isSpent(delivery, this.limits(claim))) return { url: '', headers: {}, result: NOT_MADE };
    try {
      const secrets = await rideOut(
        () => this.secrets.of(delivery.accountId, delivery.endpointId),
        () => this.isLate(claim) || this.follower.over,
      );
      // Others may have made it meanwhile: the process was frozen, or PostgreSQL away.
      if (this.isLate(claim)) return { url: '', headers: {}, result: NOT_BEGUN };
      const { url, headers: own } = attemptDestination(this.box, claim);
      const profile = claim.endpoint?.profile ?? 'standard';
      const headers = attemptHeaders({ ...claim, profile }, { own, keys: secrets, traceparent });
      const request = {
        url,
        headers,
        body: delivery.body,
        clientCertificate: this.clientCertificate(claim),
      };
      return { url, headers, result: await this.client.attempt(request, this.shutdown.signal) };
    } catch (error) {
      if (error instanceof DatabaseUnavailableError) return { url: '', headers: {}, result: NOT_BEGUN };
      // For instance a header sealed with a key that is gone: it must show in the log and end, not be tried for ever.
      this.logger.error({ msg: 'an attempt could not be made', delivery: delivery.id, error: String(error) });
      return { url: '', headers: {}, result: NOT_MADE };
    }
  }

  /** Whether the lease may be over, or be so before a POST that begins now has its answer. */
  private isLate({ askedAt }: DeliveryClaim): boolean {
    return performance.now() - askedAt > (this.config.leaseS - this.config.timeoutS) * 1000;
  }

  private clientCertificate({ delivery, endpoint }: DeliveryClaim): string | undefined {
    if (!endpoint?.clientCertificate) return undefined;
    const { accountId: account, endpointId } = delivery;
    return this.box.open(endpoint.clientCertificate, {
      account,
      row: endpointId!,
      column: 'client_certificate',
    });
  }

  private limits({ endpoint }: DeliveryClaim): RetryLimits {
    const { schedule, deadlineS } = this.config;
    return { schedule: endpoint?.schedule ?? schedule, deadlineS };
  }

  private record(claim: DeliveryClaim, sent: Sent, result: AttemptResult, judged: Verdict): AttemptRecord {
    const { delivery } = claim;
    const response = result.kind === 'response' ? result : null;
    return {
      seq: delivery.seq,
      leaseToken: claim.leaseToken,
      number: delivery.attemptCount,
      ...nextStep(delivery, this.limits(claim), judged, claim.claimedAt),
      outcome: judged.outcome,
      interrupted: false,
      durationMs: result.durationMs,
      phasesMs: JSON.stringify(result.phasesMs),
      httpStatus: response?.status ?? null,
      error: judged.outcome === 'failed' ? judged.error : null,
      detail: (result.kind === 'error' ? result.detail : undefined) ?? null,
      requestHeaders: JSON.stringify(redacted(sent.headers)),
      responseHeaders: response ? withoutSecrets(headersText(response.headers), sent) : null,
      responseBody: response ? withoutSecrets(response.body, sent) : null,
      responseTruncated: response?.truncated ?? null,
      resent: result.resent ?? false,
      retryAfterS: judged.outcome === 'failed' && judged.retry ? judged.retryAfterS : null,
    };
  }

  /** Rides out an outage: what a receiver has seen must not be forgotten because PostgreSQL was away for a moment. */
  private keep(record: AttemptRecord): Promise<Recorded | null> {
    return rideOut(
      () => this.store.record(record),
      () => this.follower.over,
    );
  }
}

/** What metrics learn of an attempt. */
function made(
  { delivery, claimedAt }: DeliveryClaim,
  result: AttemptResult,
  { outcome, interrupted, durationMs, state }: AttemptRecord,
): AttemptMade {
  const { acceptedAt, deliveredAt } = delivery;
  return {
    outcome,
    outcomeClass: interrupted ? 'interrupted' : classOf(result),
    durationS: durationMs / 1000,
    latencyS:
      state === 'Delivered' && acceptedAt !== null && deliveredAt === null
        ? (claimedAt.getTime() + durationMs - acceptedAt.getTime()) / 1000
        : null,
  };
}

/** A metric's label: of few values, so never a text for people. */
function classOf(result: AttemptResult): string {
  return result.kind === 'response' ? `${Math.floor(result.status / 100)}xx` : result.code;
}
