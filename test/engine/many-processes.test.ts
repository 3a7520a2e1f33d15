import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newDatabase, rowsOf } from '../support/database.js';
import { Service, sharedBy } from '../support/service.js';

const PROCESSES = 6;
/** Of each process, and what each operation takes: all places are taken for some seconds. */
const PLACES = 3;
const MS = 150;
const OPERATIONS = 900;
const WINDOW_MS = 5_000;

describe('several processes on one database', { timeout: 120_000 }, () => {
  let database: string;
  let services: Service[] = [];

  beforeAll(async () => {
    database = await newDatabase();
    const settings = {
      ...sharedBy(database),
      RINGBACK_POLL_MS: '750',
      RINGBACK_LEASE_S: '30',
      // More than any server has; each holds a few.
      RINGBACK_DATABASE_POOL: '200',
      RINGBACK_CONCURRENCY: String(PLACES),
      RINGBACK_SLOTS: '10000',
      RINGBACK_LOG_LEVEL: 'warn',
    };
    services = await Promise.all(Array.from({ length: PROCESSES }, () => Service.start(settings)));
  }, 120_000);
  afterAll(() => Promise.all(services.map((service) => service[Symbol.asyncDispose]())));

  const commits = async (): Promise<number> => {
    const [row] = await rowsOf<{ commits: string }>(
      database,
      'SELECT xact_commit AS commits FROM pg_stat_database WHERE datname = current_database()',
    );
    return Number(row!.commits);
  };
  /** Statements a second of one of them, each of which is a commit. */
  const pace = async (): Promise<number> => {
    const before = await commits();
    await delay(WINDOW_MS);
    return ((await commits()) - before) / (WINDOW_MS / 1000) / PROCESSES;
  };

  it('are warned of where they may open more connections than PostgreSQL has', async () => {
    await expect
      .poll(() => services.map((service) => service.output()).join(''), { timeout: 15_000 })
      .toMatch(
        /6 processes may open 12\d\d connections, and PostgreSQL has \d+: lower RINGBACK_DATABASE_POOL \(200\)/,
      );
  });

  it('ask PostgreSQL little while they are idle: together hardly more than two of them', async () => {
    // Alone each makes about eight. They know of each other with the next beat.
    await expect.poll(pace, { timeout: 60_000, interval: 1 }).toBeLessThan(3);
  });

  it('begin what is submitted to an idle one as soon as one alone does', async () => {
    const { client } = services[0]!;
    const tookMs: number[] = [];
    for (let round = 0; round < 15; round++) {
      const startedAt = performance.now();
      const { id } = await client.submit({ type: 'echo', input: round });
      await client.get(`/v1/operations/${id}?wait=10`);
      tookMs.push(performance.now() - startedAt);
    }
    // Looks that are paced for six would take a second and more.
    expect(tookMs.toSorted((one, other) => one - other)[7]).toBeLessThan(500);
  });

  it('have the same share of what keeps all of them busy, within a tenth', async () => {
    const { client } = services[0]!;
    for (let made = 0; made < OPERATIONS; made += 300)
      await client.post('/v1/operations/batch', {
        operations: Array.from({ length: 300 }, () => ({
          type: 'test.stubborn',
          input: { file: '/dev/null', ms: MS },
        })),
      });
    await expect
      .poll(() => rowsOf(database, 'SELECT FROM live_operation LIMIT 1'), { timeout: 60_000, interval: 250 })
      .toEqual([]);
    const rows = await rowsOf<{ count: number }>(
      database,
      `SELECT count(*)::integer AS count FROM operation_end JOIN operation USING (request_id)
       WHERE type = 'test.stubborn' GROUP BY result ORDER BY 1`,
    );
    const shares = rows.map(({ count }) => count);
    expect(shares.reduce((sum, count) => sum + count, 0)).toBe(OPERATIONS);
    expect(shares).toHaveLength(PROCESSES);
    expect(shares[0]! / shares.at(-1)!).toBeGreaterThanOrEqual(0.9);
  });
});
