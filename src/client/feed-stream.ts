import { liveEventsOf } from './event-stream.js';
import { isPassing, sleep, type Transport } from './transport.js';
import type { FeedEvent } from './types.js';

export interface FeedOptions {
  /** For keys with the scope `admin`: id of an account, or `*` for all. */
  readonly account?: string;
  /** Id of the last event that was seen: the feed goes on after it. By default it begins now. */
  readonly after?: number;
  readonly signal?: AbortSignal;
}

/** Failures in a row after which an outage is no longer waited out. */
const MAX_FAILURES = 60;
/** After a server that closed the stream by itself. */
const CLOSED_MS = 2_000;

/** What happens, live, until the caller stops; a connection that breaks is made anew, and goes on where it was. */
export async function* feedOf(
  transport: Transport,
  { account, after, signal }: FeedOptions,
): AsyncGenerator<FeedEvent, void, void> {
  if (after !== undefined && (!Number.isSafeInteger(after) || after < 0))
    throw new TypeError(`after is ${String(after)}: give the id of an event`);
  let last = after;
  for (let failures = 0; ;) {
    try {
      const call = {
        method: 'GET',
        path: '/v1/feed',
        query: { account },
        headers: {
          accept: 'text/event-stream',
          ...(last === undefined ? {} : { 'last-event-id': String(last) }),
        },
        signal,
        repeatable: false,
      } as const;
      const response = await transport.send(call, (answer) => answer);
      for await (const { event, data, id } of liveEventsOf(response)) {
        failures = 0;
        if (id !== null) last = Number(id);
        if (event === 'message') yield JSON.parse(data) as FeedEvent;
        else if (event === 'reset') yield { id: last ?? 0, kind: 'reset' };
      }
      // The server holds no more, or shuts down.
      await sleep(CLOSED_MS, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (!isPassing(error) || ++failures >= MAX_FAILURES) throw error;
      await transport.pause(failures, error, signal);
    }
  }
}
