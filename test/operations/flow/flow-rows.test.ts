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
  /** An operation of the key that could run. */
  const arrive = async (key: string, priority = 0): Promise<string> => {
    const { rows } = await client.query(
      `WITH asked AS (
         INSERT INTO operation (rid, account_id, type, face, retention, tries, timeout_s)
         VALUES (gen_random_uuid()::text, 'b', 'echo', 'native', '1 day', 3, 60) RETURNING request_id)
       INSERT INTO live_operation (request_id, account_id, type, phase, priority, tries, look_at, due_at, flow_key)
       SELECT request_id, 'b', 'echo', 'ready', $2::smallint, 3, now(), now(), $1 FROM asked RETURNING request_id AS id`,
      [key, priority],
    );
    return rows[0].id;
  };
  const dispatch = async (): Promise<{ request_id: string; epoch: number }[]> =>
    (
      await client.query(
        `SELECT request_id, epoch FROM dispatch_operations(200, interval '1 hour', 200, interval '1 hour')`,
      )
    ).rows;
  const claimed = async (hints: readonly object[]): Promise<number | null> =>
    (
      await client.query(`SELECT claim_operations($1, interval '1 hour')`, [
        JSON.stringify(hints.map((hint) => ({ ...hint, token: crypto.randomUUID(), knows: 1 }))),
      ])
    ).rowCount;
  const change = (changes: object): Promise<unknown> =>
    client.query('SELECT change_flow($1)', [JSON.stringify({ account_id: 'b', ordered: false, ...changes })]);

  it('that is paused makes the hints void that are out to its operations, and they start once it goes on', async () => {
    await client.query(`INSERT INTO flow (account_id, key, parallelism) VALUES ('b', 'p', 2)`);
    for (let nth = 0; nth < 2; nth++) await arrive('p');
    const hints = await dispatch();
    expect(hints).toHaveLength(2);
    await change({ key: 'p', paused: true });
    expect(await dispatch()).toEqual([]);
    expect(await claimed(hints)).toBe(0);
    await change({ key: 'p', paused: false });
    const again = await dispatch();
    expect(again).toEqual(hints.map((hint) => ({ ...hint, epoch: hint.epoch + 1 })));
    expect(await claimed(again)).toBe(2);
  });

  it('lets nobody in for one that is to step back, and that somebody has locked', async () => {
    await client.query(`INSERT INTO flow (account_id, key, parallelism) VALUES ('b', 's', 1)`);
    await client.query(`UPDATE account SET slots = 1 WHERE id = 'b'`);
    await client.query(
      `INSERT INTO live_operation (request_id, account_id, type, phase, awaits, priority, tries, look_at, due_at)
       SELECT nextval('record_id'), 'b', 'echo', 'awaiting', 'completion', 0, 3, 'infinity', 'infinity'`,
    );
    const phases = async (): Promise<string[]> =>
      (
        await client.query(
          `SELECT phase FROM live_operation WHERE account_id = 'b' AND flow_key = 's' ORDER BY request_id`,
        )
      ).rows.map(({ phase }) => phase);
    const first = await arrive('s');
    await dispatch();
    await arrive('s', 1);
    await other.query('BEGIN');
    await other.query('SELECT FROM live_operation WHERE request_id = $1 FOR UPDATE', [first]);
    await dispatch();
    expect(await phases()).toEqual(['ready', 'keyed']);
    await other.query('ROLLBACK');
    await dispatch();
    expect(await phases()).toEqual(['keyed', 'ready']);
  });

  it('is forgotten a day after its last operation, however long its values have stood', async () => {
    const known = async (): Promise<boolean> =>
      (await client.query(`SELECT FROM flow WHERE key = 'd'`)).rowCount === 1;
    const pass = (span: string): Promise<unknown> =>
      client.query(
        `UPDATE flow SET given_at = given_at - $1::interval, used_at = used_at - $1::interval WHERE key = 'd'`,
        [span],
      );
    await client.query(`INSERT INTO flow (account_id, key, parallelism) VALUES ('b', 'd', 1)`);
    await pass('1 month');
    const id = await arrive('d');
    await dispatch();
    await pass('1 month');
    await client.query('DELETE FROM live_operation WHERE request_id = $1', [id]);
    await dispatch();
    await pass('23 hours');
    await client.query('SELECT forget_flows(100)');
    expect(await known()).toBe(true);
    await pass('1 hour');
    await client.query('SELECT forget_flows(100)');
    expect(await known()).toBe(false);
  });

  it('goes with its account, also where whoever deletes that knows of no flow keys', async () => {
    await client.query(`INSERT INTO account (id, name, slots) VALUES ('c', 'c', 5)`);
    await client.query(
      `INSERT INTO flow (account_id, key, rate, period_s, made) VALUES ('c', 'k', 1, 1, true)`,
    );
    await client.query(`DELETE FROM account WHERE id = 'c'`);
    expect((await client.query(`SELECT FROM flow WHERE account_id = 'c'`)).rowCount).toBe(0);
  });
});
