import { jsonRows } from './json-rows.js';

/** Which page of a list in the order of numbers is asked for. */
export interface PageOf {
  readonly newestFirst: boolean;
  /** Number to go on after, `next` of the page before; null for the first page. */
  readonly after: string | null;
  readonly limit: number;
}

/**
 * A page as it was found. It may have fewer rows than its limit, or none, and all the same a `next`: where what is asked for is
 * rare, a page ends when it has looked at enough.
 */
export interface Found<T> {
  readonly rows: readonly T[];
  /** Number to go on after; null where nothing is left. */
  readonly next: string | null;
}

/** Parameters of the functions `page_of_…` in sql/functions. */
export function pageParameters(wanted: object, { after, limit, newestFirst }: PageOf): unknown[] {
  return [jsonRows([wanted]).slice(1, -1), after, limit, newestFirst];
}

/** What those functions found, by rows of which the last has the page's `next`: one without a number where nothing was found. */
export function found<Row extends { next: string | null; number: string | null }, T>(
  rows: readonly Row[],
  from: (row: Row) => T,
): Found<T> {
  return { rows: rows.filter(({ number }) => number !== null).map(from), next: rows.at(-1)?.next ?? null };
}
