import { Injectable } from '@nestjs/common';
import { HousekeepingConfig } from '../config/config.js';
import { Database } from '../database/database.js';
import type { Hint } from '../engine/hint.js';

/** A round takes at most so long, seconds. */
export const ROUND_S = 10;
/** A process that dies in a round, and a hint that is lost, hold up the next for a little longer. */
export const LEASE_S = ROUND_S + 5;
/** Origins that a round forgets at the most. */
const ORIGINS_FORGOTTEN = 1_000;
/** Fewer than an account may bring up a minute: one whose hosts are forgotten is never refused for it. */
const HOSTS_FORGOTTEN = 10;

/** When housekeeping is due and who does it, and the rows that nobody reads any more. Each statement is bounded and leaves the locked ones out. */
@Injectable()
export class HousekeepingStore {
  constructor(
    private readonly database: Database,
    private readonly config: HousekeepingConfig,
  ) {}

  /** A hint to the work if it is due, which makes older hints void. */
  async dispatch(): Promise<Hint[]> {
    const rows = await this.database.query<{ name: string; epoch: number }>(
      `UPDATE chore SET due_at = now() + make_interval(secs => $1), epoch = epoch + 1 WHERE due_at <= now() RETURNING name, epoch`,
      [LEASE_S],
    );
    return rows.map(({ name, epoch }) => ({ id: name, epoch }));
  }

  /** Leases what the hint names to this process; null when somebody else has it. */
  async claim(hint: Hint): Promise<Hint | null> {
    const [row] = await this.database.query<{ epoch: number }>(
      `UPDATE chore SET due_at = now() + make_interval(secs => $3), epoch = epoch + 1 WHERE name = $1 AND epoch = $2 RETURNING epoch`,
      [hint.id, hint.epoch, LEASE_S],
    );
    return row ? { id: hint.id, epoch: row.epoch } : null;
  }

  /** Due again after the pause that the settings say; at once where there is more to do. */
  async settle(lease: Hint, more: boolean): Promise<void> {
    await this.database.query(
      `UPDATE chore SET due_at = now() + make_interval(secs => $3) WHERE name = $1 AND epoch = $2`,
      [lease.id, lease.epoch, more ? 0 : this.config.everyS],
    );
  }

  async dropKeys(most: number): Promise<number> {
    return this.count(
      `DELETE FROM idempotency_key WHERE (account_id, key) IN (
         SELECT account_id, key FROM idempotency_key WHERE expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
       RETURNING 1`,
      [most],
    );
  }

  dropAudit(most: number): Promise<number> {
    return this.count(
      `DELETE FROM audit WHERE id IN (
         SELECT id FROM audit WHERE at <= now() - make_interval(secs => $2) ORDER BY at LIMIT $1 FOR UPDATE SKIP LOCKED)
       RETURNING 1`,
      [most, this.config.auditS],
    );
  }

  /** What was learnt of receivers a day ago: they tell it anew by their next answer, and a URL of one callback is never asked again. */
  dropReceivers(most: number): Promise<number> {
    return this.count(
      `DELETE FROM receiver WHERE (lane, receiver) IN (
         SELECT lane, receiver FROM receiver WHERE known_at <= now() - interval '1 day'
         ORDER BY known_at LIMIT $1 FOR UPDATE SKIP LOCKED)
       RETURNING lane`,
      [most],
    );
  }

  /** What is held for pull endpoints that are gone: made by an end that did not see yet that they had been deleted. */
  async cancelOrphaned(most: number): Promise<number> {
    const [row] = await this.database.query<{ count: number }>('SELECT cancel_orphaned($1) AS count', [most]);
    return row!.count;
  }

  /** Small tables: host names used long ago, origins that learnt nothing since, secrets that no longer sign, finished recoveries, and keys long dead. */
  async dropSmall(): Promise<void> {
    await this.database.query(
      `WITH hosts AS (
         DELETE FROM callback_host WHERE (account_id, name) IN (
           SELECT account_id, name FROM callback_host WHERE first_used_at <= now() - make_interval(secs => $1)
           ORDER BY first_used_at LIMIT $2 FOR UPDATE SKIP LOCKED)
       ), origins AS (
         -- One that is called later is proven by its first 2xx again.
         DELETE FROM origin WHERE name IN (
           SELECT k.name FROM origin k
           WHERE greatest(k.proven_at, k.asked_at[cardinality(k.asked_at)]) <= now() - make_interval(secs => $1)
             AND NOT EXISTS (SELECT FROM live_delivery d WHERE d.origin = k.name AND d.phase = 'placed')
             AND NOT EXISTS (SELECT FROM live_delivery d WHERE d.origin = k.name AND d.phase = 'ready')
             AND NOT EXISTS (SELECT FROM origin_call c WHERE c.origin = k.name)
           LIMIT $3 FOR UPDATE OF k SKIP LOCKED)
       ), secrets AS (
         DELETE FROM signing_secret WHERE expires_at <= now() - interval '1 day'
       ), calls AS (
         DELETE FROM origin_call c WHERE NOT EXISTS (
           SELECT FROM live_operation o WHERE o.request_id = c.request_id AND o.lease_token = c.lease_token)
         AND NOT EXISTS (SELECT FROM live_poll p WHERE p.request_id = c.request_id AND p.lease_token = c.lease_token)
       ), recoveries AS (
         DELETE FROM recovery WHERE finished_at <= now() - make_interval(secs => $1)
       )
       DELETE FROM api_key WHERE least(revoked_at, expires_at) <= now() - make_interval(secs => $1)
         -- One of RINGBACK_API_KEY that was revoked may be given again, and must be known then.
         AND NOT starts_with(id, 'key_environment_')`,
      [this.config.historyS, HOSTS_FORGOTTEN, ORIGINS_FORGOTTEN],
    );
  }

  private async count(sql: string, parameters: unknown[]): Promise<number> {
    return (await this.database.query(sql, parameters)).length;
  }
}
