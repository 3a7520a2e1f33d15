import { Injectable } from '@nestjs/common';
import { Database, type Queryable } from '../database/database.js';

/** Longer than a process may believe a key, and a request that came with it may take: what is accepted meanwhile is swept, too. */
const LATE = "interval '1 hour'";

/** What is in a partition that is retired goes with it, and is booked there. */
const KEPT = (number: string): string =>
  `NOT EXISTS (SELECT FROM record_partition p WHERE p.retired_at IS NOT NULL AND ${number} >= p.lower AND ${number} < p.upper)`;

/** Deletes what deleted accounts have, in rounds, and the accounts last. */
@Injectable()
export class DepartedAccounts {
  constructor(private readonly database: Database) {}

  /** Takes one account at most `most` rows of each kind further, in one commit; answers `most` where there may be more to do, else 0. */
  sweep(most: number): Promise<number> {
    return this.database.transaction(async (tx) => {
      const [account] = await tx.query<{ id: string; late: boolean }>(
        `SELECT a.id, a.deleted_at <= now() - ${LATE} AS late FROM account a
         WHERE a.deleted_at IS NOT NULL AND (
           (a.deleted_at <= now() - ${LATE} AND NOT EXISTS (SELECT FROM operation o WHERE o.account_id = a.id)
             AND NOT EXISTS (SELECT FROM delivery d WHERE d.account_id = a.id))
           OR EXISTS (SELECT FROM operation o WHERE o.account_id = a.id AND ${KEPT('o.request_id')})
           OR EXISTS (SELECT FROM delivery d WHERE d.account_id = a.id AND ${KEPT('d.home')})
           OR EXISTS (SELECT FROM file f WHERE f.account_id = a.id AND f.phase <> 'going') OR EXISTS (SELECT FROM endpoint e WHERE e.account_id = a.id)
           OR EXISTS (SELECT FROM schedule s WHERE s.account_id = a.id)
           OR EXISTS (SELECT FROM idempotency_key k WHERE k.account_id = a.id))
         ORDER BY a.deleted_at LIMIT 1 FOR UPDATE SKIP LOCKED`,
        [],
      );
      if (!account) return 0;
      // First, so that what still ends owes nothing new.
      await this.endpoints(tx, account.id);
      const operations = await this.operations(tx, account.id, most);
      const counts = [
        operations,
        // Those of operations go with them, so that the ledger stays balanced.
        operations < most ? await this.deliveries(tx, account.id, most) : 0,
        await this.files(tx, account.id, most),
        await this.keys(tx, account.id, most),
      ];
      if (account.late && counts.every((count) => count === 0)) await this.forget(tx, account.id);
      return counts.some((count) => count > 0) ? most : 0;
    });
  }

  private async endpoints(tx: Queryable, id: string): Promise<void> {
    await tx.query(
      `WITH recoveries AS (DELETE FROM recovery WHERE account_id = $1), hosts AS (DELETE FROM callback_host WHERE account_id = $1),
         schedules AS (DELETE FROM schedule WHERE account_id = $1)
       DELETE FROM endpoint WHERE account_id = $1`,
      [id],
    );
  }

  /** In whatever state. */
  private async operations(tx: Queryable, id: string, most: number): Promise<number> {
    const rows = await tx.query<{ request_id: string }>(
      `SELECT o.request_id FROM operation o WHERE o.account_id = $1 AND ${KEPT('o.request_id')} ORDER BY o.request_id LIMIT $2`,
      [id, most],
    );
    if (rows.length > 0) await tx.query('SELECT remove_operations($1)', [rows.map((row) => row.request_id)]);
    return rows.length;
  }

  /** Notices, tests, and what was owed by an end that came meanwhile. */
  private async deliveries(tx: Queryable, id: string, most: number): Promise<number> {
    const rows = await tx.query<{ home: string; seq: string }>(
      `SELECT d.home, d.seq FROM delivery d WHERE d.account_id = $1 AND ${KEPT('d.home')}
         AND NOT EXISTS (SELECT FROM operation o WHERE o.request_id = d.home) ORDER BY d.seq LIMIT $2`,
      [id, most],
    );
    if (rows.length > 0)
      await tx.query('SELECT remove_deliveries($1, $2)', [
        rows.map((row) => row.home),
        rows.map((row) => row.seq),
      ]);
    return rows.length;
  }

  /** Their bytes go with the sweep of files. */
  private files(tx: Queryable, id: string, most: number): Promise<number> {
    return count(
      tx,
      `UPDATE file SET phase = 'going', expires_at = now() WHERE id IN (
         SELECT id FROM file WHERE account_id = $1 AND phase <> 'going' LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING id`,
      [id, most],
    );
  }

  private keys(tx: Queryable, id: string, most: number): Promise<number> {
    return count(
      tx,
      `DELETE FROM idempotency_key WHERE (account_id, key) IN (
         SELECT account_id, key FROM idempotency_key WHERE account_id = $1 LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING key`,
      [id, most],
    );
  }

  /** The account itself, unless something is left of it. */
  private async forget(tx: Queryable, id: string): Promise<void> {
    const left = await tx.query(
      `SELECT FROM operation WHERE account_id = $1 UNION ALL SELECT FROM delivery WHERE account_id = $1 LIMIT 1`,
      [id],
    );
    if (left.length > 0) return;
    await tx.query('DELETE FROM signing_secret WHERE account_id = $1', [id]);
    await tx.query('DELETE FROM stats WHERE account_id = $1', [id]);
    await tx.query('DELETE FROM endpoint_disabling WHERE account_id = $1', [id]);
    await tx.query('DELETE FROM api_key WHERE account_id = $1', [id]);
    await tx.query('DELETE FROM account WHERE id = $1', [id]);
  }
}

async function count(tx: Queryable, sql: string, parameters: unknown[]): Promise<number> {
  return (await tx.query(sql, parameters)).length;
}
