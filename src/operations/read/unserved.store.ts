import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Database } from '../../database/database.js';

const LOOK_MS = 10_000;
/** Looks that are further apart tell nothing of the time in between: the process or PostgreSQL was away. */
const MAX_APART_MS = 3 * LOOK_MS;
/** From when on it counts that a row which could run doesn't, ms. */
const PATIENCE_MS = 60_000;
/** Rows of each kind that are remembered at the most. */
const MOST = 1_000;
/** With as many dispatched the dispatcher may be waiting for workers; it always dispatches fewer. */
const FEW = 4;

const FEW_DISPATCHED = (table: string): string =>
  `(SELECT count(*) FROM (SELECT FROM ${table} WHERE phase = 'placed' AND lease_token IS NULL LIMIT ${FEW}) d) < ${FEW}`;
const DISPATCHED = (of: string, id: string, attempts: string): string =>
  `SELECT * FROM (SELECT '${of} ' || ${id} || ' ' || ${attempts} AS row FROM live_${of}
     WHERE phase = 'placed' AND lease_token IS NULL ORDER BY look_at LIMIT ${MOST}) dispatched`;

/** Of each account with a free slot: the operation that is next. */
const OPERATIONS = `
  WITH RECURSIVE walk AS (
    SELECT '' AS account_id, 0::bigint AS request_id, 0 AS attempt WHERE ${FEW_DISPATCHED('live_operation')}
    UNION ALL
    SELECT o.account_id, o.request_id, o.attempt FROM walk w CROSS JOIN LATERAL (
      SELECT o.account_id, o.request_id, o.attempt FROM live_operation o WHERE o.phase = 'ready' AND o.account_id > w.account_id
      ORDER BY o.account_id, o.priority DESC, o.request_id LIMIT 1
    ) o
  )
  SELECT 'operation ' || w.request_id || ' ' || w.attempt AS row
  FROM (SELECT * FROM walk WHERE request_id > 0 LIMIT ${MOST}) w JOIN account a ON a.id = w.account_id
  WHERE (SELECT count(*) FROM (
    SELECT FROM live_operation o WHERE o.account_id = w.account_id AND o.phase IN ('placed', 'awaiting') LIMIT a.slots) t) < a.slots`;

/** Of each flow key that has room, in an account with a free slot: the operation that is next, and should have been admitted. */
const FLOWS = `
  WITH RECURSIVE walk AS (
    SELECT '' AS account_id, '' AS flow_key, 0::bigint AS request_id, 0 AS attempt WHERE ${FEW_DISPATCHED('live_operation')}
    UNION ALL
    SELECT o.account_id, o.flow_key, o.request_id, o.attempt FROM walk w CROSS JOIN LATERAL (
      SELECT o.account_id, o.flow_key, o.request_id, o.attempt FROM live_operation o
      WHERE o.phase = 'keyed' AND (o.account_id, o.flow_key) > (w.account_id, w.flow_key)
      ORDER BY o.account_id, o.flow_key, o.priority DESC, o.request_id LIMIT 1
    ) o
  )
  SELECT 'operation ' || w.request_id || ' ' || w.attempt AS row
  FROM (SELECT * FROM walk WHERE request_id > 0 LIMIT ${MOST}) w
  JOIN account a ON a.id = w.account_id LEFT JOIN flow f ON f.account_id = w.account_id AND f.key = w.flow_key
  WHERE f.paused_at IS NULL AND (f.look_at IS NULL OR f.look_at <= now())
    AND (f.max_parallelism IS NULL OR f.max_parallelism > (
      SELECT count(*) FROM live_operation o WHERE o.account_id = w.account_id AND o.flow_key = w.flow_key AND o.flow_place AND o.phase <> 'keyed'))
    AND (SELECT count(*) FROM (
      SELECT FROM live_operation o WHERE o.account_id = w.account_id AND o.phase IN ('placed', 'awaiting') LIMIT a.slots) t) < a.slots`;

/** Of each lane that certainly has room, since nothing is in flight to its origin and nothing else holds it back: the delivery that stands first. */
const DELIVERIES = `
  WITH RECURSIVE walk AS (
    SELECT '' AS lane, 0::bigint AS receiver, 0::bigint AS seq, 0 AS attempts WHERE ${FEW_DISPATCHED('live_delivery')}
    UNION ALL
    SELECT d.lane, d.receiver, d.seq, d.attempt_count FROM walk w CROSS JOIN LATERAL (
      SELECT d.lane, d.receiver, d.seq, d.attempt_count FROM live_delivery d WHERE d.phase = 'ready' AND d.lane > w.lane
      ORDER BY d.lane, d.receiver, d.run_at, d.seq LIMIT 1
    ) d
  )
  SELECT 'delivery ' || w.seq || ' ' || w.attempts AS row
  FROM (SELECT * FROM walk WHERE seq > 0 LIMIT ${MOST}) w
  LEFT JOIN endpoint e ON e.id = w.lane
  LEFT JOIN origin k ON k.name = coalesce(e.origin, w.lane)
  LEFT JOIN receiver r ON r.lane = w.lane AND r.receiver = w.receiver
  WHERE NOT EXISTS (SELECT FROM live_delivery d WHERE d.origin = coalesce(e.origin, w.lane) AND d.phase = 'placed')
    AND NOT EXISTS (SELECT FROM live_delivery d WHERE d.lane = w.lane AND d.phase = 'placed')
    AND greatest(k.rests_until, r.rests_until, '-infinity') <= now()
    AND (e.rate_per_s IS NULL OR extract(epoch FROM now() - greatest(e.rate_used_until, now() - interval '1 day')) * e.rate_per_s >= 1)
    AND (k.proven_at IS NOT NULL AND r.answers IS NOT FALSE OR (
      (k.proven_at IS NOT NULL OR k.asked_at IS NULL OR cardinality(k.asked_at) < 60 OR k.asked_at[1] <= now() - interval '1 minute')
      AND (SELECT count(*) FROM (SELECT FROM live_delivery d WHERE d.phase = 'placed' LIMIT ${FEW}) f) < ${FEW}))`;

/**
 * Sees rows that could run and don't: ready with a free slot, or with a place of their flow key, or with room, which nobody dispatches, or dispatched and taken by no
 * worker. Since when a slot is free is in no row, so it looks again and again: what runs is gone by the next look.
 */
@Injectable()
export class UnservedStore implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private since = new Map<string, number>();
  private lookedAt = -Infinity;

  constructor(private readonly database: Database) {}

  onApplicationBootstrap(): void {
    const look = (): void => void this.look().catch(() => undefined);
    this.timer = setInterval(look, LOOK_MS).unref();
    look();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** For how long the first has been left lying, seconds; 0 below a minute. */
  async oldestS(now = performance.now()): Promise<number> {
    // A look that finds them gone, so that the alarm ends with its cause.
    if (this.ageMs(now) > 0) await this.look(now);
    return this.ageMs(now) / 1000;
  }

  /** Remembers what could run; forgets what has moved since the last look. */
  async look(now = performance.now()): Promise<void> {
    const before = now - this.lookedAt > MAX_APART_MS ? new Map<string, number>() : this.since;
    try {
      const rows = await this.database.query<{ row: string }>(
        `(${DISPATCHED('operation', 'request_id', 'attempt')}) UNION ALL (${OPERATIONS}) UNION ALL (${FLOWS}) UNION ALL (${DISPATCHED('delivery', 'seq', 'attempt_count')}) UNION ALL (${DELIVERIES})`,
      );
      this.since = new Map(rows.map(({ row }) => [row, before.get(row) ?? now]));
      this.lookedAt = now;
    } catch (error) {
      this.since = new Map();
      throw error;
    }
  }

  private ageMs(now: number): number {
    const age = now - Math.min(now, ...this.since.values());
    return age >= PATIENCE_MS ? age : 0;
  }
}
