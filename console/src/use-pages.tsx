import type { ReactNode } from 'react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { get, type Page, type Query } from './api.js';

const LIMIT = 50;
const REFRESH_MS = 30_000;

/** A list of the API, page after page: its rows so far, and a button for more where there are. */
export function usePages<T>(
  path: string,
  query: Query,
  isEnabled = true,
): { rows: readonly T[]; error: Error | null; isPending: boolean; more: ReactNode } {
  const { data, error, isPending, hasNextPage, isFetchingNextPage, fetchNextPage } = useInfiniteQuery({
    queryKey: ['pages', path, query],
    queryFn: ({ pageParam, signal }) =>
      get<Page<T>>(
        path,
        { limit: LIMIT, ...query, ...(pageParam === '' ? {} : { cursor: pageParam }) },
        signal,
      ),
    initialPageParam: '',
    getNextPageParam: (last) => last.next_cursor,
    refetchInterval: REFRESH_MS,
    enabled: isEnabled,
  });
  const more = hasNextPage ? (
    <button
      type="button"
      className="button"
      disabled={isFetchingNextPage}
      onClick={() => void fetchNextPage()}
    >
      Show more
    </button>
  ) : null;
  return { rows: data?.pages.flatMap((page) => page.data) ?? [], error, isPending, more };
}
