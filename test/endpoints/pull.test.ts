import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import type { Client } from '../support/client.js';
import { rowsOf } from '../support/database.js';
import { Receiver, verify } from '../support/receiver.js';

interface Pulled {
  readonly id: string;
  readonly attempt: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

let app: App;
let count = 0;

beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());

/** An account of its own with a pull endpoint. */
async function consumer(description: Record<string, unknown> = {}, on = app) {
  const client = await on.account(`pull-${++count}`);
  const answer = await client.post('/v1/endpoints', { mode: 'pull', ...description });
  expect(answer.status, answer.text).toBe(201);
  const { id, secret } = answer.body as { id: string; secret: string };
  return { client, id, secret };
}

async function pull(client: Client, id: string, query = ''): Promise<Pulled[]> {
  const answer = await client.get(`/v1/endpoints/${id}/pull${query}`);
  expect(answer.status, answer.text).toBe(200);
  return answer.body.data;
}

async function ack(client: Client, id: string, ...acks: object[]): Promise<any[]> {
  const answer = await client.post(`/v1/endpoints/${id}/acks`, { acks });
  expect(answer.status, answer.text).toBe(200);
  return answer.body.data;
}

/** Submits so many operations, and waits for their ends. */
async function submit(client: Client, many: number): Promise<string[]> {
  const operations = Array.from({ length: many }, (_, n) => ({ type: 'echo', input: n }));
  const { body } = await client.post('/v1/operations/batch', { operations });
  const ids = (body.data as { operation: { id: string } }[]).map(({ operation }) => operation.id);
  await Promise.all(ids.map((id) => client.ended(id)));
  return ids;
}

const dataOf = ({ body }: Pulled): any => JSON.parse(body).data;

describe('a pull endpoint', () => {
  it('is created without a URL, read, listed, changed and deleted', async () => {
    const client = await app.account(`pull-${++count}`);
    const { status, body: made } = await client.post('/v1/endpoints', {
      mode: 'pull',
      events: ['operation.finished'],
      headers: [{ key: 'X-Token', value: 'very secret' }],
      lease_s: 60,
      ephemeral_s: 3600,
    });
    expect(status).toBe(201);
    expect(made).toMatchObject({
      mode: 'pull',
      url: null,
      events: ['operation.finished'],
      headers: [{ key: 'X-Token', value: '[redacted]' }],
      lease_s: 60,
      ephemeral_s: 3600,
      last_pulled_at: null,
    });
    const { secret: _, ...shown } = made;
    expect((await client.get('/v1/endpoints')).body).toEqual({ data: [shown], next_cursor: null });
    const changed = await client.request('PATCH', `/v1/endpoints/${made.id}`, {
      lease_s: null,
      ephemeral_s: null,
      retry_schedule: [1],
    });
    expect(changed.body).toEqual({ ...shown, lease_s: null, ephemeral_s: null, retry_schedule: [1] });
    expect((await client.request('DELETE', `/v1/endpoints/${made.id}`)).status).toBe(204);
    expect((await client.get(`/v1/endpoints/${made.id}/pull`)).status).toBe(404);
  });

  it('refuses what makes no sense of it, by name, and so does one that has a URL', async () => {
    const { client, id } = await consumer();
    const wrong = {
      url: 'https://example.com/',
      client_certificate: 'x',
      handshake: true,
      max_in_flight: 3,
      rate_per_s: 2,
    };
    for (const [path, value] of Object.entries(wrong)) {
      const made = await client.post('/v1/endpoints', { mode: 'pull', [path]: value });
      const changed = await client.request('PATCH', `/v1/endpoints/${id}`, { [path]: value });
      for (const { status, body } of [made, changed]) {
        expect(status).toBe(422);
        expect(body).toMatchObject({ code: 'invalid-request', errors: [{ path }] });
      }
    }
    for (const field of ['lease_s', 'ephemeral_s']) {
      const { status, body } = await client.post('/v1/endpoints', {
        url: 'https://example.com/',
        [field]: 60,
      });
      expect(status).toBe(422);
      expect(body.errors).toMatchObject([{ path: field }]);
    }
    expect((await client.post('/v1/endpoints', { mode: 'poll' })).status).toBe(422);
    expect((await client.post('/v1/endpoints', {})).body.errors).toMatchObject([{ path: 'url' }]);
    const pushed = (await client.post('/v1/endpoints', { url: 'https://example.com/' })).body;
    const refused = await client.get(`/v1/endpoints/${pushed.id}/pull`);
    expect([refused.status, refused.body.code]).toEqual([409, 'endpoint-not-pull']);
  });

  it('gives what it is told to who asks, signed as a POST, the oldest first, and logs each as an attempt', async () => {
    await using receiver = await Receiver.answering(200);
    const { client, id, secret } = await consumer({ headers: [{ key: 'X-Token', value: 'very secret' }] });
    await client.post('/v1/endpoints', { url: receiver.url, headers: [{ key: 'X-Token', value: 'other' }] });
    const operations = await submit(client, 3);
    const pulled = await pull(client, id);
    expect(new Set(pulled.map((one) => dataOf(one).id))).toEqual(new Set(operations));
    const requests = await receiver.received(3);
    for (const one of pulled) {
      expect(verify(secret, one as never)).toMatchObject({ type: 'operation.finished' });
      expect(one.headers).toMatchObject({ 'webhook-id': one.id, 'x-token': 'very secret' });
      const posted = requests.find(({ headers }) => headers['ringback-operation'] === dataOf(one).id)!;
      expect(posted.body).toBe(one.body);
      expect(Object.keys(posted.headers)).toEqual(expect.arrayContaining(Object.keys(one.headers)));
    }
    const [first] = pulled;
    const [attempt] = (await client.delivery(first!.id)).attempts;
    expect(attempt).toMatchObject({ number: 1, trigger: 'pull', outcome: 'started' });
    const told = await ack(client, id, { id: first!.id, ok: true, http_status: 204 });
    expect(told).toEqual([{ id: first!.id, result: 'acked', status: 'Delivered', next_attempt_at: null }]);
    const delivery = await client.delivery(first!.id);
    expect(delivery).toMatchObject({ status: 'Delivered', url: null, endpoint_id: id });
    expect(delivery.attempts).toMatchObject([
      { number: 1, trigger: 'pull', outcome: 'delivered', http_status: 204 },
    ]);
    expect(await pull(client, id)).toEqual([]);
  });

  it('leases nothing to a HEAD, which would show nothing of it', async () => {
    const { client, id } = await consumer();
    await submit(client, 1);
    const head = await client.request('HEAD', `/v1/endpoints/${id}/pull`);
    expect([head.status, head.headers.get('allow')]).toEqual([405, 'GET']);
    expect((await client.get(`/v1/endpoints/${id}`)).body.last_pulled_at).toBeNull();
    expect(await pull(client, id)).toMatchObject([{ attempt: 1 }]);
  });

  it('offers what its consumer refused again by its schedule, with the same id and bytes, and gives it up after that', async () => {
    await using others = await Receiver.answering(200);
    const { client, id, secret } = await consumer({ retry_schedule: [0.2] });
    await client.post('/v1/endpoints', { url: others.url, events: ['delivery.exhausted'] });
    await submit(client, 1);
    const [first] = await pull(client, id);
    const nack = { id: first!.id, ok: false, error: 'out of stock', http_status: 503 };
    const [told] = await ack(client, id, nack);
    expect(told).toMatchObject({ result: 'nacked', status: 'Pending' });
    expect(Date.parse(told.next_attempt_at)).toBeGreaterThan(Date.now() - 1000);
    const [second] = await pull(client, id, '?wait=5');
    expect(second).toMatchObject({ id: first!.id, attempt: 2, body: first!.body });
    expect(verify(secret, second as never)).toMatchObject({ type: 'operation.finished' });
    expect(await ack(client, id, nack, nack)).toMatchObject([
      { result: 'nacked', status: 'Exhausted' },
      { result: 'late' },
    ]);
    const { attempts, ...delivery } = await client.delivery(first!.id);
    expect(delivery).toMatchObject({ status: 'Exhausted', reason: 'schedule_spent', error: 'http_5xx' });
    expect(attempts).toMatchObject([
      { trigger: 'pull', outcome: 'failed', http_status: 503, error: 'nacked: out of stock' },
      { trigger: 'pull', outcome: 'failed' },
    ]);
    const [notice] = await others.received(1);
    expect(JSON.parse(notice!.body)).toMatchObject({
      type: 'delivery.exhausted',
      data: { id: first!.id, endpoint_id: id },
    });
    // By hand: one attempt more, and then it is given up as before.
    expect((await client.post(`/v1/deliveries/${first!.id}/redeliver`)).status).toBe(202);
    const [third] = await pull(client, id, '?wait=5');
    expect(third).toMatchObject({ id: first!.id, attempt: 3, body: first!.body });
    expect(await ack(client, id, { id: first!.id, ok: true })).toMatchObject([{ status: 'Delivered' }]);
  });

  it('tells of each acknowledgement whether it was late or of nothing that it knows', async () => {
    const { client, id } = await consumer();
    const other = await consumer();
    await submit(client, 2);
    await submit(other.client, 1);
    const [first, second] = await pull(client, id);
    const [foreign] = await pull(other.client, other.id);
    expect(
      await ack(
        client,
        id,
        { id: foreign!.id, ok: true },
        { id: first!.id, ok: true, attempt: 2 },
        { id: 'dlv_nothing', ok: false },
        { id: second!.id, ok: true, attempt: 1 },
      ),
    ).toEqual([
      { id: foreign!.id, result: 'unknown', status: null, next_attempt_at: null },
      { id: first!.id, result: 'late', status: 'Pending', next_attempt_at: null },
      { id: 'dlv_nothing', result: 'unknown', status: null, next_attempt_at: null },
      { id: second!.id, result: 'acked', status: 'Delivered', next_attempt_at: null },
    ]);
    expect(await ack(client, id, { id: second!.id, ok: false })).toMatchObject([
      { result: 'late', status: 'Delivered' },
    ]);
    expect((await client.post(`/v1/endpoints/${id}/acks`, { acks: [{ id: 5, ok: true }] })).status).toBe(422);
    expect((await client.post(`/v1/endpoints/${id}/acks`, { acks: [] })).status).toBe(422);
  });

  it('offers what wasn’t acknowledged in its time again, and logs that nobody knows how that ended', async () => {
    const { client, id } = await consumer({ lease_s: 1 });
    await submit(client, 2);
    const [first] = await pull(client, id, '?limit=1');
    const [second] = await pull(client, id);
    expect(second!.id).not.toBe(first!.id);
    expect(await pull(client, id)).toEqual([]);
    const again = await pull(client, id, '?wait=10&lease_s=60');
    // It keeps its turn.
    expect(again[0]).toMatchObject({ id: first!.id, attempt: 2, body: first!.body });
    const [lost, now] = (await client.delivery(first!.id)).attempts;
    expect(lost).toMatchObject({ trigger: 'pull', outcome: 'unknown', error: 'lease_expired' });
    expect(now).toMatchObject({ trigger: 'pull', outcome: 'started' });
    expect(await ack(client, id, { id: first!.id, ok: true, attempt: 1 })).toMatchObject([
      { result: 'late' },
    ]);
  });

  it('shares its work between two consumers, and nothing goes to both', async () => {
    const { client, id } = await consumer();
    const operations = await submit(client, 100);
    const drain = async (): Promise<string[]> => {
      const got: string[] = [];
      for (;;) {
        const pulled = await pull(client, id, '?limit=7');
        if (pulled.length === 0) return got;
        await ack(client, id, ...pulled.map((one) => ({ id: one.id, ok: true, attempt: one.attempt })));
        got.push(...pulled.map((one) => dataOf(one).id as string));
      }
    };
    const shares = await Promise.all([drain(), drain()]);
    expect(shares.flat().toSorted()).toEqual(operations.toSorted());
    for (const share of shares) expect(share.length).toBeGreaterThan(0);
  });

  it('answers at most so many bytes, and at least one delivery', async () => {
    const { client, id } = await consumer({ thin_over: 10_000_000 });
    const text = 'x'.repeat(900_000);
    for (let n = 0; n < 6; n++)
      await client.ended((await client.submit({ type: 'echo', input: { text } })).id);
    expect(await pull(client, id)).toHaveLength(4);
    expect(await pull(client, id)).toHaveLength(2);
  });

  it('holds an answer until there is something, and gives back what comes to a consumer that has gone', async () => {
    const { client, id } = await consumer();
    const gone = new AbortController();
    const left = fetch(`${client.url}/v1/endpoints/${id}/pull?wait=30`, {
      headers: { authorization: `Bearer ${client.key}` },
      signal: gone.signal,
    }).catch(() => undefined);
    const started = performance.now();
    expect(await pull(client, id, '?wait=0.2')).toEqual([]);
    expect(performance.now() - started).toBeGreaterThan(190);
    gone.abort();
    await left;
    const held = pull(client, id, '?wait=30');
    await submit(client, 1);
    expect(await held).toHaveLength(1);
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  it('goes on where it stopped after its consumer was away for a day', async () => {
    const { client, id } = await consumer();
    const operations = await submit(client, 20);
    const early = await pull(client, id, '?limit=5');
    // A day later.
    await rowsOf(
      app.databaseUrl,
      `UPDATE live_delivery SET run_at = run_at - interval '1 day', owed_since = owed_since - interval '1 day', started_at = started_at - interval '1 day',
         look_at = look_at - CASE phase WHEN 'leased' THEN interval '1 day' ELSE '0' END,
         due_at = due_at - CASE phase WHEN 'leased' THEN interval '1 day' ELSE '0' END
       WHERE endpoint_id = '${id}'`,
    );
    const ready = (await app.client.get('/health/ready')).body;
    expect(ready.status).toBe('ok');
    const pulled = await pull(client, id);
    expect(pulled.map((one) => dataOf(one).id as string).toSorted()).toEqual(operations.toSorted());
    expect(pulled.slice(0, 5).map(({ id: one }) => one)).toEqual(early.map(({ id: one }) => one));
    const [last] = pulled.slice(-1);
    // What waited for its consumer is tried as often as what didn't.
    expect(await ack(client, id, { id: last!.id, ok: false })).toMatchObject([{ status: 'Pending' }]);
    // However long it waits before its next attempt.
    await rowsOf(
      app.databaseUrl,
      `UPDATE live_delivery SET run_at = run_at - interval '20 days', owed_since = owed_since - interval '20 days' WHERE endpoint_id = '${id}'`,
    );
    expect(await pull(client, id)).toMatchObject([{ id: last!.id, attempt: 2 }]);
    expect(await ack(client, id, { id: last!.id, ok: false })).toMatchObject([{ status: 'Pending' }]);
  });
});
