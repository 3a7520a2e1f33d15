import { useMemo } from 'react';
import { queryOptions, useQuery } from '@tanstack/react-query';
import { useSearch } from '@tanstack/react-router';
import { get, type Page } from './api.js';
import type { AccountResponse } from './api-types.js';
import { useMay } from './session.js';

/** The first of them, for choices and names. */
export const accountsQuery = queryOptions({
  queryKey: ['accounts', 'names'],
  queryFn: ({ signal }) => get<Page<AccountResponse>>('/v1/accounts', { limit: 250 }, signal),
  staleTime: 60_000,
});

/** Id → name, where rows of several accounts are shown; else null. */
export function useAccountNames(): ReadonlyMap<string, string> | null {
  const { account } = useSearch({ strict: false });
  const several = useMay('admin') && account === undefined;
  const { data } = useQuery({ ...accountsQuery, enabled: several });
  return useMemo(
    () => (several ? new Map(data?.data.map(({ id, name }) => [id, name])) : null),
    [several, data],
  );
}
