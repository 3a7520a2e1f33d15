import { randomBytes, randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DeliveryConfig } from '../config/config.js';
import { Database } from '../database/database.js';
import { GroupCommit } from '../database/group-commit.js';
import { Rows } from '../database/rows.js';
import type { Hint } from '../queues/hint.js';
import type { SignatureProfile } from '../signing/signature.js';
import { AttemptEntity, DeliveryEntity } from './delivery.entity.js';
import { ACKNOWLEDGED_BY_POLL, type DeliveryState } from './delivery.state.js';
import { ENDPOINT_COLUMNS, ENDPOINT_VALUES } from './owed.js';

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

/** A delivery leased to this worker, with its attempt `attemptCount` already in the log as started. */
export interface DeliveryClaim {
  readonly delivery: DeliveryEntity;
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
  } | null;
}

interface ClaimRow {
  readonly lease_token: string;
  readonly claimed_at: Date;
  readonly doubt: number;
  readonly endpoint_headers: string | null;
  readonly retry_schedule: number[] | null;
  readonly signature_profile: SignatureProfile | null;
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

/** Every statement on deliveries and attempts. Times are decided by PostgreSQL's `now()`. */
@Injectable()
export class DeliveryStore {
  private readonly claims = new GroupCommit((hints: Hint[]) => this.claimMany(hints));
  private readonly returns = new GroupCommit((hints: Hint[]) => this.returnMany(hints));
  private readonly recordings = new GroupCommit((records: AttemptRecord[]) => this.recordAttempts(records), {
    rowOf: (record) => record.deliveryId,
  });

  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
    private readonly config: DeliveryConfig,
  ) {}

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
    const rows = await this.database.query<ClaimRow>(
      `WITH wanted AS (
         SELECT w.*, d.endpoint_id FROM unnest($1::text[], $2::integer[], $3::uuid[], $4::text[]) AS w (id, epoch, token, attempt_id)
         JOIN delivery d USING (id)
       ), claimed AS (
         UPDATE delivery d SET phase = 'running', hinted_at = NULL, attempt_count = attempt_count + 1, lease_token = w.token,
           due_at = now() + make_interval(secs => $5),
           schedule_step = schedule_step + CASE WHEN d.trigger = 'schedule' THEN 1 ELSE 0 END
         FROM wanted w LEFT JOIN endpoint e ON e.id = w.endpoint_id
         WHERE d.id = w.id AND d.epoch = w.epoch AND d.phase = 'hinted' AND e.disabled_at IS NULL
           AND (w.endpoint_id IS NULL OR e.id IS NOT NULL) AND d.reason IS DISTINCT FROM '${ACKNOWLEDGED_BY_POLL}'
         RETURNING d.*, w.attempt_id, e.headers AS endpoint_headers, e.retry_schedule, e.signature_profile
       ), held AS (
         -- Hinted before its endpoint was disabled.
         UPDATE delivery d SET phase = 'held', hinted_at = NULL, due_at = NULL
         FROM wanted w JOIN endpoint e ON e.id = w.endpoint_id
         WHERE d.id = w.id AND d.epoch = w.epoch AND d.phase = 'hinted' AND e.disabled_at IS NOT NULL
       ), orphaned AS (
         -- Owed by an ending that did not see yet that the endpoint had been deleted.
         UPDATE delivery d SET state = 'Canceled', phase = NULL, hinted_at = NULL, due_at = NULL, run_at = NULL, reason = 'endpoint_deleted'
         FROM wanted w LEFT JOIN endpoint e ON e.id = w.endpoint_id
         WHERE d.id = w.id AND d.epoch = w.epoch AND d.phase = 'hinted' AND w.endpoint_id IS NOT NULL AND e.id IS NULL
       ), acknowledged AS (
         -- During an attempt whose worker went silent.
         UPDATE delivery d SET state = 'Canceled', phase = NULL, hinted_at = NULL, due_at = NULL, run_at = NULL
         FROM wanted w WHERE d.id = w.id AND d.epoch = w.epoch AND d.phase = 'hinted' AND d.reason = '${ACKNOWLEDGED_BY_POLL}'
       ), started AS (
         INSERT INTO attempt (delivery_id, number, id, trigger, outcome)
         SELECT id, attempt_count, attempt_id, trigger, 'started' FROM claimed
       )
       SELECT *, clock_timestamp() AS claimed_at FROM claimed`,
      [
        hints.map((h) => h.id),
        hints.map((h) => h.epoch),
        tokens,
        hints.map(() => `att_${randomBytes(16).toString('hex')}`),
        this.config.leaseS,
      ],
    );
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
            },
          }
        : null;
    });
  }

  private async recordAttempts(records: AttemptRecord[]): Promise<(Recorded | null)[]> {
    const rows = await this.database.query<{ id: string; failed_for_days: boolean | null }>(
      `WITH record AS (
         -- Locked in one order: no other statement on many of them waits for this one in a circle.
         SELECT r.* FROM unnest($1::text[], $2::uuid[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::real[],
           $9::text[], $10::integer[], $11::text[], $12::text[], $13::text[], $14::text[], $15::boolean[], $16::integer[], $17::boolean[],
           $18::boolean[], $19::text[], $22::boolean[], $23::text[])
         AS r (id, token, number, outcome, state, reason, delay_s, duration_ms, phases_ms, http_status, error,
           request_headers, response_headers, response_body, response_truncated, retry_after_s, interrupted, counts, exhausted_body, resent, detail)
         JOIN delivery d USING (id) WHERE d.lease_token = r.token ORDER BY d.seq FOR NO KEY UPDATE OF d
       ), moved AS (
         -- Acknowledged during the attempt: there is no other after it.
         UPDATE delivery d SET lease_token = NULL,
           state = CASE WHEN d.reason = '${ACKNOWLEDGED_BY_POLL}' AND r.state = 'Pending' THEN 'Canceled' ELSE r.state END,
           reason = CASE WHEN d.reason = '${ACKNOWLEDGED_BY_POLL}' AND r.state <> 'Delivered' THEN d.reason ELSE r.reason END,
           given_up_reason = CASE WHEN r.interrupted OR r.reason = '${ACKNOWLEDGED_BY_POLL}' THEN d.given_up_reason
             WHEN d.reason = '${ACKNOWLEDGED_BY_POLL}' AND r.state = 'Exhausted' THEN r.reason END,
           trigger = CASE WHEN r.interrupted THEN d.trigger ELSE 'schedule' END,
           resume_at = CASE WHEN r.interrupted THEN d.resume_at END,
           schedule_step = d.schedule_step - CASE WHEN r.interrupted AND d.trigger = 'schedule' THEN 1 ELSE 0 END,
           phase = CASE WHEN r.delay_s IS NULL OR d.reason = '${ACKNOWLEDGED_BY_POLL}' THEN NULL WHEN r.delay_s > 0 THEN 'scheduled' ELSE 'ready' END,
           due_at = CASE WHEN d.reason IS DISTINCT FROM '${ACKNOWLEDGED_BY_POLL}' THEN now() + make_interval(secs => r.delay_s) END,
           run_at = CASE WHEN d.reason IS DISTINCT FROM '${ACKNOWLEDGED_BY_POLL}' THEN now() + make_interval(secs => r.delay_s) END,
           delivered_at = coalesce(d.delivered_at, CASE WHEN r.state = 'Delivered' THEN now() END)
         FROM record r WHERE d.id = r.id AND d.lease_token = r.token AND d.phase = 'running'
         RETURNING d.id, d.run_at, d.endpoint_id, d.origin, d.account_id, r.outcome, r.counts, r.exhausted_body,
           d.lane, d.receiver, r.http_status IS NOT NULL AS answered, r.http_status IS NULL AND r.outcome = 'failed' AS silent
       ), logged AS (
         UPDATE attempt a SET outcome = r.outcome, duration_ms = r.duration_ms, phases_ms = r.phases_ms,
           http_status = r.http_status, error = r.error, detail = r.detail, request_headers = r.request_headers,
           response_headers = r.response_headers, response_body = r.response_body,
           response_truncated = r.response_truncated, resent = r.resent, retry_after_s = r.retry_after_s, next_attempt_at = m.run_at
         FROM record r JOIN moved m USING (id) WHERE a.delivery_id = r.id AND a.number = r.number
       ), proven AS (
         INSERT INTO origin (name, proven_at, receiver)
         SELECT n.origin, now(), CASE WHEN count(*) = 1 THEN min(n.receiver) ELSE '' END
         FROM (SELECT DISTINCT m.origin, m.lane || ' ' || m.receiver AS receiver FROM moved m WHERE m.outcome = 'delivered') n
         LEFT JOIN origin k ON k.name = n.origin
         WHERE k.proven_at IS NULL OR k.receiver IS NULL OR k.receiver NOT IN ('', n.receiver)
         GROUP BY n.origin ORDER BY n.origin
         ON CONFLICT (name) DO UPDATE SET proven_at = coalesce(origin.proven_at, now()),
           receiver = CASE coalesce(origin.receiver, excluded.receiver) WHEN excluded.receiver THEN excluded.receiver ELSE '' END
       ), rested AS (
         UPDATE origin k SET rests_until = now() + make_interval(secs => $21 * random())
         FROM (SELECT m.origin FROM moved m GROUP BY m.origin HAVING bool_or(m.silent) AND NOT bool_or(m.outcome = 'delivered')) n
         WHERE k.name = n.origin AND k.proven_at IS NULL
       ), learnt AS (
         -- Only where it turns. One that takes connections and never answers would fill its origin up to the cap: it has to answer anew.
         INSERT INTO receiver (lane, receiver, answers, rests_until)
         SELECT m.lane, m.receiver, bool_or(m.answered), CASE WHEN bool_or(m.answered) THEN '-infinity' ELSE now() + make_interval(secs => $21 * random()) END
         FROM moved m LEFT JOIN receiver k USING (lane, receiver) GROUP BY m.lane, m.receiver, k.answers
         HAVING CASE WHEN bool_or(m.answered) THEN k.answers IS NOT TRUE ELSE bool_or(m.silent) END
         ORDER BY m.lane, m.receiver
         ON CONFLICT (lane, receiver) DO UPDATE SET answers = excluded.answers, known_at = now(), rests_until = excluded.rests_until
       ), health AS (
         -- Only where it turns: an endpoint's row is not written with every attempt.
         UPDATE endpoint e SET failing_since = CASE WHEN n.succeeded THEN NULL ELSE now() END
         FROM (
           SELECT m.endpoint_id, bool_or(m.outcome = 'delivered') AS succeeded FROM moved m
           WHERE m.endpoint_id IS NOT NULL AND m.counts AND m.outcome <> 'unknown' GROUP BY m.endpoint_id
         ) n
         WHERE e.id = n.endpoint_id AND (e.failing_since IS NOT NULL) = n.succeeded
       ), told AS (
         INSERT INTO delivery (account_id, event_type, body, ${ENDPOINT_COLUMNS})
         SELECT m.account_id, 'delivery.exhausted', m.exhausted_body, ${ENDPOINT_VALUES}
         FROM moved m JOIN endpoint e ON e.account_id = m.account_id AND 'delivery.exhausted' = ANY (e.events)
           AND e.id IS DISTINCT FROM m.endpoint_id
         WHERE m.exhausted_body IS NOT NULL
       )
       SELECT m.id, m.counts AND m.outcome = 'failed' AND e.failing_since <= now() - make_interval(secs => $20) AS failed_for_days
       FROM moved m LEFT JOIN endpoint e ON e.id = m.endpoint_id`,
      [
        records.map((r) => r.deliveryId),
        records.map((r) => r.leaseToken),
        records.map((r) => r.number),
        records.map((r) => r.outcome),
        records.map((r) => r.state),
        records.map((r) => r.reason),
        records.map((r) => r.delayS),
        records.map((r) => r.durationMs),
        records.map((r) => r.phasesMs),
        records.map((r) => r.httpStatus),
        records.map((r) => r.error),
        records.map((r) => r.requestHeaders),
        records.map((r) => r.responseHeaders),
        records.map((r) => r.responseBody),
        records.map((r) => r.responseTruncated),
        records.map((r) => r.retryAfterS),
        records.map((r) => r.interrupted),
        records.map((r) => r.counts),
        records.map((r) => r.exhaustedBody),
        FORGIVEN_S,
        this.config.timeoutS * MOST_REST,
        records.map((r) => r.resent),
        records.map((r) => r.detail),
      ],
    );
    const moved = new Map(rows.map((row) => [row.id, row]));
    return records.map(({ deliveryId }) => {
      const row = moved.get(deliveryId);
      return row ? { failedForDays: row.failed_for_days === true } : null;
    });
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
