import { queryOptions, useQuery, useQueryClient } from '@tanstack/react-query';
import { get, RingbackError, send } from './api.js';

/** Who has logged in, and what the key allows. */
export interface Session {
  readonly account: { readonly id: string; readonly name: string };
  readonly key: { readonly id: string; readonly name: string };
  readonly scopes: readonly string[];
  /** Whether the service receives callbacks itself, as in development. */
  readonly inbox: boolean;
}

/** Null for nobody. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async ({ signal }): Promise<Session | null> => {
    try {
      return await get<Session>('/session', {}, signal);
    } catch (error) {
      if (error instanceof RingbackError && error.status === 401) return null;
      throw error;
    }
  },
  staleTime: 60_000,
});

/** Of somebody who has logged in: screens are shown to nobody else. */
export function useSession(): Session {
  return useQuery(sessionQuery).data!;
}

/** Whether the key may do what needs the scope; `admin` may all of it. */
export function useMay(scope: string): boolean {
  const { scopes } = useSession();
  return scopes.includes(scope) || scopes.includes('admin');
}

/** Logs in by a key, or by the link that the service printed. */
export function useLogin(): (by: { key: string } | { login: string }) => Promise<void> {
  const queries = useQueryClient();
  return async (by) => {
    await send('POST', '/session', by);
    await queries.invalidateQueries({ queryKey: ['session'] });
  };
}

export function useLogout(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    await send('DELETE', '/session');
    queries.setQueryData(['session'], null);
    // Nothing of it is shown to who logs in next.
    queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' });
  };
}
