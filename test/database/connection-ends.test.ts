import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { CONNECTION, poolWith } from '../../src/database/postgres-client.js';
import { newDatabase, redisUrls, rowsOf } from '../support/database.js';
import { expectNothingLost, Load } from '../support/load.js';
import { PostgresProxy, type Treatment } from '../support/postgres-proxy.js';
import { Receiver } from '../support/receiver.js';
import { Service } from '../support/service.js';

const FATAL = { fatal: '57P01' };
/** One of three connections goes through, the others end behind their first answers, in either way. */
const ENDINGS: Treatment[] = [
  'forward',
  { ending: FATAL, behindReady: 1 },
  { ending: 'reset', behindReady: 1 },
  'forward',
  { ending: FATAL, behindReady: 2 },
  { ending: 'reset', behindReady: 3 },
];

function onQueue(url: string): Record<string, string> {
  const [redis] = redisUrls();
  return { DATABASE_URL: url, ...(redis === undefined ? {} : { REDIS_URL: redis }) };
}

describe('the end of a connection', { timeout: 120_000 }, () => {
  it('in the packet of its first ReadyForQuery is told to the first who listens, and is thrown at nobody', async () => {
    await using proxy = await PostgresProxy.before(await newDatabase());
    proxy.treat = () => ({ ending: FATAL, behindReady: 1 });
    const client = new CONNECTION.Client({ connectionString: proxy.url });
    const connected = new Promise<void>((resolve, reject) =>
      client.connect((error?: Error | null) => (error ? reject(error) : resolve())),
    );
    await connected;
    await expect(client.query('SELECT 1')).rejects.toThrow();
    const heard = new Promise<unknown>((resolve) => client.once('error', resolve));
    expect(await heard).toMatchObject({ code: '57P01' });
  });

  it('in the packet of the answer to what a pool asks first is told to who asks the pool, and nobody gets the connection', async () => {
    await using proxy = await PostgresProxy.before(await newDatabase());
    proxy.treat = () => ({ ending: FATAL, behindReady: 2 });
    const pool = new pg.Pool({ connectionString: proxy.url, ...poolWith({}) });
    pool.on('error', () => undefined);
    await expect(pool.connect()).rejects.toThrow('the connection ended as soon as it was made');
    proxy.treat = () => 'forward';
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await pool.end();
  });

  it('never ends the process, at whatever moment it comes', async () => {
    const database = await newDatabase();
    await using proxy = await PostgresProxy.before(database);
    await using receiver = await Receiver.answering(200);
    await using service = await Service.start(onQueue(proxy.url));
    const load = new Load(service.client, receiver.url);
    await load.reached(20);
    proxy.treat = ({ number }) => ENDINGS[number % ENDINGS.length]!;
    for (let round = 0; round < 40; round++) {
      const before = proxy.count('ringback');
      proxy.cut();
      await expect.poll(() => proxy.count('ringback'), { interval: 20 }).toBeGreaterThan(before);
      expect(service.process.exitCode, service.output()).toBeNull();
    }
    proxy.treat = () => 'forward';
    proxy.cut();
    await load.reached(load.acknowledged.length + 20);
    await expectNothingLost(database, await load.stop(), receiver);
    expect(service.process.exitCode).toBeNull();
  });

  it('by pg_terminate_backend, of all at once and again and again, is ridden out', async () => {
    const database = await newDatabase();
    await using receiver = await Receiver.answering(200);
    await using service = await Service.start(onQueue(database));
    const load = new Load(service.client, receiver.url);
    await load.reached(20);
    for (let round = 0; round < 60; round++) {
      await rowsOf(
        database,
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
      );
      expect(service.process.exitCode, service.output()).toBeNull();
    }
    await load.reached(load.acknowledged.length + 20);
    await expectNothingLost(database, await load.stop(), receiver);
    expect(service.process.exitCode).toBeNull();
  });
});
