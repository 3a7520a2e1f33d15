import { useEffect } from 'react';
import { type QueryKey, useQueryClient } from '@tanstack/react-query';
import { eventsOf } from '../../src/client/event-stream.js';
import { useAccountQuery } from './account-scope.js';
import { bytes, RingbackError } from './api.js';
import { isAway } from './service-state.js';

/** Heartbeats come every 15 s. */
const SILENCE_MS = 45_000;
/** What happens at once is read once. */
const GATHER_MS = 500;
const AGAIN_MS = 2_000;

/**
 * Reads again what is shown whenever the service tells that something has happened; one stream a tab, none in a tab that nobody
 * sees. What isn't told, such as an accept, is found by the screens' own slow look.
 */
export function useFeed(keys: readonly QueryKey[]): void {
  const queries = useQueryClient();
  const account = useAccountQuery();
  const of = JSON.stringify(account);
  const changed = JSON.stringify(keys);
  useEffect(() => {
    let stop = new AbortController();
    let gathering: ReturnType<typeof setTimeout> | undefined;
    const refresh = (): void => {
      gathering ??= setTimeout(() => {
        gathering = undefined;
        for (const queryKey of JSON.parse(changed) as QueryKey[])
          void queries.invalidateQueries({ queryKey });
      }, GATHER_MS);
    };
    const turn = (): void => {
      stop.abort();
      if (document.visibilityState === 'hidden') return;
      stop = new AbortController();
      void listen(JSON.parse(of) as Record<string, string>, refresh, stop.signal);
    };
    document.addEventListener('visibilitychange', turn);
    turn();
    return () => {
      document.removeEventListener('visibilitychange', turn);
      stop.abort();
      clearTimeout(gathering);
    };
  }, [queries, of, changed]);
}

async function listen(
  query: Record<string, string>,
  onEvent: () => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const response = await bytes('/v1/feed', query, signal);
      // A stream that lasts has no time limit; what was missed since the last one is read again by the first event.
      for await (const { event } of eventsOf(response.body!, SILENCE_MS)) if (event === 'message') onEvent();
    } catch (error) {
      if (signal.aborted) return;
      // Not one of this service's, or too many streams: the slow look has to do.
      if (error instanceof RingbackError && error.status >= 400 && error.status < 500 && error.status !== 429)
        return;
    }
    do await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    while (isAway() && !signal.aborted);
    onEvent();
  }
}
