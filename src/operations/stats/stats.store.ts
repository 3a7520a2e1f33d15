import { Injectable } from '@nestjs/common';
import { HousekeepingConfig } from '../../config/config.js';
import { Database } from '../../database/database.js';

/** Records of each kind that one commit adds up. */
const MAX_ADDED = 20_000;
/** Records of each kind that a reading counts which are not added up yet. */
const MAX_COUNTED = 50_000;
/** For how long counts are kept by the minute, seconds; by the hour, as long as history is. */
export const MINUTES_KEPT_S = 2 * 86_400;

/** Of which account (null: all), from when to when, and in buckets of how many seconds. */
export interface StatsRange {
  readonly accountId: string | null;
  readonly from: Date;
  readonly to: Date;
  readonly step: 60 | 3600 | 86_400;
}

export interface Top {
  readonly value: string;
  readonly count: number;
}

/** Counts by the start of their bucket, and the most frequent values of all of them. */
export interface Stats<Count extends string, Kind extends string> {
  readonly buckets: ReadonlyMap<number, Partial<Record<Count, number>>>;
  readonly top: Readonly<Record<Kind, readonly Top[]>>;
}

/** Of operations; p50 and p95 are seconds. */
export type OperationCount = 'accepted' | 'finished' | 'failed' | 'canceled' | 'p50' | 'p95';
export type DeliveryCount = 'delivered' | 'exhausted' | 'failed_attempts';

/**
 * Counts of what happened. Records are added up ahead, each once, and what came in the last seconds is counted when it is asked for.
 */
@Injectable()
export class StatsStore {
  /** SQL of a boolean: whether there is something to add up. A number that is the last one, and not given yet, is nothing. */
  static readonly due = `(SELECT f.last_value - (NOT f.is_called)::integer > r.feed_id OR n.last_value - (NOT n.is_called)::integer > r.request_id
    FROM stats_reached r, feed_id f, record_id n)`;

  constructor(
    private readonly database: Database,
    private readonly config: HousekeepingConfig,
  ) {}

  /** Adds up what has come, a bounded step; answers whether there may be more. */
  async addUp(): Promise<boolean> {
    const [row] = await this.database.query<{ more: boolean }>(
      'SELECT add_up_stats($1, make_interval(secs => $2)) AS more',
      [MAX_ADDED, MINUTES_KEPT_S],
    );
    if (row!.more) await this.database.query('SELECT summarize_feed()');
    return row!.more;
  }

  operations(range: StatsRange): Promise<Stats<OperationCount, 'type' | 'error_code'>> {
    return this.read(
      range,
      ['accepted', 'finished', 'failed', 'canceled', 'duration'],
      ['type', 'error_code'],
    );
  }

  deliveries(range: StatsRange): Promise<Stats<DeliveryCount, 'origin' | 'error'>> {
    return this.read(range, ['delivered', 'exhausted', 'failed_attempts'], ['origin', 'error']);
  }

  /** Deletes at most `most` counts that are too old, and what the feed tells of endpoints. */
  async drop(most: number): Promise<number> {
    const rows = await this.database.query(
      `WITH disablings AS (DELETE FROM endpoint_disabling WHERE at <= now() - make_interval(secs => $3))
       DELETE FROM stats WHERE (account_id, step, what, at, value) IN (
         SELECT o.* FROM (VALUES (60, $2), (3600, $3)) AS k (step, kept_s)
         CROSS JOIN LATERAL (
           SELECT s.account_id, s.step, s.what, s.at, s.value FROM stats s
           WHERE s.step = k.step AND s.at AT TIME ZONE 'UTC' <= (now() - make_interval(secs => k.kept_s)) AT TIME ZONE 'UTC'
           ORDER BY s.step, s.at AT TIME ZONE 'UTC' LIMIT $1
         ) o)
       RETURNING 1`,
      [most, MINUTES_KEPT_S, this.config.historyS],
    );
    return rows.length;
  }

  private async read<Count extends string, Kind extends string>(
    { accountId, from, to, step }: StatsRange,
    counts: readonly string[],
    kinds: readonly Kind[],
  ): Promise<Stats<Count, Kind>> {
    const rows = await this.database.query<{ what: string; at: Date | null; value: string; count: string }>(
      'SELECT what, at, value, count FROM read_stats($1, $2, $3, $4, $5, $6, $7)',
      [accountId ?? '*', counts, kinds, from, to, step, MAX_COUNTED],
    );
    const buckets = new Map<number, Partial<Record<string, number>>>();
    const top = Object.fromEntries(kinds.map((kind) => [kind, []])) as unknown as Record<Kind, Top[]>;
    for (const { what, at, value, count } of rows) {
      if (at === null) top[what as Kind].push({ value, count: Number(count) });
      else {
        const bucket = buckets.get(at.getTime()) ?? {};
        buckets.set(at.getTime(), bucket);
        bucket[what] = what === 'p50' || what === 'p95' ? secondsOf(Number(count)) : Number(count);
      }
    }
    return { buckets, top };
  }
}

/** Seconds of a power of 2^(1/5) in milliseconds, which is right to 7 %. */
function secondsOf(power: number): number {
  return Number((2 ** (power / 5) / 1000).toPrecision(3));
}
