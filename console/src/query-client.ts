import { QueryClient } from '@tanstack/react-query';
import { get, RingbackError } from './api.js';
import { isAway, onServiceState, tellAway } from './service-state.js';

/** Milliseconds between looks for a service that is away. */
const LOOK_MS = 2_000;

/** What was read, and when it is read again. Nothing is read in tabs that nobody sees. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      // While the service is away, one look for all of them finds out that it is back.
      retry: (failures, error) => error instanceof RingbackError && error.status === 429 && failures < 3,
      // A browser's notion of "online" says nothing of a service on this machine.
      networkMode: 'always',
    },
    mutations: { networkMode: 'always' },
  },
});

let looking = false;

async function look(): Promise<void> {
  if (looking) return;
  looking = true;
  while (isAway()) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    if (document.visibilityState === 'hidden') continue;
    // Any answer but "nobody is there" tells that it is back; who has logged out meanwhile is asked for the key.
    await get('/session').catch((error: unknown) => {
      if (!(error instanceof RingbackError)) tellAway(false);
    });
  }
  looking = false;
  await queries.invalidateQueries();
}

onServiceState(() => {
  if (isAway()) void look();
});

// The session has ended: whatever found out, the login comes.
queries.getQueryCache().subscribe(({ type, query }) => {
  if (type !== 'updated' || query.queryKey[0] === 'session') return;
  const { error, status } = query.state;
  if (status === 'error' && error instanceof RingbackError && error.status === 401)
    queries.setQueryData(['session'], null);
});
