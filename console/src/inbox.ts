import { useQuery } from '@tanstack/react-query';
import { get, RingbackError } from './api.js';

/** Where a service in development takes callbacks itself. */
export interface InboxState {
  readonly url: string;
}

/** The inbox of this service; null where it has none, as in production. */
export function useInbox(): InboxState | null {
  const { data } = useQuery({
    queryKey: ['inbox'],
    queryFn: async ({ signal }) => {
      try {
        return await get<InboxState>('/inbox', {}, signal);
      } catch (error) {
        if (error instanceof RingbackError && error.status === 404) return null;
        throw error;
      }
    },
    staleTime: 60_000,
  });
  return data ?? null;
}
