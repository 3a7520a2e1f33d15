import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HousekeepingConfig } from '../../src/config/config.js';
import type { Database } from '../../src/database/database.js';
import { StatsStore, type StatsRange } from '../../src/operations/stats/stats.store.js';
import { newDatabase } from '../support/database.js';

const OPERATIONS = 150_000;
/** Of the counts that a reading takes, with what updates have left of them before a vacuum; the records alone have many times as many. */
const MAX_BLOCKS = 8_000;

/**
 * Records of the last 23 hours: of five accounts and eight types, one of ten failed, one of six attempts failed. There are as many
 * counts as with 10^6 of them, since every minute has every count.
 */
const FILL = `
  WITH asked AS (
    INSERT INTO operation (rid, account_id, type, face, retention, tries, timeout_s, created_at)
    SELECT md5(n::text), 'acc_' || n % 5, 'type' || n % 8, 'native', 'keep1m', 1, 60, now() - (1 - n / ${OPERATIONS}.0) * interval '23 hours' - interval '1 minute'
    FROM generate_series(1, ${OPERATIONS}) n RETURNING request_id, account_id, created_at
  ), ended AS (
    INSERT INTO operation_end (request_id, state, attempt, progress, started_at, finished_at, expires_at, status_text, error_code, transitions)
    SELECT request_id, CASE WHEN request_id % 10 = 0 THEN 'Failed' ELSE 'Finished' END, 1, 100, created_at,
      created_at + request_id % 997 * interval '50 ms', now() + interval '1 month', '', CASE WHEN request_id % 10 = 0 THEN 'code' || request_id % 30 END, ''
    FROM asked
  ), owed AS (
    INSERT INTO delivery (home, seq, id, account_id, operation_id, destination, event_type, url, origin, body)
    SELECT request_id, request_id, 'dlv_' || request_id, account_id, request_id, 'callback', 'operation.finished', 'http://a/', 'http://host' || request_id % 50, '{}' FROM asked
  )
  INSERT INTO attempt (home, delivery_seq, number, trigger, outcome, started_at, duration_ms, http_status, error)
  SELECT request_id, request_id, 1, 'schedule', CASE WHEN request_id % 6 = 0 THEN 'failed' ELSE 'delivered' END, created_at, 20,
    CASE WHEN request_id % 6 = 0 THEN 503 ELSE 200 END, CASE WHEN request_id % 6 = 0 THEN 'HTTP 503' END FROM asked`;

describe('The statistics of a day', () => {
  let client: pg.Client;
  let stats: StatsStore;
  let sent: (readonly [sql: string, parameters: readonly unknown[]])[] = [];

  beforeAll(async () => {
    client = new pg.Client({ connectionString: await newDatabase() });
    await client.connect();
    await client.query(FILL);
    const spy: Pick<Database, 'query'> = {
      query: async <Row>(sql: string, parameters?: readonly unknown[]) => {
        sent.push([sql, parameters ?? []]);
        return (await client.query(sql, [...(parameters ?? [])])).rows as Row[];
      },
    };
    stats = new StatsStore(spy as Database, { historyS: 90 * 86_400 } as HousekeepingConfig);
    // The first note is of what there is, the second finds nothing more.
    await stats.addUp();
    await client.query(`UPDATE stats_reached SET noted_at = '-infinity'`);
    while (await stats.addUp());
  }, 60_000);
  afterAll(() => client.end());

  it.each([
    [60, null],
    [60, 'acc_1'],
    [3600, null],
    [3600, 'acc_1'],
  ] as const)(
    'is read within 300 ms, and reads counts only: step %s, account %s',
    async (step, accountId) => {
      const to = Math.ceil(Date.now() / step / 1000) * step * 1000;
      const range: StatsRange = { accountId, step, from: new Date(to - 86_400_000), to: new Date(to) };
      const took: number[] = [];
      for (let n = 0; n < 5; n++) {
        sent = [];
        const startedAt = performance.now();
        const operations = await stats.operations(range);
        took.push(performance.now() - startedAt);
        const deliveries = await stats.deliveries(range);
        const all = accountId === null ? OPERATIONS : OPERATIONS / 5;
        expect([sum(operations.buckets, 'accepted'), sum(deliveries.buckets, 'delivered')]).toEqual([
          all,
          (all / 6) * 5,
        ]);
      }
      for (const [sql, parameters] of sent) {
        const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
          `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${sql}`,
          [...parameters],
        );
        const plan = rows[0]!['QUERY PLAN'][0].Plan;
        expect(plan['Shared Hit Blocks'] + plan['Shared Read Blocks']).toBeLessThan(MAX_BLOCKS);
      }
      expect(Math.min(...took)).toBeLessThan(300);
    },
  );
});

interface Plan {
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
}

function sum<Count extends string>(
  buckets: ReadonlyMap<number, Partial<Record<Count, number>>>,
  of: Count,
): number {
  return [...buckets.values()].reduce((total, bucket) => total + (bucket[of] ?? 0), 0);
}
