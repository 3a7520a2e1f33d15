import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import type { Client } from '../support/client.js';
import { newDatabase, rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';

let app: App;
let count = 0;

beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());

interface Consumer {
  readonly client: Client;
  readonly id: string;
}

/** An account of its own with a pull endpoint. */
async function consumer(description: Record<string, unknown> = {}, on = app): Promise<Consumer> {
  const client = await on.account(`lives-${++count}`);
  const answer = await client.post('/v1/endpoints', { mode: 'pull', ...description });
  expect(answer.status, answer.text).toBe(201);
  return { client, id: answer.body.id as string };
}

const pull = async ({ client, id }: Consumer, query = ''): Promise<any[]> =>
  (await client.get(`/v1/endpoints/${id}/pull${query}`)).body.data;

const ack = async ({ client, id }: Consumer, ...acks: object[]): Promise<any[]> =>
  (await client.post(`/v1/endpoints/${id}/acks`, { acks })).body.data;

const owed = async ({ client, id }: Consumer, status: string): Promise<any[]> =>
  (await client.get(`/v1/deliveries?endpoint=${id}&status=${status}`)).body.data;

/** Submits an operation and waits for its end. */
const end = async ({ client }: Consumer): Promise<string> =>
  (await client.ended((await client.submit({ type: 'echo' })).id)).id;

describe('what a pull endpoint is owed', () => {
  it('waits while it is disabled, is pulled when it is enabled, and its consumer is told so', async () => {
    const one = await consumer();
    await end(one);
    expect((await one.client.post(`/v1/endpoints/${one.id}/disable`)).status).toBe(200);
    await end(one);
    const refused = await one.client.get(`/v1/endpoints/${one.id}/pull?wait=30`);
    expect([refused.status, refused.body.code]).toEqual([409, 'endpoint-disabled']);
    expect((await one.client.get(`/v1/endpoints/${one.id}/stats`)).body).toMatchObject({
      pending: 2,
      held: 2,
      in_flight: 0,
    });
    await one.client.post(`/v1/endpoints/${one.id}/enable`);
    expect(await pull(one)).toHaveLength(2);
    expect((await one.client.get(`/v1/endpoints/${one.id}/stats`)).body).toMatchObject({
      pending: 2,
      held: 0,
      in_flight: 2,
    });
    // A consumer that waits is told at once.
    const held = one.client.get(`/v1/endpoints/${one.id}/pull?wait=30`);
    await one.client.post(`/v1/endpoints/${one.id}/disable`);
    expect((await held).status).toBe(409);
  });

  it('is canceled with it, by hand, and by its deletion while a consumer has it', async () => {
    const one = await consumer();
    await end(one);
    await end(one);
    const [first, second] = await pull(one);
    expect((await one.client.post(`/v1/deliveries/${first.id}/cancel`)).status).toBe(200);
    expect((await one.client.delivery(first.id)).attempts).toMatchObject([
      { trigger: 'pull', outcome: 'unknown', error: 'canceled' },
    ]);
    expect(await ack(one, { id: first.id, ok: true })).toMatchObject([
      { result: 'late', status: 'Canceled' },
    ]);
    expect((await one.client.request('DELETE', `/v1/endpoints/${one.id}`)).status).toBe(204);
    expect(await one.client.delivery(second.id)).toMatchObject({
      status: 'Canceled',
      reason: 'endpoint_deleted',
    });
    expect(
      (await one.client.post(`/v1/endpoints/${one.id}/acks`, { acks: [{ id: 'a', ok: true }] })).status,
    ).toBe(404);
  });

  it('comes by hand before its time, and by a recovery and in bulk', async () => {
    const one = await consumer({ retry_schedule: [3600] });
    for (let n = 0; n < 3; n++) await end(one);
    const pulled = await pull(one);
    await ack(one, ...pulled.map(({ id }) => ({ id, ok: false })));
    expect(await pull(one)).toEqual([]);
    const [first, second, third] = pulled;
    // By hand: one attempt more, after which the schedule goes on.
    await one.client.post(`/v1/deliveries/${first.id}/redeliver`);
    expect(await pull(one, '?wait=5')).toMatchObject([{ id: first.id, attempt: 2 }]);
    expect((await one.client.post(`/v1/deliveries/${first.id}/redeliver`)).status).toBe(409);
    const [told] = await ack(one, { id: first.id, ok: false });
    expect(told).toMatchObject({ result: 'nacked', status: 'Pending' });
    expect(Date.parse(told.next_attempt_at)).toBeGreaterThan(Date.now() + 1_800_000);
    // By a recovery: those that wait for their next attempt.
    const since = new Date(Date.now() - 3_600_000).toISOString();
    const { status, body } = await one.client.post(`/v1/endpoints/${one.id}/recover`, {
      since,
      pending: true,
    });
    expect([status, body.found]).toEqual([202, 3]);
    const again: any[] = [];
    while (again.length < 3) again.push(...(await pull(one, '?wait=10')));
    expect(again.map(({ id }) => id).toSorted()).toEqual(pulled.map(({ id }) => id).toSorted());
    await ack(one, { id: first.id, ok: true }, { id: second.id, ok: true }, { id: third.id, ok: false });
    await expect
      .poll(async () => (await one.client.get(`/v1/recoveries/${body.id}`)).body)
      .toMatchObject({ state: 'finished', sent: 3 });
    const bulk = await one.client.post('/v1/deliveries/bulk', {
      action: 'redeliver',
      filter: { endpoint: one.id, status: 'Pending' },
    });
    expect(bulk.status, bulk.text).toBe(202);
    // The bulk action is an operation too, whose end is told.
    const bulked: any[] = [];
    while (bulked.length < 2) bulked.push(...(await pull(one, '?wait=10')));
    expect(bulked).toContainEqual(expect.objectContaining({ id: third.id, attempt: 3 }));
  });

  it('is a test as well, which its consumer answers', async () => {
    const one = await consumer();
    const test = one.client.post(`/v1/endpoints/${one.id}/test`);
    const [sample] = await pull(one, '?wait=10');
    expect(JSON.parse(sample.body)).toMatchObject({ type: 'endpoint.test' });
    await ack(one, { id: sample.id, ok: true, http_status: 200 });
    expect((await test).body).toMatchObject({ trigger: 'pull', outcome: 'delivered', http_status: 200 });
  });

  it('is told of others’ faults, counted, and looked on by an operator', async () => {
    await using broken = await Receiver.answering(410);
    const one = await consumer({ events: ['delivery.exhausted', 'endpoint.disabled'] });
    await one.client.post('/v1/endpoints', { url: broken.url });
    await end(one);
    const notices: any[] = [];
    while (notices.length < 2) notices.push(...(await pull(one, '?wait=10')));
    expect(notices.map(({ body }) => JSON.parse(body).type).toSorted()).toEqual([
      'delivery.exhausted',
      'endpoint.disabled',
    ]);
    await ack(one, ...notices.map(({ id }) => ({ id, ok: true })));
    const counted = async (): Promise<number> =>
      (await one.client.get('/v1/stats/deliveries')).body.buckets.reduce(
        (sum: number, { delivered }: { delivered: number }) => sum + delivered,
        0,
      );
    await expect.poll(counted, { timeout: 10_000 }).toBe(2);
    const path = `/v1/endpoints/${one.id}/pull`;
    expect((await app.client.get(path)).status).toBe(404);
    expect((await app.client.get(`${path}?account=*`)).body).toEqual({ data: [] });
    const { body } = await app.client.get('/v1/endpoints?account=*&limit=250');
    expect(body.data.find(({ id }: { id: string }) => id === one.id)).toMatchObject({
      mode: 'pull',
      url: null,
    });
  });

  it('is no trouble of the service while it waits, and delivers once its consumer says so', async () => {
    await using own = await App.start({});
    const one = await consumer({}, own);
    await end(one);
    await rowsOf(own.databaseUrl, `UPDATE live_delivery SET run_at = run_at - interval '2 days'`);
    const { body } = await own.client.get('/v1/ledger');
    expect(body).toMatchObject({ oldest_overdue_s: 0, oldest_undelivered_s: 0, balanced: true });
    expect(await owed(one, 'Pending')).toHaveLength(1);
    expect((await one.client.get('/v1/operations?undelivered=true')).body.data).toHaveLength(1);
    const [last] = await pull(one);
    await ack(one, { id: last.id, ok: true });
    expect((await one.client.get('/v1/operations?undelivered=true')).body.data).toEqual([]);
  });

  it('waits behind what is due after it has been taken and lost again and again', async () => {
    // Who looks for lapsed leases gives it back at the end: here whoever pulls is to find it first.
    await using own = await App.start({ deliveries: { pollMs: 600_000 } });
    const one = await consumer({}, own);
    await end(one);
    await end(one);
    const lapse = (): Promise<object[]> =>
      rowsOf(
        own.databaseUrl,
        `UPDATE live_delivery SET look_at = now(), due_at = now() WHERE endpoint_id = '${one.id}' AND phase = 'leased'`,
      );
    const [poison] = await pull(one, '?limit=1');
    for (const attempt of [2, 3]) {
      await lapse();
      expect(await pull(one, '?limit=1')).toMatchObject([{ id: poison.id, attempt }]);
    }
    await lapse();
    const [other] = await pull(one, '?limit=1');
    expect(other.id).not.toBe(poison.id);
    expect(await pull(one)).toMatchObject([{ id: poison.id, attempt: 4 }]);
  });

  it('is told at once to a consumer that waits at another process', async () => {
    const url = await newDatabase();
    await using here = await App.start({ database: { url } });
    await using there = await App.start({ database: { url }, process: { roles: new Set(['api'] as const) } });
    const one = await consumer({}, here);
    const elsewhere = { id: one.id, client: there.client.withKey(one.client.key) };
    const took: number[] = [];
    for (let n = 0; n < 5; n++) {
      const since = performance.now();
      const held = pull(elsewhere, '?wait=30');
      await end(one);
      expect(await held).toHaveLength(1);
      took.push(performance.now() - since);
    }
    // Sooner than it would look by itself, a second after it came.
    expect(Math.min(...took)).toBeLessThan(900);
  });
});

describe('a pull endpoint that nobody pulls', () => {
  it('is disabled after a time, with its audit and a notice, and what it is owed waits', async () => {
    await using own = await App.start({ deliveries: { pullIdleS: 3_600, pollMs: 50 } });
    await using receiver = await Receiver.answering(200);
    const one = await consumer({}, own);
    const busy = await one.client.post('/v1/endpoints', { mode: 'pull' });
    const kept = await one.client.post('/v1/endpoints', { mode: 'pull', ephemeral_s: 86_400 });
    await one.client.post('/v1/endpoints', { url: receiver.url, events: ['endpoint.disabled'] });
    await end(one);
    await pull({ client: one.client, id: busy.body.id });
    // Two hours later, in which one was pulled.
    await rowsOf(own.databaseUrl, `UPDATE endpoint SET created_at = created_at - interval '2 hours'`);
    const read = async (id: string): Promise<any> => (await one.client.get(`/v1/endpoints/${id}`)).body;
    await expect.poll(async () => (await read(one.id)).disabled_reason).toBe('not_pulled');
    const [notice] = await receiver.received(1);
    expect(JSON.parse(notice!.body)).toMatchObject({
      type: 'endpoint.disabled',
      data: { id: one.id, disabled_reason: 'not_pulled' },
    });
    const { data } = (await own.client.get('/v1/audit?action=endpoint.disabled&account=*')).body;
    expect(data).toMatchObject([{ target: one.id, actor: null, details: { reason: 'not_pulled' } }]);
    for (const { body } of [busy, kept]) expect(await read(body.id)).toMatchObject({ disabled_at: null });
    await one.client.post(`/v1/endpoints/${one.id}/enable`);
    expect(await pull(one)).toHaveLength(1);
    expect((await read(one.id)).last_pulled_at).not.toBeNull();
  });

  it('is deleted after its own time where it is ephemeral, and what it is owed is canceled', async () => {
    const one = await consumer({ ephemeral_s: 1 });
    const other = await consumer({ ephemeral_s: 3600 });
    await end(one);
    const [delivery] = await pull(one);
    const status = async (): Promise<number> => (await one.client.get(`/v1/endpoints/${one.id}`)).status;
    expect(await status()).toBe(200);
    await expect.poll(status, { timeout: 15_000 }).toBe(404);
    expect(await one.client.delivery(delivery.id)).toMatchObject({
      status: 'Canceled',
      reason: 'endpoint_deleted',
    });
    expect((await other.client.get(`/v1/endpoints/${other.id}`)).status).toBe(200);
    const { data } = (await app.client.get('/v1/audit?action=endpoint.deleted&account=*')).body;
    expect(data.filter(({ target }: { target: string }) => target === one.id)).toMatchObject([
      { actor: null, details: { reason: 'not_pulled' } },
    ]);
  });

  it('is not deleted while its consumer waits for an answer', async () => {
    const one = await consumer({ ephemeral_s: 1 });
    const held = pull(one, '?wait=4.5');
    expect(await held).toEqual([]);
    expect((await one.client.get(`/v1/endpoints/${one.id}`)).status).toBe(200);
  });

  it('leaves nothing behind that was made while it was being deleted', async () => {
    await using own = await App.start({ housekeeping: { everyS: 0.1 } });
    const one = await consumer({}, own);
    await end(one);
    // As an end leaves it that had seen the endpoint before.
    await rowsOf(own.databaseUrl, `DELETE FROM endpoint`);
    await rowsOf(own.databaseUrl, `UPDATE chore SET due_at = now()`);
    await expect.poll(async () => (await owed(one, 'Canceled')).length, { timeout: 10_000 }).toBe(1);
  });
});
