import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONNECTION } from '../../src/database/postgres-client.js';
import { examine } from '../../src/doctor/doctor.js';
import { directUrl, newDatabase, rowsOf } from '../support/database.js';
import { expectNothingLost, Load } from '../support/load.js';
import { PostgresProxy } from '../support/postgres-proxy.js';
import { hasPostgresPrograms, PostgresServer } from '../support/postgres-server.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy } from '../support/service.js';

/** What work that goes on after a failover may take, ms. */
const BOUND_MS = 30_000;

/** As libpq writes several servers. */
function urlOf(...servers: { port: number }[]): string {
  const hosts = servers.map(({ port }) => `127.0.0.1:${port}`).join(',');
  return `postgres://postgres@${hosts}/postgres?target_session_attrs=read-write`;
}

const portOf = ({ url }: PostgresProxy): number => Number(new URL(url).port);

/** Where a new connection leads to; undefined where none is made. */
async function portFound(url: string): Promise<number | undefined> {
  try {
    await using found = await connected(url);
    return found.client.port;
  } catch {
    return undefined;
  }
}

/** One after the other: each has the servers as the one before has left them. */
describe.runIf(hasPostgresPrograms)('a PostgreSQL with a standby', { timeout: 90_000 }, () => {
  const stack = new AsyncDisposableStack();
  let first: PostgresServer;
  let second: PostgresServer;
  let receiver: Receiver;
  let service: Service;
  let load: Load;

  beforeAll(async () => {
    first = stack.use(await PostgresServer.start());
    second = stack.use(await PostgresServer.standbyOf(first));
    receiver = stack.use(await Receiver.answering(200));
    // The standby comes first: whoever takes the first one that answers is wrong here.
    const environment = { ...sharedBy(urlOf(second, first)), RINGBACK_LOG_LEVEL: 'warn' };
    service = stack.use(await Service.start(environment));
    load = new Load(service.client, receiver.url);
  });
  afterAll(async () => {
    await load?.stop();
    await stack.disposeAsync();
  });

  /** Operations are accepted, run and called back for, within the bound, whatever happened at `at`. */
  async function goesOn(at: number): Promise<void> {
    const before = load.acknowledged.length;
    await expect.poll(() => load.acknowledged.length, { timeout: BOUND_MS }).toBeGreaterThan(before);
    const { id } = await service.client.submit({ type: 'echo', callback: { url: receiver.url } });
    await service.client.ended(id, 30);
    expect(performance.now() - at).toBeLessThan(BOUND_MS);
  }

  it('whose primary is killed under load loses nothing, and writes go on where the standby is promoted', async () => {
    await expect(connected(second.url)).rejects.toThrow('it is a standby, which takes no writes: promote it');
    await load.reached(50);
    const killedAt = performance.now();
    await first.kill();
    await second.promote();
    await goesOn(killedAt);
    expect(service.output()).toContain(`PostgreSQL has moved: 127.0.0.1:${second.port} takes the writes`);
    await expectNothingLost(second.url, [...load.acknowledged], receiver);
    // It was said of no server that loses nothing.
    expect(service.output()).not.toContain('synchronous_standby_names');
    expect(service.process.exitCode).toBeNull();
  });

  it('whose primary falls silent without a word is left as soon as its answers are missed', async () => {
    await first.follow(second);
    const frozenAt = performance.now();
    second.freeze();
    await first.promote();
    await goesOn(frozenAt);
    await expectNothingLost(first.url, await load.stop(), receiver);
    expect(service.process.exitCode).toBeNull();
  });

  it('whose standby is gone acknowledges nothing, and readiness says so, until nobody waits for it any more', async () => {
    const found = await examine({ source: { DATABASE_URL: urlOf(first, second) } });
    expect(found).toContainEqual({
      check: 'server',
      level: 'yellow',
      text: expect.stringContaining(
        'a failover to the other server in DATABASE_URL loses what was acknowledged',
      ),
    });
    await first.set('synchronous_standby_names', 'gone');
    const submitted = service.client.post('/v1/operations', { type: 'echo' });
    const readiness = async (): Promise<unknown> => {
      const { status, body } = await service.client.get('/health/ready');
      return [status, body.checks.postgresql];
    };
    const why = expect.stringContaining('each waits for a standby (synchronous_standby_names)');
    await expect.poll(readiness, { timeout: 15_000 }).toEqual([503, why]);
    await first.set('synchronous_standby_names', '');
    expect((await submitted).status).toBe(202);
    await expect.poll(readiness).toEqual([200, 'ok']);
  });

  it('acknowledges nothing on an old primary that comes back and has no standby, and goes to the new one', async () => {
    second.thaw();
    const url = urlOf(second, first);
    await using old = await connected(url);
    expect(old.client.port).toBe(second.port);
    // Canceled, the server says that it has committed, on itself alone.
    const canceled = expect(old.client.query('CREATE TABLE lost ()')).rejects.toThrow(
      'what was committed may not be on a standby yet',
    );
    const waiting = `FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE 'CREATE TABLE%'`;
    await expect.poll(() => rowsOf(second.url, `SELECT ${waiting}`)).toHaveLength(1);
    await rowsOf(second.url, `SELECT pg_cancel_backend(pid) ${waiting}`);
    await canceled;
    await using silent = await connected(url);
    await expect(silent.client.query('CREATE TABLE lost_too ()')).rejects.toThrow('Query read timeout');
    await using fresh = await connected(url);
    expect(fresh.client.port).toBe(first.port);
  });

  it('is never written to at an old primary that acknowledges again, once the new one was seen, whatever fails on the way', async () => {
    await second.set('synchronous_standby_names', '');
    await using proxy = await PostgresProxy.before(first.url);
    const port = portOf(proxy);
    const url = urlOf({ port }, second);
    // Else the old one might answer sooner.
    second.freeze();
    await using known = await connected(url);
    expect(known.client.port).toBe(port);
    second.thaw();
    await rowsOf(second.url, 'CREATE TABLE taken ()');
    proxy.refuse();
    await expect(connected(url)).rejects.toThrow('ECONNREFUSED');
    await expect(connected(url)).rejects.toThrow(
      /it is an old primary, on timeline 2, and writes have gone to 3: stop it/,
    );
    await proxy.admit();
    await expect.poll(() => portFound(url)).toBe(port);
    // Nor is what goes to the new one cut.
    expect((await known.client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
});

describe('two ways to one PostgreSQL', () => {
  it('are as good: none is left for being full, and where one is left, what is asked over it is not cut', async () => {
    const database = directUrl(await newDatabase());
    await using one = await PostgresProxy.before(database);
    await using other = await PostgresProxy.before(database);
    const url = one.url.replace(`:${portOf(one)}/`, `:${portOf(one)},127.0.0.1:${portOf(other)}/`);
    await using before = await connected(url);
    const [used, spare] = before.client.port === portOf(one) ? [one, other] : [other, one];
    used.treat = () => ({ fatal: '53300' });
    for (let times = 0; times < 2; times++)
      await expect(connected(url)).rejects.toMatchObject({ code: '53300' });
    used.refuse();
    await expect(connected(url)).rejects.toThrow('ECONNREFUSED');
    expect(await portFound(url)).toBe(portOf(spare));
    expect((await before.client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
});

/** One of our connections, which waits for answers as long as a test does. */
async function connected(url: string): Promise<AsyncDisposable & { client: pg.Client }> {
  const client: pg.Client = new CONNECTION.Client({
    ...CONNECTION,
    connectionString: url,
    query_timeout: 2_000,
  });
  client.on('error', () => undefined);
  await client.connect();
  return { client, [Symbol.asyncDispose]: () => client.end() };
}
