import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { App } from '../support/app.js';
import type { Client } from '../support/client.js';
import { Receiver } from '../support/receiver.js';

let app: App;
let theirs: Client;
let others: Client;
let account: string;
let receiver: Receiver;
let routes: string[];
let operation: { id: string };
let failed: { id: string };

beforeAll(async () => {
  app = await App.start({ deliveries: { schedule: [3600] } });
  receiver = await Receiver.answering(503);
  theirs = await app.account('theirs');
  others = await app.account('others');
  account = (await theirs.get('/v1/account')).body.id;
  const callback = { url: receiver.url };
  operation = await theirs.submit({ type: 'echo', input: 1, callback });
  failed = await theirs.submit({ type: 'echo', input: 2, callback, correlation: 'order 17' });
  await vi.waitFor(
    async () => expect((await theirs.get('/v1/deliveries?error=http_5xx')).body.data).toHaveLength(2),
    { timeout: 20_000 },
  );
  const [delivery] = await theirs.deliveries(operation.id);
  const endpoint = (await theirs.post('/v1/endpoints', { url: receiver.url })).body;
  const file = (await theirs.post('/v1/files?name=a.txt', 'text', { 'content-type': 'text/plain' })).body;
  const since = '2020-01-01T00:00:00Z';
  const recovery = (await theirs.post(`/v1/endpoints/${endpoint.id}/recover`, { since })).body;
  routes = [
    `/v1/operations/${operation.id}`,
    `/v1/operations/${operation.id}?wait=1`,
    `/v1/operations/${operation.id}/history`,
    `/v1/operations/${operation.id}/deliveries`,
    `/v1/operations/${operation.id}/result`,
    `/v1/operations/${operation.id}/request`,
    `/v1/deliveries/${delivery.id}`,
    `/v1/deliveries?operation=${operation.id}`,
    `/v1/endpoints/${endpoint.id}`,
    `/v1/endpoints/${endpoint.id}/stats`,
    `/v1/endpoints/${endpoint.id}/secrets`,
    `/v1/files/${file.id}`,
    `/v1/files/${file.id}/content`,
    `/v1/recoveries/${recovery.id}`,
  ];
});
afterAll(async () => {
  await receiver[Symbol.asyncDispose]();
  await app[Symbol.asyncDispose]();
});

const naming = (route: string, whose: string): string =>
  `${route}${route.includes('?') ? '&' : '?'}account=${whose}`;
const LISTS = ['/v1/operations', '/v1/deliveries', '/v1/endpoints'];

describe('an administrator who names an account', () => {
  it('reads what it has, one by one, as the account itself does', async () => {
    for (const route of routes) {
      const own = await theirs.get(route);
      expect([route, own.status]).toEqual([route, 200]);
      for (const whose of [account, '*']) {
        const { status, text, body } = await app.client.get(naming(route, whose));
        expect([route, whose, status]).toEqual([route, whose, 200]);
        if (body.account_id === undefined) expect(text.length).toBeGreaterThan(0);
        else expect(body.account_id).toBe(account);
      }
      const refused = await app.client.get(naming(route, 'default'));
      const isList = Array.isArray(refused.body.data) && route.startsWith('/v1/deliveries');
      expect([route, refused.status, isList ? refused.body.data : []]).toEqual([
        route,
        isList ? 200 : 404,
        [],
      ]);
    }
  });

  it('lists what it has, and what all have, and sees whose each is', async () => {
    const [mine, foreign] = [
      await app.client.submit({ type: 'echo' }),
      await others.submit({ type: 'echo' }),
    ];
    for (const list of LISTS) {
      const own = (await theirs.get(list)).body.data as { id: string }[];
      const { body } = await app.client.get(naming(list, account));
      expect(body.data.map((row: { id: string }) => row.id)).toEqual(own.map(({ id }) => id));
      expect(body.data.map((row: { account_id: string }) => row.account_id)).toEqual(own.map(() => account));
      expect(own.every((row) => !('account_id' in row))).toBe(true);
    }
    const { body } = await app.client.get('/v1/operations?account=*&order=desc&limit=4');
    const ids = [foreign, mine, failed, operation].map(({ id }) => id);
    expect(body.data.map((row: { id: string }) => row.id)).toEqual(ids);
    expect((await app.client.get('/v1/operations?account=*&correlation=order%2017')).body.data).toMatchObject(
      [{ id: failed.id, account_id: account }],
    );
    expect((await app.client.get('/v1/operations?correlation=order%2017')).body.data).toEqual([]);
    expect((await app.client.get('/v1/operations?account=acc_none')).body.data).toEqual([]);
  });

  it('acknowledges nothing by looking', async () => {
    const callback = { url: receiver.url };
    const { id } = await theirs.submit({ type: 'echo', callback, ack_by_poll: true });
    for (const reader of [app.client, theirs]) {
      const { body } = await reader.get(`/v1/operations/${id}?wait=20&account=${account}`);
      expect(body.status).toBe('Finished');
    }
    // Of the callback and of the endpoint.
    expect((await theirs.deliveries(id)).map(({ status }) => status)).toEqual(['Pending', 'Pending']);
  });

  it('follows a history live', async () => {
    const { text } = await app.client.get(`/v1/operations/${operation.id}/history?account=*`, {
      accept: 'text/event-stream',
    });
    expect(text).toContain('"status":"Finished"');
  });
});

describe('an administrator who acts for an account', () => {
  it('sends its delivery again, and gives it up', async () => {
    const { id } = await theirs.submit({ type: 'echo', callback: { url: receiver.url } });
    await theirs.ended(id);
    const [delivery] = await theirs.deliveries(id);
    await vi.waitFor(
      async () => expect((await theirs.delivery(delivery.id)).attempts).toHaveLength(1),
      10_000,
    );
    const path = `/v1/deliveries/${delivery.id}`;
    expect((await app.client.post(`${path}/redeliver`)).status).toBe(404);
    expect((await others.post(`${path}/redeliver?account=*`)).status).toBe(403);
    await expect
      .poll(() => app.client.post(`${path}/redeliver?account=*`))
      .toMatchObject({ status: 202, body: { account_id: account } });
    await expect.poll(async () => (await theirs.delivery(delivery.id)).attempts.length).toBe(2);
    await expect
      .poll(() => app.client.post(`${path}/cancel?account=${account}`))
      .toMatchObject({ status: 200, body: { status: 'Canceled', account_id: account } });
    const { body } = await app.client.get(`/v1/audit?account=${account}&action=delivery.canceled`);
    expect(body.data).toMatchObject([{ target: delivery.id, account_id: account }]);
  });

  it('cancels its operation, and runs it again as the account’s own', async () => {
    const { id } = await theirs.submit({ type: 'sleep', input: { seconds: 60 } });
    expect((await app.client.post(`/v1/operations/${id}/cancel`)).status).toBe(404);
    expect((await others.post(`/v1/operations/${id}/cancel?account=*`)).status).toBe(403);
    expect(await app.client.post(`/v1/operations/${id}/cancel?account=*`)).toMatchObject({
      status: 200,
      body: { status: 'Canceled', account_id: account },
    });
    const rerun = await app.client.post(`/v1/operations/${id}/rerun?account=*`, { input: { seconds: 0 } });
    expect(rerun).toMatchObject({ status: 202, body: { rerun_of: id, account_id: account } });
    expect(await theirs.ended(rerun.body.id)).toMatchObject({ status: 'Finished' });
  });
});

describe('a key without the scope admin', () => {
  it('is refused another account, and all of them', async () => {
    for (const route of [...routes, ...LISTS])
      for (const whose of [account, '*']) {
        const { status, body } = await others.get(naming(route, whose));
        expect([route, status, body.code]).toEqual([route, 403, 'forbidden']);
      }
  });

  it('may name its own', async () => {
    for (const route of [...routes, ...LISTS])
      expect([route, (await theirs.get(naming(route, account))).status]).toEqual([route, 200]);
  });

  it('finds nothing of another account without naming it', async () => {
    for (const route of routes.filter((each) => !each.startsWith('/v1/deliveries?')))
      expect([route, (await others.get(route)).status]).toEqual([route, 404]);
  });
});

describe('an account that is no account', () => {
  it.each(['', 'a b', '**', "';--", 'x'.repeat(65)])('is refused: %s', async (whose) => {
    for (const route of [...routes, ...LISTS]) {
      const { status, body } = await app.client.get(naming(route, encodeURIComponent(whose)));
      expect([route, status, body.errors?.[0]?.path]).toEqual([route, 400, 'account']);
    }
  });

  it('is refused where there are two', async () => {
    for (const route of [...routes, ...LISTS]) {
      const { status, body } = await app.client.get(naming(naming(route, '*'), '*'));
      expect([route, status, body.errors?.[0]?.path]).toEqual([route, 400, 'account']);
    }
  });
});
