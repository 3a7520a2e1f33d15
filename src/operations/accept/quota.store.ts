import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';

/** What an account has been given of its own; null where the settings rule, 0 for any. */
export interface OwnQuotas {
  readonly bytes: number | null;
  readonly waiting: number | null;
}

/** An account's operations that haven't ended. */
export interface Load {
  readonly waiting: number;
  readonly executing: number;
}

/** Reads what accounts may use and what they use. */
@Injectable()
export class QuotaStore {
  constructor(private readonly database: Database) {}

  async quotasOf(accountId: string): Promise<OwnQuotas> {
    const [row] = await this.database.query<{ bytes: string | null; waiting: number | null }>(
      'SELECT quota_bytes AS bytes, quota_waiting AS waiting FROM account WHERE id = $1',
      [accountId],
    );
    const { bytes = null, waiting = null } = row ?? {};
    return { bytes: bytes === null ? null : Number(bytes), waiting };
  }

  /** Bytes as they are stored, some of them compressed: files, inputs, results, and the bodies of callbacks. */
  async bytesOf(accountId: string): Promise<number> {
    const [row] = await this.database.query<{ bytes: string }>(
      `SELECT (SELECT coalesce(sum(size), 0) FROM file WHERE account_id = $1 AND phase <> 'going')
         + (SELECT coalesce(sum(coalesce(pg_column_size(o.input), 0) + coalesce(pg_column_size(e.result), 0)
             + coalesce(pg_column_size(e.custom), 0)), 0)
           FROM operation o LEFT JOIN operation_end e ON e.request_id = o.request_id WHERE o.account_id = $1)
         + (SELECT coalesce(sum(pg_column_size(body)), 0) FROM delivery WHERE account_id = $1) AS bytes`,
      [accountId],
    );
    return Number(row!.bytes);
  }

  /** Counted up to `most`, by what the indexes of the dispatcher hold. */
  async waitingOf(accountId: string, most: number): Promise<number> {
    const [row] = await this.database.query<{ count: number }>(
      `SELECT count(*)::integer AS count FROM (
         ${waitingRows('$1')} LIMIT $2) waiting`,
      [accountId, most],
    );
    return row!.count;
  }

  /** Of many accounts at once; of each at most `most` that wait are counted. */
  async loadOf(accountIds: readonly string[], most: number): Promise<Map<string, Load>> {
    const rows = await this.database.query<Load & { id: string }>(
      `SELECT g.id, w.waiting, x.executing FROM unnest($1::text[]) AS g (id)
       CROSS JOIN LATERAL (
         SELECT count(*)::integer AS waiting FROM (
           ${waitingRows('g.id')} LIMIT $2) waiting) w
       CROSS JOIN LATERAL (
         SELECT count(*)::integer AS executing FROM live_operation
         WHERE account_id = g.id AND (phase = 'awaiting' OR phase = 'placed' AND lease_token IS NOT NULL)) x`,
      [accountIds, most],
    );
    return new Map(rows.map(({ id, waiting, executing }) => [id, { waiting, executing }]));
  }

  async executingOf(accountId: string): Promise<number> {
    const [row] = await this.database.query<{ count: number }>(
      `SELECT count(*)::integer AS count FROM live_operation
       WHERE account_id = $1 AND (phase = 'awaiting' OR phase = 'placed' AND lease_token IS NOT NULL)`,
      [accountId],
    );
    return row!.count;
  }
}

/** A row for each that waits of an account: each part by an index of the dispatcher. */
function waitingRows(account: string): string {
  return `SELECT FROM live_operation WHERE account_id = ${account} AND phase = 'ready'
    UNION ALL SELECT FROM live_operation WHERE account_id = ${account} AND phase = 'placed' AND lease_token IS NULL
    UNION ALL SELECT FROM live_operation WHERE account_id = ${account} AND phase = 'scheduled'
    UNION ALL SELECT FROM live_operation WHERE account_id = ${account} AND phase = 'keyed'
    UNION ALL SELECT FROM operation_type t CROSS JOIN LATERAL (
      SELECT FROM live_operation o WHERE o.phase = 'offered' AND o.type = t.name AND o.account_id = ${account}) o`;
}
