import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RingbackClient } from '../../src/client/index.js';
import { App } from '../support/app.js';
import type { Client } from '../support/client.js';
import { rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';

let app: App;
let count = 0;

beforeAll(async () => {
  app = await App.start({ deliveries: { schedule: [3600] } });
});
afterAll(() => app[Symbol.asyncDispose]());

const account = (): Promise<Client> => app.account(`recoveries-${++count}`);
const since = new Date(Date.now() - 60_000).toISOString();

/** Operations whose callback has failed once, and waits for an hour. */
async function waiting(client: Client, receiver: Receiver, many: number, more = {}): Promise<string[]> {
  const operations = await Promise.all(
    Array.from({ length: many }, () =>
      client.submit({ type: 'echo', callback: { url: receiver.url }, ...more }),
    ),
  );
  const path = `/v1/deliveries?status=Pending&limit=250`;
  await expect
    .poll(async () =>
      (await client.get(path)).body.data.filter(
        ({ operation_id, next_attempt_at }: any) =>
          operations.some(({ id }) => id === operation_id) && Date.parse(next_attempt_at) > Date.now() + 1e6,
      ),
    )
    .toHaveLength(many);
  return operations.map(({ id }) => id);
}

/** As if their schedule were spent. */
const giveUp = (reason: string, rids: string[]): Promise<unknown> =>
  rowsOf(
    app.databaseUrl,
    `WITH over AS (
       DELETE FROM live_delivery WHERE operation_id = ANY (ARRAY(SELECT request_id FROM operation WHERE rid = ANY ($2))) RETURNING *
     ), ended AS (
       INSERT INTO delivery_end (home, seq, state, attempt_count, schedule_step, epoch, reason)
       SELECT home, seq, 'Exhausted', attempt_count, schedule_step, epoch, $1 FROM over
     )
     INSERT INTO undelivered (home, seq, account_id, operation_id, lane, state)
     SELECT home, seq, account_id, operation_id, lane, 'Exhausted' FROM over`,
    [reason, rids],
  );

async function finished(client: Client, id: string, timeout = 10_000): Promise<any> {
  await expect
    .poll(async () => (await client.get(`/v1/recoveries/${id}`)).body.state, { timeout })
    .toBe('finished');
  return (await client.get(`/v1/recoveries/${id}`)).body;
}

const tellsOf = (receiver: Receiver): string[] =>
  receiver.all.map(({ headers }) => headers['ringback-operation'] as string);

describe('a recovery of an endpoint', () => {
  it('brings forward what waits, says how far it is, and leaves the schedule as it was', async () => {
    const client = await account();
    await using receiver = await Receiver.answering(500);
    const { body: endpoint } = await client.post('/v1/endpoints', { url: receiver.url });
    const ids = (await Promise.all([1, 2, 3].map(() => client.submit({ type: 'echo' })))).map(({ id }) => id);
    await receiver.received(3);
    const mine = `/v1/deliveries?endpoint=${endpoint.id}`;
    const planned = async (): Promise<any[]> =>
      (await client.get(mine)).body.data.map(({ next_attempt_at }: any) => next_attempt_at);
    await expect
      .poll(async () => (await planned()).every((at) => Date.parse(at) > Date.now() + 1e6))
      .toBe(true);
    const before = await planned();
    const begun = await client.post(`/v1/endpoints/${endpoint.id}/recover`, { since });
    expect([begun.status, begun.body]).toEqual([
      202,
      { id: expect.stringMatching(/^rec_[0-9a-f]{32}$/), found: 0 },
    ]);
    await finished(client, begun.body.id);
    expect(receiver.all).toHaveLength(3);

    const all = await client.post(`/v1/endpoints/${endpoint.id}/recover`, { since, pending: true });
    expect(all.body).toMatchObject({ found: 3 });
    expect(await finished(client, all.body.id)).toEqual({
      id: all.body.id,
      state: 'finished',
      found: 3,
      sent: 3,
      created_at: expect.stringMatching(/Z$/),
      finished_at: expect.stringMatching(/Z$/),
    });
    expect(tellsOf(receiver).slice(3).sort()).toEqual(ids.sort());
    expect((await planned()).map((at) => Math.round(Date.parse(at) / 5000))).toEqual(
      before.map((at) => Math.round(Date.parse(at) / 5000)),
    );
  });

  it('never sends a test again', async () => {
    const client = await account();
    await using receiver = await Receiver.answering(500);
    const { body: endpoint } = await client.post('/v1/endpoints', { url: receiver.url });
    await client.post(`/v1/endpoints/${endpoint.id}/test`);
    const { body } = await client.post(`/v1/endpoints/${endpoint.id}/recover`, { since, pending: true });
    expect(await finished(client, body.id)).toMatchObject({ found: 0, sent: 0 });
    expect(receiver.all).toHaveLength(1);
  });

  it('that is disabled enables it, and counts what was held', async () => {
    const client = await account();
    await using receiver = await Receiver.answering(200);
    const { body: endpoint } = await client.post('/v1/endpoints', { url: receiver.url });
    await client.post(`/v1/endpoints/${endpoint.id}/disable`);
    const { id } = await client.submit({ type: 'echo' });
    await client.ended(id);
    const { body } = await client.post(`/v1/endpoints/${endpoint.id}/recover`, { since, pending: true });
    expect(body).toMatchObject({ found: 1 });
    await receiver.received(1);
    expect(await finished(client, body.id)).toMatchObject({ found: 1, sent: 1 });
  });

  it('is canceled where the endpoint is deleted', async () => {
    const client = await account();
    await using receiver = await Receiver.answering(500, () => undefined);
    const { body: endpoint } = await client.post('/v1/endpoints', { url: receiver.url });
    await client.submit({ type: 'echo' });
    await receiver.received(1);
    await expect
      .poll(async () => Date.parse((await client.get('/v1/deliveries')).body.data[0].next_attempt_at))
      .toBeGreaterThan(Date.now() + 1e6);
    const { body } = await client.post(`/v1/endpoints/${endpoint.id}/recover`, { since, pending: true });
    await receiver.received(2);
    expect((await client.get(`/v1/recoveries/${body.id}`)).body).toMatchObject({
      state: 'running',
      found: 1,
      sent: 0,
    });
    await client.request('DELETE', `/v1/endpoints/${endpoint.id}`);
    expect((await client.get(`/v1/recoveries/${body.id}`)).body).toMatchObject({
      state: 'canceled',
      finished_at: expect.stringMatching(/Z$/),
    });
  });
});

describe('a recovery of operations’ own callbacks', () => {
  it('sends those of an origin that were given up for a reason, and no others', async () => {
    const client = await account();
    await using one = await Receiver.answering(500);
    await using other = await Receiver.answering(500);
    const spent = await waiting(client, one, 2);
    const gone = await waiting(client, one, 1);
    const elsewhere = await waiting(client, other, 1);
    await giveUp('schedule_spent', [...spent, ...elsewhere]);
    await giveUp('gone', gone);
    one.answer(200);
    const origin = new URL(one.url).origin;
    const { body } = await client.post('/v1/deliveries/recover', {
      since,
      origin: `${origin}/`,
      reason: 'schedule_spent',
    });
    expect(body).toEqual({ id: expect.stringMatching(/^rec_/), found: 2 });
    expect(await finished(client, body.id)).toMatchObject({ found: 2, sent: 2 });
    expect(tellsOf(one).slice(3).sort()).toEqual(spent.sort());
    expect(other.all).toHaveLength(1);
    const [first] = await client.deliveries(spent[0]!);
    expect((await client.delivery(first.id)).attempts.at(-1)).toMatchObject({
      trigger: 'recovery',
      outcome: 'delivered',
    });
  });

  it('sends all of it with the client, what waits included, but for what its caller has acknowledged', async () => {
    const client = await account();
    await using receiver = await Receiver.answering(500);
    const acknowledged = await waiting(client, receiver, 1, { ack_by_poll: true });
    await giveUp('schedule_spent', acknowledged);
    await client.get(`/v1/operations/${acknowledged[0]}`);
    await expect
      .poll(async () => (await client.deliveries(acknowledged[0]!))[0].acknowledged_by)
      .toBe('poll');
    const spent = await waiting(client, receiver, 2);
    await giveUp('schedule_spent', spent);
    const waits = await waiting(client, receiver, 3);
    receiver.answer(200);
    const api = new RingbackClient({ url: client.url, apiKey: client.key });
    const { id, found } = await api.recoverDeliveries({ since, pending: true });
    expect(found).toBe(5);
    expect(await finished(client, id)).toMatchObject({ sent: 5 });
    expect(await api.recovery(id)).toMatchObject({ state: 'finished', sent: 5 });
    expect(tellsOf(receiver).slice(6).sort()).toEqual([...spent, ...waits].sort());
  });

  it('is held up by no receiver that hangs, however many callbacks wait for that', async () => {
    const client = await account();
    await using hanging = await Receiver.answering(() => undefined);
    await using healthy = await Receiver.answering(200);
    const { id } = await client.submit({ type: 'echo', callback: { url: healthy.url } });
    await client.ended(id);
    await healthy.received(1);
    // 500 for the one that hangs come first.
    await rowsOf(
      app.databaseUrl,
      `WITH numbered AS MATERIALIZED (
         SELECT nextval('record_id') AS seq, d.account_id, d.event_type, d.body, o.origin
         FROM delivery d, unnest($2::text[], $3::integer[]) WITH ORDINALITY AS o (origin, many, place), generate_series(1, o.many) n
         WHERE d.operation_rid = $1 ORDER BY o.place
       ), made AS (
         INSERT INTO delivery (home, seq, id, account_id, event_type, body, destination, url, origin)
         SELECT seq, seq, 'dlv_' || seq, account_id, event_type, body, 'callback', origin || '/', origin FROM numbered
       ), ended AS (
         INSERT INTO delivery_end (home, seq, state, attempt_count, schedule_step, epoch, reason)
         SELECT seq, seq, 'Exhausted', 0, 0, 0, 'schedule_spent' FROM numbered
       )
       INSERT INTO undelivered (home, seq, account_id, lane, state) SELECT seq, seq, account_id, origin, 'Exhausted' FROM numbered`,
      [id, [new URL(hanging.url).origin, new URL(healthy.url).origin], [500, 250]],
    );
    const { body } = await client.post('/v1/deliveries/recover', { since });
    expect(body.found).toBe(750);
    await healthy.received(251);
    expect((await client.get(`/v1/recoveries/${body.id}`)).body.state).toBe('running');
    expect(hanging.all.length).toBeLessThan(20);

    const stranger = await account();
    expect((await stranger.get(`/v1/recoveries/${body.id}`)).status).toBe(404);
    expect(await stranger.post(`/v1/recoveries/${body.id}/cancel`)).toMatchObject({
      status: 404,
      body: { code: 'recovery-not-found' },
    });
    const canceled = await client.post(`/v1/recoveries/${body.id}/cancel`);
    expect([canceled.status, canceled.body.state]).toEqual([200, 'canceled']);
    expect(await client.post(`/v1/recoveries/${body.id}/cancel`)).toMatchObject({
      status: 409,
      body: { code: 'recovery-ended' },
    });
    const [left] = await rowsOf<{ count: number }>(
      app.databaseUrl,
      `SELECT count(*)::integer AS count FROM delivery_view WHERE state = 'Exhausted' AND origin = $1 AND attempt_count = 0`,
      [new URL(hanging.url).origin],
    );
    expect(left!.count).toBeGreaterThanOrEqual(100);
  });

  it('takes nothing of another account', async () => {
    const client = await account();
    await using receiver = await Receiver.answering(500);
    await giveUp('schedule_spent', await waiting(client, receiver, 1));
    const { body } = await (await account()).post('/v1/deliveries/recover', { since, pending: true });
    expect(body.found).toBe(0);
  });

  it.each([
    ['since', {}],
    ['since', { since: 'yesterday' }],
    ['since', { since: '2026-W05' }],
    ['until', { since, until: since }],
    ['pending', { since, pending: 'yes' }],
    ['origin', { since, origin: 'example.com' }],
    ['origin', { since, origin: 'https://example.com/path' }],
    ['origin', { since, origin: 'ftp://example.com' }],
    ['reason', { since, reason: 'bored' }],
    ['state', { since, state: 'Exhausted' }],
  ])('is refused, naming %s, when it is wrong: %j', async (path, body) => {
    const answer = await app.client.post('/v1/deliveries/recover', body);
    expect([answer.status, answer.body.errors[0].path]).toEqual([422, path]);
  });
});
