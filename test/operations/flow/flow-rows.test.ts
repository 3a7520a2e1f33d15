import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newDatabase } from '../../support/database.js';

let client: pg.Client;
let other: pg.Client;
beforeAll(async () => {
  const connectionString = await newDatabase();
  [client, other] = [new pg.Client({ connectionString }), new pg.Client({ connectionString })];
  await Promise.all([client.connect(), other.connect()]);
  await client.query(`INSERT INTO account (id, name, slots) VALUES ('a', 'a', 5), ('b', 'b', 5)`);
});
afterAll(() => Promise.all([client.end(), other.end()]));

describe("A remote worker's claim", () => {
  const claim = (): Promise<pg.QueryResult> =>
    client.query('SELECT ask FROM claim_work($1)', [
      JSON.stringify([
        { nth: 0, token: crypto.randomUUID(), types: ['remote'], most: 5, lease_s: 60, worker: 'w' },
      ]),
    ]);

  it('waits for nobody where nothing is offered, whatever was noted of flow keys, and admits what it can else', async () => {
    await client.query(
      `INSERT INTO operation_type (name, title, input_schema, tries, timeout_s, retry, inline_ms) VALUES ('remote', 'Remote', '{}', 3, 60, '{}', 0)`,
    );
    await client.query(`SET statement_timeout = '5s'`);
    await other.query('SELECT pg_advisory_lock(7164225002)');
    await client.query(
      `INSERT INTO flow_note (account_id, key) SELECT 'b', 'key ' || n FROM generate_series(1, 10) n`,
    );
    expect((await claim()).rows).toEqual([]);
    await client.query(`INSERT INTO flow (account_id, key, parallelism) VALUES ('a', 'k', 1)`);
    await client.query(
      `WITH asked AS (
         INSERT INTO operation (rid, account_id, type, face, retention, tries, timeout_s)
         SELECT 'r' || n, 'a', 'remote', 'native', '1 day', 3, 60 FROM generate_series(1, 2) n RETURNING request_id)
       INSERT INTO live_operation (request_id, account_id, type, phase, priority, tries, look_at, due_at, flow_key)
       SELECT request_id, 'a', 'remote', 'ready', 0, 3, now(), now(), 'k' FROM asked`,
    );
    expect((await claim()).rows).toEqual([]);
    await other.query('SELECT pg_advisory_unlock(7164225002)');
    expect((await claim()).rows).toEqual([{ ask: 0 }]);
  });
});

describe('A flow key', () => {
  it('goes with its account, also where whoever deletes that knows of no flow keys', async () => {
    await client.query(`INSERT INTO account (id, name, slots) VALUES ('c', 'c', 5)`);
    await client.query(
      `INSERT INTO flow (account_id, key, rate, period_s, kept) VALUES ('c', 'k', 1, 1, true)`,
    );
    await client.query(`DELETE FROM account WHERE id = 'c'`);
    expect((await client.query(`SELECT FROM flow WHERE account_id = 'c'`)).rowCount).toBe(0);
  });
});
