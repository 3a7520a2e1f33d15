import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONNECTION } from '../../src/database/postgres-client.js';
import { examine } from '../../src/doctor/doctor.js';
import { App } from '../support/app.js';
import { newDatabase, rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy } from '../support/service.js';

/** A database that can be made read-only, as hosted ones are when their disk is full. */
async function lockable(): Promise<{ url: string; lock(): Promise<void>; unlock(): Promise<void> }> {
  const url = await newDatabase();
  const admin = new URL(url);
  admin.pathname = '/postgres';
  const name = new URL(url).pathname.slice(1);
  return {
    url,
    lock: async () => {
      await rowsOf(admin.href, `ALTER DATABASE ${name} SET default_transaction_read_only = on`);
      await rowsOf(
        admin.href,
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
      );
    },
    unlock: async () => {
      await rowsOf(admin.href, `ALTER DATABASE ${name} RESET default_transaction_read_only`);
    },
  };
}

const WHY = 'it takes no writes, as default_transaction_read_only is on';

describe('a PostgreSQL that takes no writes', { timeout: 60_000 }, () => {
  let app: App;
  let database: Awaited<ReturnType<typeof lockable>>;
  beforeAll(async () => {
    database = await lockable();
    app = await App.start({ database: { url: database.url } });
  });
  afterAll(() => app[Symbol.asyncDispose]());

  it('is as good as none: readiness says why, requests are answered 503, and work goes on when it takes some', async () => {
    await using receiver = await Receiver.answering(200);
    const readiness = async (): Promise<unknown> => {
      const { status, body } = await app.client.get('/health/ready');
      return [status, body.checks.postgresql];
    };
    await database.lock();
    await expect.poll(readiness).toEqual([503, expect.stringContaining(`PostgreSQL: ${WHY}`)]);
    for (const refused of [
      await app.client.post('/v1/operations', { type: 'echo' }),
      await app.client.get('/v1/operations'),
    ]) {
      expect([refused.status, refused.body.code]).toEqual([503, 'database-unavailable']);
      expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    }
    await database.unlock();
    await expect.poll(readiness).toEqual([200, 'ok']);
    const { id } = await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
    expect(await app.client.ended(id)).toMatchObject({ status: 'Finished' });
    await receiver.received(1);
  });

  it('is waited for by a start, and named by the doctor', async () => {
    const other = await lockable();
    await other.lock();
    const found = await examine({ source: { DATABASE_URL: other.url } });
    expect(found).toContainEqual({
      check: 'postgresql',
      level: 'red',
      text: expect.stringMatching(`cannot be written to: ${WHY}.*: switch that off`),
    });
    await using service = await Service.spawn({ ...sharedBy(other.url), RINGBACK_LOG_LEVEL: 'warn' });
    await expect.poll(service.output, { timeout: 20_000 }).toContain(`waiting for PostgreSQL: ${WHY}`);
    await other.unlock();
    const ready = async (): Promise<number> => (await service.client.get('/health/ready')).status;
    await expect.poll(() => ready().catch(() => 0), { timeout: 20_000 }).toBe(200);
    expect(service.output().match(/waiting for PostgreSQL/g)).toHaveLength(1);
  });

  it('is left at the first write that it refuses over a connection that was there before', async () => {
    const client: pg.Client = new CONNECTION.Client({ ...CONNECTION, connectionString: database.url });
    client.on('error', () => undefined);
    await client.connect();
    const ended = new Promise<void>((resolve) => client.once('end', () => resolve()));
    await client.query('SET default_transaction_read_only = on');
    await expect(client.query('CREATE TABLE refused ()')).rejects.toMatchObject({ code: '25006' });
    await ended;
  });
});
