import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { get, type Query } from './api.js';
import type { Span } from './time-span.js';

export interface OperationBucket {
  readonly at: string;
  readonly accepted: number;
  readonly finished: number;
  readonly failed: number;
  readonly canceled: number;
  readonly p50_s: number | null;
  readonly p95_s: number | null;
}

export interface DeliveryBucket {
  readonly at: string;
  readonly delivered: number;
  readonly exhausted: number;
  readonly failed_attempts: number;
}

export interface TopValue {
  readonly value: string;
  readonly count: number;
}

export interface OperationStats {
  readonly buckets: readonly OperationBucket[];
  readonly top: { readonly types: readonly TopValue[]; readonly error_codes: readonly TopValue[] };
}

export interface DeliveryStats {
  readonly buckets: readonly DeliveryBucket[];
  readonly top: { readonly origins: readonly TopValue[]; readonly errors: readonly TopValue[] };
}

function query({ from, to, step }: Span, more: Query): Query {
  return {
    from: new Date(from * 1000).toISOString(),
    to: new Date(to * 1000).toISOString(),
    step,
    ...more,
  };
}

export function operationStats(span: Span, account: Query) {
  return queryOptions({
    queryKey: ['operations', 'stats', span, account],
    queryFn: ({ signal }) => get<OperationStats>('/v1/stats/operations', query(span, account), signal),
    placeholderData: keepPreviousData,
    refetchInterval: 60_000,
  });
}

export function deliveryStats(span: Span, account: Query) {
  return queryOptions({
    queryKey: ['deliveries', 'stats', span, account],
    queryFn: ({ signal }) => get<DeliveryStats>('/v1/stats/deliveries', query(span, account), signal),
    placeholderData: keepPreviousData,
    refetchInterval: 60_000,
  });
}
