import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App, TEST_KEY, TEST_KEY_ID } from '../support/app.js';
import type { Client } from '../support/client.js';
import { ConsoleClient } from '../support/console-client.js';
import { Receiver } from '../support/receiver.js';

let app: App;
let console: ConsoleClient;
beforeAll(async () => {
  app = await App.start();
  console = await ConsoleClient.of(app.client.url, TEST_KEY);
});
afterAll(() => app[Symbol.asyncDispose]());

describe('what the console asks', () => {
  it('is answered as the API answers it', async () => {
    const submitted = await console.post('/v1/operations', { type: 'echo', input: { a: 1 } });
    expect(submitted.status).toBe(202);
    const { id } = submitted.body;
    await app.client.ended(id);
    for (const path of [
      `/v1/operations/${id}`,
      `/v1/operations/${id}/history`,
      `/v1/operations?limit=1&type=echo`,
      `/v1/operations/${id}?wait=1`,
      '/v1/operation-types',
      '/v1/account',
      '/v1/operations/none',
      '/v1/operations?limit=0',
    ]) {
      const [here, there] = [await console.get(path), await app.client.get(path)];
      expect([here.status, here.body]).toEqual([there.status, there.body]);
    }
    expect((await console.get(`/v1/operations/${id}`)).headers.get('cache-control')).toBe('no-store');
  });

  it('is answered with streams and with parts of files too, which are no pages', async () => {
    const { id } = await app.client.submit({ type: 'sleep', input: { seconds: 0.2 } });
    const stream = await console.get(`/v1/operations/${id}/history`, { accept: 'text/event-stream' });
    expect(stream.headers.get('content-type')).toContain('text/event-stream');
    expect(stream.text).toContain('"status":"Finished"');
    const form = new FormData();
    form.set('file', new File(['<script>alert(1)</script>'], 'a.html', { type: 'text/html' }));
    const file = (await console.request('POST', '/v1/files', form)).body;
    const part = await console.get(`/v1/files/${file.id}/content`, { range: 'bytes=0-6' });
    expect([part.status, part.text]).toEqual([206, '<script']);
    expect(part.headers.get('content-disposition')).toMatch(/^attachment/);
    for (const answer of [stream, part])
      expect(answer.headers.get('content-security-policy')).toBe("default-src 'none'; sandbox");
  });

  it('needs the cookie: a key is none there, and the cookie none of the API', async () => {
    const nobody = new ConsoleClient(app.client.url);
    const withKey = { authorization: `Bearer ${TEST_KEY}` };
    expect((await nobody.get('/v1/operations', withKey)).status).toBe(401);
    expect((await nobody.get('/session', withKey)).status).toBe(401);
    expect((await nobody.post('/v1/operations', { type: 'echo' }, withKey)).status).toBe(401);
    const api: Client = app.client.withKey('');
    const { cookie } = console;
    expect((await api.get('/v1/operations', { cookie: cookie! })).status).toBe(401);
    expect((await api.get('/api/trm/list', { cookie: cookie! })).status).toBe(401);
  });

  it.each(['/console/%61pi/v1/operations', '/%63onsole/api/v1/operations', '/console/api/%76%31/operations'])(
    'is the same however it is spelled: %s',
    async (path) => {
      const api = app.client.withKey('');
      expect((await api.get(path, { cookie: console.cookie! })).status).toBe(200);
      expect((await app.client.get(path)).status).toBe(401);
    },
  );

  it.each(['/console/api/v1x/operations', '/console/api/', '/console/api/v2', '/console/api//v1/operations'])(
    'is nothing elsewhere: %s',
    async (path) => {
      const api = app.client.withKey('');
      const answer = await api.get(path, { cookie: console.cookie!, accept: 'text/html' });
      expect([answer.status, answer.body.code]).toEqual([404, 'not-found']);
    },
  );

  it('is bounded by the scopes of the key', async () => {
    const account = await app.account(`reader-${randomUUID()}`, 20, ['operations:read']);
    const reader = await ConsoleClient.of(app.client.url, account.key);
    expect((await reader.get('/v1/operations')).status).toBe(200);
    for (const [path, body] of [
      ['/v1/operations', { type: 'echo' }],
      ['/v1/deliveries/dlv_00000000000000000000000000000000/redeliver', undefined],
      ['/v1/accounts', { name: 'x' }],
    ] as const)
      expect((await reader.post(path, body)).status).toBe(403);
    expect((await reader.get('/v1/accounts')).status).toBe(403);
  });

  it('shows nothing of another account', async () => {
    const { id } = await app.client.submit({ type: 'echo' });
    const account = await app.account(`other-${randomUUID()}`);
    const other = await ConsoleClient.of(app.client.url, account.key);
    expect((await other.get(`/v1/operations/${id}`)).status).toBe(404);
    expect((await other.get('/v1/operations')).body.data).toEqual([]);
  });

  it('is written down as done in the console', async () => {
    const name = `audited-${randomUUID()}`;
    const { body: account } = await console.post('/v1/accounts', { name });
    await app.client.request('PATCH', `/v1/accounts/${account.id}`, { slots: 3 });
    const { data } = (await app.client.get(`/v1/audit?account=${account.id}`)).body;
    expect(data.map(({ action, via, actor }: any) => [action, via, actor.key_id])).toEqual([
      ['account.created', 'console', TEST_KEY_ID],
      ['account.changed', null, TEST_KEY_ID],
    ]);
  });

  it('acknowledges nothing for the caller whose callback is awaited', async () => {
    await using receiver = await Receiver.answering(503, 503, 200);
    const { id } = await app.client.submit({
      type: 'echo',
      ack_by_poll: true,
      callback: { url: receiver.url },
    });
    await expect
      .poll(async () => (await console.get(`/v1/operations/${id}`)).body.callback.state)
      .toBe('Delivered');
    expect((await receiver.received(3)).length).toBe(3);
  });
});

describe('a forged request', () => {
  const change = (headers: Record<string, string>) =>
    console.post('/v1/accounts', { name: `forged-${randomUUID()}` }, headers);

  it.each([
    ['of another site', { 'sec-fetch-site': 'cross-site' }],
    ['of another host or port of this site', { 'sec-fetch-site': 'same-site' }],
    ['of a browser that says nothing', { 'sec-fetch-site': '', 'x-ringback-console': '' }],
    ['without the header that no form can send', { 'x-ringback-console': '' }],
    ['with another value in it', { 'x-ringback-console': 'true' }],
  ])('changes nothing: %s', async (_, headers) => {
    const before = (await app.client.get('/v1/accounts?limit=250')).body.data.length;
    const answer = await change(headers);
    expect([answer.status, answer.body.code]).toEqual([403, 'cross-site']);
    expect((await app.client.get('/v1/accounts?limit=250')).body.data).toHaveLength(before);
    const logout = await console.request('DELETE', '/session', undefined, headers);
    expect(logout.status).toBe(403);
    expect((await console.get('/session')).status).toBe(200);
  });

  it.each(['cross-site', 'same-site'])(
    'reads nothing either, where a browser says that it is %s',
    async (site) => {
      const answer = await console.get('/v1/signing-secret', { 'sec-fetch-site': site });
      expect([answer.status, answer.body.code]).toEqual([403, 'cross-site']);
    },
  );

  it('is not what a person opens, or a program sends that is no browser', async () => {
    for (const site of ['none', 'same-origin']) {
      expect((await change({ 'sec-fetch-site': site })).status).toBe(201);
    }
    const api = app.client.withKey('');
    const headers = { cookie: console.cookie!, 'x-ringback-console': '1' };
    const plain = await api.post('/console/api/v1/accounts', { name: `plain-${randomUUID()}` }, headers);
    expect(plain.status).toBe(201);
  });

  it('cannot be allowed by anybody: no answer speaks of other origins', async () => {
    const preflight = await console.request('OPTIONS', '/v1/accounts', undefined, {
      origin: 'http://evil.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'x-ringback-console',
    });
    const read = await console.get('/v1/accounts', { origin: 'http://evil.example' });
    for (const answer of [preflight, read])
      expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});
