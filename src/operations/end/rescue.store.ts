import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { OperationConfig } from '../../config/config.js';
import { Database } from '../../database/database.js';
import { Rows } from '../../database/rows.js';
import { type Claim, claimOf, type ClaimRow } from '../run/claim.js';

/** Looked up by itself: without statistics the index of the account's operations looks as good. */
const BY_RID = (rid: string): string =>
  `SELECT request_id, account_id FROM operation WHERE rid = ${rid} OFFSET 0`;

/** Every statement that ends what no handler will end, or that a caller wants ended: rescue and cancel. */
@Injectable()
export class RescueStore {
  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
    private readonly config: OperationConfig,
  ) {}

  /**
   * Asks the handler that runs an operation to stop, and answers the operation's request id; null where none runs it. After
   * `cancelGraceS` the operation may be ended whatever the handler does, by whoever finds it (`over`).
   */
  async askToStop(accountId: string, rid: string): Promise<string | null> {
    const [row] = await this.database.query<{ request_id: string }>(
      `WITH live AS (
         SELECT l.request_id, l.cancel_at FROM (${BY_RID('$2')}) o JOIN live_operation l ON l.request_id = o.request_id
         WHERE o.account_id = $1 AND l.lease_token IS NOT NULL FOR UPDATE OF l
       ), asked AS (
         UPDATE live_operation o SET cancel_at = now() + make_interval(secs => $3)
         FROM live WHERE o.request_id = live.request_id AND live.cancel_at IS NULL RETURNING o.request_id
       ), noted AS (
         INSERT INTO history_entry (operation_id, kind, text) SELECT request_id, 'log', 'The caller asked to cancel' FROM asked
       )
       SELECT request_id FROM live`,
      [accountId, rid, this.config.cancelGraceS],
    );
    return row?.request_id ?? null;
  }

  /** The same of many, by their numbers; answers those that run. */
  async askAllToStop(requestIds: readonly string[]): Promise<string[]> {
    const rows = await this.database.query<{ request_id: string }>(
      `WITH live AS (
         SELECT request_id, cancel_at FROM live_operation WHERE request_id = ANY ($1::bigint[]) AND lease_token IS NOT NULL
         ORDER BY request_id FOR UPDATE
       ), asked AS (
         UPDATE live_operation o SET cancel_at = now() + make_interval(secs => $2)
         FROM live WHERE o.request_id = live.request_id AND live.cancel_at IS NULL RETURNING o.request_id
       ), noted AS (
         INSERT INTO history_entry (operation_id, kind, text) SELECT request_id, 'log', 'The caller asked to cancel' FROM asked
       )
       SELECT request_id FROM live`,
      [requestIds, this.config.cancelGraceS],
    );
    return rows.map(({ request_id }) => request_id);
  }

  /** Of these operations those that a caller has asked to cancel. */
  async toBeCanceled(requestIds: readonly string[]): Promise<string[]> {
    const rows = await this.database.query<{ request_id: string }>(
      'SELECT request_id FROM live_operation WHERE request_id = ANY ($1::bigint[]) AND cancel_at IS NOT NULL',
      [requestIds],
    );
    return rows.map(({ request_id }) => request_id);
  }

  /**
   * Takes over runs that no handler will end any more: the last try's worker went silent, or a cancel's grace time is over.
   * None for its silence before somebody has looked whether there was an outage.
   */
  async over(most: number): Promise<Claim[]> {
    return this.take(
      `WITH spent AS (
         SELECT request_id FROM live_operation WHERE phase = 'placed' AND look_at <= now() AND lease_token IS NOT NULL AND due_at <= now()
           AND (attempt >= tries OR run_until <= now()) AND (SELECT looked_at FROM lease_watch) > now() - make_interval(secs => $2) / 3
         ORDER BY look_at LIMIT $3 FOR UPDATE SKIP LOCKED
       ), apart AS (
         SELECT request_id FROM live_operation WHERE phase = 'apart' AND lease_token IS NOT NULL AND due_at <= now()
           AND attempt >= tries LIMIT $3 FOR UPDATE SKIP LOCKED
       ), canceled AS (
         SELECT request_id FROM live_operation WHERE cancel_at <= now() ORDER BY cancel_at LIMIT $3 FOR UPDATE SKIP LOCKED
       )
       SELECT request_id FROM spent UNION SELECT request_id FROM apart UNION SELECT request_id FROM canceled`,
      [most],
    );
  }

  /**
   * Takes over a live operation of the account that no handler runs, or whose time to stop is over, so that it can be ended;
   * null when there is none.
   */
  async takeOver(accountId: string, rid: string): Promise<Claim | null> {
    const claims = await this.take(
      `SELECT l.request_id FROM (${BY_RID('$4')}) o JOIN live_operation l ON l.request_id = o.request_id
       WHERE o.account_id = $3 AND (l.lease_token IS NULL OR l.cancel_at <= now()) FOR UPDATE OF l`,
      [accountId, rid],
    );
    return claims[0] ?? null;
  }

  /** The same of many, by their numbers. */
  async takeOverAll(requestIds: readonly string[]): Promise<Claim[]> {
    return this.take(
      `SELECT request_id FROM live_operation WHERE request_id = ANY ($3::bigint[]) AND (lease_token IS NULL OR cancel_at <= now())
       ORDER BY request_id FOR UPDATE`,
      [requestIds],
    );
  }

  private async take(which: string, parameters: unknown[]): Promise<Claim[]> {
    const askedAt = performance.now();
    const rows = await this.database.query<ClaimRow>(
      `WITH which AS (${which}), taken AS (
         -- What has no slot yet gets none to be ended.
         UPDATE live_operation l SET phase = CASE WHEN l.lease_token IS NULL AND l.phase IN ('scheduled', 'keyed', 'ready', 'offered', 'placed') THEN 'scheduled' ELSE l.phase END, dispatched_at = NULL, lease_token = $1,
           look_at = now() + make_interval(secs => $2), due_at = now() + make_interval(secs => $2),
           -- Not found again before this lease is over.
           cancel_at = CASE WHEN l.cancel_at <= now() THEN now() + make_interval(secs => $2) ELSE l.cancel_at END
         FROM which WHERE l.request_id = which.request_id RETURNING l.*
       )
       SELECT o.*, t.*, clock_timestamp() AS claimed_at FROM taken t
       CROSS JOIN LATERAL (SELECT * FROM operation r WHERE r.request_id = t.request_id OFFSET 0) o`,
      [randomUUID(), this.config.leaseS, ...parameters],
    );
    return rows.map((row) => claimOf(this.rows, row, askedAt));
  }
}
