import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleSessions } from '../../src/accounts/console-sessions.js';
import { parseTrustedProxies } from '../../src/config/trusted-proxies.js';
import { App, TEST_KEY, TEST_KEY_ID } from '../support/app.js';
import { ConsoleClient } from '../support/console-client.js';
import { rowsOf } from '../support/database.js';

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());

const cookieOf = (answer: { headers: Headers }): string[] =>
  answer.headers.get('set-cookie')!.split('; ').slice(1).sort();

describe('a login', () => {
  it('gives a cookie that only the console gets, and that no script reads', async () => {
    const client = new ConsoleClient(app.client.url);
    const answer = await client.login({ key: ` ${TEST_KEY}\n` });
    expect(answer.status).toBe(201);
    expect(cookieOf(answer)).toEqual(['HttpOnly', 'Max-Age=43200', 'Path=/console', 'SameSite=Strict']);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body).toEqual({
      account: { id: expect.stringMatching(/^acc_/), name: 'default' },
      key: { id: TEST_KEY_ID, name: 'RINGBACK_API_KEY' },
      scopes: ['admin'],
      ends_at: expect.any(String),
      idle_s: 1800,
      inbox: expect.any(Boolean),
    });
    expect((await client.get('/session')).body).toEqual(answer.body);
    const hours = (Date.parse(answer.body.ends_at) - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(11.9);
    expect(hours).toBeLessThan(12.1);
    const [row] = await rowsOf(app.databaseUrl, 'SELECT * FROM console_session');
    expect(JSON.stringify(row)).not.toContain(client.cookie!.split('=')[1]);
  });

  it.each([
    ['of another host', { host: 'ringback.example.com' }],
    ['through TLS before it', { 'x-forwarded-proto': 'https' }],
  ])('gives one for TLS only where it may have come from another machine: %s', async (_, headers) => {
    // Node's fetch sends no other Host.
    const asked = request(`${app.client.url}/console/api/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
    }).end(JSON.stringify({ key: TEST_KEY }));
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).toBe(201);
    expect(answer.headers['set-cookie']![0]).toMatch(/; Secure$/);
  });

  it('is refused with a key that is none, in five tries a minute of an address; a right key always passes', async () => {
    await using app = await App.start();
    const client = new ConsoleClient(app.client.url);
    for (let n = 0; n < 5; n++) {
      const answer = await client.login({ key: `rb_wrong_${randomUUID()}` });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('set-cookie')).toBeNull();
    }
    const sixth = await client.login({ key: 'wrong' });
    expect(sixth.status).toBe(429);
    expect(Number(sixth.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect((await client.login({ login: 'wrong' })).status).toBe(429);
    // Nobody else's word on who asks is taken.
    const elsewhere = await client.login({ key: 'wrong' }, { 'x-forwarded-for': '192.0.2.7' });
    expect(elsewhere.status).toBe(429);
    expect((await client.login({ key: TEST_KEY })).status).toBe(201);
    // Those of the API are counted apart.
    expect((await app.client.withKey('rb_wrong').get('/v1/operations')).status).toBe(401);
  });

  it('is counted by the address that a trusted proxy names, and by no other', async () => {
    await using app = await App.start({
      http: { trustedProxies: parseTrustedProxies('10.0.0.1,127.0.0.0/8') },
    });
    const client = new ConsoleClient(app.client.url);
    const from = async (forwarded: string): Promise<number> =>
      (await client.login({ key: 'wrong' }, { 'x-forwarded-for': forwarded })).status;
    for (let n = 0; n < 5; n++) expect(await from(`198.51.100.${n}, 192.0.2.7`)).toBe(401);
    expect(await from('192.0.2.7, 10.0.0.1')).toBe(429);
    expect(await from('192.0.2.8')).toBe(401);
    expect(await from('nonsense'.repeat(100))).toBe(401);
    await client.login({ key: TEST_KEY }, { 'x-forwarded-for': '192.0.2.9' });
    const addresses = async (): Promise<string[]> =>
      (await app.client.get('/v1/audit?action=login.succeeded,login.failed')).body.data.map(
        ({ address }: { address: string }) => address,
      );
    await expect
      .poll(addresses)
      .toEqual(
        expect.arrayContaining(['192.0.2.7', '192.0.2.8', '192.0.2.9', 'nonsense'.repeat(10).slice(0, 45)]),
      );
  });

  it.each([
    ['nothing', {}],
    ['two things', { key: TEST_KEY, login: 'x' }],
    ['something else', { key: TEST_KEY, name: 'x' }],
    ['a number', { key: 7 }],
    ['a list', []],
  ])('says what it wants where it gets %s', async (_, body) => {
    const answer = await new ConsoleClient(app.client.url).login(body);
    expect(answer.status).toBe(422);
    expect(answer.body.errors[0]).toMatchObject({ path: expect.any(String), message: expect.any(String) });
  });

  it('of another site is refused, and so is a form', async () => {
    const client = new ConsoleClient(app.client.url);
    const forged = await client.login({ key: TEST_KEY }, { 'sec-fetch-site': 'cross-site' });
    expect([forged.status, forged.body.code]).toEqual([403, 'cross-site']);
    const form = await client.request('POST', '/session', `key=${TEST_KEY}`, {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect(form.status).toBe(415);
    const text = await client.request('POST', '/session', JSON.stringify({ key: TEST_KEY }), {
      'content-type': 'text/plain',
    });
    expect(text.status).toBe(415);
    expect(client.cookie).toBeUndefined();
  });

  it('is written down, and names the console', async () => {
    await using app = await App.start();
    await ConsoleClient.of(app.client.url, TEST_KEY);
    await new ConsoleClient(app.client.url).login({ key: 'wrong' });
    const entries = async () =>
      (await app.client.get('/v1/audit?action=login.succeeded,login.failed')).body.data;
    await expect.poll(async () => (await entries()).length).toBe(2);
    expect(await entries()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          action: 'login.succeeded',
          via: 'console',
          address: '127.0.0.1',
          actor: { key_id: TEST_KEY_ID, name: 'RINGBACK_API_KEY' },
        }),
        expect.objectContaining({
          action: 'login.failed',
          actor: null,
          via: 'console',
          address: '127.0.0.1',
        }),
      ]),
    );
  });
});

describe('a link that logs in', () => {
  it('does so once', async () => {
    const token = app.nest.get(ConsoleSessions).link(TEST_KEY_ID);
    const client = new ConsoleClient(app.client.url);
    const first = await client.login({ login: token });
    expect([first.status, first.body.key.id]).toEqual([201, TEST_KEY_ID]);
    expect((await client.get('/session')).status).toBe(200);
    const again = await new ConsoleClient(app.client.url).login({ login: token });
    expect(again.status).toBe(401);
    expect(again.body.detail).toContain('used already');
  });

  it('does not when its time is up, nor when its key has ended', async () => {
    await using app = await App.start({ console: { linkS: 0 } });
    const sessions = app.nest.get(ConsoleSessions);
    const client = new ConsoleClient(app.client.url);
    expect((await client.login({ login: sessions.link(TEST_KEY_ID) })).status).toBe(401);
    await using other = await App.start();
    const gone = other.nest.get(ConsoleSessions).link('key_gone');
    expect((await new ConsoleClient(other.client.url).login({ login: gone })).status).toBe(401);
  });
});

describe('a session', () => {
  it('ends at once with its key, in every process', async () => {
    const account = await app.account(`ends-${randomUUID()}`);
    await using other = await App.start({ database: { url: app.databaseUrl } });
    const client = await ConsoleClient.of(app.client.url, account.key);
    const elsewhere = new ConsoleClient(other.client.url);
    elsewhere.cookie = client.cookie;
    const { account: of, key } = (await elsewhere.get('/session')).body;
    const revoked = await app.client.request('DELETE', `/v1/accounts/${of.id}/keys/${key.id}`);
    expect(revoked.status).toBe(204);
    expect((await elsewhere.get('/session')).status).toBe(401);
    expect((await client.get('/v1/operations')).status).toBe(401);
  });

  it('ends when it is told to, with what it has open, and takes its cookie back', async () => {
    const client = await ConsoleClient.of(app.client.url, TEST_KEY);
    const { id } = await app.client.submit({ type: 'sleep', input: { seconds: 60 } });
    const stream = await fetch(`${app.client.url}/console/api/v1/operations/${id}/history`, {
      headers: { accept: 'text/event-stream', cookie: client.cookie! },
    });
    expect(stream.headers.get('content-type')).toContain('text/event-stream');
    const ended = stream.text().then(
      () => 'ended',
      () => 'cut',
    );
    const kept = client.cookie;
    const answer = await client.request('DELETE', '/session');
    expect(answer.status).toBe(204);
    expect(answer.headers.get('set-cookie')).toContain('ringback_session=; Path=/console; Max-Age=0');
    expect(await ended).toBe('cut');
    client.cookie = kept;
    expect((await client.get('/session')).status).toBe(401);
    await app.client.post(`/v1/operations/${id}/cancel`);
  });

  it('ends when nothing is asked for long, but not while something is open', async () => {
    await using app = await App.start({ console: { idleS: 2 } });
    const [idle, streaming] = [
      await ConsoleClient.of(app.client.url, TEST_KEY),
      await ConsoleClient.of(app.client.url, TEST_KEY),
    ];
    const { id } = await app.client.submit({ type: 'sleep', input: { seconds: 60 } });
    const left = new AbortController();
    const stream = await fetch(`${app.client.url}/console/api/v1/operations/${id}/history`, {
      headers: { accept: 'text/event-stream', cookie: streaming.cookie! },
      signal: left.signal,
    });
    stream.text().catch(() => undefined);
    const idleOnes = async (): Promise<number> =>
      (await rowsOf(app.databaseUrl, `SELECT FROM console_session WHERE used_at < now() - interval '2.2 s'`))
        .length;
    await expect.poll(idleOnes).toBe(1);
    expect((await idle.get('/session')).status).toBe(401);
    expect((await streaming.get('/session')).status).toBe(200);
    left.abort();
  });

  it('ends after its whole time, whatever is done in it', async () => {
    await using app = await App.start({ console: { sessionS: 1.5 } });
    const client = await ConsoleClient.of(app.client.url, TEST_KEY);
    expect((await client.get('/session')).status).toBe(200);
    await expect.poll(async () => (await client.get('/session')).status, { interval: 100 }).toBe(401);
  });

  it('of nobody is told so', async () => {
    const client = new ConsoleClient(app.client.url);
    for (const cookie of [undefined, 'ringback_session=x', `ringback_session=${'x'.repeat(43)}`]) {
      client.cookie = cookie;
      const answer = await client.get('/session');
      expect([answer.status, answer.body.code]).toEqual([401, 'unauthorized']);
    }
  });
});
