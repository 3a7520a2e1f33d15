import { Injectable } from '@nestjs/common';
import { HousekeepingConfig } from '../../config/config.js';
import { Database, type Queryable } from '../../database/database.js';

/** When an operation is looked at again of which a delivery is still owed, seconds. */
const LATER_S = 3600;

/** What an erasure found: the files whose bytes are to be deleted, or why nothing was erased. */
export type Erased = { readonly files: readonly string[] } | 'live' | null;

/**
 * What becomes of operations after their end: emptied when their retention class has run out, never while one of their deliveries
 * is still owed. Their records go with their partition.
 */
@Injectable()
export class RetentionStore {
  constructor(
    private readonly database: Database,
    private readonly config: HousekeepingConfig,
  ) {}

  /** Empties at most `most` operations whose class has run out, in one commit; answers how many were looked at. */
  sweep(most: number): Promise<number> {
    return this.database.transaction(async (tx) => {
      // Whoever makes a delivery owed again has the end's row locked, too: here it is skipped, there it is waited for.
      const due = await tx.query<{ request_id: string }>(
        `SELECT request_id FROM operation_end WHERE emptied_at IS NULL AND coalesce(sweep_at, expires_at) <= now()
         ORDER BY coalesce(sweep_at, expires_at) LIMIT $1 FOR UPDATE SKIP LOCKED`,
        [most],
      );
      if (due.length === 0) return 0;
      const ids = due.map((row) => row.request_id);
      const owing = await this.owingAmong(tx, ids);
      await this.defer(tx, [...owing]);
      await this.empty(
        tx,
        ids.filter((id) => !owing.has(id)),
      );
      return ids.length;
    });
  }

  /**
   * Empties an ended operation now, in one commit: what it still owes is Canceled, its files are marked as going. One that was
   * emptied before only gets its `erased_at`. `live` where it hasn't ended; null where the account has no such operation.
   */
  erase(accountId: string, rid: string): Promise<Erased> {
    return this.database.transaction(async (tx) => {
      const [row] = await tx.query<{ request_id: string; body_file: string | null }>(
        `SELECT request_id, CASE face WHEN 'bgrs' THEN input::json -> 'body' ->> 'file' END AS body_file
         FROM (SELECT * FROM operation WHERE rid = $2 OFFSET 0) o WHERE account_id = $1`,
        [accountId, rid],
      );
      if (!row) return null;
      const id = row.request_id;
      const ended = await tx.query(
        'UPDATE operation_end SET erased_at = coalesce(erased_at, now()) WHERE request_id = $1 RETURNING request_id',
        [id],
      );
      if (ended.length === 0) return 'live';
      // Nothing is sent without its bytes. In a statement of its own: it sees what was made owed again until now.
      await tx.query(
        `SELECT FROM cancel_deliveries(ARRAY(SELECT seq FROM delivery WHERE home = $1), 'operation_erased')`,
        [id],
      );
      await this.empty(tx, [id]);
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

  /** Which of these operations still owe a delivery. */
  private async owingAmong(tx: Queryable, ids: readonly string[]): Promise<Set<string>> {
    const rows = await tx.query<{ home: string }>(
      `SELECT DISTINCT home FROM live_delivery
       WHERE seq = ANY (ARRAY(SELECT d.seq FROM delivery d WHERE d.home = ANY ($1::bigint[])))`,
      [ids],
    );
    return new Set(rows.map((row) => row.home));
  }

  /** Looked at again later, so that what is owed for long holds up no others. */
  private async defer(tx: Queryable, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await tx.query(
      'UPDATE operation_end SET sweep_at = now() + make_interval(secs => $2) WHERE request_id = ANY ($1::bigint[])',
      [ids, Math.min(LATER_S, this.config.historyS)],
    );
  }

  private async empty(tx: Queryable, ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await tx.query('SELECT empty_operations($1)', [ids]);
  }
}
