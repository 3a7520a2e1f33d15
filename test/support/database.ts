import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import pg from 'pg';
import { inject } from 'vitest';
import { isDeadlock } from '../../src/database/database-errors.js';

const TEMPLATE = 'ringback_template';
/** Where RINGBACK_TEST_POOLER names a pooler before the server, services find their databases behind it. */
const pooler = process.env.RINGBACK_TEST_POOLER;

/** A migrated, empty database of its own. */
export function newDatabase(): Promise<string> {
  return databaseFrom(TEMPLATE);
}

/** One that nobody has migrated. */
export function emptyDatabase(): Promise<string> {
  return databaseFrom('template1');
}

async function databaseFrom(template: string): Promise<string> {
  const url = new URL(inject('postgresUrl'));
  const name = `test_${randomBytes(6).toString('hex')}`;
  const admin = new pg.Client({ connectionString: url.href });
  await admin.connect();
  try {
    await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  } finally {
    await admin.end();
  }
  url.pathname = `/${name}`;
  url.host = pooler ?? url.host;
  return url.href;
}

/** Past the pooler, where the tests run behind one. */
export function directUrl(databaseUrl: string): string {
  const [url, direct] = [new URL(databaseUrl), new URL(inject('postgresUrl'))];
  if (url.host === pooler) url.host = direct.host;
  return url.href;
}

/**
 * Rows of a statement, on a connection of its own. One that locks tables while services work on them may meet one of theirs in a
 * deadlock, and PostgreSQL may end either: it is said again then.
 */
export async function rowsOf<Row = Record<string, unknown>>(
  databaseUrl: string,
  sql: string,
  parameters: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: directUrl(databaseUrl) });
  await client.connect();
  try {
    for (;;) {
      try {
        return (await client.query(sql, parameters)).rows as Row[];
      } catch (error) {
        if (!isDeadlock(error)) throw error;
      }
    }
  } finally {
    await client.end();
  }
}

/** Where RINGBACK_TEST_REDIS_URL names a Redis, the URL of this worker's database on it; else nothing. */
export function redisUrls(): string[] {
  const given = process.env.RINGBACK_TEST_REDIS_URL;
  if (given === undefined || given === '') return [];
  const url = new URL(given);
  url.pathname = `/${Number(process.env.VITEST_POOL_ID ?? '1') % 16}`;
  return [url.href];
}

/** Everything that the queue holds is forgotten. */
export async function loseQueue(databaseUrl: string, redisUrl: string | undefined): Promise<void> {
  if (redisUrl === undefined) {
    await rowsOf(databaseUrl, 'TRUNCATE bullmq.job CASCADE');
    return;
  }
  const client = new Redis(redisUrl);
  await client.flushdb();
  await client.quit();
}

/** As if the minute had passed for which partitions are kept after their last number, and after they are retired. */
export async function agePartitions(databaseUrl: string): Promise<void> {
  await rowsOf(
    databaseUrl,
    `UPDATE record_partition SET closed_at = closed_at - interval '61 s', retired_at = retired_at - interval '61 s'`,
  );
}

/** Keeps autovacuum away from the tables that are there. */
export async function leaveToItself(client: pg.Client): Promise<void> {
  await client.query(
    `DO $$ DECLARE t regclass; BEGIN
       FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace LOOP
         EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', t);
       END LOOP;
     END $$`,
  );
}
