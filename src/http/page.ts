import { Problem } from './problem.js';

/** A page of a list: `next_cursor` is null on the last one, and on no other, however few rows a page has. */
export interface Page<T> {
  readonly data: readonly T[];
  readonly next_cursor: string | null;
}

/** Cursors are opaque to callers; inside is the key of the last row they saw. */
export function encodeCursor(key: string): string {
  return Buffer.from(`c1.${key}`).toString('base64url');
}

/** The key inside a cursor, or `first` when there is none; a cursor that isn't ours is a 400. */
export function decodeCursor(cursor: string | undefined, first: string, key: RegExp): string {
  if (cursor === undefined) return first;
  const decoded = Buffer.from(cursor, 'base64url').toString('latin1');
  const inner = decoded.startsWith('c1.') ? decoded.slice(3) : '';
  if (!key.test(inner)) {
    const message = 'is not a cursor of this list: take next_cursor from an answer, unchanged';
    throw new Problem(400, 'bad-cursor', `cursor ${message}`, { errors: [{ path: 'cursor', message }] });
  }
  return inner;
}

export const NUMBER_KEY = /^\d{1,18}$/;
export const TEXT_KEY = /^[a-z]+_[0-9a-z]{1,64}$/;

/** A page that a store found, with the number to go on after. */
export function pageOf<Row, T>(
  { rows, next }: { readonly rows: readonly Row[]; readonly next: string | null },
  from: (row: Row) => T,
): Page<T> {
  return { data: rows.map(from), next_cursor: next === null ? null : encodeCursor(next) };
}

/** Cuts rows that were read with one more than `limit`, so that the last page is known to be the last. */
export function toPage<Row, T>(
  rows: readonly Row[],
  limit: number,
  keyOf: (row: Row) => string,
  from: (row: Row) => T,
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    data: shown.map(from),
    next_cursor: rows.length > limit && last !== undefined ? encodeCursor(keyOf(last)) : null,
  };
}
