import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DatabaseUnavailableError, sqlState } from '../../src/database/database-errors.js';
import { Database } from '../../src/database/database.js';
import { EmbeddedPostgres } from '../../src/embedded-postgres/embedded-postgres.js';
import { App } from '../support/app.js';
import { newDatabase, redisUrls, rowsOf } from '../support/database.js';
import { Door } from '../support/door.js';
import { expectNothingLost, Load } from '../support/load.js';
import { Receiver } from '../support/receiver.js';
import { RedisServer } from '../support/redis-server.js';
import { Service, sharedBy, temporaryFolder } from '../support/service.js';

describe('a service whose PostgreSQL crashes and comes back', { timeout: 120_000 }, () => {
  it('needs no restart, answers 503 meanwhile, and loses nothing that it acknowledged', async () => {
    await using folder = await temporaryFolder();
    await using receiver = await Receiver.answering(200);
    const dataDir = join(folder.path, 'data');
    let server = await EmbeddedPostgres.start({ dataDir });
    await using door = await Door.to(Number(new URL(server.url).port));
    const url = new URL(server.url);
    url.port = String(door.port);
    const [redis] = redisUrls();
    {
      await using service = await Service.start({
        DATABASE_URL: url.href,
        ...(redis === undefined ? {} : { REDIS_URL: redis }),
      });
      const load = new Load(service.client, receiver.url);
      await load.reached(100);
      // Immediate shutdown: as a crash would leave it.
      process.kill(server.pid, 'SIGQUIT');
      await server.exited;
      door.close();
      await server.stop();
      const refused = await service.client.post('/v1/operations', { type: 'echo' });
      expect(refused.status).toBe(503);
      expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
      const { status, body } = await service.client.get('/health/ready');
      expect([status, body.checks.queue]).toEqual([503, expect.not.stringContaining('accepted')]);
      expect((await service.client.get('/health/live')).status).toBe(200);
      server = await EmbeddedPostgres.start({ dataDir });
      door.target = Number(new URL(server.url).port);
      const before = load.acknowledged.length;
      await load.reached(before + 100);
      await expectNothingLost(server.url, await load.stop(), receiver);
      await expect
        .poll(async () => (await service.client.get('/health/ready')).status, { timeout: 10_000 })
        .toBe(200);
      expect(service.process.exitCode).toBeNull();
    }
    await server.stop();
  });
});

describe('a service whose PostgreSQL moved to another machine without a word', { timeout: 120_000 }, () => {
  it('drops the connections that get no answer, and goes on over new ones', async () => {
    const database = await newDatabase();
    const url = new URL(database);
    await using door = await Door.to(Number(url.port));
    url.port = String(door.port);
    await using receiver = await Receiver.answering(200);
    const [redis] = redisUrls();
    await using service = await Service.start({
      DATABASE_URL: url.href,
      ...(redis === undefined ? {} : { REDIS_URL: redis }),
    });
    const load = new Load(service.client, receiver.url);
    await load.reached(50);
    door.swallow();
    // A statement is waited for 22 s; then everything is as before.
    const before = load.acknowledged.length;
    await expect.poll(() => load.acknowledged.length, { timeout: 60_000 }).toBeGreaterThan(before + 50);
    await expectNothingLost(database, await load.stop(), receiver);
  });
});

describe('a service that PostgreSQL refuses while it connects', () => {
  // Each with the SQLSTATE that it is refused with, and what brings it back.
  it.each([
    ['55000', 'ALTER DATABASE $db ALLOW_CONNECTIONS false', 'ALTER DATABASE $db ALLOW_CONNECTIONS true'],
    ['28000', 'ALTER ROLE $db NOLOGIN', 'ALTER ROLE $db LOGIN'],
  ])(
    'answers 503 with Retry-After, and goes on when it is let in again: %s',
    async (state, refuse, admit) => {
      const url = new URL(await newDatabase());
      const admin = new URL(url);
      const name = url.pathname.slice(1);
      admin.pathname = '/postgres';
      const run = (sql: string): Promise<unknown> => rowsOf(admin.href, sql.replaceAll('$db', name));
      await run("CREATE ROLE $db SUPERUSER LOGIN PASSWORD 'own'");
      [url.username, url.password] = [name, 'own'];
      await using app = await App.start({ database: { url: url.href } });
      // Its key is known for a while then, and the batch itself meets the outage.
      expect((await app.client.get('/v1/operations')).status).toBe(200);
      await run(refuse);
      await run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$db'");
      const operations = [{ type: 'echo' }, { type: 'no.such' }];
      for (const refused of [
        await app.client.post('/v1/operations/batch', { operations }),
        await app.client.post('/v1/operations', operations[0]),
      ]) {
        expect([refused.status, refused.body.code]).toEqual([503, 'database-unavailable']);
        expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
      }
      const database = app.nest.get(Database);
      const refusal = async (): Promise<string | undefined> => {
        const fault = await database.transaction(() => Promise.resolve()).catch((error: unknown) => error);
        expect(fault).toBeInstanceOf(DatabaseUnavailableError);
        return sqlState((fault as Error).cause);
      };
      // Not at once where the pool still had a connection whose end it hadn't heard of.
      await expect.poll(refusal).toBe(state);
      await run(admit);
      const { id } = await app.client.submit({ type: 'echo' });
      expect((await app.client.ended(id)).status).toBe('Finished');
    },
  );
});

it('a run that ends while its service shuts down and PostgreSQL is away is kept once that is back', async () => {
  const database = await newDatabase();
  const url = new URL(database);
  const target = Number(url.port);
  await using door = await Door.to(target);
  url.port = String(door.port);
  await using folder = await temporaryFolder();
  const shared = { ...sharedBy(database), RINGBACK_SHUTDOWN_GRACE_S: '30' };
  await using service = await Service.start({ ...shared, DATABASE_URL: url.href });
  const file = join(folder.path, 'runs');
  const { id } = await service.client.submit({ type: 'test.stubborn', input: { file, ms: 1_500 } });
  const said = (): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');
  await expect.poll(said, { timeout: 10_000 }).toContain('start');
  const exited = service.end('SIGTERM');
  door.close();
  await expect.poll(said, { timeout: 10_000 }).toContain('end');
  door.target = target;
  expect(await exited).toBe(0);
  expect(await rowsOf(database, 'SELECT state, attempt FROM operation_view WHERE rid = $1', [id])).toEqual([
    { state: 'Finished', attempt: 1 },
  ]);
}, 60_000);

const onRedis = describe.runIf(process.env.RINGBACK_TEST_REDIS_URL);

onRedis('a service whose Redis', { timeout: 120_000 }, () => {
  it('is emptied under load loses nothing', async () => {
    const database = await newDatabase();
    await using receiver = await Receiver.answering(200);
    await using redis = await RedisServer.start();
    await using service = await Service.start({ DATABASE_URL: database, REDIS_URL: redis.url });
    const load = new Load(service.client, receiver.url);
    for (let round = 1; round <= 3; round++) {
      await load.reached(round * 60);
      await redis.command('FLUSHALL');
    }
    await expectNothingLost(database, await load.stop(), receiver);
  });

  it('is killed and restarted under load keeps accepting and loses nothing', async () => {
    const database = await newDatabase();
    await using receiver = await Receiver.answering(200);
    let redis = await RedisServer.start();
    await using service = await Service.start({ DATABASE_URL: database, REDIS_URL: redis.url });
    const load = new Load(service.client, receiver.url);
    await load.reached(60);
    await redis[Symbol.asyncDispose]();
    const before = load.acknowledged.length;
    await load.reached(before + 40);
    expect((await service.client.get('/health/ready')).status).toBe(503);
    redis = await RedisServer.start(redis.port);
    await expectNothingLost(database, await load.stop(), receiver);
    await redis[Symbol.asyncDispose]();
    // Redis is down: ending must not wait for it.
    const asked = performance.now();
    expect(await service.end('SIGTERM')).toBe(0);
    expect(performance.now() - asked).toBeLessThan(10_000);
  });
});

onRedis('a service on a Redis Cluster', () => {
  it('asks nodes that it finds by other addresses with the password that it was given', async () => {
    await using folder = await temporaryFolder();
    const cluster = ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.2', '--dir', folder.path];
    const access = ['--bind', '127.0.0.1', '127.0.0.2', '--requirepass', 'pass/word'];
    await using redis = await RedisServer.start(undefined, [...cluster, ...access], 'pass/word');
    await redis.command('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    await expect.poll(() => redis.command('CLUSTER', 'INFO')).toContain('cluster_state:ok');
    const redisUrls = [redis.url, redis.url.replace('127.0.0.1', 'localhost')];
    await using app = await App.start({ queue: { redisUrls } });
    expect((await app.client.get('/health/ready')).body).toMatchObject({ checks: { queue: 'ok' } });
    const { id } = await app.client.submit({ type: 'echo' });
    expect(await app.client.ended(id)).toMatchObject({ status: 'Finished', attempt: 1 });
  });
});
