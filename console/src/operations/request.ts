import { queryOptions } from '@tanstack/react-query';
import { get, type Query } from '../api.js';
import type { OperationRequestResponse } from '../api-types.js';

/** What was asked for, without what is secret in it; kept as long as the result. */
export function requestQuery(id: string, account: Query) {
  return queryOptions({
    queryKey: ['operation-request', id, account],
    queryFn: ({ signal }) =>
      get<OperationRequestResponse>(`/v1/operations/${encodeURIComponent(id)}/request`, account, signal),
    staleTime: Infinity,
    retry: false,
  });
}
