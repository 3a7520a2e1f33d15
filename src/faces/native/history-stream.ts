import type { HistoryStore } from '../../operations/read/history.store.js';
import type { OperationEntity } from '../../operations/operation.entity.js';
import { isTerminal } from '../../operations/operation.state.js';
import type { OperationWaits } from '../../operations/read/operation-waits.js';
import { HistoryEntryResponse } from './operation.response.js';

const PAGE = 250;
/** What a client waits before it connects again when the stream breaks, and when nothing is held for it. */
const RETRY_MS = 2_000;
const RETRY_UNHELD_MS = 5_000;

/** Whether an `Accept` asks for a stream; with `q=0` it says that it takes none (RFC 9110, 12.4.2). */
export function wantsStream(accept: string | undefined): boolean {
  return (accept ?? '').split(',').some((range) => {
    const [type, ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    return type === 'text/event-stream' && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}

export interface StreamOptions {
  readonly operation: OperationEntity;
  /** Id of the account among whose held answers it counts. */
  readonly heldBy: string;
  /** Id of the last entry that the client has. */
  readonly after: string;
  readonly heartbeatMs: number;
  /** Whether the operation has ended, asked at every heartbeat: the entry of the end may lie before `after`. */
  readonly hasEnded: () => Promise<boolean>;
  /** Fires when the client has gone. */
  readonly signal: AbortSignal;
}

/**
 * The operation's history as server-sent events (HTML standard, 9.2), live until the entry of its end. Pulled, so a slow reader
 * holds up only itself. Where the account holds as many answers as it may, it closes after what there is, and EventSource comes back.
 */
export async function* historyStream(
  history: HistoryStore,
  waits: OperationWaits,
  { operation, heldBy, after, heartbeatMs, hasEnded, signal }: StreamOptions,
): AsyncGenerator<string> {
  const held = waits.hold(heldBy, signal);
  yield `retry: ${held ? RETRY_MS : RETRY_UNHELD_MS}\n\n`;
  let last = after;
  let ended = isTerminal(operation.state);
  let beatAt = performance.now() + heartbeatMs;
  while (!signal.aborted) {
    // Enlisted before the rows are read: what comes in between wakes it.
    const growth = new AbortController();
    const grown = waits.growth(
      operation.requestId,
      Math.max(1, beatAt - performance.now()),
      AbortSignal.any([signal, growth.signal]),
    );
    try {
      const entries = await history.list(operation.requestId, last, PAGE);
      for (const entry of entries) {
        last = entry.id;
        yield `id: ${entry.id}\ndata: ${JSON.stringify(HistoryEntryResponse.from(entry))}\n\n`;
        if (entry.state !== null && isTerminal(entry.state)) return;
      }
      if (entries.length === PAGE) continue;
      if (!held || ended || waits.closing) return;
      await grown;
      if (performance.now() < beatAt) continue;
      beatAt = performance.now() + heartbeatMs;
      ended = await hasEnded();
      yield 'event: heartbeat\ndata: {}\n\n';
    } finally {
      growth.abort();
    }
  }
}
