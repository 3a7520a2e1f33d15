import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Queue } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { OperationHints } from '../../src/engine/engine.module.js';
import { App } from '../support/app.js';
import type { Client } from '../support/client.js';
import { ringback } from '../support/command.js';
import { newDatabase, redisUrls, rowsOf } from '../support/database.js';
import { PostgresProxy } from '../support/postgres-proxy.js';
import { RedisServer } from '../support/redis-server.js';
import { Service, sharedBy, temporaryFolder } from '../support/service.js';

/** What readiness says of the queue. */
async function queueOf(client: Client): Promise<string> {
  const { status, body } = await client.get('/health/ready');
  expect(status).toBe(body.checks.queue === 'ok' ? 200 : 503);
  return body.checks.queue as string;
}

async function expectWork(client: Client): Promise<void> {
  const { id } = await client.submit({ type: 'echo' });
  expect((await client.ended(id)).status).toBe('Finished');
}

const lines = (service: Service, text: string): number => service.output().split(text).length - 1;

it(
  'a queue through which no hint goes makes readiness red, and is named, until one does',
  { timeout: 60_000 },
  async () => {
    await using app = await App.start();
    expect(await queueOf(app.client)).toBe('ok');
    const { queue } = app.nest.get(OperationHints) as unknown as { queue: Queue };
    await queue.pause();
    await expect.poll(() => queueOf(app.client), { timeout: 30_000 }).toMatch(/"operations": resume it/);
    await queue.resume();
    await expect.poll(() => queueOf(app.client)).toBe('ok');
    await expectWork(app.client);
  },
);

describe.skipIf(redisUrls().length > 0)('a queue in PostgreSQL', { timeout: 60_000 }, () => {
  it('whose schema is dropped is made again, and work goes on without a restart', async () => {
    await using app = await App.start();
    await expectWork(app.client);
    await rowsOf(app.databaseUrl, 'DROP SCHEMA bullmq CASCADE');
    // The process itself may look, and mend it, right before.
    expect(await queueOf(app.client)).toMatch(/schema bullmq.* is gone|^ok$/);
    const { id } = await app.client.submit({ type: 'echo' });
    await expect.poll(() => queueOf(app.client)).toBe('ok');
    expect((await app.client.ended(id)).status).toBe('Finished');
  });

  it('whose schema is dropped where only "ringback migrate" makes it says so, accepts meanwhile, and works on then', async () => {
    await using app = await App.start({ database: { migrates: false } });
    const { databaseUrl } = app;
    await rowsOf(databaseUrl, 'DROP SCHEMA bullmq CASCADE');
    await expect
      .poll(() => queueOf(app.client))
      .toMatch(/schema bullmq.* is gone: run "ringback migrate", since RINGBACK_MIGRATE is false here$/);
    const { status, body } = await app.client.get('/health/ready?for=accepting');
    expect([status, body]).toMatchObject([
      200,
      { status: 'ok', checks: { postgresql: 'ok', queue: expect.stringContaining('is gone') } },
    ]);
    const { id } = await app.client.submit({ type: 'echo' });
    expect(await ringback(['migrate'], { env: sharedBy(databaseUrl) })).toMatchObject({ code: 0 });
    await expect.poll(() => queueOf(app.client)).toBe('ok');
    expect((await app.client.ended(id)).status).toBe('Finished');
  });

  it('that its user may no longer use says so, once in the log, asks seldom, and works when it may again', async () => {
    const url = new URL(await newDatabase());
    const role = `r_${randomBytes(4).toString('hex')}`;
    const own = new URL(url);
    [own.username, own.password, own.pathname] = [role, 'own', `/${role}`];
    await rowsOf(url.href, `CREATE ROLE ${role} LOGIN PASSWORD 'own'`);
    await rowsOf(url.href, `CREATE DATABASE ${role} OWNER ${role}`);
    url.pathname = own.pathname;
    await using service = await Service.start({ DATABASE_URL: own.href, RINGBACK_LOG_LEVEL: 'debug' });
    await expectWork(service.client);
    await rowsOf(url.href, 'ALTER SCHEMA bullmq OWNER TO CURRENT_USER');
    const { id } = await service.client.submit({ type: 'echo' });
    await expect.poll(() => queueOf(service.client)).toMatch(new RegExp(`${role} may not use all.*GRANT`));
    const failed = lines(service, 'connection failed');
    const begun = performance.now();
    await expect.poll(() => performance.now() - begun, { timeout: 20_000 }).toBeGreaterThan(5_000);
    expect(lines(service, 'connection failed') - failed).toBeLessThan(60);
    expect(lines(service, 'nothing is told to workers')).toBe(1);
    await rowsOf(url.href, `GRANT ALL ON SCHEMA bullmq TO ${role}`);
    await expect.poll(() => queueOf(service.client)).toBe('ok');
    expect((await service.client.ended(id)).status).toBe('Finished');
    await expect.poll(() => lines(service, 'hints go through the queue again')).toBe(1);
  });

  it('is followed again within about a second once PostgreSQL is back', async () => {
    await using proxy = await PostgresProxy.before(await newDatabase());
    await using app = await App.start({ database: { url: proxy.url } });
    await expectWork(app.client);
    proxy.refuse();
    proxy.cut();
    const cut = performance.now();
    await expect.poll(() => performance.now() - cut).toBeGreaterThan(3_000);
    await proxy.admit();
    const back = performance.now();
    await expect
      .poll(() => app.client.post('/v1/operations', { type: 'echo' }).then(({ status }) => status))
      .toBe(202);
    await expectWork(app.client);
    expect(performance.now() - back).toBeLessThan(2_500);
  });
});

describe.runIf(process.env.RINGBACK_TEST_REDIS_URL)('a queue in Redis', { timeout: 60_000 }, () => {
  it('without CONFIG is ready and used, unless INFO tells that it evicts', async () => {
    await using redis = await RedisServer.start(undefined, ['--rename-command', 'CONFIG', '']);
    await using app = await App.start({ queue: { redisUrls: [redis.url] } });
    expect(await queueOf(app.client)).toBe('ok');
    await expectWork(app.client);
    await using evicting = await RedisServer.start(undefined, [
      '--rename-command',
      'CONFIG',
      '',
      '--maxmemory-policy',
      'allkeys-lru',
    ]);
    await using other = await App.start({ queue: { redisUrls: [evicting.url] } });
    expect(await queueOf(other.client)).toMatch(/allkeys-lru.*set it to noeviction/);
  });

  it('whose user may ask for neither CONFIG nor INFO is ready and used, with one warning', async () => {
    await using redis = await RedisServer.start();
    // What docs/operating.md says that a user needs, without INFO.
    const rights = '~{ringback-* &{ringback-* +@all -@admin -@dangerous';
    await redis.command('ACL', 'SETUSER', 'app', 'on', '>pw', ...rights.split(' '));
    const url = redis.url.replace('//:', '//app:pw');
    await using service = await Service.start({
      DATABASE_URL: await newDatabase(),
      REDIS_URL: url,
      RINGBACK_LOG_LEVEL: 'warn',
    });
    await expectWork(service.client);
    expect(await queueOf(service.client)).toBe('ok');
    expect(lines(service, 'does not tell its maxmemory-policy')).toBe(1);
  });

  it('that answers and refuses writes says why, once in the log, asks seldom, and works when it takes them', async () => {
    await using folder = await temporaryFolder();
    const dir = join(folder.path, 'snapshots');
    await mkdir(dir);
    await using redis = await RedisServer.start(undefined, ['--save', '3600 1', '--dir', dir]);
    await redis.command('ACL', 'SETUSER', 'app', 'on', '>pw', '~*', '&*', '+@all');
    await using service = await Service.start({
      DATABASE_URL: await newDatabase(),
      REDIS_URL: redis.url.replace('//:', '//app:pw'),
      RINGBACK_LOG_LEVEL: 'warn',
    });
    const commands = async (): Promise<number> =>
      Number(/total_commands_processed:(\d+)/.exec(String(await redis.command('INFO', 'stats')))![1]);
    for (const [nth, { trouble, begin, end }] of refusals(redis, dir).entries()) {
      await begin();
      const { id } = await service.client.submit({ type: 'echo' });
      await expect.poll(() => queueOf(service.client)).toMatch(trouble);
      await expect.poll(() => lines(service, 'nothing is told to workers')).toBe(nth + 1);
      const [asked, since] = [await commands(), performance.now()];
      await expect.poll(() => performance.now() - since).toBeGreaterThan(1_000);
      expect(((await commands()) - asked) / ((performance.now() - since) / 1_000)).toBeLessThan(150);
      expect(lines(service, 'nothing is told to workers')).toBe(nth + 1);
      await end();
      await expect.poll(() => queueOf(service.client)).toBe('ok');
      expect((await service.client.ended(id)).status).toBe('Finished');
    }
  });

  it('is followed again within about a second once Redis is back', async () => {
    const gone = await RedisServer.start();
    await using redis = await restarted(gone, async (back) => {
      await using app = await App.start({ queue: { redisUrls: [gone.url] } });
      await expectWork(app.client);
      await gone[Symbol.asyncDispose]();
      const cut = performance.now();
      await expect.poll(() => performance.now() - cut).toBeGreaterThan(3_000);
      await back();
      const since = performance.now();
      await expectWork(app.client);
      expect(performance.now() - since).toBeLessThan(2_500);
    });
    expect(redis.port).toBe(gone.port);
  });

  it('that is away holds up the closing of a process some seconds beyond its grace time at the most', async () => {
    await using redis = await RedisServer.start();
    await using running = new AsyncDisposableStack();
    const app = running.use(await App.start({ queue: { redisUrls: [redis.url] } }));
    await expectWork(app.client);
    redis.kill();
    await expect.poll(() => queueOf(app.client)).toMatch(/cannot be reached/);
    const told = performance.now();
    await running.disposeAsync();
    expect(performance.now() - told).toBeLessThan((app.config.process.shutdownGraceS + 10) * 1_000);
  });

  it('that froze while a process booted is used once it answers', async () => {
    await using redis = await RedisServer.start();
    redis.freeze();
    await using app = await App.start({ queue: { redisUrls: [redis.url] } });
    const begun = performance.now();
    await expect.poll(() => performance.now() - begun).toBeGreaterThan(2_000);
    redis.thaw();
    await expect.poll(() => queueOf(app.client)).toBe('ok');
    await expectWork(app.client);
  });
});

interface Refusal {
  readonly trouble: RegExp;
  readonly begin: () => Promise<unknown>;
  readonly end: () => Promise<unknown>;
}

/** Why a Redis that answers takes nothing, and how that is mended. */
function refusals(redis: RedisServer, dir: string): Refusal[] {
  const command = (text: string) => (): Promise<unknown> =>
    redis.command(...(text.split(' ') as [string, ...string[]]));
  return [
    {
      trouble: /is a replica.* name the primary in REDIS_URL.*\(READONLY /,
      begin: command(`REPLICAOF 127.0.0.1 1`),
      end: command('REPLICAOF NO ONE'),
    },
    {
      trouble: /is full.* raise its maxmemory.*\(OOM /,
      begin: command('CONFIG SET maxmemory 1'),
      end: command('CONFIG SET maxmemory 0'),
    },
    {
      trouble: /cannot write its snapshot.* make room on its disk.*\(MISCONF /,
      begin: async () => {
        await rm(dir, { recursive: true });
        await redis.command('BGSAVE');
        await expect
          .poll(async () => String(await redis.command('INFO', 'persistence')))
          .toContain('rdb_last_bgsave_status:err');
      },
      end: command('CONFIG SET stop-writes-on-bgsave-error no'),
    },
    {
      trouble: /refuses what the queue needs \(NOPERM .*give its user that right/,
      begin: command('ACL SETUSER app -@write'),
      end: command('ACL SETUSER app +@all'),
    },
  ];
}

/** A Redis on the port of one that is gone, started when `use` asks for it. */
async function restarted(
  gone: RedisServer,
  use: (back: () => Promise<void>) => Promise<void>,
): Promise<RedisServer> {
  let redis: RedisServer | undefined;
  await use(async () => void (redis = await RedisServer.start(gone.port)));
  return redis!;
}
