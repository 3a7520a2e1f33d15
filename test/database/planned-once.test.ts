import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LIMITS, poolWith } from '../../src/database/postgres-client.js';
import { planName } from '../../src/database/planned-once.js';
import { newDatabase, rowsOf } from '../support/database.js';

const POOL = poolWith(LIMITS);

describe('a statement that only calls a function', () => {
  let url: string;
  beforeAll(async () => {
    url = await newDatabase();
    await rowsOf(
      url,
      'CREATE FUNCTION twice(n integer) RETURNS TABLE (twice integer) LANGUAGE sql AS $$ SELECT 2 * n $$',
    );
  });
  const pools: pg.Pool[] = [];
  afterAll(() => Promise.all(pools.map((pool) => pool.end())));

  const TWICE = 'SELECT * FROM twice($1)';
  const prepared = async (client: pg.Pool): Promise<string[]> =>
    (await client.query<{ statement: string }>('SELECT statement FROM pg_prepared_statements')).rows.map(
      ({ statement }) => statement,
    );

  /** A pool of one connection; `front` is who answers at sign-in. */
  function connect(front: (client: object) => void = () => undefined): pg.Pool {
    const pool = new pg.Pool({
      ...POOL,
      connectionString: url,
      max: 1,
      min: 0,
    } as pg.PoolConfig);
    // As the pool has it; pg's types say that nothing waits for it.
    Object.assign((pool as unknown as { options: object }).options, {
      onConnect: (client: object) => {
        front(client);
        return POOL.onConnect(client);
      },
    });
    pools.push(pool);
    return pool;
  }

  it('is planned once a connection', async () => {
    const client = connect();
    for (const n of [1, 2]) expect((await client.query(TWICE, [n])).rows).toEqual([{ twice: 2 * n }]);
    await client.query('SELECT relname FROM pg_class WHERE oid = $1', [1]);
    expect(await prepared(client)).toEqual([TWICE]);
    expect((await client.query('SHOW jit')).rows).toEqual([{ jit: 'off' }]);
  });

  it('is planned each time where another than the server answers: a pooler may give the next transaction another connection', async () => {
    const client = connect((signedIn) => Object.assign(signedIn, { processID: -1 }));
    expect((await client.query(TWICE, [2])).rows).toEqual([{ twice: 4 }]);
    expect(await prepared(client)).toEqual([]);
  });

  it('is planned anew after a newer version has changed what its function answers', async () => {
    const client = connect();
    await client.query(TWICE, [1]);
    await rowsOf(
      url,
      'DROP FUNCTION twice; CREATE FUNCTION twice(n integer) RETURNS TABLE (twice bigint, once integer) LANGUAGE sql AS $$ SELECT 2 * n, n $$',
    );
    await expect(client.query(TWICE, [1])).rejects.toThrow('cached plan must not change result type');
    expect((await client.query(TWICE, [1])).rows).toEqual([{ twice: '2', once: 1 }]);
  });
});

it('what reads tables is planned each time: a plan that was made while they were empty would be kept', () => {
  for (const sql of [
    'SELECT * FROM operation WHERE rid = $1',
    'WITH a AS (SELECT 1) SELECT * FROM f($1)',
    'SELECT * FROM f($1) JOIN account USING (id)',
    'UPDATE account SET slots = $1',
    'SELECT o.* FROM f($1) n CROSS JOIN LATERAL g(n) o',
  ])
    expect(planName(sql), sql).toBeUndefined();
  for (const sql of [
    'SELECT f($1)',
    'SELECT a, b, now() AS at FROM f($1, make_interval(secs => $2));\n',
    '-- Says why.\nSELECT *\nFROM f(\n  $1, $2);',
    'SELECT * FROM f(g($1, make_interval(secs => $3)), $2)',
  ])
    expect(planName(sql), sql).toMatch(/^ringback_\d+$/);
});
