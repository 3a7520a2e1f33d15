import { randomBytes, randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DeliveryConfig } from '../config/config.js';
import { Database } from '../database/database.js';
import { GroupCommit } from '../database/group-commit.js';
import { DatabaseUnavailableError } from '../database/database-errors.js';
import { jsonRows } from '../database/json-rows.js';
import { rideOut } from '../database/ride-out.js';
import { Rows } from '../database/rows.js';
import { randomId } from '../database/random-id.js';
import type { Hint } from '../queues/hint.js';
import type { SignatureProfile } from '../signing/signature.js';
import { AttemptEntity, DeliveryEntity } from './delivery.entity.js';
import { ACKNOWLEDGED_BY_POLL, type DeliveryState } from './delivery.state.js';

/** An endpoint that has done nothing but fail for so long, seconds, is disabled: 5 days. */
const FORGIVEN_S = 5 * 86_400;

/** How long a receiver that gave no answer may rest, as a share of an attempt's timeout. */
const MOST_REST = 0.2;
/** Attempts that may wait for slow receivers besides those in flight, for each of RINGBACK_DELIVERY_CONCURRENCY: they cost a socket. */
export const PARKED_PER_PLACE = 10;
/** The share of them that unproven origins and silent receivers may take, over all processes: the rest is for those that begin to hang. */
const UNPROVEN_PER_PLACE = PARKED_PER_PLACE / 2;

/** The callback of operation $1 that is owed and waits, not yet attempted. */
const WAITS_FOR_ANSWER = `operation_id = $1 AND destination = 'callback' AND phase = 'scheduled' AND attempt_count = 0`;

/** What an attempt knows of its delivery: all but how it waited and what it took turns with. */
export type LeasedDelivery = Omit<
  DeliveryEntity,
  'seq' | 'lane' | 'receiver' | 'doubt' | 'state' | 'phase' | 'runAt' | 'dueAt' | 'hintedAt' | 'epoch'
>;

/** A delivery leased to this worker, with its attempt `attemptCount` already in the log as started. */
export interface DeliveryClaim {
  readonly delivery: LeasedDelivery;
  readonly leaseToken: string;
  /** PostgreSQL's clock at the claim. */
  readonly claimedAt: Date;
  /** This process's monotonic clock right before it: the lease began no earlier. */
  readonly askedAt: number;
  /** Its origin has never answered 2xx, or the receiver has gone silent. */
  readonly isDoubted: boolean;
  /** What its endpoint asks for; null for an operation's own callback. */
  readonly endpoint: {
    /** Sealed for the row of the endpoint. */
    readonly headers: string | null;
    /** Seconds before attempt 2, 3, …; null: the setting's. */
    readonly schedule: number[] | null;
    readonly profile: SignatureProfile;
    /** Sealed for the row of the endpoint. */
    readonly clientCertificate: string | null;
  } | null;
}

interface ClaimRow {
  readonly lease_token: string;
  readonly claimed_at: Date;
  readonly doubt: number;
  readonly endpoint_headers: string | null;
  readonly retry_schedule: number[] | null;
  readonly signature_profile: SignatureProfile | null;
  readonly client_certificate: string | null;
}

/** An attempt that was recorded by us. */
export interface Recorded {
  /** The endpoint has failed without a success for as long as is forgiven. */
  readonly failedForDays: boolean;
}

/** How an attempt ended, and what becomes of its delivery. */
export interface AttemptRecord {
  readonly deliveryId: string;
  readonly leaseToken: string;
  readonly number: number;
  readonly outcome: 'delivered' | 'failed' | 'unknown';
  /** True where the attempt was cut off by us: it is made again at once and uses up nothing. */
  readonly interrupted: boolean;
  /** Whether it tells of the endpoint's health: a redelivery by hand or a test doesn't, a recovery only by its success. */
  readonly counts: boolean;
  /** For the account's other endpoints when the delivery is exhausted: the event's body. */
  readonly exhaustedBody: string | null;
  readonly state: DeliveryState;
  readonly reason: string | null;
  /** Seconds until the next attempt; null when none is planned. */
  readonly delayS: number | null;
  readonly durationMs: number;
  readonly phasesMs: string | null;
  readonly httpStatus: number | null;
  readonly error: string | null;
  /** What only an operator may know of the error. */
  readonly detail: string | null;
  readonly requestHeaders: string | null;
  readonly responseHeaders: string | null;
  readonly responseBody: string | null;
  readonly responseTruncated: boolean | null;
  readonly resent: boolean;
  readonly retryAfterS: number | null;
}

export interface DeliveryFilter {
  readonly status?: DeliveryState | undefined;
  readonly endpoint?: string | undefined;
  /** Request id of an operation. */
  readonly operationId?: string | undefined;
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
  /** Sequence number to go on after. */
  readonly after: string;
  readonly limit: number;
}

/** Whether dispatch would find a delivery: as with operations, and one that is held may be held no longer. */
export const DUE_DELIVERIES = `EXISTS (SELECT FROM delivery WHERE phase = 'ready' ORDER BY lane, receiver, run_at, seq LIMIT 1)
  OR EXISTS (SELECT FROM delivery WHERE phase = 'hinted' ORDER BY due_at LIMIT 1)
  OR EXISTS (SELECT FROM delivery WHERE phase = 'running' ORDER BY due_at LIMIT 1)
  OR EXISTS (SELECT FROM delivery WHERE phase = 'held' ORDER BY endpoint_id, seq LIMIT 1)
  OR (SELECT min(due_at) FROM delivery WHERE phase = 'scheduled') <= now()`;
/** Renews the leases `$1`, by delivery id, that still have the tokens `$2`, for `$3` seconds. */
export const RENEW_DELIVERIES = `UPDATE delivery d SET due_at = now() + make_interval(secs => $3)
       FROM (
         SELECT l.id, l.token FROM unnest($1::text[], $2::uuid[]) AS l (id, token)
         JOIN delivery USING (id) ORDER BY delivery.seq FOR UPDATE OF delivery
       ) l WHERE d.id = l.id AND d.lease_token = l.token AND d.phase = 'running'`;

/** Every statement on deliveries and attempts. Times are decided by PostgreSQL's `now()`. */
@Injectable()
export class DeliveryStore {
  private readonly claims = new GroupCommit((hints: Hint[]) => this.claimMany(hints));
  private readonly returns = new GroupCommit((hints: Hint[]) => this.returnMany(hints));
  private readonly givingBack = new GroupCommit(
    (given: { id: string; token: string }[]) => this.giveBackMany(given),
    {
      rowOf: ({ id }) => id,
    },
  );
  private readonly recordings = new GroupCommit((records: AttemptRecord[]) => this.recordAttempts(records), {
    rowOf: (record) => record.deliveryId,
  });

  private waiting: (() => void) | undefined;

  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
    private readonly config: DeliveryConfig,
  ) {}

  /** Called where deliveries wait for a place that this process has just made free. */
  onWaiting(listener: () => void): void {
    this.waiting = listener;
  }

  /** Leases a delivery and logs its attempt as started, in one commit; null when somebody else has it. */
  claim(hint: Hint): Promise<DeliveryClaim | null> {
    return this.claims.add(hint);
  }

  /** Logs how an attempt ended together with the delivery's next state; null when the lease was lost. */
  record(record: AttemptRecord): Promise<Recorded | null> {
    return this.recordings.add(record);
  }

  /** Makes a hint that this process won't follow due at once, for others. */
  returnHint(hint: Hint): Promise<void> {
    return this.returns.add(hint);
  }

  private async claimMany(hints: Hint[]): Promise<(DeliveryClaim | null)[]> {
    const tokens = hints.map(() => randomUUID());
    const askedAt = performance.now();
    const rows = await this.claimAs(hints, tokens).catch((error: unknown) => {
      if (error instanceof DatabaseUnavailableError)
        hints.forEach(({ id }, place) => this.giveBack(id, tokens[place]!));
      throw error;
    });
    const claimed = new Map(rows.map((row) => [row.lease_token, row]));
    return tokens.map((token) => {
      const row = claimed.get(token);
      return row
        ? {
            delivery: this.rows.to(DeliveryEntity, row),
            leaseToken: token,
            claimedAt: row.claimed_at,
            askedAt,
            isDoubted: row.doubt === 2,
            endpoint: row.signature_profile && {
              headers: row.endpoint_headers,
              schedule: row.retry_schedule,
              profile: row.signature_profile,
              clientCertificate: row.client_certificate,
            },
          }
        : null;
    });
  }

  private claimAs(hints: readonly Hint[], tokens: readonly string[]): Promise<ClaimRow[]> {
    return this.database.query<ClaimRow>(
      `SELECT (delivery).*, endpoint_headers, retry_schedule, signature_profile, client_certificate, clock_timestamp() AS claimed_at
       FROM claim_deliveries($1, make_interval(secs => $2))`,
      [
        jsonRows(
          hints.map(({ id, epoch }, place) => ({
            id,
            epoch,
            token: tokens[place],
            attempt_id: newAttemptId(),
          })),
        ),
        this.config.leaseS,
      ],
    );
  }

  private async recordAttempts(records: AttemptRecord[]): Promise<(Recorded | null)[]> {
    const rows = await this.database.query<{ id: string; failed_for_days: boolean | null; waits: boolean }>(
      'SELECT * FROM record_attempts($1, make_interval(secs => $2), make_interval(secs => $3))',
      [jsonRows(records.toSorted(byDelivery).map(recordRow)), FORGIVEN_S, this.config.timeoutS * MOST_REST],
    );
    // What the statement itself makes due, it doesn't see.
    if (rows.some(({ waits }) => waits) || records.some((r) => r.delayS === 0 || r.exhaustedBody !== null))
      this.waiting?.();
    const moved = new Map(rows.map((row) => [row.id, row]));
    return records.map(({ deliveryId }) => {
      const row = moved.get(deliveryId);
      return row ? { failedForDays: row.failed_for_days === true } : null;
    });
  }

  /**
   * Gives a delivery back that may be leased to this process without its knowing, or that it can't begin: nothing was sent. As soon
   * as PostgreSQL is there.
   */
  giveBack(id: string, token: string): void {
    rideOut(
      () => this.givingBack.add({ id, token }),
      () => false,
    ).catch(() => undefined);
  }

  private async giveBackMany(given: { id: string; token: string }[]): Promise<void[]> {
    await this.database.query('SELECT give_back_deliveries($1)', [
      jsonRows(given.toSorted((one, other) => (one.id < other.id ? -1 : 1))),
    ]);
    this.waiting?.();
    return given.map(() => undefined);
  }

  /** Finds due deliveries within their origins' caps and answers the hints to send; after an outage it first spares leases. */
  async dispatch(most: number): Promise<Hint[]> {
    return this.database.query<Hint>(
      'SELECT * FROM dispatch_deliveries(spare_leases($1, make_interval(secs => $5)), make_interval(secs => $2), $3, $4, $6)',
      [
        most,
        this.config.redispatchS,
        this.config.originInFlight,
        this.config.concurrency * UNPROVEN_PER_PLACE,
        this.config.leaseS,
        // Where turns inside an origin begin: nobody is the first each time.
        randomBytes(8).readBigInt64BE(),
      ],
    );
  }

  private async returnMany(hints: Hint[]): Promise<void[]> {
    await this.database.query(
      `UPDATE delivery d SET due_at = now() FROM unnest($1::text[], $2::integer[]) AS h (id, epoch)
       WHERE d.id = h.id AND d.epoch = h.epoch AND d.phase = 'hinted'`,
      [hints.map((hint) => hint.id), hints.map((hint) => hint.epoch)],
    );
    return hints.map(() => undefined);
  }

  /**
   * One attempt now, of an Exhausted delivery or a waiting Pending one; `again` of a Delivered one too. A Pending one's schedule
   * goes on afterwards. What was delivered, and what its caller has read, stays so if the attempt fails: `delivered_at` and
   * `given_up_reason` keep it. Null when the delivery is in no state for it.
   */
  async redeliver(accountId: string, id: string, again: boolean): Promise<DeliveryEntity | null> {
    const [row] = await this.database.query<object>(
      `UPDATE delivery d SET state = 'Pending', reason = NULL, phase = 'ready', due_at = now(), run_at = now(), trigger = 'manual',
         resume_at = CASE WHEN d.state <> 'Pending' THEN NULL WHEN d.trigger = 'schedule' THEN d.run_at ELSE d.resume_at END
       WHERE d.account_id = $1 AND d.id = $2 AND d.body <> ''
         AND (d.state = 'Exhausted' OR (d.state = 'Delivered' AND $3) OR (d.state = 'Pending' AND d.phase IN ('scheduled', 'ready')))
         AND (d.endpoint_id IS NULL OR EXISTS (SELECT FROM endpoint e WHERE e.id = d.endpoint_id))
       RETURNING d.*`,
      [accountId, id, again],
    );
    return row ? this.rows.to(DeliveryEntity, row) : null;
  }

  /**
   * Gives a Pending delivery up, also one in flight (its attempt's outcome is then unknown); one that was delivered before is
   * Delivered as it was. Null when it isn't Pending.
   */
  async cancel(accountId: string, id: string): Promise<DeliveryEntity | null> {
    const [row] = await this.database.query<object>(
      `WITH canceled AS (
         UPDATE delivery SET phase = NULL, hinted_at = NULL, due_at = NULL, run_at = NULL, lease_token = NULL,
           state = CASE WHEN delivered_at IS NULL THEN 'Canceled' ELSE 'Delivered' END,
           reason = CASE WHEN delivered_at IS NULL THEN 'canceled' END
         WHERE account_id = $1 AND id = $2 AND state = 'Pending' RETURNING *
       ), cut AS (
         UPDATE attempt a SET outcome = 'unknown', error = 'canceled' FROM canceled c WHERE a.delivery_id = c.id AND a.outcome = 'started'
       )
       SELECT * FROM canceled`,
      [accountId, id],
    );
    return row ? this.rows.to(DeliveryEntity, row) : null;
  }

  /**
   * Ends an operation's own callback that its caller doesn't need any more. An attempt in flight is not cut off, and is the
   * last. One that was given up stays so, and why is kept. What somebody has redelivered by hand after that is left alone.
   */
  async acknowledge(operationId: string): Promise<void> {
    await this.database.query(
      `UPDATE delivery SET reason = $2, given_up_reason = CASE WHEN state = 'Exhausted' THEN reason END,
         state = CASE WHEN phase IN ('scheduled', 'ready', 'hinted') THEN 'Canceled' ELSE state END,
         phase = CASE WHEN phase = 'running' THEN phase END, hinted_at = NULL,
         due_at = CASE WHEN phase = 'running' THEN due_at END, run_at = CASE WHEN phase = 'running' THEN run_at END
       WHERE operation_id = $1 AND destination = 'callback' AND reason IS DISTINCT FROM $2
         AND given_up_reason IS NULL AND delivered_at IS NULL
         AND (phase IN ('scheduled', 'ready', 'hinted', 'running') OR state = 'Exhausted')`,
      [operationId, ACKNOWLEDGED_BY_POLL],
    );
  }

  /** Sends an operation's own callback now that waits for the submit's answer to tell the end in its place. */
  async hurry(operationId: string): Promise<void> {
    await this.database.query(
      `UPDATE delivery SET phase = 'ready', due_at = now(), run_at = now() WHERE ${WAITS_FOR_ANSWER}`,
      [operationId],
    );
  }

  /** Takes it back: the answer has told the end. */
  async takeBack(operationId: string): Promise<void> {
    await this.database.query(
      `WITH told AS (
         DELETE FROM delivery WHERE ${WAITS_FOR_ANSWER} RETURNING operation_id
       ), silenced AS (
         UPDATE operation o SET silent = true FROM told WHERE o.request_id = told.operation_id
       )
       INSERT INTO ledger_entry (accepted, destined) SELECT 0, -count(*) FROM told HAVING count(*) > 0`,
      [operationId],
    );
  }

  /** A sample for an endpoint: one attempt, no retries. */
  async addTest(
    test: Pick<DeliveryEntity, 'id' | 'accountId' | 'endpointId' | 'url' | 'origin' | 'body'>,
  ): Promise<void> {
    await this.database.query(
      `INSERT INTO delivery (id, account_id, endpoint_id, lane, destination, event_type, url, origin, body, trigger)
       VALUES ($1, $2, $3, $3, $3, 'endpoint.test', $4, $5, $6, 'test')`,
      [test.id, test.accountId, test.endpointId, test.url, test.origin, test.body],
    );
  }

  async find(accountId: string, id: string): Promise<DeliveryEntity | null> {
    const [row] = await this.database.query<object>(
      'SELECT * FROM delivery WHERE account_id = $1 AND id = $2',
      [accountId, id],
    );
    return row ? this.rows.to(DeliveryEntity, row) : null;
  }

  /** The log of one delivery, oldest attempt first. */
  async attempts(deliveryId: string): Promise<AttemptEntity[]> {
    const rows = await this.database.query<object>(
      'SELECT * FROM attempt WHERE delivery_id = $1 ORDER BY number',
      [deliveryId],
    );
    return rows.map((row) => this.rows.to(AttemptEntity, row));
  }

  async list(accountId: string, filter: DeliveryFilter): Promise<DeliveryEntity[]> {
    const parameters: unknown[] = [accountId, filter.after, filter.limit];
    const conditions = ['account_id = $1', 'seq > $2'];
    const add = (condition: string, value: unknown): void => {
      if (value === undefined) return;
      parameters.push(value);
      conditions.push(`${condition} $${parameters.length}`);
    };
    add('state =', filter.status);
    add('endpoint_id =', filter.endpoint);
    add('operation_id =', filter.operationId);
    add('created_at >=', filter.since);
    add('created_at <', filter.until);
    const rows = await this.database.query<object>(
      `SELECT * FROM delivery WHERE ${conditions.join(' AND ')} ORDER BY seq LIMIT $3`,
      parameters,
    );
    return rows.map((row) => this.rows.to(DeliveryEntity, row));
  }
}

export function newAttemptId(): string {
  return randomId('att_');
}

/** Statements that take many rows take them in one order: none waits for another in a circle. */
function byDelivery(one: AttemptRecord, other: AttemptRecord): number {
  return one.deliveryId < other.deliveryId ? -1 : 1;
}

/** What `record_attempts` reads. */
function recordRow(r: AttemptRecord): object {
  return {
    id: r.deliveryId,
    token: r.leaseToken,
    number: r.number,
    outcome: r.outcome,
    state: r.state,
    reason: r.reason,
    delay_s: r.delayS,
    duration_ms: r.durationMs,
    phases_ms: r.phasesMs,
    http_status: r.httpStatus,
    error: r.error,
    detail: r.detail,
    request_headers: r.requestHeaders,
    response_headers: r.responseHeaders,
    response_body: r.responseBody,
    response_truncated: r.responseTruncated,
    resent: r.resent,
    retry_after_s: r.retryAfterS,
    interrupted: r.interrupted,
    counts: r.counts,
    exhausted_body: r.exhaustedBody,
  };
}
