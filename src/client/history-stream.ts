import { atLeast } from './arguments.js';
import { liveEventsOf } from './event-stream.js';
import { type Call, isPassing, sleep, type Transport, unreachable } from './transport.js';
import { type HistoryEntry, hasEnded } from './types.js';

export interface StreamOptions {
  /** Id of the last entry that was seen: the stream goes on after it. */
  readonly after?: number;
  /** Id of the account whose operation it is, or `*` for any; for keys with the scope `admin`. */
  readonly account?: string;
  readonly signal?: AbortSignal;
  /** Milliseconds between looks where the server does not stream; 1,000 by default. */
  readonly pollMs?: number;
}

/** Failures in a row after which an outage is no longer waited out. */
const MAX_FAILURES = 60;
const PAGE = 250;

/**
 * An operation's history, live, until it has ended; never an entry twice. Where the server or something before it does
 * not stream, it is polled.
 */
export async function* historyOf(
  transport: Transport,
  id: string,
  { after = 0, account, signal, pollMs = 1_000 }: StreamOptions,
): AsyncGenerator<HistoryEntry, void, void> {
  if (!Number.isSafeInteger(after) || after < 0)
    throw new TypeError(`after is ${String(after)}: give the id of an entry, or 0 for all of them`);
  atLeast(0, 'pollMs', pollMs);
  let seen = after;
  let page: string | undefined;
  for (let failures = 0; ;) {
    try {
      const call: Call = {
        method: 'GET',
        path: `/v1/operations/${encodeURIComponent(id)}/history`,
        // A stream starts by Last-Event-ID; a page, where the server has only those, by the cursor.
        query: { account, limit: PAGE, cursor: page },
        headers: {
          accept: 'text/event-stream, application/json;q=0.5',
          ...(seen > 0 ? { 'last-event-id': String(seen) } : {}),
        },
        signal,
        repeatable: false,
      };
      const response = await transport.send(call, (answer) => answer);
      // It has ended, and its last entry had been seen before.
      if (response.status === 204) return;
      const streams = /^text\/event-stream\b/i.test(response.headers.get('content-type') ?? '');
      const source = streams ? streamed(response) : paged(response, (cursor) => (page = cursor));
      let more = false;
      for await (const entry of source) {
        if (entry === 'more') {
          more = true;
          continue;
        }
        if (entry.id > seen) {
          seen = entry.id;
          failures = 0;
          yield entry;
        }
        // A page begins before what has been seen.
        if (entry.kind === 'transition' && hasEnded(entry.status)) return;
      }
      failures = 0;
      if (!more) await sleep(pollMs, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (!isPassing(error) || ++failures >= MAX_FAILURES) throw error;
      await transport.pause(failures, error, signal);
    }
  }
}

/** Entries of a stream. */
async function* streamed(response: Response): AsyncGenerator<HistoryEntry, void, void> {
  for await (const { event, data } of liveEventsOf(response)) {
    const entry = event === 'heartbeat' ? null : entryOf(data);
    if (entry) yield entry;
  }
}

/** Entries of a page, and `more` where there is a next one; only then the cursor moves, so that the last page is read again. */
async function* paged(
  response: Response,
  turn: (cursor: string) => void,
): AsyncGenerator<HistoryEntry | 'more', void, void> {
  const { data, next_cursor } = (await response.json().catch((error: unknown) => {
    throw unreachable(error, response.url);
  })) as { data: HistoryEntry[]; next_cursor: string | null };
  yield* data;
  if (next_cursor === null) return;
  turn(next_cursor);
  yield 'more';
}

/** The entry that an event carries; null for one that a newer server tells and that isn't for us. */
function entryOf(data: string): HistoryEntry | null {
  try {
    const parsed = JSON.parse(data) as Partial<HistoryEntry> | null;
    return typeof parsed?.id === 'number' && typeof parsed.kind === 'string'
      ? (parsed as HistoryEntry)
      : null;
  } catch {
    return null;
  }
}
