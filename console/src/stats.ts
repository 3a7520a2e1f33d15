import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { get, type Query } from './api.js';

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

/** A span of time in buckets, seconds since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly step: 60 | 3600 | 86_400;
}

const STEPS = [60, 3600, 86_400] as const;
/** Bars that can be told apart. */
const MAX_BARS = 120;

/** The span with the finest step that makes few enough bars, whole buckets at both ends. */
export function spanOf(from: number, to: number): Span {
  const step = STEPS.find((size) => (to - from) / size <= MAX_BARS) ?? 86_400;
  return { from: Math.floor(from / step) * step, to: Math.ceil(to / step) * step, step };
}

/** The last seconds until now; the same for a whole bucket, so that what was read is used again. */
export function last(seconds: number, now = Date.now() / 1000): Span {
  return spanOf(now - seconds, now);
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
    refetchInterval: 30_000,
  });
}

export function deliveryStats(span: Span, account: Query) {
  return queryOptions({
    queryKey: ['deliveries', 'stats', span, account],
    queryFn: ({ signal }) => get<DeliveryStats>('/v1/stats/deliveries', query(span, account), signal),
    placeholderData: keepPreviousData,
    refetchInterval: 30_000,
  });
}
