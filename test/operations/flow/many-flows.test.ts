import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newDatabase } from '../../support/database.js';

let client: pg.Client;
beforeAll(async () => {
  client = new pg.Client({ connectionString: await newDatabase() });
  await client.connect();
  await client.query(`INSERT INTO account (id, name, slots) VALUES ('a', 'a', 50), ('b', 'b', 50)`);
});
afterAll(() => client.end());

/** So many keys, all full, of which 3 operations each wait. */
async function fill(from: number, to: number): Promise<void> {
  await client.query(
    `INSERT INTO flow (account_id, key, parallelism) SELECT 'a', 'key ' || n, 1 FROM generate_series(${from}, ${to}) n`,
  );
  await client.query(
    `INSERT INTO live_operation (request_id, account_id, type, phase, priority, tries, attempt, look_at, due_at, flow_key, flow_place, awaits)
     SELECT nextval('record_id'), 'a', 'echo', p, 0, 3, 0, now() + interval '1 day', now() + interval '1 day', 'key ' || n, p = 'aside', CASE p WHEN 'aside' THEN 'completion' END
     FROM generate_series(${from}, ${to}) n, unnest(ARRAY['aside', 'ready', 'ready', 'ready']) p`,
  );
  for (let left = 1; left > 0;) {
    await client.query(`SELECT dispatch_operations(200, interval '1 hour', 200, interval '1 hour')`);
    left = (await client.query('SELECT FROM flow_note')).rowCount!;
  }
}

async function arrive(rows: number, flow: string): Promise<void> {
  await client.query(
    `INSERT INTO live_operation (request_id, account_id, type, phase, priority, tries, look_at, due_at, flow_key)
     SELECT nextval('record_id'), 'b', 'echo', 'ready', 0, 3, now(), now(), ${flow} FROM generate_series(1, ${rows}) n`,
  );
}

/** Blocks that a round touches which finds these. */
async function blocks(most: number): Promise<{ blocks: number; dispatched: number }> {
  const { rows } = await client.query(
    `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM dispatch_operations(200, interval '1 hour', ${most}, interval '1 hour')`,
  );
  const { Plan: plan } = rows[0]['QUERY PLAN'][0];
  return { blocks: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'], dispatched: plan['Actual Rows'] };
}

const freed = (): Promise<unknown> => client.query(`DELETE FROM live_operation WHERE account_id = 'b'`);

describe('many flow keys', () => {
  it(
    'cost the dispatch of what has room no more than a few do, with a key and without one',
    { timeout: 60_000 },
    async () => {
      const cost = async (flow: string): Promise<number> => {
        await arrive(20, flow);
        const { blocks: read, dispatched } = await blocks(200);
        expect(dispatched).toBe(20);
        await freed();
        await blocks(200);
        return read;
      };
      await fill(1, 10);
      await client.query(
        `INSERT INTO flow (account_id, key, parallelism) SELECT 'b', 'own ' || n, 1 FROM generate_series(1, 20) n`,
      );
      // Plans are made, and pages are cleaned.
      for (const flow of ['NULL', `'own ' || n`]) await cost(flow);
      const few = { without: await cost('NULL'), each: await cost(`'own ' || n`) };
      await fill(11, 10_000);
      for (const flow of ['NULL', `'own ' || n`]) await cost(flow);
      const many = { without: await cost('NULL'), each: await cost(`'own ' || n`) };
      expect(many.without).toBeLessThan(1.5 * few.without + 100);
      expect(many.each).toBeLessThan(1.5 * few.each + 200);
      // Nobody reads the keys that are full.
      expect((await blocks(200)).blocks).toBeLessThan(200);
    },
  );

  it('are looked at again by time only where the time of a start that is over makes room', async () => {
    await client.query(
      `INSERT INTO flow (account_id, key, rate, period_s) SELECT 'b', 'rated ' || n, 2, 1 FROM generate_series(1, 300) n`,
    );
    // All slots are somebody else's, so none of them starts.
    await client.query(
      `INSERT INTO live_operation (request_id, account_id, type, phase, awaits, priority, tries, look_at, due_at)
       SELECT nextval('record_id'), 'b', 'echo', 'awaiting', 'completion', 0, 3, 'infinity', 'infinity' FROM generate_series(1, 50)`,
    );
    for (let nth = 0; nth < 3; nth++) await arrive(300, `'rated ' || n`);
    for (let left = 1; left > 0;) {
      await blocks(200);
      left = (await client.query('SELECT FROM flow_note')).rowCount!;
    }
    const { rows } = await client.query(
      `SELECT phase, count(*)::integer FROM live_operation WHERE flow_key LIKE 'rated %' GROUP BY phase ORDER BY phase`,
    );
    expect(rows).toEqual([
      { phase: 'keyed', count: 300 },
      { phase: 'ready', count: 600 },
    ]);
    expect((await client.query('SELECT FROM flow WHERE look_at IS NOT NULL')).rowCount).toBe(0);
    await freed();
  });

  it.each([null, 3])(
    'are judged without reading all that go on without a slot, with a parallelism of %s',
    async (parallelism) => {
      const key = `aside ${parallelism}`;
      await client.query(
        `INSERT INTO flow (account_id, key, rate, period_s, parallelism) VALUES ('b', $1, 100, 60, $2)`,
        [key, parallelism],
      );
      /** Live rows that a round reads which finds one more. */
      const cost = async (): Promise<number> => {
        await arrive(1, `'${key}'`);
        // Also of commits before this one that the server hasn't added up.
        const read = async (): Promise<number> =>
          (
            await client.query(
              `SELECT idx_tup_fetch::integer AS read FROM pg_stat_xact_user_tables WHERE relname = 'live_operation'`,
            )
          ).rows[0].read;
        await client.query('BEGIN');
        const before = await read();
        await blocks(200);
        const rows = (await read()) - before;
        await client.query('COMMIT');
        return rows;
      };
      await client.query(
        `INSERT INTO live_operation (request_id, account_id, type, phase, awaits, priority, tries, look_at, due_at, flow_key, flow_place)
         SELECT nextval('record_id'), 'b', 'echo', 'aside', 'completion', 0, 3, 'infinity', 'infinity', $1, true FROM generate_series(1, 3000)`,
        [key],
      );
      await cost();
      expect(await cost()).toBeLessThan(200);
      const { rowCount } = await client.query(
        `SELECT FROM live_operation WHERE flow_key = $1 AND phase = 'placed'`,
        [key],
      );
      expect(rowCount).toBe(parallelism === null ? 2 : 0);
      await freed();
    },
  );
});
