import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { SecretBox, SecretBoxError } from './secret-box.js';

/** Where sealed values are, and what each is bound to. */
interface Source {
  readonly table: string;
  readonly key: string;
  readonly keyType: 'text' | 'bigint';
  /** The sealed value of a row `t`; null where it has none. */
  readonly sealed: string;
  readonly row: string;
  /** As its `SecretPlace` names it. */
  readonly column: string;
  /** Puts `v.fresh` in the place of `v.sealed`. */
  readonly set: string;
  /** Rows that may be sealed anew now. */
  readonly when?: string;
}

/** What an ended run owes is sealed as the run found it: an operation that runs waits for the next walk. */
const NOT_RUNNING = `t.phase IS DISTINCT FROM 'running'`;

/** In this order: what an operation owes is made of the operation, so deliveries come after. */
const SOURCES: readonly Source[] = [
  {
    ...{ table: 'signing_secret', key: 'id', keyType: 'text' },
    ...{ sealed: 't.secret', row: 't.id', column: 'secret', set: 'secret = v.fresh' },
  },
  {
    ...{ table: 'endpoint', key: 'id', keyType: 'text' },
    ...{ sealed: 't.headers', row: 't.id', column: 'endpoint_headers', set: 'headers = v.fresh' },
  },
  {
    ...{ table: 'operation', key: 'request_id', keyType: 'bigint' },
    ...{ sealed: 't.callback_headers', row: 't.rid', column: 'callback_headers' },
    ...{ set: 'callback_headers = v.fresh', when: NOT_RUNNING },
  },
  {
    // Of the gateway: the caller's own credentials are inside of the input.
    ...{ table: 'operation', key: 'request_id', keyType: 'bigint' },
    sealed: `CASE WHEN t.face = 'bgrs' THEN t.input::json ->> 'sealed' END`,
    row: `CASE WHEN t.face = 'bgrs' THEN t.input::json ->> 'seal' END`,
    ...{ column: 'upstream_request', set: 'input = replace(t.input, v.sealed, v.fresh)' },
  },
  {
    ...{ table: 'delivery', key: 'seq', keyType: 'bigint' },
    ...{ sealed: 't.headers', row: 't.operation_rid', column: 'callback_headers', set: 'headers = v.fresh' },
  },
];

interface StaleRow {
  readonly key: string;
  readonly account: string;
  readonly row: string;
  readonly sealed: string;
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

  /** Looks at the next `most` rows, and seals those anew that can be opened. */
  async walk({ source: at, reached }: NonNullable<WalkedTo>, most: number): Promise<Walked> {
    const source = SOURCES[at]!;
    const { rows, last, looked } = await this.stale(source, reached, most);
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
    const through = looked < most;
    const next = through ? { source: at + 1, reached: null } : { source: at, reached: last };
    return { next: next.source < SOURCES.length ? next : null, resealed: resealed.size, left };
  }

  private async stale(
    { table, key, keyType, sealed, row }: Source,
    reached: string | null,
    most: number,
  ): Promise<{ rows: StaleRow[]; last: string | null; looked: number }> {
    const [found] = await this.database.query<{ rows: StaleRow[]; last: string | null; looked: number }>(
      `WITH looked AS (
         SELECT t.${key} AS key, t.account_id AS account, ${row} AS row, ${sealed} AS sealed
         FROM ${table} t WHERE $1::${keyType} IS NULL OR t.${key} > $1::${keyType} ORDER BY t.${key} LIMIT $2
       )
       SELECT count(*)::integer AS looked, max(key)::text AS last, coalesce(
         json_agg(json_build_object('key', key::text, 'account', account, 'row', row, 'sealed', sealed))
           FILTER (WHERE split_part(sealed, '.', 2) <> $3), '[]') AS rows
       FROM looked`,
      [reached, most, this.box.firstKeyId],
    );
    return found!;
  }

  /** Null where no key that is configured opens it. */
  private reseal({ column }: Source, { account, row, sealed }: StaleRow): string | null {
    try {
      return this.box.seal(this.box.open(sealed, { account, row, column }), { account, row, column });
    } catch (error) {
      if (error instanceof SecretBoxError) return null;
      throw error;
    }
  }

  /** Replaces what is still as it was read; answers the keys of these rows. */
  private async replace(
    { table, key, keyType, sealed, set, when = 'true' }: Source,
    fresh: readonly (StaleRow & { fresh: string })[],
  ): Promise<string[]> {
    const rows = await this.database.query<{ key: string }>(
      `UPDATE ${table} t SET ${set} FROM unnest($1::${keyType}[], $2::text[], $3::text[]) AS v (key, sealed, fresh)
       WHERE t.${key} = v.key AND ${sealed} = v.sealed AND ${when} RETURNING t.${key}::text AS key`,
      [fresh.map((row) => row.key), fresh.map((row) => row.sealed), fresh.map((row) => row.fresh)],
    );
    return rows.map((row) => row.key);
  }
}
