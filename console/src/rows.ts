import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import { get, type Page, type Query } from './api.js';
import type { DeliveryDetailsResponse, DeliveryResponse, OperationResponse } from './api-types.js';

export type Operation = OperationResponse;
export type Delivery = DeliveryResponse;
export type DeliveryDetails = DeliveryDetailsResponse;

const PAGE = 50;
/** Milliseconds between looks for what no event tells, such as an accept. */
export const SLOW_LOOK_MS = 30_000;

/** Newest first, page after page (a page may be short, or empty, and have a next one: the API looks at so many rows a page); only the first page is looked at again by itself. */
function list<T>(kind: 'operations' | 'deliveries', filter: Query) {
  return infiniteQueryOptions({
    queryKey: [kind, 'list', filter],
    queryFn: ({ pageParam, signal }) =>
      get<Page<T>>(`/v1/${kind}`, { ...filter, order: 'desc', limit: PAGE, cursor: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => ((state.data?.pages.length ?? 1) === 1 ? SLOW_LOOK_MS : false),
  });
}

export function operationList(filter: Query) {
  return list<Operation>('operations', filter);
}

export function deliveryList(filter: Query) {
  return list<Delivery>('deliveries', filter);
}

export function operationQuery(id: string, account: Query) {
  return queryOptions({
    queryKey: ['operations', 'one', id, account],
    queryFn: ({ signal }) => get<Operation>(`/v1/operations/${encodeURIComponent(id)}`, account, signal),
  });
}

export function deliveryQuery(id: string, account: Query) {
  return queryOptions({
    queryKey: ['deliveries', 'one', id, account],
    queryFn: ({ signal }) =>
      get<DeliveryDetails>(`/v1/deliveries/${encodeURIComponent(id)}`, account, signal),
  });
}

/** What an operation's end owes, each with its attempts. */
export function owedQuery(id: string, account: Query) {
  return queryOptions({
    queryKey: ['deliveries', 'of', id, account],
    queryFn: async ({ signal }) => {
      const path = `/v1/operations/${encodeURIComponent(id)}/deliveries`;
      const { data } = await get<Page<Delivery>>(path, { ...account, limit: 20 }, signal);
      return Promise.all(
        data.map((delivery) => get<DeliveryDetails>(`/v1/deliveries/${delivery.id}`, account, signal)),
      );
    },
  });
}
