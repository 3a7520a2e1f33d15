import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { describe, expect, inject, it } from 'vitest';
import { FragileDatabase } from '../support/database-outage.js';
import { newDatabase, redisUrls, rowsOf } from '../support/database.js';
import { Service } from '../support/service.js';

/** A database in which nothing is yet. */
async function bareDatabase(): Promise<string> {
  const url = new URL(inject('postgresUrl'));
  const name = `bare_${randomBytes(6).toString('hex')}`;
  await rowsOf(url.href, `CREATE DATABASE ${name}`);
  url.pathname = `/${name}`;
  return url.href;
}

/** The environment of a service on this database. */
function environment(url: string): Record<string, string> {
  const [redis] = redisUrls();
  return {
    DATABASE_URL: url,
    RINGBACK_LOG_LEVEL: 'warn',
    ...(redis === undefined ? {} : { REDIS_URL: redis }),
  };
}

/** Where in its boot a service is held until PostgreSQL goes away. */
const STEPS: [step: string, database: () => Promise<string>, hold: string, held: string][] = [
  [
    'looks at its migrations',
    newDatabase,
    'LOCK TABLE migrations IN ACCESS EXCLUSIVE MODE',
    '%FROM%migrations%',
  ],
  [
    'waits for another process that migrates',
    bareDatabase,
    'SELECT pg_advisory_xact_lock(7164225001)',
    '%pg_advisory_xact_lock%',
  ],
  [
    'makes its first account',
    newDatabase,
    'LOCK TABLE account IN ACCESS EXCLUSIVE MODE',
    '%account WHERE name%',
  ],
  [
    'saves its first key',
    newDatabase,
    'LOCK TABLE api_key IN ACCESS EXCLUSIVE MODE',
    '%INSERT INTO api_key%',
  ],
];

describe('a service whose PostgreSQL goes away while it boots', { timeout: 60_000 }, () => {
  it.each(STEPS)('waits for it, in one line, and is ready then: it %s', async (_, create, hold, held) => {
    await using database = await FragileDatabase.create(await create());
    const holder = new pg.Client({ connectionString: database.direct });
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query(hold);
    await using service = await Service.spawn(environment(database.url));
    const waiting = (): Promise<unknown[]> =>
      rowsOf(
        database.direct,
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1`,
        [held],
      );
    await expect.poll(waiting, { timeout: 20_000 }).toHaveLength(1);
    database.goAway();
    await holder.end();
    await expect.poll(service.output, { timeout: 20_000 }).toContain('waiting for PostgreSQL');
    database.comeBack();
    const ready = async (): Promise<number> =>
      (await service.client.get('/health/ready').catch(() => ({ status: 0 }))).status;
    await expect.poll(ready, { timeout: 30_000 }).toBe(200);
    const { id } = await service.client.submit({ type: 'echo' });
    expect((await service.client.ended(id)).status).toBe('Finished');
    expect(service.output().match(/waiting for PostgreSQL/g)).toHaveLength(1);
    expect(service.output()).not.toMatch(/^ +at |"stack"|Unable to connect/m);
  });

  it('is told so where the server refuses it for good, without a stack', async () => {
    const url = new URL(await newDatabase());
    url.pathname = '/no_such_database';
    const service = await Service.spawn(environment(url.href));
    await service.exited();
    expect(service.process.exitCode).toBe(1);
    expect(service.output()).toContain(
      'DATABASE_URL: PostgreSQL refuses the connection: database "no_such_database" does not exist',
    );
    expect(service.output()).not.toMatch(/^ +at /m);
  });
});

it('a service warns where its PostgreSQL acknowledges what it has not written yet', async () => {
  const url = await newDatabase();
  const name = new URL(url).pathname.slice(1);
  await rowsOf(url, `ALTER DATABASE ${name} SET synchronous_commit = off`);
  await using service = await Service.start(environment(url));
  expect(service.output()).toContain('synchronous_commit = off');
});
