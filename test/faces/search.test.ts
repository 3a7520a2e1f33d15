import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RingbackClient } from '../../src/client/index.js';
import { App } from '../support/app.js';
import type { Client } from '../support/client.js';
import { Receiver } from '../support/receiver.js';

let app: App;
let client: Client;
let account: string;
let receiver: Receiver;

beforeAll(async () => {
  app = await App.start();
  receiver = await Receiver.answering(200);
  client = await app.account('the seeker');
  account = (await client.get('/v1/account')).body.id;
});
afterAll(async () => {
  await receiver[Symbol.asyncDispose]();
  await app[Symbol.asyncDispose]();
});

async function search(q: string, by: Client = client, whose?: string): Promise<any[]> {
  const named = whose === undefined ? '' : `&account=${whose}`;
  const { status, body } = await by.get(`/v1/search?q=${encodeURIComponent(q)}${named}`);
  expect(status).toBe(200);
  return body.data;
}

describe('a search', () => {
  it('finds an operation by its id, its number and its correlation', async () => {
    const callback = { url: `${receiver.url}?token=secret` };
    const { id, request_id } = await client.submit({ type: 'echo', correlation: 'order 17', callback });
    await client.ended(id);
    const found = [{ kind: 'operation', id, label: 'echo, Finished: order 17' }];
    for (const q of [id, id.toUpperCase(), ` ${id}\n`, String(request_id), 'order 17'])
      expect(await search(q)).toEqual(found);
    for (const q of ['order', 'Order 17', id.slice(1), `${id}0`, '0', '999999999999999999', 'echo'])
      expect(await search(q)).toEqual([]);
  });

  it('finds the newest of a correlation, and what has that for its number once', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 21; n++)
      ids.push((await client.submit({ type: 'echo', correlation: 'the same' })).id);
    expect((await search('the same')).map(({ id }) => id)).toEqual(ids.toReversed().slice(0, 20));
    const first = await client.submit({ type: 'echo' });
    const second = await client.submit({ type: 'echo', correlation: String(first.request_id) });
    expect((await search(String(first.request_id))).map(({ id }) => id)).toEqual([first.id, second.id]);
  });

  it('finds a delivery, an endpoint and a file by its id', async () => {
    const callback = { url: `${receiver.url}?token=secret` };
    const { id: operation } = await client.submit({ type: 'echo', callback });
    await client.ended(operation);
    const [delivery] = await client.deliveries(operation);
    await expect.poll(async () => (await client.delivery(delivery.id)).status).toBe('Delivered');
    const url = `${receiver.url}?token=secret`;
    const endpoint = (
      await client.post('/v1/endpoints', { url, description: 'all of it', events: ['operation.failed'] })
    ).body;
    const file = (await client.post('/v1/files?name=a.txt', 'text', { 'content-type': 'text/plain' })).body;
    expect(await search(delivery.id)).toEqual([
      {
        kind: 'delivery',
        id: delivery.id,
        label: `operation.finished, Delivered: ${receiver.url}?[redacted]`,
      },
    ]);
    expect(await search(endpoint.id)).toEqual([
      { kind: 'endpoint', id: endpoint.id, label: `${receiver.url}?[redacted]: all of it` },
    ]);
    for (const q of [file.id, file.id.slice('file_'.length)])
      expect(await search(q)).toEqual([{ kind: 'file', id: file.id, label: 'a.txt' }]);
  });

  it('finds what other accounts have for administrators who name them, and accounts by id and name', async () => {
    const others = await app.account('somebody else');
    const { id } = await client.submit({ type: 'echo', correlation: 'mine' });
    for (const q of [id, 'mine']) {
      expect(await search(q, app.client)).toEqual([]);
      expect(await search(q, others)).toEqual([]);
      for (const whose of [account, '*'])
        expect(await search(q, app.client, whose)).toMatchObject([
          { kind: 'operation', id, account_id: account },
        ]);
    }
    for (const q of [account, 'the seeker']) {
      expect(await search(q, app.client)).toEqual([{ kind: 'account', id: account, label: 'the seeker' }]);
      expect(await search(q, app.client, '*')).toHaveLength(1);
      expect(await search(q, app.client, 'default')).toEqual([]);
      expect(await search(q)).toEqual([]);
    }
    const { status, body } = await others.get('/v1/search?q=mine&account=*');
    expect([status, body.code]).toEqual([403, 'forbidden']);
  });

  it('is in the client', async () => {
    const own = new RingbackClient({ url: client.url, apiKey: client.key });
    const { id } = await own.submit({ type: 'echo', correlation: 'by the client' });
    expect(await own.search('by the client')).toMatchObject([{ kind: 'operation', id }]);
    const admin = new RingbackClient({ url: client.url, apiKey: app.client.key });
    expect(await admin.search(id, { account: '*' })).toMatchObject([{ id, account_id: account }]);
    expect((await admin.find(id, { account })).account_id).toBe(account);
    for await (const operation of admin.list({ account: '*', correlation: 'by the client', order: 'desc' }))
      expect(operation.id).toBe(id);
  });

  it.each(['', '?q=', `?q=${'x'.repeat(513)}`, '?q=a&q=b', '?q=a&kind=file'])(
    'says what is wrong: %s',
    async (query) => {
      const { status, body } = await client.get(`/v1/search${query}`);
      expect([status, body.code, body.errors.length]).toEqual([400, 'invalid-query', 1]);
    },
  );
});
