import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { Database } from '../../src/database/database.js';
import { App } from '../support/app.js';
import { ringback } from '../support/command.js';
import { emptyDatabase, newDatabase, rowsOf } from '../support/database.js';
import { expectNothingLost, Load } from '../support/load.js';
import { hasPgBouncer, PgBouncer } from '../support/pgbouncer.js';
import { Receiver } from '../support/receiver.js';
import { hasRedisServer, RedisServer } from '../support/redis-server.js';
import { Service } from '../support/service.js';

const REFUSED =
  /DATABASE_URL leads to a pooler in transaction mode.*: set RINGBACK_DIRECT_URL to PostgreSQL itself, or REDIS_URL/;

/** The pooler makes these itself. */
const ITS_OWN = [
  'application_name',
  'client_encoding',
  'DateStyle',
  'TimeZone',
  'standard_conforming_strings',
];
const LEFT = `
  SELECT * FROM (SELECT
    ARRAY(SELECT name FROM pg_settings WHERE source = 'session' AND name <> ALL ($1::text[])) AS settings,
    ARRAY(SELECT statement FROM pg_prepared_statements) AS prepared,
    ARRAY(SELECT pg_listening_channels()) AS heard,
    ARRAY(SELECT mode FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks
  ) l WHERE l <> ROW('{}'::text[], '{}'::text[], '{}'::text[], '{}'::text[])`;

/** What servers of a pooler are left with by those who had them. */
async function leftOver(url: string): Promise<object[]> {
  const clients = Array.from({ length: 8 }, () => new pg.Client({ connectionString: url }));
  await Promise.all(clients.map((client) => client.connect()));
  // Each in a transaction, so that each has a server of its own.
  await Promise.all(clients.map((client) => client.query('BEGIN')));
  const left = await Promise.all(clients.map((client) => client.query(LEFT, [ITS_OWN])));
  await Promise.all(clients.map((client) => client.end()));
  return left.flatMap(({ rows }) => rows as object[]);
}

describe.skipIf(!hasPgBouncer)('behind a pooler in transaction mode', { timeout: 60_000 }, () => {
  it.skipIf(!hasRedisServer)(
    'with Redis a service migrates and works, and leaves nothing on servers that others get',
    async () => {
      const database = await emptyDatabase();
      await using pooler = await PgBouncer.before(database, 'transaction');
      await using redis = await RedisServer.start();
      await using receiver = await Receiver.answering(200);
      const env = { DATABASE_URL: pooler.url, REDIS_URL: redis.url };
      const both = await Promise.all([0, 1].map(() => Service.start(env)));
      const load = new Load(both[0]!.client, receiver.url);
      await load.reached(100);
      await both[1]!.end('SIGKILL');
      await load.reached(200);
      await expectNothingLost(database, await load.stop(), receiver);
      expect(await leftOver(pooler.url)).toEqual([]);
      await both[0]![Symbol.asyncDispose]();
    },
  );

  it('without Redis it is refused at once, before anything is made, with what it needs', async () => {
    const database = await emptyDatabase();
    await using pooler = await PgBouncer.before(database, 'transaction');
    const service = await Service.spawn({ DATABASE_URL: pooler.url });
    await service.exited();
    expect(service.process.exitCode).toBe(1);
    expect(service.output()).toMatch(REFUSED);
    expect(service.output()).not.toMatch(/^ +at /m);
    const { code, stderr } = await ringback(['migrate'], { env: { DATABASE_URL: pooler.url } });
    expect([code, stderr]).toEqual([1, expect.stringMatching(REFUSED)]);
    expect(await rowsOf(database, `SELECT to_regclass('migrations') AS made`)).toEqual([{ made: null }]);
  });

  it('with RINGBACK_DIRECT_URL the queue in PostgreSQL works, too', async () => {
    const database = await newDatabase();
    await using pooler = await PgBouncer.before(database, 'transaction');
    await using receiver = await Receiver.answering(200);
    await using app = await App.start({
      database: { url: pooler.url, directUrl: database },
      queue: { redisUrls: [] },
    });
    const { id } = await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
    expect((await app.client.ended(id)).status).toBe('Finished');
    await receiver.received(1);
    const limits = await app.nest
      .get(Database)
      .query(`SELECT current_setting('jit') AS jit, current_setting('statement_timeout') AS timeout`);
    expect(limits).toEqual([{ jit: 'off', timeout: '20s' }]);
    expect((await app.client.get('/health/ready')).body.checks).toEqual({ postgresql: 'ok', queue: 'ok' });
    expect(await leftOver(pooler.url)).toEqual([]);
  });

  it('a RINGBACK_DIRECT_URL that leads to another database is refused', async () => {
    const database = await newDatabase();
    const service = await Service.spawn({
      DATABASE_URL: database,
      RINGBACK_DIRECT_URL: await newDatabase(),
    });
    await service.exited();
    expect(service.output()).toContain(
      'RINGBACK_DIRECT_URL leads to another database or schema than DATABASE_URL',
    );
  });
});
