import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RingbackClient } from '../../src/client/index.js';
import { App, freePort, TEST_KEY } from '../support/app.js';
import { rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { everyRow } from '../support/rows.js';

let app: App;
let upstream: Receiver;
let gateway: string;

beforeAll(async () => {
  upstream = await Receiver.answering((response) => response.end('the secret answer'));
  const port = await freePort();
  gateway = `http://127.0.0.1:${port}`;
  app = await App.start({
    gateway: { upstream: upstream.url, port, publicUrl: gateway },
    deliveries: { schedule: [3600] },
  });
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

const erase = (id: string) => app.client.request('DELETE', `/v1/operations/${id}`);

const stored = async (): Promise<string[]> =>
  (await readdir(app.config.files.folder, { recursive: true, withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);

describe('an operation that is erased', () => {
  it('has no input, no result and no bytes of its deliveries left, and says since when', async () => {
    await using receiver = await Receiver.answering((response, { body }) => response.end(body));
    const operation = await app.client.submit({
      type: 'echo',
      input: { name: 'Ada Lovelace' },
      callback: { url: receiver.url, headers: [{ key: 'x-token', value: 'hush' }] },
    });
    await receiver.received(1);
    const [{ id: delivery }] = await app.client.deliveries(operation.id);
    await expect.poll(async () => (await app.client.delivery(delivery)).status).toBe('Delivered');
    expect(await everyRow(app.databaseUrl)).toContain('Ada Lovelace');

    expect((await erase(operation.id)).status).toBe(204);
    expect(await everyRow(app.databaseUrl)).not.toContain('Ada Lovelace');
    const { body: shown } = await app.client.get(`/v1/operations/${operation.id}`);
    expect(shown).toMatchObject({
      status: 'Finished',
      result: null,
      custom: null,
      erased_at: expect.stringMatching(/Z$/),
      callback: { state: 'Delivered' },
    });
    for (const [method, what] of [
      ['GET', 'result'],
      ['POST', 'rerun'],
    ])
      expect(await app.client.request(method!, `/v1/operations/${operation.id}/${what}`)).toMatchObject({
        status: 410,
        body: { code: 'operation-erased' },
      });
    expect(await app.client.delivery(delivery)).toMatchObject({ status: 'Delivered', body: '' });
    expect(await app.client.post(`/v1/deliveries/${delivery}/redeliver?again=true`)).toMatchObject({
      status: 409,
      body: { code: 'delivery-expired' },
    });
    expect((await erase(operation.id)).status).toBe(204);
    const again = await app.client.get(`/v1/operations/${operation.id}`);
    expect(again.body.erased_at).toBe(shown.erased_at);
  });

  it('is told to nobody any more', async () => {
    await using receiver = await Receiver.answering(500);
    const operation = await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
    await receiver.received(1);
    const owed = async (): Promise<any> => (await app.client.deliveries(operation.id))[0];
    await expect
      .poll(async () => Date.parse((await owed()).next_attempt_at))
      .toBeGreaterThan(Date.now() + 1e6);
    await new RingbackClient({ url: app.client.url, apiKey: app.client.key }).erase(operation.id);
    expect(await owed()).toMatchObject({
      status: 'Canceled',
      reason: 'operation_erased',
      next_attempt_at: null,
    });
    expect((await app.client.get('/v1/ledger')).body.balanced).toBe(true);
  });

  it('has its attempt in flight cut off from the log', async () => {
    let answer: () => void = () => undefined;
    await using receiver = await Receiver.answering((response) => {
      answer = () => response.end('echoed');
    }, 200);
    const operation = await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
    await receiver.received(1);
    expect((await erase(operation.id)).status).toBe(204);
    answer();
    // One whose attempt is recorded after that of the first.
    const next = await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
    await expect.poll(async () => (await app.client.deliveries(next.id))[0]?.status).toBe('Delivered');
    const [{ id }] = await app.client.deliveries(operation.id);
    expect(await app.client.delivery(id)).toMatchObject({
      status: 'Canceled',
      body: '',
      attempts: [{ outcome: 'unknown', response_body: null }],
    });
  });

  it('has no files left, the body of a gateway’s request included, but for its caller’s uploads', async () => {
    const upload = await app.client.post('/v1/files?name=mine', 'mine', { 'content-type': 'text/plain' });
    const named = await app.client.submit({ type: 'echo', input: { file: upload.body.id } });
    await app.client.ended(named.id);
    expect((await erase(named.id)).status).toBe(204);
    expect((await app.client.get(`/v1/files/${upload.body.id}/content`)).text).toBe('mine');

    const before = await stored();
    const answer = await fetch(`${gateway}/orders?bgrs=yes`, {
      method: 'POST',
      headers: { 'x-ringback-key': TEST_KEY },
      body: 'the secret question',
    });
    const { request: rid } = (await answer.json()) as { request: string };
    expect((await app.client.ended(rid)).status).toBe('Finished');
    expect(await stored()).toHaveLength(before.length + 2);
    expect((await erase(rid)).status).toBe(204);
    expect(await stored()).toEqual(before);
    expect(await rowsOf(app.databaseUrl, `SELECT FROM file WHERE name = 'request'`)).toEqual([]);
    const result = await fetch(`${gateway}/bgrs/${rid}/result`, { headers: { 'x-ringback-key': TEST_KEY } });
    expect(result.status).toBe(410);
    const [read] = (await (
      await fetch(`${gateway}/bgrs/${rid}`, { headers: { 'x-ringback-key': TEST_KEY } })
    ).json()) as any[];
    expect(read).toMatchObject({ rid, status_name: 'finished', user_id: '1' });
  });

  it('must have ended, and be of the account', async () => {
    const running = await app.client.submit({ type: 'sleep', input: { seconds: 30 } });
    expect(await erase(running.id)).toMatchObject({ status: 409, body: { code: 'operation-not-ended' } });
    await app.client.post(`/v1/operations/${running.id}/cancel`);
    const stranger = await app.account('erases');
    expect((await stranger.request('DELETE', `/v1/operations/${running.id}`)).status).toBe(404);
    expect((await erase(running.id)).status).toBe(204);
    expect((await erase('0'.repeat(32))).status).toBe(404);
  });
});
