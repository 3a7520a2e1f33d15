import { ApiInteger, ApiTime } from '../../http/api-properties.js';
import type { DeliveryCount, OperationCount, Stats, StatsRange } from '../../operations/stats/stats.store.js';

/** A value, and how often it came. */
export class StatsTopResponse {
  value: string;
  @ApiInteger()
  count: number;
}

export class OperationStatsBucketResponse {
  /** When the bucket begins. */
  @ApiTime()
  at: string;
  @ApiInteger()
  accepted: number;
  @ApiInteger()
  finished: number;
  @ApiInteger()
  failed: number;
  @ApiInteger()
  canceled: number;
  /** Seconds from when it was accepted, or its `run_at`, to its end: half of those that Finished or Failed took no longer. To 7 %; null where none did. */
  p50_s: number | null;
  /** As `p50_s`, of 95 of 100. */
  p95_s: number | null;
}

/** The most frequent values of the whole time. */
export class OperationStatsTopResponse {
  /** Of operations that were accepted. */
  types: StatsTopResponse[];
  /** Of operations that Failed. */
  error_codes: StatsTopResponse[];
}

/** Counts of operations by time: `accepted` when they were, the others when they ended. */
export class OperationStatsResponse {
  /** All of the time, also those in which nothing happened. */
  buckets: OperationStatsBucketResponse[];
  top: OperationStatsTopResponse;

  static from(
    { buckets, top }: Stats<OperationCount, 'type' | 'error_code'>,
    range: StatsRange,
  ): OperationStatsResponse {
    return {
      buckets: startsOf(range).map((at) => {
        const { accepted = 0, finished = 0, failed = 0, canceled = 0, p50, p95 } = buckets.get(at) ?? {};
        const times = { p50_s: p50 ?? null, p95_s: p95 ?? null };
        return { at: new Date(at).toISOString(), accepted, finished, failed, canceled, ...times };
      }),
      top: { types: [...top.type], error_codes: [...top.error_code] },
    };
  }
}

export class DeliveryStatsBucketResponse {
  /** When the bucket begins. */
  @ApiTime()
  at: string;
  /** Attempts that the receiver answered with a 2xx. */
  @ApiInteger()
  delivered: number;
  /** Deliveries that were given up. */
  @ApiInteger()
  exhausted: number;
  @ApiInteger()
  failed_attempts: number;
}

/** The most frequent values of the whole time. */
export class DeliveryStatsTopResponse {
  /** Scheme, host and port that attempts went to. */
  origins: StatsTopResponse[];
  /** Classes of failed attempts: `http_5xx`, `connect_refused` and the like. */
  errors: StatsTopResponse[];
}

/** Counts of attempts, and of deliveries that they ended, by time. */
export class DeliveryStatsResponse {
  /** All of the time, also those in which nothing happened. */
  buckets: DeliveryStatsBucketResponse[];
  top: DeliveryStatsTopResponse;

  static from(
    { buckets, top }: Stats<DeliveryCount, 'origin' | 'error'>,
    range: StatsRange,
  ): DeliveryStatsResponse {
    return {
      buckets: startsOf(range).map((at) => {
        const { delivered = 0, exhausted = 0, failed_attempts = 0 } = buckets.get(at) ?? {};
        return { at: new Date(at).toISOString(), delivered, exhausted, failed_attempts };
      }),
      top: { origins: [...top.origin], errors: [...top.error] },
    };
  }
}

/** When each bucket begins. */
function startsOf({ from, to, step }: StatsRange): number[] {
  const ms = step * 1000;
  return Array.from(
    { length: (to.getTime() - from.getTime()) / ms },
    (_, index) => from.getTime() + index * ms,
  );
}
