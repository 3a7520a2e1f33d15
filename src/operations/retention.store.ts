import { Injectable } from '@nestjs/common';
import { HousekeepingConfig } from '../config/config.js';
import { Database, type Queryable } from '../database/database.js';

/** When an operation is looked at again of which a delivery is still owed, seconds. */
const LATER_S = 3600;

interface DueRow {
  readonly request_id: string;
  readonly emptied: boolean;
}

/** What an erasure found: the files whose bytes are to be deleted, or why nothing was erased. */
export type Erased = { readonly files: readonly string[] } | 'live' | null;

/**
 * What becomes of operations after their end: emptied when their retention class has run out, deleted when their history
 * has. Never while one of their deliveries is still owed.
 */
@Injectable()
export class RetentionStore {
  constructor(
    private readonly database: Database,
    private readonly config: HousekeepingConfig,
  ) {}

  /** Takes at most `most` operations a step further, in one commit; answers how many were looked at. */
  sweep(most: number): Promise<number> {
    return this.database.transaction(async (tx) => {
      const due = await tx.query<DueRow>(
        `SELECT request_id, emptied_at IS NOT NULL AS emptied FROM operation
         WHERE due_at IS NULL AND coalesce(sweep_at, expires_at) <= now()
         ORDER BY coalesce(sweep_at, expires_at) LIMIT $1 FOR UPDATE SKIP LOCKED`,
        [most],
      );
      if (due.length === 0) return 0;
      const live = await this.liveAmong(tx, due);
      const ended = due.filter((row) => !live.has(row.request_id));
      await this.defer(tx, [...live]);
      await this.empty(tx, idsOf(ended, false));
      await this.remove(tx, idsOf(ended, true));
      return due.length;
    });
  }

  /**
   * Empties an ended operation now, in one commit: what it still owes is Canceled, its files are marked as going. One that was
   * emptied before only gets its `erased_at`. `live` where it hasn't ended; null where the account has no such operation.
   */
  erase(accountId: string, rid: string): Promise<Erased> {
    return this.database.transaction(async (tx) => {
      const [row] = await tx.query<{ request_id: string; live: boolean; body_file: string | null }>(
        `SELECT request_id, due_at IS NOT NULL AS live, CASE face WHEN 'bgrs' THEN input::json -> 'body' ->> 'file' END AS body_file
         FROM operation WHERE account_id = $1 AND rid = $2 FOR UPDATE`,
        [accountId, rid],
      );
      if (!row) return null;
      if (row.live) return 'live';
      const id = row.request_id;
      await this.cancelOwed(tx, id);
      await this.empty(tx, [id]);
      await tx.query('UPDATE operation SET erased_at = coalesce(erased_at, now()) WHERE request_id = $1', [
        id,
      ]);
      // The body of a request of the gateway is nobody's upload: it goes, unless a rerun needs it.
      const files = await tx.query<{ id: string }>(
        `UPDATE file f SET phase = 'going', expires_at = now() WHERE f.account_id = $1
           AND (f.operation_id = $2 OR (f.id = $3 AND NOT EXISTS (SELECT FROM file_use u WHERE u.file_id = f.id)))
         RETURNING f.id`,
        [accountId, id, row.body_file],
      );
      return { files: files.map((file) => file.id) };
    });
  }

  /** Nothing is sent without its bytes. What was delivered once stays Delivered. */
  private async cancelOwed(tx: Queryable, id: string): Promise<void> {
    await tx.query('SELECT FROM delivery WHERE operation_id = $1 ORDER BY seq FOR UPDATE', [id]);
    await tx.query(
      `WITH canceled AS (
         UPDATE delivery SET phase = NULL, hinted_at = NULL, due_at = NULL, run_at = NULL, lease_token = NULL,
           state = CASE WHEN delivered_at IS NULL THEN 'Canceled' ELSE 'Delivered' END,
           reason = CASE WHEN delivered_at IS NULL THEN 'operation_erased' END
         WHERE operation_id = $1 AND state = 'Pending' RETURNING id
       )
       UPDATE attempt a SET outcome = 'unknown', error = 'canceled' FROM canceled c WHERE a.delivery_id = c.id AND a.outcome = 'started'`,
      [id],
    );
  }

  /** Locks the ended deliveries of these operations, so that none is redelivered meanwhile, and answers which still owe one. */
  private async liveAmong(tx: Queryable, due: readonly DueRow[]): Promise<Set<string>> {
    const ids = due.map((row) => row.request_id);
    // Pending ones aren't locked: attempts on their way are not to wait for this.
    await tx.query(
      `SELECT FROM delivery WHERE operation_id = ANY($1::bigint[]) AND state <> 'Pending' ORDER BY seq FOR UPDATE`,
      [ids],
    );
    const rows = await tx.query<{ operation_id: string }>(
      `SELECT DISTINCT operation_id FROM delivery WHERE operation_id = ANY($1::bigint[]) AND state = 'Pending'`,
      [ids],
    );
    return new Set(rows.map((row) => row.operation_id));
  }

  /** Looked at again later, so that what is owed for long holds up no others. */
  private async defer(tx: Queryable, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await tx.query(
      'UPDATE operation SET sweep_at = now() + make_interval(secs => $2) WHERE request_id = ANY($1::bigint[])',
      [ids, Math.min(LATER_S, this.config.historyS)],
    );
  }

  /** Deletes what was given and what came of it; that it was, how it ended and what was delivered stays. */
  private async empty(tx: Queryable, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await tx.query(
      `WITH emptied AS (
         -- Whose a request of the gateway was says who may read how it ended.
         UPDATE operation SET input = CASE face WHEN 'bgrs' THEN json_build_object('user_id', input::json -> 'user_id')::text END, result = NULL, custom = NULL, file_id = NULL, callback_headers = NULL,
           emptied_at = now(), sweep_at = finished_at + make_interval(secs => $2)
         WHERE request_id = ANY($1::bigint[])
       ), unused AS (
         DELETE FROM file_use WHERE operation_id = ANY($1::bigint[])
       ), left_over AS (
         -- Stored by a run that had lost its lease, while another one ended the operation.
         UPDATE file SET expires_at = now() WHERE operation_id = ANY($1::bigint[]) AND expires_at IS NULL
       ), silenced AS (
         UPDATE delivery SET body = '', headers = NULL WHERE operation_id = ANY($1::bigint[]) RETURNING id
       )
       UPDATE attempt a SET response_body = NULL FROM silenced s WHERE a.delivery_id = s.id AND a.response_body IS NOT NULL`,
      [ids, this.config.historyS],
    );
  }

  /** Deletes operations and all that is known of them, and books it; within a transaction that has locked them. */
  async remove(tx: Queryable, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await tx.query(
      `WITH removed AS (
         DELETE FROM operation WHERE request_id = ANY($1::bigint[]) RETURNING callback_url, silent
       ), booked AS (
         INSERT INTO ledger_entry (accepted, destined) SELECT -count(*), -count(callback_url) FILTER (WHERE NOT silent) FROM removed
       ), unused AS (
         DELETE FROM file_use WHERE operation_id = ANY($1::bigint[])
       ), told AS (
         DELETE FROM history_entry WHERE operation_id = ANY($1::bigint[])
       ), settled AS (
         DELETE FROM delivery WHERE operation_id = ANY($1::bigint[]) RETURNING id
       )
       DELETE FROM attempt a USING settled s WHERE a.delivery_id = s.id`,
      [ids],
    );
  }
}

function idsOf(rows: readonly DueRow[], emptied: boolean): string[] {
  return rows.filter((row) => row.emptied === emptied).map((row) => row.request_id);
}
