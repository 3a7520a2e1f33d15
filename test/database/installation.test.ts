import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DatabaseUnavailableError } from '../../src/database/database-errors.js';
import type { Queryable } from '../../src/database/database.js';
import { type Installation, installationOf } from '../../src/database/installation.js';
import { newDatabase } from '../support/database.js';

const PLAIN_ROLE = `test_${randomBytes(6).toString('hex')}`;

/** What a connection of this URL is told that it is. */
async function seenBy(url: string, refused?: Error): Promise<Installation> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const database: Queryable = {
    query: async (sql, given = []) => {
      if (refused && sql.includes('pg_control_system')) throw refused;
      return (await client.query(sql, [...given])).rows;
    },
  };
  try {
    return await installationOf(database);
  } finally {
    await client.end();
  }
}

describe('an installation', () => {
  let [one, other]: string[] = [];
  let client: pg.Client;
  beforeAll(async () => {
    [one, other] = await Promise.all([newDatabase(), newDatabase()]);
    client = new pg.Client({ connectionString: one });
    await client.connect();
    await client.query(`CREATE SCHEMA rb; CREATE ROLE ${PLAIN_ROLE} LOGIN PASSWORD 'x'`);
  });
  afterAll(async () => {
    await client.query(`DROP ROLE ${PLAIN_ROLE}`);
    await client.end();
  });
  const of = (url: string, change: (url: URL) => void): string => {
    const changed = new URL(url);
    change(changed);
    return changed.href;
  };

  it('is the same for every user, and another in another database or schema', async () => {
    const first = await seenBy(one!);
    expect(first).toEqual({ schema: 'public', fingerprint: expect.stringMatching(/^[0-9a-f]{8}$/) });
    expect(
      await seenBy(of(one!, (url) => Object.assign(url, { username: PLAIN_ROLE, password: 'x' }))),
    ).toEqual(first);
    const inSchema = await seenBy(of(one!, (url) => url.searchParams.set('options', '-csearch_path=rb')));
    expect(inSchema.schema).toBe('rb');
    const all = [first, inSchema, await seenBy(other!)].map(({ fingerprint }) => fingerprint);
    expect(new Set(all).size).toBe(3);
  });

  it('is known by its names alone where the server doesn’t tell which one it is, but not while it is away', async () => {
    const refused = Object.assign(new Error('permission denied'), { code: '42501' });
    const [first, again, another] = await Promise.all(
      [one!, one!, other!].map((url) => seenBy(url, refused)),
    );
    expect(first).toEqual(again);
    expect(first).not.toEqual(another);
    expect(first).not.toEqual(await seenBy(one!));
    await expect(seenBy(one!, new DatabaseUnavailableError(refused))).rejects.toThrow(
      DatabaseUnavailableError,
    );
  });
});
