import { useEffect, useRef, useState } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import { historyOf } from '../../../src/client/history-stream.js';
import type { HistoryEntryResponse } from '../api-types.js';
import { get, type Page, type Query, transportWith } from '../api.js';

/** So much of what came at once is rendered at once. */
const GATHER_MS = 100;
const PAGE = 250;

export interface History {
  readonly entries: readonly HistoryEntryResponse[];
  readonly error: unknown;
}

/**
 * An operation's history as it grows: a stream while it runs and somebody looks. `hasEnded` makes it be read once, with what
 * streams don't tell: the stacks of failed tries, for administrators.
 */
export function useHistory(id: string, hasEnded: boolean | undefined, account: Query): History {
  const [history, setHistory] = useState<History>({ entries: [], error: null });
  const queries = useQueryClient();
  const followed = useRef(false);
  const of = JSON.stringify(account);
  useEffect(() => setHistory({ entries: [], error: null }), [id, of]);
  useEffect(() => {
    if (hasEnded === undefined) return undefined;
    const query = JSON.parse(of) as Query;
    const stop = new AbortController();
    const fail = (error: unknown): void => {
      if (!stop.signal.aborted) setHistory(({ entries }) => ({ entries, error }));
    };
    if (hasEnded) {
      // Where it was the operation that told the end, no entry did: what the end owes is there only now.
      if (followed.current) void queries.invalidateQueries({ queryKey: ['deliveries', 'of', id] });
      followed.current = false;
      readAll(id, query, stop.signal).then((entries) => setHistory({ entries, error: null }), fail);
      return () => stop.abort();
    }
    followed.current = true;
    return follow(id, query, {
      onEntries: (more) => {
        setHistory(({ entries }) => ({ entries: merged(entries, more), error: null }));
        // How it stands now, and what its end owes.
        void queries.invalidateQueries({ queryKey: ['operations', 'one', id] });
        if (more.some(({ kind }) => kind === 'transition'))
          void queries.invalidateQueries({ queryKey: ['deliveries', 'of', id] });
      },
      onError: fail,
    });
  }, [id, hasEnded, of, queries]);
  return history;
}

async function readAll(id: string, account: Query, signal: AbortSignal): Promise<HistoryEntryResponse[]> {
  const path = `/v1/operations/${encodeURIComponent(id)}/history`;
  const entries: HistoryEntryResponse[] = [];
  let cursor: string | undefined;
  do {
    const query = { ...account, limit: PAGE, cursor };
    const page = await get<Page<HistoryEntryResponse>>(path, query, signal);
    entries.push(...page.data);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return entries;
}

interface Listener {
  readonly onEntries: (entries: readonly HistoryEntryResponse[]) => void;
  readonly onError: (error: unknown) => void;
}

/** Streams while the tab is seen, and goes on after the last entry when it is seen again. */
function follow(id: string, account: Query, { onEntries, onError }: Listener): () => void {
  let stop = new AbortController();
  let after = 0;
  let gathered: HistoryEntryResponse[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = (): void => {
    timer = undefined;
    const entries = gathered;
    gathered = [];
    if (entries.length > 0) onEntries(entries);
  };
  const listen = async (signal: AbortSignal): Promise<void> => {
    try {
      for await (const entry of historyOf(transportWith(account), id, { after, signal })) {
        after = entry.id;
        gathered.push(entry);
        timer ??= setTimeout(flush, GATHER_MS);
      }
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
  };
  const turn = (): void => {
    stop.abort();
    if (document.visibilityState === 'hidden') return;
    stop = new AbortController();
    void listen(stop.signal);
  };
  document.addEventListener('visibilitychange', turn);
  turn();
  return () => {
    document.removeEventListener('visibilitychange', turn);
    stop.abort();
    clearTimeout(timer);
  };
}

function merged(
  before: readonly HistoryEntryResponse[],
  more: readonly HistoryEntryResponse[],
): HistoryEntryResponse[] {
  const last = before.at(-1)?.id ?? 0;
  return [...before, ...more.filter(({ id }) => id > last)];
}
