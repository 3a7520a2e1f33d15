import { afterAll, beforeAll, expect, it } from 'vitest';
import { App } from '../../support/app.js';
import type { Client } from '../../support/client.js';
import { Receiver } from '../../support/receiver.js';
import { upstash } from './clients.js';

let app: App;
let client: Client;
beforeAll(async () => {
  app = await App.start();
  client = await app.account('audited');
});
afterAll(() => app[Symbol.asyncDispose]());

it('What is done to queues, URL groups and messages over QStash’s face is audited', async () => {
  await using receiver = await Receiver.answering(500);
  const qstash = upstash(app.client.url, client.key);
  const { body: account } = await client.get('/v1/account');
  const lane = qstash.queue({ queueName: 'lane' });
  await lane.upsert({ parallelism: 2 });
  await lane.pause();
  await lane.delete();
  await lane.delete();
  const endpoint = { url: 'https://example.com/?token=hush' };
  await qstash.urlGroups.addEndpoints({ name: 'group', endpoints: [endpoint] });
  await qstash.urlGroups.removeEndpoints({ name: 'group', endpoints: [endpoint] });
  await qstash.urlGroups.addEndpoints({ name: 'group', endpoints: [endpoint] });
  await qstash.urlGroups.delete('group');
  await qstash.publish({ url: receiver.url, delay: 3600, label: 'hush' });
  await qstash.messages.cancel({ filter: { label: 'hush' } });
  await qstash.publish({ url: receiver.url, retries: 0 });
  await expect.poll(async () => (await qstash.dlq.listMessages()).messages.length).toBe(1);
  const [letter] = (await qstash.dlq.listMessages()).messages;
  await qstash.dlq.delete([letter!.dlqId]);
  const { body } = await app.client.get(`/v1/audit?account=${account.id}`);
  const entries = body.data.filter(({ action }: { action: string }) => !/^(account|key)\./.test(action));
  const told = entries.map(({ action, target, details }: Record<string, unknown>) => [
    action,
    target,
    details,
  ]);
  expect(told).toEqual([
    ['flow.changed', '$queue/lane', { parallelism: 2, paused: false }],
    ['flow.changed', '$queue/lane', { paused: true }],
    ['flow.reset', '$queue/lane', {}],
    ['url-group.changed', 'group', { added: 1, origins: ['https://example.com'] }],
    ['url-group.changed', 'group', { removed: 1 }],
    ['url-group.changed', 'group', { added: 1, origins: ['https://example.com'] }],
    ['url-group.deleted', 'group', {}],
    ['operation.canceled', null, { count: 1, by: expect.arrayContaining(['label']) }],
    ['operation.erased', letter!.messageId.slice('msg_'.length), {}],
  ]);
});

it('An administrator’s cancel, and retry, are audited by the operation', async () => {
  await using receiver = await Receiver.answering(500);
  const own = upstash(app.client.url, app.client.key);
  const waiting = await own.publish({ url: receiver.url, delay: 3600 });
  await own.messages.cancel(waiting.messageId);
  await own.publish({ url: receiver.url, retries: 0 });
  await expect.poll(async () => (await own.dlq.listMessages()).messages.length).toBe(1);
  const [letter] = (await own.dlq.listMessages()).messages;
  const { responses } = await own.dlq.retry(letter!.dlqId);
  const rid = (id: string) => id.slice('msg_'.length);
  const of = async (action: string) =>
    (await app.client.get(`/v1/audit?action=${action}&order=desc`)).body.data[0];
  expect(await of('operation.canceled')).toMatchObject({ target: rid(waiting.messageId) });
  expect(await of('operation.rerun')).toMatchObject({
    ...{ target: rid(letter!.messageId), details: { rerun: rid(responses[0]!.messageId) } },
  });
  expect(await of('operation.erased')).toMatchObject({ target: rid(letter!.messageId) });
});
