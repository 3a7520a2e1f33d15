import type { Transport } from '../client/transport.js';

/** Rows of one request. */
const PAGE = 250;

/** A filter of which anything may be left open. */
export type Query<Filter> = { readonly [Name in keyof Filter]?: Filter[Name] | undefined };

/** The first rows of a list that `isMeant`, page by page. */
export async function rowsOf<Row>(
  api: Transport,
  path: string,
  query: Readonly<Record<string, string | number | boolean | undefined>>,
  most: number,
  isMeant?: (row: Row) => boolean,
): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: string | undefined;
  do {
    // Of those that are looked at, few may be meant.
    const limit = isMeant ? PAGE : Math.min(PAGE, most - rows.length);
    const page: { data: Row[]; next_cursor: string | null } = await api.json({
      method: 'GET',
      path,
      query: { ...query, limit, cursor },
      repeatable: true,
    });
    rows.push(...(isMeant ? page.data.filter(isMeant) : page.data));
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined && rows.length < most);
  return rows.slice(0, most);
}
