import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONNECTION } from '../../src/database/postgres-client.js';
import { examine } from '../../src/doctor/doctor.js';
import { rowsOf } from '../support/database.js';
import { expectNothingLost, Load } from '../support/load.js';
import { hasPostgresPrograms, PostgresServer } from '../support/postgres-server.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy } from '../support/service.js';

/** What work that goes on after a failover may take, ms. */
const BOUND_MS = 30_000;

/** As libpq writes several servers. */
function urlOf(...servers: PostgresServer[]): string {
  const hosts = servers.map(({ port }) => `127.0.0.1:${port}`).join(',');
  return `postgres://postgres@${hosts}/postgres?target_session_attrs=read-write`;
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
