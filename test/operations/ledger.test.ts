import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { UnservedStore } from '../../src/operations/read/unserved.store.js';
import { App } from '../support/app.js';
import { directUrl, loseQueue, newDatabase, rowsOf } from '../support/database.js';
import { expectNothingLost, Load } from '../support/load.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy } from '../support/service.js';

describe('the ledger', { timeout: 120_000 }, () => {
  it('counts what was accepted and owed, and names nobody', async () => {
    await using receiver = await Receiver.answering(200, 410);
    await using app = await App.start();
    const one = await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
    await app.client.ended(one.id);
    await expect.poll(async () => (await app.client.deliveries(one.id))[0].status).toBe('Delivered');
    const two = await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
    await expect.poll(async () => (await app.client.deliveries(two.id))[0]?.status).toBe('Exhausted');
    await app.client.submit({ type: 'echo', run_at: new Date(Date.now() + 3_600_000).toISOString() });
    const answer = await app.client.get('/v1/ledger');
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        balanced: true,
        accepted: 3,
        operations: { waiting: 1, executing: 0, finished: 2, failed: 0, canceled: 0 },
        ended_with_callback: 2,
        deliveries: { pending: 0, delivered: 1, exhausted: 1, canceled: 0 },
        oldest_overdue_s: 0,
        oldest_waiting_s: 0,
        oldest_undelivered_s: 0,
      },
    ]);
  });

  it('is for administrators', async () => {
    await using app = await App.start();
    const account = await app.account('curious');
    expect((await account.get('/v1/ledger')).status).toBe(403);
    expect((await account.withKey('none').get('/v1/ledger')).status).toBe(401);
  });

  it.each([
    ['an operation', 'live_operation'],
    ['a delivery', 'live_delivery'],
  ])('shows that %s is gone which is owed', async (_, live) => {
    await using receiver = await Receiver.answering(503);
    await using app = await App.start({ deliveries: { schedule: [3600] } });
    const { id } = await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
    await app.client.submit({ type: 'echo', run_at: new Date(Date.now() + 3_600_000).toISOString() });
    await app.client.ended(id);
    await receiver.received(1);
    expect((await app.client.get('/v1/ledger')).body.balanced).toBe(true);
    await rowsOf(app.databaseUrl, `DELETE FROM ${live}`);
    expect((await app.client.get('/v1/ledger')).body.balanced).toBe(false);
  });

  it.each([
    ['the record of an operation', 'DELETE FROM operation', { operations: '0', operations_ended: '1' }],
    ['the end of an operation', 'DELETE FROM operation_end', { operations: '1', operations_ended: '0' }],
    ['a delivery', 'DELETE FROM delivery', { deliveries: '0', deliveries_ended: '1' }],
    ['the end of a delivery', 'DELETE FROM delivery_end', { deliveries: '1', deliveries_ended: '0' }],
    [
      'the partition of a live row',
      'UPDATE live_operation SET request_id = -1',
      { lower: null, operations_live: '1' },
    ],
  ])('is audited by the records themselves: %s that is gone is told', async (_, fault, told) => {
    await using receiver = await Receiver.answering(200);
    await using app = await App.start();
    const { id } = await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
    await app.client.ended(id);
    await expect.poll(async () => (await app.client.deliveries(id))[0].status).toBe('Delivered');
    const audit = () => rowsOf(app.databaseUrl, 'SELECT * FROM audit_records()');
    expect(await audit()).toEqual([]);
    if (fault.includes('live'))
      await app.client.submit({ type: 'echo', run_at: new Date(Date.now() + 3_600_000).toISOString() });
    expect(await audit()).toEqual([]);
    await rowsOf(app.databaseUrl, fault);
    expect(await audit()).toContainEqual(expect.objectContaining(told));
  });

  it('shows how long the oldest row is overdue', async () => {
    await using app = await App.start();
    await app.client.submit({ type: 'echo', run_at: new Date(Date.now() + 3_600_000).toISOString() });
    // A dispatcher that hangs.
    const holder = new pg.Client({ connectionString: directUrl(app.databaseUrl) });
    await holder.connect();
    await holder.query('SELECT pg_advisory_lock(7164225002), pg_advisory_lock(7164225007)');
    expect((await app.client.get('/v1/ledger')).body.oldest_overdue_s).toBe(0);
    await holder.query(
      `UPDATE live_operation SET look_at = now() - interval '90 s', due_at = now() - interval '90 s'`,
    );
    expect((await app.client.get('/v1/ledger')).body.oldest_overdue_s).toBeGreaterThanOrEqual(90);
    await holder.end();
    await expect.poll(async () => (await app.client.get('/v1/ledger')).body.oldest_overdue_s).toBe(0);
  });

  it.each([
    ['an operation with a free slot', 7164225002],
    ['a callback with room', 7164225003],
  ])('counts %s that nobody dispatches for a minute', async (_, lock) => {
    await using receiver = await Receiver.answering(200);
    await using app = await App.start();
    const unserved = app.nest.get(UnservedStore);
    // The test looks at times of its own.
    unserved.onModuleDestroy();
    // As a dispatcher that hangs.
    const holder = new pg.Client({ connectionString: directUrl(app.databaseUrl) });
    await holder.connect();
    await holder.query('SELECT pg_advisory_lock($1), pg_advisory_lock($1 + 5)', [lock]);
    const { id } = await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
    if (lock === 7164225003) await app.client.ended(id);
    for (let s = 0; s < 60; s += 10) {
      await unserved.look(s * 1000);
      expect(await unserved.oldestS(s * 1000)).toBe(0);
    }
    await unserved.look(60_000);
    expect(await unserved.oldestS(65_000)).toBe(65);
    await holder.end();
    await receiver.received(1);
    await expect.poll(() => unserved.oldestS(65_000)).toBe(0);
  });

  it('counts what its flow key has room for and nobody admits, and nothing that waits for its key', async () => {
    await using app = await App.start();
    const unserved = app.nest.get(UnservedStore);
    // The test looks at times of its own.
    unserved.onModuleDestroy();
    const flow = { key: 'a', parallelism: 1 };
    const running = await app.client.submit({ type: 'external', flow });
    const read = async (): Promise<object> => (await app.client.get('/v1/flows/a')).body;
    await expect.poll(read).toMatchObject({ executing: 1 });
    await app.client.submit({ type: 'external', flow });
    await app.client.submit({ type: 'external', flow: { key: 'b', rate: 1, period_s: 600 } });
    const { id } = await app.client.submit({ type: 'external', flow: { key: 'b', rate: 1, period_s: 600 } });
    await expect.poll(async () => (await app.client.get('/v1/flows/b')).body).toMatchObject({ started: 1 });
    await expect.poll(async () => (await rowsOf(app.databaseUrl, 'SELECT FROM flow_note')).length).toBe(0);
    for (let s = 0; s <= 70; s += 10) await unserved.look(s * 1000);
    expect(await unserved.oldestS(70_000)).toBe(0);
    expect((await app.client.get('/v1/ledger')).body).toMatchObject({
      oldest_waiting_s: 0,
      operations: { waiting: 2 },
    });
    // As a note that was lost.
    await rowsOf(app.databaseUrl, 'ALTER TABLE live_operation DISABLE TRIGGER operation_flowed');
    await app.client.post(`/v1/operations/${running.id}/cancel`);
    for (let s = 80; s <= 150; s += 10) await unserved.look(s * 1000);
    expect(await unserved.oldestS(150_000)).toBe(70);
    expect((await app.client.get(`/v1/operations/${id}`)).body.queue_position).toBe(1);
  });

  it('counts the first of an ordered flow key, which keeps its place while it waits for its next try', async () => {
    await using app = await App.start();
    const unserved = app.nest.get(UnservedStore);
    // The test looks at times of its own.
    unserved.onModuleDestroy();
    // As a dispatcher that hangs.
    const holder = new pg.Client({ connectionString: directUrl(app.databaseUrl) });
    await holder.connect();
    await holder.query('SELECT pg_advisory_lock(7164225002), pg_advisory_lock(7164225007)');
    const { id } = (await app.client.get('/v1/account')).body;
    await holder.query(
      `INSERT INTO flow (account_id, key, ordered, parallelism) VALUES ('${id}', 'a', true, 1);
       INSERT INTO live_operation (request_id, account_id, type, phase, priority, attempt, tries, look_at, due_at, flow_key, flow_place)
       VALUES (nextval('record_id'), '${id}', 'echo', 'ready', 0, 1, 3, now(), now(), 'a', true)`,
    );
    expect(await rowsOf(app.databaseUrl, 'SELECT phase, flow_place FROM live_operation')).toEqual([
      { phase: 'keyed', flow_place: true },
    ]);
    for (let s = 0; s <= 60; s += 10) await unserved.look(s * 1000);
    expect(await unserved.oldestS(65_000)).toBe(65);
    await holder.query('DELETE FROM live_operation');
    await holder.end();
  });

  it('counts nothing that waits for a slot, or for a receiver, and forgets what it saw before an outage', async () => {
    await using receiver = await Receiver.answering(200);
    await using app = await App.start();
    const unserved = app.nest.get(UnservedStore);
    // The test looks at times of its own.
    unserved.onModuleDestroy();
    const one = await app.account('one slot', 1);
    const running = await one.submit({ type: 'sleep', input: { seconds: 600 } });
    await expect
      .poll(async () => (await one.get(`/v1/operations/${running.id}`)).body.status)
      .toBe('Executing');
    const waiting = await one.submit({ type: 'echo' });
    receiver.answer(() => undefined);
    for (let i = 0; i < 2; i++) await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
    await receiver.received(1);
    for (let s = 0; s <= 70; s += 10) await unserved.look(s * 1000);
    expect(await unserved.oldestS(70_000)).toBe(0);
    const holder = new pg.Client({ connectionString: directUrl(app.databaseUrl) });
    await holder.connect();
    await holder.query('SELECT pg_advisory_lock(7164225002), pg_advisory_lock(7164225007)');
    await one.post(`/v1/operations/${running.id}/cancel`);
    await one.ended(running.id);
    await unserved.look(80_000);
    await unserved.look(160_000);
    expect(await unserved.oldestS(160_000)).toBe(0);
    await holder.end();
    await one.ended(waiting.id);
  });

  it.each([
    ['an operation', async () => undefined],
    [
      'a callback',
      async (client: Service['client'], id: string) => client.post(`/v1/operations/${id}/cancel`),
    ],
  ])('shows since when no worker has taken %s, however often it is told of it', async (_, prepare) => {
    const database = await newDatabase();
    const shared = { ...sharedBy(database), RINGBACK_REDISPATCH_S: '0.2' };
    await using receiver = await Receiver.answering(200);
    await using api = await Service.start({ ...shared, RINGBACK_ROLE: 'api' });
    const { id } = await api.client.submit({ type: 'echo', callback: { url: receiver.url } });
    await prepare(api.client, id);
    const overdue = async (): Promise<number> => (await api.client.get('/v1/ledger')).body.oldest_overdue_s;
    await expect.poll(overdue, { timeout: 20_000 }).toBeGreaterThan(1.5);
    // The dispatcher is not to blame: it goes on hinting, if slowly while jobs wait in the queue.
    const epochs = async (): Promise<number> => {
      const [row] = await rowsOf<{ epochs: number }>(
        database,
        'SELECT (SELECT coalesce(max(epoch), 0) FROM live_operation) + (SELECT coalesce(max(epoch), 0) FROM live_delivery) AS epochs',
      );
      return row!.epochs;
    };
    await expect.poll(epochs, { timeout: 20_000 }).toBeGreaterThan(2);
    await using _worker = await Service.start({ ...shared, RINGBACK_ROLE: 'worker' });
    await receiver.received(1);
    await expect.poll(overdue, { timeout: 20_000 }).toBe(0);
  });

  it('is balanced at every instant while workers are killed and the queue is lost', async () => {
    const database = await newDatabase();
    const shared = sharedBy(database);
    await using receiver = await Receiver.answering(200);
    await using api = await Service.start({ ...shared, RINGBACK_ROLE: 'api' });
    let worker = await Service.start({ ...shared, RINGBACK_ROLE: 'worker' });
    const load = new Load(api.client, receiver.url);
    const balanced = async (): Promise<void> =>
      expect((await api.client.get('/v1/ledger')).body).toMatchObject({ balanced: true });
    for (let fault = 1; fault <= 3; fault++) {
      await load.reached(fault * 60);
      await balanced();
      await worker.end('SIGKILL');
      await loseQueue(database, shared['REDIS_URL']);
      await balanced();
      worker = await Service.start({ ...shared, RINGBACK_ROLE: 'worker' });
      await balanced();
    }
    await using _last = worker;
    const acknowledged = await load.stop();
    await expectNothingLost(database, acknowledged, receiver);
    const { body } = await api.client.get('/v1/ledger');
    expect(body).toMatchObject({ balanced: true, operations: { waiting: 0, executing: 0 } });
    expect(body.accepted).toBeGreaterThanOrEqual(acknowledged.length);
    expect(body.deliveries.delivered).toBe(body.accepted);
  });
});
