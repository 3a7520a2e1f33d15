import type { Queryable } from '../database/database.js';
import { SEALED_COLUMNS, type SealedColumn } from './sealed-columns.js';
import { type SecretBox, SecretBoxError } from './secret-box.js';

/** Rows of a table that are looked at, the newest ones, and the largest value: sealed bodies may be long. */
const MOST = 500;
const MOST_BYTES = 16_384;

interface SealedRow {
  readonly account: string;
  readonly row: string;
  readonly sealed: string;
}

/** Values that don't open, and what the first of them says of it. */
export interface Unopened {
  readonly count: number;
  readonly reason: string;
}

/** Tries to open what is sealed, as far as a sample shows: the newest values of each kind. */
export async function unopenedValues(database: Queryable, box: SecretBox): Promise<Unopened[]> {
  const rows = await Promise.all(SEALED_COLUMNS.map((column) => newest(database, column)));
  const unopened = new Map<string, { count: number; reason: string }>();
  for (const [at, { column }] of SEALED_COLUMNS.entries())
    for (const { account, row, sealed } of rows[at]!) {
      const reason = failure(box, sealed, { account, row, column });
      if (reason === null) continue;
      const known = unopened.get(reason);
      if (known) known.count++;
      else unopened.set(reason, { count: 1, reason });
    }
  return [...unopened.values()];
}

function newest(
  database: Queryable,
  { table, key, row, held, sealed = `t.${held}`, among = 'true' }: SealedColumn,
): Promise<SealedRow[]> {
  return database.query<SealedRow>(
    `SELECT * FROM (
       SELECT t.account_id AS account, ${row} AS row, ${sealed} AS sealed
       FROM (SELECT * FROM ${table} t WHERE ${among} ORDER BY t.${key} DESC LIMIT ${MOST}) t
       WHERE octet_length(t.${held}) <= ${MOST_BYTES}
     ) found WHERE sealed IS NOT NULL`,
  );
}

function failure(box: SecretBox, sealed: string, place: Parameters<SecretBox['open']>[1]): string | null {
  try {
    box.open(sealed, place);
    return null;
  } catch (error) {
    if (error instanceof SecretBoxError) return error.message;
    throw error;
  }
}
