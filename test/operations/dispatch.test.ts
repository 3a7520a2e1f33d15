import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { describe, expect, it, vi } from 'vitest';
import { DeliveryStore } from '../../src/deliveries/delivery.store.js';
import { DispatchStore } from '../../src/operations/run/dispatch.store.js';
import { App } from '../support/app.js';
import { directUrl, newDatabase, rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';

/** Live deliveries that nobody works on but the test: from rows of an account, an origin, an endpoint, a phase and when they are due. */
async function insertDeliveries(databaseUrl: string, rows: string): Promise<void> {
  await rowsOf(
    databaseUrl,
    `INSERT INTO live_delivery (seq, home, account_id, origin, lane, endpoint_id, phase, look_at, due_at, run_at)
     SELECT nextval('record_id'), 1, r.account, r.origin, coalesce(r.endpoint, r.origin), r.endpoint, r.phase, r.due, r.due, r.due
     FROM (${rows}) r (account, origin, endpoint, phase, due)`,
  );
}

const DISPATCH_DELIVERIES = `dispatch_deliveries(200, interval '1 minute', 200, 500, 0)`;
const DISPATCH_OPERATIONS = `dispatch_operations(200, interval '1 minute', 200, '0')`;

/** Accounts of the deliveries that a round dispatches. */
const dispatched = async (databaseUrl: string): Promise<string[]> =>
  (
    await rowsOf<{ account_id: string }>(
      databaseUrl,
      `SELECT account_id FROM dispatch_deliveries(200, interval '1 minute', 10, 500, 0) JOIN live_delivery USING (seq)`,
    )
  ).map((row) => row.account_id);

describe('the dispatch', () => {
  it('reaches a retry that is due behind 50,000 others of another origin', async () => {
    const database = await newDatabase();
    await insertDeliveries(
      database,
      `SELECT 'a', 'http://a', NULL, 'scheduled', now() - interval '1 hour' FROM generate_series(1, 50000)
       UNION ALL SELECT 'last', 'http://b', NULL, 'scheduled', now()`,
    );
    const rounds: string[][] = [];
    await expect
      .poll(async () => rounds.push(await dispatched(database)) && rounds.flat(), {
        interval: 1,
        timeout: 20_000,
      })
      .toContain('last');
    expect(rounds.length).toBeLessThan(25);
  });

  it.each([
    [
      'operations',
      DISPATCH_OPERATIONS,
      'live_operation_look',
      ['live_operation_scheduled', 'live_operation_canceling'],
    ],
    [
      'deliveries',
      DISPATCH_DELIVERIES,
      'live_delivery_look',
      [
        'live_delivery_endpoint',
        'live_delivery_owed',
        'live_delivery_scheduled',
        'live_delivery_recovering',
        'endpoint_account',
      ],
    ],
  ])(
    'of %s never reads what it has no need of, though it was planned on empty tables',
    async (_, round, fit, unfit) => {
      const database = await newDatabase();
      await rowsOf(database, 'VACUUM ANALYZE');
      const dispatcher = new pg.Client({ connectionString: directUrl(database) });
      await dispatcher.connect();
      try {
        await dispatcher.query(`SELECT FROM ${round}`);
        await rowsOf(
          database,
          `INSERT INTO account (id, name, slots) VALUES ('a', 'a', 200);
         INSERT INTO origin (name, proven_at) VALUES ('http://o', now()), ('http://e', now());
         INSERT INTO receiver (lane, receiver, answers) VALUES ('http://o', 1, true), ('http://o', 3, true), ('ep', 1, true);
         INSERT INTO endpoint (id, account_id, url, origin, description, events, signature_profile, rate_per_s) VALUES ('ep', 'a', 'http://e', 'http://e', '', '{}', 'standard', 9);
         INSERT INTO live_operation (request_id, account_id, type, phase, lease_token, priority, tries, look_at, due_at)
         SELECT n, 'a', 'echo', CASE p WHEN 'running' THEN 'placed' ELSE p END, CASE p WHEN 'running' THEN gen_random_uuid() END, 0, 3, now(), now()
         FROM unnest(ARRAY['scheduled', 'ready', 'placed', 'running']) WITH ORDINALITY AS n (p, n)`,
        );
        await insertDeliveries(
          database,
          `SELECT 'a', 'http://o', CASE n % 2 WHEN 0 THEN 'ep' END, p, CASE p WHEN 'paused' THEN 'infinity' ELSE now() END
           FROM unnest(ARRAY['scheduled', 'ready', 'placed', 'placed', 'scheduled', 'paused', 'ready', 'placed']) WITH ORDINALITY AS n (p, n)`,
        );
        await rowsOf(
          database,
          `UPDATE live_delivery SET receiver = seq % 4 WHERE endpoint_id IS NULL;
           UPDATE live_delivery SET lease_token = gen_random_uuid(), started_at = now() WHERE phase = 'placed' AND seq % 8 = 4`,
        );
        const { rowCount } = await dispatcher.query(`SELECT FROM ${round}`);
        expect(rowCount).toBeGreaterThan(3);
        await dispatcher.query('SELECT pg_stat_force_next_flush()');
        const read = await rowsOf<{ name: string }>(
          database,
          `SELECT indexrelname AS name FROM pg_stat_user_indexes WHERE idx_scan > 0`,
        );
        expect(read.map(({ name }) => name)).toContain(fit);
        expect(read.map(({ name }) => name).filter((name) => unfit.includes(name))).toEqual([]);
      } finally {
        await dispatcher.end();
      }
    },
  );

  it.each([
    ['operations', 7164225007, DispatchStore],
    ['deliveries', 7164225008, DeliveryStore],
  ])(
    'of %s waits for no other process, and comes again for what that one may not have seen',
    async (_, lock, store) => {
      await using receiver = await Receiver.answering(200);
      // Seldom: for a hint that a busy queue didn't take in time. Rounds of these alone are four in the time that is waited.
      // And leases so long that no gap between rounds is taken for an outage, after which one waits for the room.
      const seldom = { pollMs: 5_000, leaseS: 7_200 };
      await using app = await App.start({ operations: seldom, deliveries: seldom });
      const dispatch = vi.spyOn(store.prototype, 'dispatch');
      const other = new pg.Client({ connectionString: directUrl(app.databaseUrl) });
      await other.connect();
      try {
        // It holds the room, too: nothing starts without a dispatch.
        await other.query('SELECT pg_advisory_lock($1), pg_advisory_lock($1 - 5)', [lock]);
        await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
        const refused = (): number =>
          dispatch.mock.settledResults.filter(({ value }) => value === null).length;
        await expect.poll(refused, { timeout: 20_000 }).toBeGreaterThan(20);
        expect(receiver.all).toEqual([]);
        await other.query('SELECT pg_advisory_unlock($1), pg_advisory_unlock($1 - 5)', [lock]);
        await receiver.received(1);
      } finally {
        dispatch.mockRestore();
        await other.end();
      }
    },
  );

  it('gives a run and an attempt to others when their leases end, though hints live longer', async () => {
    const database = await newDatabase();
    await rowsOf(
      database,
      `INSERT INTO account (id, name, slots) VALUES ('a', 'a', 1);
       INSERT INTO live_operation (request_id, account_id, type, phase, priority, tries, look_at, due_at) VALUES (1, 'a', 'echo', 'ready', 0, 3, now(), now())`,
    );
    await insertDeliveries(database, `SELECT 'a', 'http://o', NULL, 'ready', now()`);
    for (const epoch of [1, 2])
      for (const [round, claim, id] of [
        [DISPATCH_OPERATIONS, 'claim_operations', 'request_id'],
        [DISPATCH_DELIVERIES, 'claim_deliveries', 'seq'],
      ] as const) {
        const [row] = await rowsOf<{ id: string; epoch: number }>(
          database,
          `SELECT ${id} AS id, epoch FROM ${round}`,
        );
        expect(row!.epoch).toBe(epoch);
        const hint = JSON.stringify([{ [id]: row!.id, epoch, token: randomUUID() }]);
        await rowsOf(database, `SELECT FROM ${claim}($1, '0')`, [hint]);
      }
  });

  it('of others does not wait for a row that somebody has locked', async () => {
    const database = await newDatabase();
    await insertDeliveries(
      database,
      `SELECT n, 'http://' || n, NULL, 'ready', now() FROM unnest(ARRAY['a', 'b']) n`,
    );
    const holder = new pg.Client({ connectionString: directUrl(database) });
    await holder.connect();
    try {
      await holder.query(`BEGIN; SELECT FROM live_delivery WHERE account_id = 'a' FOR UPDATE`);
      expect(await dispatched(database)).toEqual(['b']);
      await holder.query('COMMIT');
      expect(await dispatched(database)).toEqual(['a']);
    } finally {
      await holder.end();
    }
  });
});

describe('a delivery', () => {
  it('paused by an ending that raced the enabling of its endpoint is sent all the same, and given up if that is gone', async () => {
    await using app = await App.start();
    await using receiver = await Receiver.answering(200);
    const { body: endpoint } = await app.client.post('/v1/endpoints', { url: receiver.url });
    await rowsOf(
      app.databaseUrl,
      `WITH made AS (
         INSERT INTO delivery (home, id, account_id, endpoint_id, destination, event_type, url, origin, body)
         SELECT 1, 'dlv_' || n, a.id, n, n, 'operation.finished', 'http://127.0.0.1:9/', 'http://127.0.0.1:9', '{}'
         FROM account a, unnest(ARRAY['${endpoint.id}', 'ep_gone']) n WHERE a.name = 'default'
         RETURNING home, seq, account_id, endpoint_id, origin
       )
       INSERT INTO live_delivery (home, seq, account_id, endpoint_id, origin, lane, phase, look_at, due_at)
       SELECT m.*, m.endpoint_id, 'paused', 'infinity', 'infinity' FROM made m`,
    );
    const [received] = await receiver.received(1);
    expect(received!.headers['webhook-id']).toBe(`dlv_${endpoint.id}`);
    await expect
      .poll(async () => (await app.client.delivery('dlv_ep_gone')).status, { timeout: 5_000 })
      .toBe('Canceled');
    expect((await app.client.post('/v1/deliveries/dlv_ep_gone/redeliver')).status).toBe(409);
  });

  it('is recovered to where its endpoint is now, with the headers meant for it', async () => {
    await using app = await App.start();
    await using old = await Receiver.answering(400);
    await using now = await Receiver.answering(200);
    const { body: endpoint } = await app.client.post('/v1/endpoints', {
      url: old.url,
      retry_schedule: [0.05],
    });
    await app.client.submit({ type: 'echo' });
    await old.received(2);
    await expect
      .poll(async () => (await app.client.get('/v1/deliveries?status=Exhausted')).body.data.length)
      .toBe(1);
    await app.client.request('PATCH', `/v1/endpoints/${endpoint.id}`, {
      url: now.url,
      headers: [{ key: 'X-Token', value: 'for the new host' }],
    });
    const span = { since: new Date(Date.now() - 60_000), until: new Date(Date.now() + 60_000) };
    expect((await app.client.post(`/v1/endpoints/${endpoint.id}/recover`, span)).status).toBe(202);
    const [received] = await now.received(1);
    expect(received!.headers['x-token']).toBe('for the new host');
    expect(old.all).toHaveLength(2);
  });
});

describe('an operation', () => {
  it('that no worker has had a handler for in half an hour fails and says so, with its callback, however often it ran before', async () => {
    await using app = await App.start();
    await using receiver = await Receiver.answering(200);
    await rowsOf(
      app.databaseUrl,
      `WITH made AS (
         INSERT INTO operation (rid, account_id, type, face, retention, tries, timeout_s, callback_url)
         SELECT repeat('a', 32), id, 'of.yesterday', 'native', 'keep1m', 99, 60, '${receiver.url}'
         FROM account WHERE name = 'default' RETURNING request_id, account_id, type, tries
       )
       INSERT INTO live_operation (request_id, account_id, type, tries, phase, priority, attempt, look_at, due_at)
       SELECT m.*, 'ready', 0, 40, now(), now() FROM made m`,
    );
    const since = (): Promise<unknown> =>
      rowsOf(app.databaseUrl, 'SELECT phase, unhandled_since IS NOT NULL AS counted FROM live_operation');
    await expect.poll(since).toEqual([{ phase: 'scheduled', counted: true }]);
    await rowsOf(
      app.databaseUrl,
      `UPDATE live_operation SET run_at = now(), look_at = now(), due_at = now(), unhandled_since = now() - interval '30 min'`,
    );
    const [received] = await receiver.received(1);
    expect(JSON.parse(received!.body)).toMatchObject({
      type: 'operation.failed',
      data: { error: { code: 'no_handler' } },
    });
  });
});

it('a claim waits for the disk where it is a last try: others may be forgotten by a crash, and are made again', async () => {
  const database = await newDatabase();
  await rowsOf(
    database,
    `INSERT INTO live_operation (request_id, account_id, type, phase, priority, tries, look_at, due_at)
     SELECT n, 'a', 't', 'placed', 0, tries, now(), now() FROM (VALUES (1, 1), (2, 2), (3, 20)) r (n, tries)`,
  );
  const hint = (id: number): string => `[{"request_id":${id},"epoch":0,"token":"${randomUUID()}","knows":1}]`;
  const client = new pg.Client({ connectionString: directUrl(database) });
  await client.connect();
  try {
    const waits = async (hints: string): Promise<string> => {
      await client.query('BEGIN');
      await client.query(`SELECT claim_operations($1, interval '1 minute')`, [hints]);
      const { rows } = await client.query<{ commit: string }>(
        `SELECT current_setting('synchronous_commit') AS commit`,
      );
      await client.query('COMMIT');
      return rows[0]!.commit;
    };
    expect(await waits(hint(3))).toBe('off');
    expect(await waits(hint(2))).toBe('off');
    await client.query('UPDATE live_operation SET lease_token = NULL WHERE request_id = 2');
    expect(await waits(hint(2))).toBe('on');
    await client.query('UPDATE live_operation SET lease_token = NULL WHERE request_id = 3');
    expect(await waits(`${hint(1).slice(0, -1)},${hint(3).slice(1)}`)).toBe('on');
    expect((await client.query('SHOW synchronous_commit')).rows).toEqual([{ synchronous_commit: 'on' }]);
  } finally {
    await client.end();
  }
});
