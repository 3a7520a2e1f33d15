import type { Feed, FeedBeginning } from '../../operations/feed/feed.js';
import type { FeedEntry } from '../../operations/feed/feed.store.js';
import { FeedEventResponse } from './feed.response.js';

/** What a client waits before it connects again when the stream breaks, and when nothing is held for it. */
const RETRY_MS = 2_000;
const RETRY_UNHELD_MS = 5_000;

export interface FeedStreamOptions {
  /** Null: of all accounts. */
  readonly accountId: string | null;
  /** Where it begins, and whether that is where the client left off. */
  readonly begin: FeedBeginning;
  /** Whether it may be kept open; else it closes after what there is, and EventSource comes back. */
  readonly held: boolean;
  readonly heartbeatMs: number;
  /** Fires when the client has gone, and when the service shuts down. */
  readonly signal: AbortSignal;
}

/**
 * The feed as server-sent events. Pulled, so a slow reader holds up only itself. Heartbeats have an id too, so that a client of a quiet
 * account doesn't fall behind; an event named `reset` tells one that has that what was between is not told any more.
 */
export async function* feedStream(feed: Feed, options: FeedStreamOptions): AsyncGenerator<string> {
  const { accountId, held, heartbeatMs, signal } = options;
  const { position, isAfterNamed } = options.begin;
  let last = position;
  const mark = (event: string): string => `event: ${event}\nid: ${last}\ndata: {}\n\n`;
  yield `retry: ${held ? RETRY_MS : RETRY_UNHELD_MS}\n\n${mark(isAfterNamed ? 'heartbeat' : 'reset')}`;
  let beatAt = performance.now() + heartbeatMs;
  while (!signal.aborted) {
    const growth = new AbortController();
    const grown = feed.growth(
      Math.max(1, beatAt - performance.now()),
      AbortSignal.any([signal, growth.signal]),
    );
    try {
      const page = await feed.after(last, accountId);
      const isMore = page.position > last;
      last = page.position;
      if (page.entries.length > 0) yield page.entries.map(written).join('');
      if (isMore) continue;
      if (!held || feed.closing) return;
      await grown;
    } finally {
      growth.abort();
    }
    if (performance.now() < beatAt) continue;
    beatAt = performance.now() + heartbeatMs;
    yield mark('heartbeat');
  }
}

/** Written once for all who are told. */
const WRITTEN = new WeakMap<FeedEntry, string>();

function written(entry: FeedEntry): string {
  const known = WRITTEN.get(entry);
  if (known !== undefined) return known;
  const text = `id: ${entry.id}\ndata: ${JSON.stringify(FeedEventResponse.from(entry))}\n\n`;
  WRITTEN.set(entry, text);
  return text;
}
