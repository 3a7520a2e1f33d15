import { createHmac, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Inbox } from '../../src/console/inbox/inbox.js';
import { checkSignature } from '../../src/console/inbox/signature-check.js';
import { App, TEST_KEY } from '../support/app.js';
import { ConsoleClient } from '../support/console-client.js';

let app: App;
let console: ConsoleClient;
let url: string;
beforeAll(async () => {
  app = await App.start();
  console = await ConsoleClient.of(app.client.url, TEST_KEY);
  url = `${app.client.url}/inbox`;
});
afterAll(() => app[Symbol.asyncDispose]());
beforeEach(async () => {
  await console.request('DELETE', '/inbox');
  await console.request('PATCH', '/inbox/answers', { fail_next: 0, wait_s: 0 });
});

const inbox = async (client = console): Promise<any[]> => (await client.get('/inbox')).body.data;

describe('the inbox', () => {
  it('takes a callback, and shows what came and what was compared', async () => {
    const operation = await app.client.submit({ type: 'echo', input: { a: 'ü' }, callback: { url } });
    await expect.poll(() => inbox()).toHaveLength(1);
    const [delivery] = await app.client.deliveries(operation.id);
    const [summary] = await inbox();
    expect(summary).toMatchObject({
      event: 'operation.finished',
      delivery_id: delivery.id,
      operation_id: operation.id,
      attempt: 1,
      verified: true,
      answered: 204,
    });
    expect((await app.client.delivery(delivery.id)).status).toBe('Delivered');
    const { body: one } = await console.get(`/inbox/${summary.number}`);
    expect(one).toMatchObject(summary);
    expect(JSON.parse(one.body).data).toMatchObject({ id: operation.id, result: { a: 'ü' } });
    expect(Object.fromEntries(one.headers)).toMatchObject({ 'content-type': 'application/json' });
    const { signature } = one;
    expect(signature).toMatchObject({ verified: true, reason: null });
    // Anybody can do it again from what is shown.
    const key = Buffer.from((await app.client.signingSecret()).replace('whsec_', ''), 'base64');
    const made = createHmac('sha256', key).update(`${signature.signed_before}${one.body}`).digest('base64');
    expect(signature.expected).toEqual([`v1,${made}`]);
    expect(signature.given).toEqual([{ text: `v1,${made}`, matches: true }]);
  });

  it('knows the secrets of endpoints, and consents to be one', async () => {
    const { body: endpoint } = await app.client.post('/v1/endpoints', {
      url,
      events: ['operation.finished'],
    });
    const tested = await app.client.post(`/v1/endpoints/${endpoint.id}/test`);
    expect(tested.status).toBeLessThan(300);
    await expect.poll(async () => (await inbox()).map(({ verified }) => verified as boolean)).toContain(true);
    const [{ number }] = await inbox();
    expect((await console.get(`/inbox/${number}`)).body.signature.secret_of).toBe(endpoint.id);
    await app.client.request('DELETE', `/v1/endpoints/${endpoint.id}`);
    const consent = await fetch(url, { method: 'OPTIONS', headers: { 'webhook-request-origin': 'x' } });
    expect([consent.status, consent.headers.get('webhook-allowed-origin')]).toEqual([204, '*']);
  });

  it('answers 500 for as many as it is told, and the callback comes again', async () => {
    const plan = await console.request('PATCH', '/inbox/answers', { fail_next: 2 });
    expect([plan.status, plan.body]).toEqual([200, { fail_next: 2, wait_s: 0 }]);
    await app.client.submit({ type: 'echo', callback: { url } });
    await expect
      .poll(async () => (await inbox()).map(({ answered }) => answered as number))
      .toEqual([204, 500, 500]);
    expect((await console.get('/inbox')).body).toMatchObject({
      url,
      answers: { fail_next: 0, wait_s: 0 },
      data: [{ attempt: 3 }, { attempt: 2 }, { attempt: 1 }],
    });
  });

  it('waits as long as it is told', async () => {
    await console.request('PATCH', '/inbox/answers', { wait_s: 0.5 });
    const began = performance.now();
    expect((await fetch(url, { method: 'POST', body: '{}' })).status).toBe(204);
    expect(performance.now() - began).toBeGreaterThan(450);
    const refused = await console.request('PATCH', '/inbox/answers', { wait_s: 61, fail_next: -1, x: 1 });
    expect(refused.status).toBe(422);
    expect(refused.body.errors.map(({ path }: any) => path).toSorted()).toEqual(['fail_next', 'wait_s', 'x']);
  });

  it('believes nothing that this service has not signed, and takes any bytes', async () => {
    await app.client.submit({ type: 'echo', callback: { url } });
    await expect.poll(() => inbox()).toHaveLength(1);
    const { headers: came, body } = (await console.get(`/inbox/${(await inbox())[0].number}`)).body;
    const headers = Object.fromEntries(came.filter(([name]: [string]) => name.startsWith('webhook-')));
    const send = async (changed: Record<string, string>, bytes: string | Uint8Array): Promise<any> => {
      await fetch(url, { method: 'POST', headers: { ...headers, ...changed }, body: bytes } as RequestInit);
      return (await console.get(`/inbox/${(await inbox())[0].number}`)).body;
    };
    expect((await send({}, body)).signature.verified).toBe(true);
    expect((await send({}, `${body} `)).signature).toMatchObject({
      verified: false,
      reason: expect.stringContaining('no signature is the same'),
      given: [{ matches: false }],
    });
    expect((await send({ 'webhook-id': `dlv_${'0'.repeat(32)}` }, body)).signature.reason).toContain(
      'no delivery',
    );
    expect((await send({ 'webhook-signature': '' }, body)).signature.reason).toContain('is missing');
    const binary = await send({ 'content-type': 'image/png' }, new Uint8Array([0xff, 0, 1]));
    expect(binary).toMatchObject({ body: null, body_base64: '/wAB', size: 3, event: null });
    const form = new FormData();
    form.set('a', 'b');
    expect((await fetch(url, { method: 'POST', body: form })).status).toBe(204);
    expect((await fetch(url, { method: 'POST' })).status).toBe(204);
    expect((await fetch(url, { method: 'POST', body: 'x'.repeat(2.1 * 1024 * 1024) })).status).toBe(413);
  });

  it('shows an account its own only, and is told how to answer by an administrator', async () => {
    const account = await app.account(`inbox-${randomUUID()}`);
    await account.submit({ type: 'echo', callback: { url } });
    await app.client.submit({ type: 'echo', callback: { url } });
    await expect.poll(() => inbox()).toHaveLength(2);
    const own = await ConsoleClient.of(app.client.url, account.key);
    expect(await inbox(own)).toHaveLength(1);
    const numbers = new Set((await inbox(own)).map(({ number }) => number as number));
    const [foreign] = (await inbox()).filter(({ number }) => !numbers.has(number as number));
    expect((await own.get(`/inbox/${foreign.number}`)).status).toBe(404);
    for (const [method, path, body] of [
      ['PATCH', '/inbox/answers', { fail_next: 1 }],
      ['DELETE', '/inbox', undefined],
    ] as const)
      expect((await own.request(method, path, body)).status).toBe(403);
    expect((await new ConsoleClient(app.client.url).get('/inbox')).status).toBe(401);
    expect((await app.client.get('/console/api/inbox')).status).toBe(401);
  });

  it('makes no signature for whoever may not read the secret: anybody sends it a body of their choice', async () => {
    const account = await app.account(`inbox-${randomUUID()}`);
    const { id } = (await account.get('/v1/account')).body;
    const { body: reader } = await app.client.post(`/v1/accounts/${id}/keys`, {
      name: 'reader',
      scopes: ['operations:read'],
    });
    const operation = await account.submit({ type: 'echo', callback: { url } });
    await expect.poll(() => inbox()).toHaveLength(1);
    const [delivery] = await account.deliveries(operation.id);
    await fetch(url, {
      method: 'POST',
      body: '{"forged":true}',
      headers: {
        'webhook-id': delivery.id,
        'webhook-timestamp': String(Math.floor(Date.now() / 1000)),
        'webhook-signature': 'v1,guessed',
      },
    });
    const [one, other] = await Promise.all(
      [reader.key, account.key].map(async (key) => {
        const client = await ConsoleClient.of(app.client.url, key);
        const [forged] = await inbox(client);
        return (await client.get(`/inbox/${forged.number}`)).body.signature;
      }),
    );
    const compared = { verified: false, given: [{ text: 'v1,guessed', matches: false }] };
    expect(one).toMatchObject({ ...compared, expected: null });
    expect(other).toMatchObject({ ...compared, expected: [expect.stringMatching(/^v1,/)] });
  });

  it('leads a person to the console', async () => {
    const answer = await fetch(url, { redirect: 'manual' });
    expect([answer.status, answer.headers.get('location')]).toEqual([302, 'console/inbox']);
  });

  it('is not there in production', async () => {
    await using app = await App.start({ console: { inbox: false } });
    expect((await fetch(`${app.client.url}/inbox`, { method: 'POST', body: '{}' })).status).toBe(404);
    const client = await ConsoleClient.of(app.client.url, TEST_KEY);
    expect((await client.get('/inbox')).status).toBe(404);
    expect((await client.get('/session')).body.inbox).toBe(false);
  });
});

describe('what the inbox keeps', () => {
  const one = (bytes: number) => ({
    at: new Date(),
    path: '/inbox',
    headers: [],
    body: Buffer.alloc(bytes),
    accountId: null,
    signature: checkSignature(
      { id: undefined, timestamp: undefined, signature: undefined, body: Buffer.alloc(0) },
      null,
      0,
    ),
    answered: 204,
  });

  it('is the last 200, and 16 MiB at most', () => {
    const inbox = new Inbox();
    for (let n = 0; n < 250; n++) inbox.keep(one(10));
    expect(inbox.list(null)).toHaveLength(200);
    expect(inbox.list(null)[0]!.number).toBe(250);
    expect(inbox.find(50, null)).toBeNull();
    for (let n = 0; n < 20; n++) inbox.keep(one(2 * 1024 * 1024));
    expect(inbox.list(null)).toHaveLength(8);
  });
});

describe('a signature that is checked', () => {
  const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
  const body = Buffer.from('{}');
  const sign = (timestamp: number, key = secret): string =>
    `v1,${createHmac('sha256', Buffer.from(key.slice(6), 'base64'))
      .update(`dlv_1.${timestamp}.{}`)
      .digest('base64')}`;

  it.each([
    ['is right', 1000, sign(1000), 1000, null],
    ['is one of several', 1000, `v1a,xyz v1,bad ${sign(1000)}`, 1000, null],
    ['is old', 1000, sign(1000), 1400, /400 s away/],
    ['comes from the future', 1000, sign(1000), 600, /400 s away/],
    [
      'is of another secret',
      1000,
      sign(1000, `whsec_${Buffer.alloc(32, 2).toString('base64')}`),
      1000,
      /no signature/,
    ],
    ['has another time', 1001, sign(1000), 1000, /no signature/],
    ['has no number for a time', 'soon', sign(1000), 1000, /no number/],
  ])('%s', (_, timestamp, signature, now, reason) => {
    const owner = { id: 'acc_1', secrets: [secret] };
    const check = checkSignature({ id: 'dlv_1', timestamp: String(timestamp), signature, body }, owner, now);
    expect(check.verified).toBe(reason === null);
    if (reason === null) expect(check.reason).toBeNull();
    else expect(check.reason).toMatch(reason);
  });
});
