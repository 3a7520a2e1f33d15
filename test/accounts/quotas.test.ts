import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RequestRates } from '../../src/accounts/request-rates.js';
import { App, freePort } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { rowsOf } from '../support/database.js';

let app: App;
let admin: Client;
beforeAll(async () => {
  app = await App.start();
  admin = app.client;
});
afterAll(() => app[Symbol.asyncDispose]());

const scopes = ['operations:write', 'operations:read'];

async function accountWith(name: string, quotas: object): Promise<{ id: string; client: Client }> {
  const { body, status, text } = await admin.post('/v1/accounts', { name, slots: 1, ...quotas });
  expect(status, text).toBe(201);
  const { body: key } = await admin.post(`/v1/accounts/${body.id}/keys`, { name: 'k', scopes });
  return { id: body.id, client: admin.withKey(key.key) };
}

const nap = { type: 'sleep', input: { seconds: 60 } };
const later = { type: 'echo', run_at: new Date(Date.now() + 3_600_000).toISOString() };

function expectOver(answer: Answer, status: number, code: string): void {
  expect([answer.status, answer.body.code], answer.text).toEqual([status, code]);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(answer.headers.get('ratelimit')).toMatch(/^"\w+";r=\d+;t=\d+$/);
  expect(answer.headers.get('ratelimit-policy')).toMatch(/^"\w+";q=\d+(;w=\d+)?(;qu="content-bytes")?$/);
}

describe('an account', () => {
  it('sees what it uses and what it may use, with any key', async () => {
    const { client, id } = await accountWith('sees', { quota_bytes: 100_000, requests_per_s: 50.5 });
    expect((await client.get('/v1/account')).body).toEqual({
      id,
      name: 'sees',
      slots: 1,
      usage: { bytes: 0, waiting: 0, executing: 0 },
      quotas: { bytes: 100_000, waiting: null, requests_per_s: 50.5 },
    });
    await client.post('/v1/files?name=a.txt', 'x'.repeat(1000), { 'content-type': 'text/plain' });
    await client.submit(nap);
    await client.submit(nap);
    await client.submit(later);
    await expect
      .poll(async () => (await client.get('/v1/account')).body.usage)
      .toEqual({ bytes: expect.any(Number), waiting: 2, executing: 1 });
    const listed = (await admin.get('/v1/accounts?usage=true&limit=250')).body.data;
    expect(listed.find((account: { id: string }) => account.id === id).usage).toEqual({
      waiting: 2,
      executing: 1,
    });
    const { bytes } = (await client.get('/v1/account')).body.usage;
    expect(bytes).toBeGreaterThan(1_000);
    expect(bytes).toBeLessThan(1_200);
    expect((await admin.withKey('').get('/v1/account')).status).toBe(401);
  });

  it('has no quotas by default, and own ones until they are taken back', async () => {
    const { id, client } = await accountWith('own', {});
    const change = (quotas: object) => admin.request('PATCH', `/v1/accounts/${id}`, quotas);
    expect((await client.get('/v1/account')).body.quotas).toEqual({
      bytes: null,
      waiting: null,
      requests_per_s: null,
    });
    const own = { quota_bytes: 5_000_000_000, quota_waiting: 7, requests_per_s: 100 };
    expect((await change(own)).body).toMatchObject(own);
    expect((await change({ slots: 2 })).body).toMatchObject(own);
    expect((await client.get('/v1/account')).body.quotas).toEqual({
      bytes: 5_000_000_000,
      waiting: 7,
      requests_per_s: 100,
    });
    expect((await change({ quota_bytes: null, quota_waiting: 0, requests_per_s: null })).body).toMatchObject({
      quota_bytes: null,
      quota_waiting: 0,
      requests_per_s: null,
    });
    for (const wrong of [{ quota_bytes: -1 }, { quota_waiting: 1.5 }, { requests_per_s: 'many' }])
      expect((await change(wrong)).status).toBe(422);
  });
});

describe('operations beyond those that an account may have waiting', () => {
  it('are refused with 429 on every face until others have started', async () => {
    const { client } = await accountWith('waits', { quota_waiting: 3 });
    const running = await client.submit(nap);
    await expect.poll(async () => (await client.ended(running.id, 0)).status).toBe('Executing');
    const first = await client.submit(nap, { 'idempotency-key': 'first' });
    await client.submit(nap);
    await client.submit(later);
    const refused = await client.post('/v1/operations', nap);
    expectOver(refused, 429, 'quota-waiting');
    expect(refused.headers.get('ratelimit-policy')).toBe('"waiting";q=3');
    // What was accepted before is answered as it stands.
    const again = await client.post('/v1/operations', nap, { 'idempotency-key': 'first' });
    expect([again.status, again.body.id]).toEqual([202, first.id]);
    expectOver(await client.post(`/v1/operations/${first.id}/rerun`), 429, 'quota-waiting');
    const { body } = await client.post('/v1/operations/batch', { operations: [nap, { type: 'nope' }] });
    expect(body.data.map(({ status }: { status: number }) => status)).toEqual([429, 422]);
    await client.post(`/v1/operations/${running.id}/cancel`);
    await expect.poll(async () => (await client.ended(first.id, 0)).status).toBe('Executing');
    await client.submit(nap);
    for (const { id } of (await client.get('/v1/operations')).body.data)
      await client.post(`/v1/operations/${id}/cancel`);
  });

  it('are so many and no more, also where a batch brings them all at once', async () => {
    const { client, id } = await accountWith('at once', { quota_waiting: 100 });
    const batch = { operations: Array.from({ length: 300 }, () => later) };
    const answers = await Promise.all(
      [0, 1].map(() => client.post('/v1/operations/batch', batch).then(({ body }) => body.data as any[])),
    );
    const statuses = answers.flat().map(({ status }) => status as number);
    expect(statuses.filter((status) => status === 202)).toHaveLength(100);
    expect(statuses.filter((status) => status === 429)).toHaveLength(500);
    const [row] = await rowsOf<{ count: number }>(
      app.databaseUrl,
      `SELECT count(*)::int AS count FROM operation WHERE account_id = $1`,
      [id],
    );
    expect(row).toEqual({ count: 100 });
  });

  it('are not those that have long ended: a fast account is never refused for what it has done', async () => {
    const { client } = await accountWith('fast', { quota_waiting: 20, slots: 1_000 });
    for (let round = 0; round < 20; round++) {
      const operations = Array.from({ length: 10 }, () => ({ type: 'echo' }));
      const { body } = await client.post('/v1/operations/batch', { operations });
      expect(body.data.map(({ status }: { status: number }) => status)).toEqual(operations.map(() => 202));
      await Promise.all(body.data.map(({ operation }: any) => client.ended(operation.id)));
    }
  });
});

describe('bytes beyond those that an account may have stored', () => {
  const upload = (client: Client, bytes: number) =>
    client.post('/v1/files?name=a.txt', 'x'.repeat(bytes), { 'content-type': 'text/plain' });

  it('are refused with 413, uploads and inputs, until something is deleted', async () => {
    const { client } = await accountWith('bytes', { quota_bytes: 10_000 });
    const { body: file } = await upload(client, 6_000);
    const refused = await upload(client, 6_000);
    expectOver(refused, 413, 'quota-bytes');
    expect(refused.headers.get('ratelimit-policy')).toBe('"bytes";q=10000;qu="content-bytes"');
    expectOver(
      await client.post('/v1/operations', { type: 'echo', input: 'x'.repeat(5_000) }),
      413,
      'quota-bytes',
    );
    const { body: small } = await upload(client, 1_000);
    expect(small.size).toBe(1_000);
    expect((await client.request('DELETE', `/v1/files/${file.id}`)).status).toBe(204);
    await expect.poll(async () => (await upload(client, 6_000)).status, { timeout: 5_000 }).toBe(201);
    const form = new FormData();
    form.append('file', new Blob(['x'.repeat(6_000)]), 'a.txt');
    expect((await client.request('POST', '/api/media/upload', form)).status).toBe(413);
  });

  it('are refused also where a stream doesn’t say how long it is', async () => {
    const { client } = await accountWith('streams', { quota_bytes: 10_000 });
    async function* chunks(): AsyncGenerator<Uint8Array> {
      for (let count = 0; count < 20; count++) yield Buffer.alloc(1_000, 'x');
    }
    const answer = await fetch(`${client.url}/v1/files?name=a.txt`, {
      method: 'POST',
      headers: { authorization: `Bearer ${client.key}`, 'content-type': 'text/plain' },
      body: chunks() as never,
      duplex: 'half',
    } as RequestInit);
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([413, 'quota-bytes']);
    expect((await upload(client, 9_000)).status).toBe(201);
  });

  it('are those of results too, which are stored all the same: nothing that was accepted is lost', async () => {
    const { client } = await accountWith('results', { quota_bytes: 10_000 });
    const noise = Array.from({ length: 900 }, () => Math.random());
    const input = noise.join('').slice(0, 6_000);
    const { id } = await client.submit({ type: 'echo', input });
    expect((await client.ended(id)).result).toBe(input);
    await client.get('/v1/account');
    await expect.poll(async () => (await upload(client, 4_000)).status, { timeout: 5_000 }).toBe(413);
  });
});

describe('requests beyond those that an account may make a second', () => {
  it('are refused with 429, and every answer tells what is left', async () => {
    const { client } = await accountWith('rated', { requests_per_s: 5 });
    const answers = await Promise.all(Array.from({ length: 12 }, () => client.get('/v1/operations')));
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThanOrEqual(6);
    for (const answer of refused) expectOver(answer, 429, 'rate-limited');
    const first = answers.find(({ status }) => status === 200)!;
    expect(first.headers.get('ratelimit-policy')).toBe('"requests";q=5;w=1');
    expect(first.headers.get('ratelimit')).toMatch(/^"requests";r=[0-4];t=1$/);
    const trm = await Promise.all(Array.from({ length: 8 }, () => client.get('/api/trm/list')));
    expect(trm.find(({ status }) => status === 429)!.body.reason).toContain('5 requests in 1 s');
    expect((await admin.get('/v1/operations')).headers.get('ratelimit')).toBeNull();
    await expect.poll(async () => (await client.get('/v1/operations')).status).toBe(200);
  });

  it('come back with time, a part of one too', () => {
    const rates = new RequestRates({ requestsPerS: 0.5 } as never);
    const holder = { accountId: 'a', requestsPerS: null } as never;
    const code = (now: number): unknown => {
      try {
        return rates.spend(holder, now)['ratelimit'];
      } catch (error) {
        return (error as { extras: { headers: object } }).extras.headers;
      }
    };
    expect(code(0)).toBe('"requests";r=0;t=2');
    expect(code(500)).toEqual({
      'retry-after': '2',
      'ratelimit-policy': '"requests";q=1;w=2',
      ratelimit: '"requests";r=0;t=2',
    });
    expect(code(1_900)).toMatchObject({ 'retry-after': '1' });
    expect(code(2_000)).toBe('"requests";r=0;t=2');
    expect(code(60_000)).toBe('"requests";r=0;t=2');
    expect(rates.spend({ accountId: 'b', requestsPerS: 0 } as never)).toEqual({});
  });
});

describe('the settings', () => {
  it('hold for every account that has no quotas of its own, and at the gateway', async () => {
    await using small = await App.start({
      accounts: { quotaBytes: 5_000, quotaWaiting: 1, requestsPerS: 1_000 },
      gateway: { upstream: `http://127.0.0.1:${await freePort()}`, port: await freePort() },
    });
    const gateway = `http://127.0.0.1:${small.config.gateway.port}`;
    const post = (body: string) =>
      fetch(`${gateway}/slow?bgrs=yes`, {
        method: 'POST',
        headers: { 'x-ringback-key': small.client.key, 'content-type': 'text/plain' },
        body,
      });
    const answer = await post('x'.repeat(6_000));
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([413, 'quota-bytes']);
    await small.client.submit(later);
    const waiting = await post('small');
    expect([waiting.status, ((await waiting.json()) as { code: string }).code]).toEqual([
      429,
      'quota-waiting',
    ]);
    expect(waiting.headers.get('retry-after')).toBe('5');
    const { id } = (await small.client.get('/v1/account')).body;
    await small.client.request('PATCH', `/v1/accounts/${id}`, { quota_waiting: 0, quota_bytes: 0 });
    expect((await post('x'.repeat(6_000))).status).toBe(200);
  });
});
