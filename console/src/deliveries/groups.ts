import type { Delivery } from '../rows.js';

/** Deliveries that fail in the same way at the same place. */
export interface Group {
  /** Null of what is pulled: its endpoint says where. */
  readonly origin: string | null;
  readonly endpoint: string | null;
  /** The class of the last attempt's error, or why it was given up. */
  readonly error: string;
  readonly count: number;
  readonly pending: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly sample: Delivery;
}

/** What has failed, by origin and class of error: the largest group first. Rows come newest first. */
export function groupsOf(rows: readonly Delivery[]): Group[] {
  const groups = new Map<string, Group>();
  for (const row of rows) {
    const error = row.error ?? row.reason;
    if (error === null || error === undefined) continue;
    const origin = row.url === null ? null : originOf(row.url);
    const endpoint = origin === null ? row.endpoint_id : null;
    const key = JSON.stringify([origin, endpoint, error]);
    const before = groups.get(key);
    const pending = row.status === 'Pending' ? 1 : 0;
    groups.set(
      key,
      before
        ? { ...before, count: before.count + 1, pending: before.pending + pending, firstSeen: row.created_at }
        : {
            origin,
            endpoint,
            error,
            count: 1,
            pending,
            firstSeen: row.created_at,
            lastSeen: row.created_at,
            sample: row,
          },
    );
  }
  return [...groups.values()].sort((a, b) => b.count - a.count);
}

/** What lists are filtered by to find a group again. */
export function filterOf({ origin, endpoint, error }: Group): Record<string, string> {
  return {
    status: 'Exhausted,Pending',
    ...(origin === null ? { endpoint: endpoint ?? '' } : { origin }),
    error,
  };
}

function originOf(url: string): string {
  return URL.parse(url)?.origin ?? url;
}
