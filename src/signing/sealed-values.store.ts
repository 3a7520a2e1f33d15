import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { SecretBox, SecretBoxError } from './secret-box.js';
import { SEALED_COLUMNS, type SealedColumn } from './sealed-columns.js';

/** A step takes rows until it has so many bytes: a sealed body has up to 1.4 million. */
const MAX_BYTES = 16 * 1024 * 1024;

interface StaleRow {
  readonly key: string;
  readonly account: string;
  readonly row: string;
  readonly sealed: string;
}

interface Looked {
  readonly rows: readonly StaleRow[];
  readonly last: string | null;
  /** Whether these were the last of the table. */
  readonly through: boolean;
}

/** Where a walk over all sealed values is: null once it is through. */
export type WalkedTo = { readonly source: number; readonly reached: string | null } | null;

/** What one step of a walk has done. */
export interface Walked {
  readonly next: WalkedTo;
  readonly resealed: number;
  /** Values that are still sealed with another key than the first, by its id. */
  readonly left: ReadonlyMap<string, number>;
}

/** Seals values anew that an older secret key sealed, a bounded step at a time. Doing one again does no harm. */
@Injectable()
export class SealedValues {
  constructor(
    private readonly database: Database,
    private readonly box: SecretBox,
  ) {}

  /** Looks at the next `most` rows at the most, and seals those anew that can be opened. */
  async walk({ source: at, reached }: NonNullable<WalkedTo>, most: number): Promise<Walked> {
    const source = SEALED_COLUMNS[at];
    // A walk of another version, which had more columns, ends here.
    if (!source) return { next: null, resealed: 0, left: new Map() };
    const { rows, last, through } = await this.stale(source, reached, most);
    const fresh = rows.flatMap((row) => {
      const sealed = this.reseal(source, row);
      return sealed === null ? [] : [{ ...row, fresh: sealed }];
    });
    const resealed = new Set(fresh.length === 0 ? [] : await this.replace(source, fresh));
    const left = new Map<string, number>();
    for (const { key, sealed } of rows) {
      const id = sealed.split('.')[1]!;
      if (!resealed.has(key)) left.set(id, (left.get(id) ?? 0) + 1);
    }
    const next = through ? { source: at + 1, reached: null } : { source: at, reached: last };
    return { next: next.source < SEALED_COLUMNS.length ? next : null, resealed: resealed.size, left };
  }

  private async stale(
    { table, key, keyType, row, held, sealed = `t.${held}`, among = 'true' }: SealedColumn,
    reached: string | null,
    most: number,
  ): Promise<Looked> {
    const [found] = await this.database.query<Looked>(
      `WITH looked AS (
         SELECT t.${key} AS key, octet_length(t.${held}) AS size
         FROM ${table} t WHERE ${among} AND ($1::${keyType} IS NULL OR t.${key} > $1::${keyType}) ORDER BY t.${key} LIMIT $2
       ), sized AS (
         SELECT key, sum(size) OVER (ORDER BY key ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM looked
       ), judged AS MATERIALIZED (
         SELECT t.${key} AS key, t.account_id AS account, ${row} AS row, ${sealed} AS sealed
         FROM sized JOIN ${table} t ON t.${key} = sized.key AND ${among} WHERE before IS NULL OR before < $4
       )
       SELECT max(key)::text AS last, count(*) < $2 AND count(*) = (SELECT count(*) FROM looked) AS through, coalesce(
         json_agg(json_build_object('key', key::text, 'account', account, 'row', row, 'sealed', sealed))
           FILTER (WHERE split_part(sealed, '.', 2) <> $3), '[]') AS rows
       FROM judged`,
      [reached, most, this.box.firstKeyId, MAX_BYTES],
    );
    return found!;
  }

  /** Null where no key that is configured opens it. */
  private reseal({ column }: SealedColumn, { account, row, sealed }: StaleRow): string | null {
    try {
      return this.box.seal(this.box.open(sealed, { account, row, column }), { account, row, column });
    } catch (error) {
      if (error instanceof SecretBoxError) return null;
      throw error;
    }
  }

  /** Replaces what is still as it was read; answers the keys of these rows. A row that somebody holds waits for the next walk. */
  private async replace(
    { table, key, keyType, held, sealed = `t.${held}`, among = 'true' }: SealedColumn,
    fresh: readonly (StaleRow & { fresh: string })[],
  ): Promise<string[]> {
    const rows = await this.database.query<{ key: string }>(
      `WITH free AS (
         SELECT t.${key} AS key FROM ${table} t WHERE t.${key} = ANY($1::${keyType}[]) AND ${among}
         ORDER BY 1 FOR NO KEY UPDATE SKIP LOCKED
       )
       UPDATE ${table} t SET ${held} = replace(t.${held}, v.sealed, v.fresh)
       FROM free JOIN unnest($1::${keyType}[], $2::text[], $3::text[]) AS v (key, sealed, fresh) USING (key)
       WHERE t.${key} = free.key AND ${among} AND ${sealed} = v.sealed RETURNING t.${key}::text AS key`,
      [fresh.map((row) => row.key), fresh.map((row) => row.sealed), fresh.map((row) => row.fresh)],
    );
    return rows.map((row) => row.key);
  }
}
