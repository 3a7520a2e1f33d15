import { randomBytes, randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DeliveryConfig } from '../config/config.js';
import { Database } from '../database/database.js';
import { GroupCommit } from '../database/group-commit.js';
import { DatabaseUnavailableError } from '../database/database-errors.js';
import { jsonRows } from '../database/json-rows.js';
import { rideOut } from '../database/ride-out.js';
import { Rows } from '../database/rows.js';
import type { Hint } from '../engine/hint.js';
import { type AttemptRecord, recordRow } from './attempt-record.js';
import { claimOf, type ClaimRow, type DeliveryClaim } from './delivery-claim.js';
import type { DeliveryEntity } from './delivery.entity.js';

/** An endpoint that has done nothing but fail for so long, seconds, is disabled: 5 days. */
const FORGIVEN_S = 5 * 86_400;

/** How long a receiver that gave no answer may rest, as a share of an attempt's timeout. */
const MAX_REST = 0.2;
/** Attempts that may wait for slow receivers besides those in flight, for each of RINGBACK_DELIVERY_CONCURRENCY: they cost a socket. */
export const PARKED_PER_PLACE = 10;
/** The share of them that unproven origins and silent receivers may take, over all processes: the rest is for those that begin to hang. */
const UNPROVEN_PER_PLACE = PARKED_PER_PLACE / 2;

/** A delivery that may be leased to this process, or the callback of an operation that this process ended. */
export type GivenBack = { readonly token: string } & (
  { readonly seq: string } | { readonly operationId: string }
);

/** An attempt that was recorded by us. */
export interface Recorded {
  /** The endpoint has failed without a success for as long as is forgiven. */
  readonly failedForDays: boolean;
}

/** Every statement that changes deliveries and attempts. Times are decided by PostgreSQL's `now()`. */
@Injectable()
export class DeliveryStore {
  private readonly claims = new GroupCommit((hints: Hint[]) => this.claimMany(hints));
  private readonly returns = new GroupCommit((hints: Hint[]) => this.returnMany(hints));
  private readonly givingBack = new GroupCommit((given: GivenBack[]) => this.giveBackMany(given));
  private readonly recordings = new GroupCommit((records: AttemptRecord[]) => this.recordAttempts(records), {
    rowOf: (record) => record.seq,
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
        hints.forEach(({ id }, place) => this.giveBack({ seq: id, token: tokens[place]! }));
      throw error;
    });
    const claimed = new Map(rows.map((row) => [row.lease_token, row]));
    return tokens.map((token) => {
      const row = claimed.get(token);
      return row ? claimOf(this.rows, row, askedAt) : null;
    });
  }

  private claimAs(hints: readonly Hint[], tokens: readonly string[]): Promise<ClaimRow[]> {
    return this.database.query<ClaimRow>(
      `SELECT (delivery).*, (live).*, (delivery).url AS made_for, endpoint_headers, retry_schedule, signature_profile, client_certificate, clock_timestamp() AS claimed_at
       FROM claim_deliveries($1, make_interval(secs => $2))`,
      [
        jsonRows(hints.map(({ id, epoch }, place) => ({ seq: id, epoch, token: tokens[place] }))),
        this.config.leaseS,
      ],
    );
  }

  private async recordAttempts(records: AttemptRecord[]): Promise<(Recorded | null)[]> {
    const rows = await this.database.query<{ seq: string; failed_for_days: boolean | null; waits: boolean }>(
      'SELECT * FROM record_attempts($1, make_interval(secs => $2), make_interval(secs => $3))',
      [jsonRows(records.toSorted(bySeq).map(recordRow)), FORGIVEN_S, this.config.timeoutS * MAX_REST],
    );
    // What the statement itself makes due, it doesn't see.
    if (rows.some(({ waits }) => waits) || records.some((r) => r.delayS === 0 || r.exhaustedBody !== null))
      this.waiting?.();
    const moved = new Map(rows.map((row) => [row.seq, row]));
    return records.map(({ seq }) => {
      const row = moved.get(seq);
      return row ? { failedForDays: row.failed_for_days === true } : null;
    });
  }

  /**
   * Gives a delivery back that may be leased to this process without its knowing, or that it can't begin: nothing was sent. As soon
   * as PostgreSQL is there.
   */
  giveBack(given: GivenBack): void {
    rideOut(
      () => this.givingBack.add(given),
      () => false,
    ).catch(() => undefined);
  }

  private async giveBackMany(given: GivenBack[]): Promise<void[]> {
    await this.database.query('SELECT give_back_deliveries($1)', [
      jsonRows(
        given.map(({ token, ...which }) => ({
          token,
          ...('seq' in which ? { seq: which.seq } : { operation_id: which.operationId }),
        })),
      ),
    ]);
    this.waiting?.();
    return given.map(() => undefined);
  }

  /**
   * Finds due deliveries within their origins' caps and answers the hints to send; after an outage it first spares leases. Null where
   * somebody else dispatches.
   */
  async dispatch(most: number): Promise<Hint[] | null> {
    const rows = await this.database.query<{ id: string | null; epoch: number }>(
      'SELECT seq AS id, epoch FROM dispatch_deliveries(spare_leases($1, make_interval(secs => $5)), make_interval(secs => $2), $3, $4, $6)',
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
    return rows[0]?.id === null ? null : (rows as Hint[]);
  }

  private async returnMany(hints: Hint[]): Promise<void[]> {
    await this.database.query(
      `UPDATE live_delivery d SET look_at = now(), due_at = now() FROM unnest($1::bigint[], $2::integer[]) AS h (seq, epoch)
       WHERE d.seq = h.seq AND d.epoch = h.epoch AND d.phase = 'placed' AND d.lease_token IS NULL`,
      [hints.map((hint) => hint.id), hints.map((hint) => hint.epoch)],
    );
    return hints.map(() => undefined);
  }

  /**
   * One attempt now, of an Exhausted delivery or a waiting Pending one; `again` of a Delivered one too. A Pending one's schedule
   * goes on afterwards. What was delivered, and what its caller has read, stays so if the attempt fails: `delivered_at` and
   * `given_up_reason` keep it. False when the delivery is in no state for it.
   */
  async redeliver(accountId: string, id: string, again: boolean): Promise<boolean> {
    const rows = await this.database.query(
      `SELECT FROM find_delivery($1, $2) d CROSS JOIN LATERAL requeue_deliveries(ARRAY[d.home], ARRAY[d.seq], 'manual', $3)`,
      [accountId, id, again],
    );
    return rows.length > 0;
  }

  /**
   * Gives a Pending delivery up, also one in flight (its attempt's outcome is then unknown); one that was delivered before is
   * Delivered as it was. False when it isn't Pending.
   */
  async cancel(accountId: string, id: string): Promise<boolean> {
    const rows = await this.database.query(
      `SELECT FROM find_delivery($1, $2) d CROSS JOIN LATERAL cancel_deliveries(ARRAY[d.seq], 'canceled')`,
      [accountId, id],
    );
    return rows.length > 0;
  }

  /** A sample for an endpoint: one attempt, no retries. */
  async addTest(
    test: Pick<DeliveryEntity, 'id' | 'accountId' | 'endpointId' | 'url' | 'origin' | 'body'>,
  ): Promise<void> {
    await this.database.query(
      `WITH numbered AS (
         SELECT nextval('record_id') AS seq
       ), made AS (
         INSERT INTO delivery (home, seq, id, account_id, endpoint_id, destination, event_type, url, origin, body)
         SELECT seq, seq, $1, $2, $3, $3, 'endpoint.test', $4, $5, $6 FROM numbered
       )
       INSERT INTO live_delivery (seq, home, account_id, endpoint_id, lane, origin, phase, trigger, look_at, due_at)
       SELECT seq, seq, $2, $3, $3, $5, p.phase, 'test', p.due_at, p.due_at
       FROM numbered CROSS JOIN LATERAL live_phase(false, (SELECT mode FROM endpoint WHERE id = $3)) p`,
      [test.id, test.accountId, test.endpointId, test.url, test.origin, test.body],
    );
  }
}

/** Statements that take many rows take them in one order: none waits for another in a circle. */
function bySeq(one: AttemptRecord, other: AttemptRecord): number {
  return Number(BigInt(one.seq) - BigInt(other.seq));
}
