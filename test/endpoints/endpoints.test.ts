import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import type { Client } from '../support/client.js';
import { rowsOf } from '../support/database.js';
import { Receiver, verify } from '../support/receiver.js';

let app: App;
let count = 0;

beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());

/** An account of its own, so that one test's endpoints hear nothing of another's operations. */
function account(): Promise<Client> {
  return app.account(`endpoints-${++count}`);
}

async function endpoint(client: Client, description: Record<string, unknown>): Promise<any> {
  const answer = await client.post('/v1/endpoints', description);
  expect(answer.status, answer.text).toBe(201);
  return answer.body;
}

async function deliveriesTo(client: Client, id: string): Promise<any[]> {
  return (await client.get(`/v1/deliveries?endpoint=${id}`)).body.data;
}

/** What the audit has of an endpoint's disablings, oldest first. */
async function disablings(id: string): Promise<object[]> {
  const { data } = (await app.client.get('/v1/audit?action=endpoint.disabled&order=asc&limit=250')).body;
  return (data as { target: string; actor: unknown; address: unknown; details: unknown }[])
    .filter(({ target }) => target === id)
    .map(({ actor, address, details }) => ({ actor, address, details }));
}

describe('an endpoint', () => {
  it('is created, read, listed, changed and deleted', async () => {
    const client = await account();
    await using receiver = await Receiver.answering(200);
    const made = await endpoint(client, {
      url: receiver.url,
      description: 'mine',
      headers: [{ key: 'X-Token', value: 'very secret' }],
      retry_schedule: [1, 2.5],
      max_in_flight: 3,
      rate_per_s: 5,
    });
    expect(made).toMatchObject({
      description: 'mine',
      events: ['operation.finished', 'operation.failed', 'operation.canceled'],
      headers: [{ key: 'X-Token', value: '[redacted]' }],
      retry_schedule: [1, 2.5],
      max_in_flight: 3,
      rate_per_s: 5,
      signature_profile: 'standard',
      disabled_at: null,
    });
    expect(made.id).toMatch(/^ep_[0-9a-f]{32}$/);
    expect(made.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const { secret: _, ...shown } = made;
    expect((await client.get(`/v1/endpoints/${made.id}`)).body).toEqual(shown);
    expect((await client.get('/v1/endpoints')).body).toEqual({ data: [shown], next_cursor: null });
    const changed = await client.request('PATCH', `/v1/endpoints/${made.id}`, {
      description: 'yours',
      rate_per_s: null,
    });
    expect(changed.body).toEqual({ ...shown, description: 'yours', rate_per_s: null });
    expect((await client.get(`/v1/endpoints/${made.id}/secret`)).body.secret).toBe(made.secret);
    expect((await app.client.get(`/v1/endpoints/${made.id}`)).status).toBe(404);
    expect((await client.request('DELETE', `/v1/endpoints/${made.id}`)).status).toBe(204);
    expect((await client.get(`/v1/endpoints/${made.id}`)).status).toBe(404);
  });

  it('has no headers where null is given, and keeps those it has', async () => {
    await using app = await App.start();
    const given = { url: 'https://example.com/', headers: null };
    expect((await app.client.post('/v1/endpoints', given)).body.headers).toEqual([]);
    const headers = [{ key: 'a', value: 'b' }];
    const { body } = await app.client.post('/v1/endpoints', { ...given, headers });
    const changed = await app.client.request('PATCH', `/v1/endpoints/${body.id}`, { headers: null });
    expect(changed.body.headers).toEqual([{ key: 'a', value: '[redacted]' }]);
  });

  it('is told of the events it asked for, besides the operation’s own callback, signed with its own secret', async () => {
    const client = await account();
    await using all = await Receiver.answering(200);
    await using failures = await Receiver.answering(200);
    const one = await endpoint(client, { url: all.url, headers: [{ key: 'X-Token', value: 'very secret' }] });
    const two = await endpoint(client, { url: failures.url, events: ['operation.failed'] });
    const operation = await client.submit({ type: 'echo', input: 5, callback: { url: `${all.url}/own` } });
    const failed = await client.submit({ type: 'sleep', input: { seconds: 9 }, timeout_s: 0.05 });
    await all.received(3);
    const told = all.all.find(
      ({ path, headers }) => path === '/callback' && headers['ringback-operation'] === operation.id,
    )!;
    expect(verify(one.secret, told)).toMatchObject({
      type: 'operation.finished',
      data: { id: operation.id, result: 5 },
    });
    expect(told.headers['x-token']).toBe('very secret');
    const own = all.all.find(({ path }) => path === '/callback/own')!;
    expect(own.headers['webhook-id']).not.toBe(told.headers['webhook-id']);
    expect(() => verify(one.secret, own)).toThrow();
    const [failure] = await failures.received(1);
    expect(verify(two.secret, failure!)).toMatchObject({
      type: 'operation.failed',
      data: { id: failed.id, error: { code: 'timeout' } },
    });
    expect(failures.all).toHaveLength(1);
  });

  it('holds what it is owed while disabled, and gets it when enabled', async () => {
    const client = await account();
    await using receiver = await Receiver.answering(200);
    const made = await endpoint(client, { url: receiver.url });
    expect((await client.post(`/v1/endpoints/${made.id}/disable`)).body).toMatchObject({
      disabled_reason: 'disabled_by_hand',
    });
    const operation = await client.submit({ type: 'echo' });
    await client.ended(operation.id);
    expect(await deliveriesTo(client, made.id)).toMatchObject([{ status: 'Pending', attempt_count: 0 }]);
    const { body: stats } = await client.get(`/v1/endpoints/${made.id}/stats`);
    expect(stats).toMatchObject({ pending: 1, in_flight: 0, held: 1 });
    expect((await client.post(`/v1/endpoints/${made.id}/enable`)).body.disabled_at).toBeNull();
    const [received] = await receiver.received(1);
    expect(received!.headers['ringback-operation']).toBe(operation.id);
  });

  it('is disabled by a 410, and the account’s other endpoints hear of it', async () => {
    const client = await account();
    await using gone = await Receiver.answering(410);
    await using watcher = await Receiver.answering(200);
    const made = await endpoint(client, { url: gone.url });
    const watching = await endpoint(client, {
      url: watcher.url,
      events: ['endpoint.disabled', 'delivery.exhausted'],
    });
    await client.submit({ type: 'echo' });
    const received = await watcher.received(2);
    const events = received.map((one) => verify(watching.secret, one));
    expect(events.map(({ type }) => type).sort()).toEqual(['delivery.exhausted', 'endpoint.disabled']);
    expect(events.find(({ type }) => type === 'endpoint.disabled')!.data).toMatchObject({
      id: made.id,
      disabled_reason: 'gone',
    });
    expect((await client.get(`/v1/endpoints/${made.id}`)).body).toMatchObject({ disabled_reason: 'gone' });
    expect(await disablings(made.id)).toEqual([{ actor: null, address: null, details: { reason: 'gone' } }]);
  });

  it('is disabled after five days of nothing but failures, and not by a redelivery by hand', async () => {
    const client = await account();
    await using receiver = await Receiver.answering(500);
    const made = await endpoint(client, { url: receiver.url, retry_schedule: [3600] });
    const operation = await client.submit({ type: 'echo' });
    await client.ended(operation.id);
    await expect.poll(async () => (await deliveriesTo(client, made.id))[0]?.attempt_count).toBe(1);
    await rowsOf(
      app.databaseUrl,
      `UPDATE endpoint SET failing_since = now() - interval '6 days' WHERE id = $1`,
      [made.id],
    );
    const [waiting] = await deliveriesTo(client, made.id);
    await client.post(`/v1/deliveries/${waiting.id}/redeliver`);
    await expect.poll(async () => (await deliveriesTo(client, made.id))[0]?.attempt_count).toBe(2);
    expect((await client.get(`/v1/endpoints/${made.id}`)).body.disabled_at).toBeNull();
    await client.submit({ type: 'echo' });
    await expect
      .poll(async () => (await client.get(`/v1/endpoints/${made.id}`)).body.disabled_reason)
      .toBe('failing_for_5_days');
    const details = { reason: 'failing_for_5_days' };
    expect(await disablings(made.id)).toEqual([{ actor: null, address: null, details }]);
    // By hand, it is one entry too, with the key.
    await client.post(`/v1/endpoints/${made.id}/enable`);
    await client.post(`/v1/endpoints/${made.id}/disable`);
    expect((await disablings(made.id)).slice(1)).toMatchObject([{ actor: { key_id: expect.any(String) } }]);
  });

  it('sends a signed sample when tested, and answers with the attempt', async () => {
    const client = await account();
    await using receiver = await Receiver.answering(200, 503);
    const made = await endpoint(client, { url: receiver.url });
    expect((await client.post(`/v1/endpoints/${made.id}/test`)).body).toMatchObject({
      number: 1,
      trigger: 'test',
      outcome: 'delivered',
      http_status: 200,
    });
    expect(verify(made.secret, receiver.all[0]!)).toMatchObject({
      type: 'endpoint.test',
      data: { endpoint_id: made.id },
    });
    expect((await client.post(`/v1/endpoints/${made.id}/test`)).body).toMatchObject({
      outcome: 'failed',
      http_status: 503,
      next_attempt_at: null,
    });
  });

  it('recovers what was exhausted in a time span', async () => {
    const client = await account();
    await using receiver = await Receiver.answering(200);
    const made = await endpoint(client, { url: receiver.url, retry_schedule: [] });
    receiver.answer(500);
    const since = new Date().toISOString();
    const submitted = await Promise.all(Array.from({ length: 12 }, () => client.submit({ type: 'echo' })));
    await expect
      .poll(
        async () =>
          (await client.get(`/v1/deliveries?endpoint=${made.id}&status=Exhausted`)).body.data.length,
        { timeout: 20_000 },
      )
      .toBe(12);
    receiver.answer(200);
    expect((await client.post(`/v1/endpoints/${made.id}/recover`, { since })).status).toBe(202);
    await expect
      .poll(
        async () =>
          (await client.get(`/v1/deliveries?endpoint=${made.id}&status=Delivered`)).body.data.length,
        { timeout: 20_000 },
      )
      .toBe(12);
    const [first] = await deliveriesTo(client, made.id);
    expect((await client.delivery(first.id)).attempts.at(-1)).toMatchObject({
      trigger: 'recovery',
      outcome: 'delivered',
    });
    expect(submitted.map(({ id }) => id)).toContain(first.operation_id);
    const { body } = await client.get(`/v1/endpoints/${made.id}/stats`);
    expect(body).toMatchObject({ succeeded: 12, failed: 12, pending: 0, in_flight: 0, held: 0 });
  });

  it('is never asked more often than its rate', async () => {
    const client = await account();
    await using receiver = await Receiver.answering(200);
    const made = await endpoint(client, { url: receiver.url, rate_per_s: 5 });
    await client.post(`/v1/endpoints/${made.id}/test`);
    await Promise.all(Array.from({ length: 12 }, () => client.submit({ type: 'echo' })));
    const received = await receiver.received(13);
    const times = received.map(({ at }) => at);
    for (const [index, at] of times.entries()) {
      expect(
        times.filter((other) => other >= at && other < at + 1000).length,
        `from attempt ${index}`,
      ).toBeLessThanOrEqual(11);
    }
    expect(times.at(-1)! - times[0]!).toBeGreaterThan(1000);
  });

  it('that nobody has proven gets one request at a time', async () => {
    const client = await account();
    let inFlight = 0;
    let most = 0;
    await using receiver = await Receiver.answering((response) => {
      most = Math.max(most, ++inFlight);
      setTimeout(() => {
        inFlight--;
        response.writeHead(500).end();
      }, 30);
    });
    await endpoint(client, { url: receiver.url });
    await Promise.all(Array.from({ length: 6 }, () => client.submit({ type: 'echo' })));
    await receiver.received(8);
    expect(most).toBe(1);
  });

  it('signs by its profile', async () => {
    const client = await account();
    await using receiver = await Receiver.answering(200);
    for (const signature_profile of ['github', 'stripe', 'standard+ed25519']) {
      const made = await endpoint(client, { url: receiver.url, signature_profile });
      await client.post(`/v1/endpoints/${made.id}/test`);
      expect(() => verify(made.secret, receiver.all.at(-1)!)).not.toThrow();
    }
    expect(receiver.all[0]!.headers['x-hub-signature-256']).toMatch(/^sha256=/);
    expect(receiver.all[1]!.headers['stripe-signature']).toMatch(/^t=\d+,v1=/);
    expect(receiver.all[2]!.headers['webhook-signature']).toMatch(/^v1,\S+ v1a,\S+$/);
  });

  it('shows its public key to whoever knows its id, and no list of them', async () => {
    const client = await account();
    const anybody = client.withKey('none');
    const made = await endpoint(client, {
      url: 'https://example.com/hook',
      signature_profile: 'standard+ed25519',
    });
    const other = await endpoint(client, { url: 'https://example.com/hook' });
    for (const _ of ['opened', 'remembered']) {
      const { status, body, headers } = await anybody.get(`/.well-known/webhook-keys/${made.id}`);
      const key = { endpoint_id: made.id, public_key: expect.stringMatching(/^whpk_/) };
      expect([status, body, headers.get('cache-control')]).toEqual([
        200,
        { keys: [key] },
        'public, max-age=300',
      ]);
    }
    const unknown = `ep_${'0'.repeat(32)}`;
    for (const path of ['', '/', `/${other.id}`, `/${unknown}`, '/ep_1', '/%27']) {
      const { status, body } = await anybody.get(`/.well-known/webhook-keys${path}`);
      expect([path, status, body.status]).toEqual([path, 404, 404]);
    }
  });

  it('is registered only where the receiver consents, when a handshake is asked for', async () => {
    const client = await account();
    await using silent = await Receiver.answering(200);
    await using willing = await Receiver.answering((response) => {
      response.writeHead(200, { 'webhook-allowed-origin': '127.0.0.1', 'webhook-allowed-rate': '120' }).end();
    });
    const refused = await client.post('/v1/endpoints', { url: silent.url, handshake: true });
    expect(refused).toMatchObject({
      status: 422,
      body: { code: 'handshake-failed', errors: [{ path: 'url' }] },
    });
    expect((await endpoint(client, { url: willing.url, handshake: true })).rate_per_s).toBe(2);
    expect(willing.all[0]!.headers['webhook-request-origin']).toBe('127.0.0.1');
  });

  it.each([
    ['url', { url: 'http://10.0.0.1/' }],
    ['url', {}],
    ['url', { url: 'not a url' }],
    ['events.0', { events: ['operation.started'] }],
    ['headers.0.value', { headers: [{ key: 'X-A', value: 'a\r\nb' }] }],
    ['headers.0.key', { headers: [{ key: 'Webhook-Id', value: 'a' }] }],
    ['retry_schedule', { retry_schedule: [31 * 86_400] }],
    ['retry_schedule', { retry_schedule: Array.from({ length: 51 }, () => 1) }],
    ['rate_per_s', { rate_per_s: 0 }],
    ['max_in_flight', { max_in_flight: 0 }],
    ['signature_profile', { signature_profile: 'md5' }],
    ['disabled_at', { disabled_at: null }],
  ])('is refused, naming %s, when it is wrong: %j', async (path, description) => {
    const client = await account();
    await using receiver = await Receiver.answering(200);
    const answer = await client.post(
      '/v1/endpoints',
      path === 'url' ? description : { url: receiver.url, ...description },
    );
    expect(answer.status).toBe(422);
    expect(answer.body.errors[0].path.replace(/^events$/, 'events.0')).toBe(path);
    expect((await client.get('/v1/endpoints')).body.data).toEqual([]);
  });

  it('is one of at most 50 of an account', async () => {
    const client = await account();
    await using receiver = await Receiver.answering(200);
    const answers = await Promise.all(
      Array.from({ length: 52 }, () => client.post('/v1/endpoints', { url: receiver.url })),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(50);
    expect(answers.find(({ status }) => status !== 201)).toMatchObject({
      status: 422,
      body: { code: 'too-many-endpoints' },
    });
  });
});
