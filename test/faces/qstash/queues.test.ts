import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { App, TEST_KEY } from '../../support/app.js';
import type { Client } from '../../support/client.js';
import { newDatabase } from '../../support/database.js';
import { type Answer, Receiver } from '../../support/receiver.js';
import { Service, sharedBy } from '../../support/service.js';
import { HAS_PYTHON, Python, upstash } from './clients.js';

let app: App;
let client: Client;
let count = 0;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());
beforeEach(async () => {
  client = await app.account(`queues-${++count}`);
});

const qstash = () => upstash(app.client.url, client.key);
const queue = (queueName = 'a-queue') => qstash().queue({ queueName });
const bodies = (receiver: Receiver): string[] => receiver.all.map(({ body }) => body);

describe('A queue', () => {
  it('is made, changed, paused, resumed and deleted', async () => {
    await queue().upsert({ parallelism: 2 });
    const made = await queue().get();
    const at = expect.any(Number);
    expect(made).toEqual({
      ...{ name: 'a-queue', parallelism: 2, paused: false, lag: 0, createdAt: at, updatedAt: at },
    });
    await queue().pause();
    expect(await queue().get()).toMatchObject({ parallelism: 2, paused: true, createdAt: made.createdAt });
    await queue().resume();
    expect((await queue().get()).paused).toBe(false);
    await queue().upsert({ paused: true });
    expect(await queue().get()).toMatchObject({ parallelism: 1, paused: true });
    await queue('another').upsert({});
    expect((await qstash().queue().list()).map(({ name }) => name)).toEqual(['a-queue', 'another']);
    await queue().delete();
    await queue().delete();
    expect((await qstash().queue().list()).map(({ name }) => name)).toEqual(['another']);
    for (const ask of ['get', 'pause'] as const)
      await expect(queue()[ask]()).rejects.toMatchObject({
        status: 404,
        message: '{"error":"there is no queue a-queue"}',
      });
    expect((await client.get('/v1/schedules')).body.data).toEqual([]);
  });

  it('may have a name as long as names are, as schedules, URL groups and flow keys may', async () => {
    const name = 'n'.repeat(255);
    const { urlGroups, schedules } = qstash();
    await queue(name).upsert({ parallelism: 2 });
    await queue(name).pause();
    expect(await queue(name).get()).toMatchObject({ name, paused: true });
    await queue(name).delete();
    await expect(queue(name).get()).rejects.toMatchObject({ status: 404 });
    const url = 'http://127.0.0.1:9999/';
    await schedules.create({ scheduleId: name, destination: url, cron: '0 0 1 1 *' });
    await schedules.pause({ schedule: name });
    expect(await schedules.get(name)).toMatchObject({ isPaused: true });
    await schedules.delete(name);
    await urlGroups.addEndpoints({ name, endpoints: [{ url }] });
    expect((await urlGroups.get(name)).endpoints).toEqual([{ url }]);
    await urlGroups.delete(name);
    await qstash().flowControl.pause(name);
    expect((await client.get(`/v1/flows/${name}`)).body).toMatchObject({ key: name });
    await expect(queue(`${name}n`).upsert({})).rejects.toMatchObject({ status: 400 });
  });

  it.each([
    [{ queueName: 'a b' }, /queueName must be 1 to 255 letters/],
    [{}, /queueName must be/],
    [{ queueName: 'a', parallelism: 0 }, /parallelism must be a whole number from 1/],
    [{ queueName: 'a', parallelism: '2' }, /parallelism must be a whole number from 1/],
    [{ queueName: 'a', paused: 'yes' }, /paused must be true or false/],
  ])('is refused what it can’t have: %j', async (body, message) => {
    const answer = await client.post('/qstash/v2/queues', body);
    expect([answer.status, answer.body.error]).toEqual([400, expect.stringMatching(message)]);
  });

  it('delivers in order: the next starts once the one before is delivered, or has used up its retries', async () => {
    const failing: Answer = (response, { body }) => response.writeHead(body === '1' ? 500 : 200).end();
    await using receiver = await Receiver.answering(failing);
    for (const body of ['0', '1', '2', '3'])
      await queue().enqueue({ url: receiver.url, body, retries: 2, retryDelay: '50' });
    await receiver.received(6);
    expect(bodies(receiver)).toEqual(['0', '1', '1', '1', '2', '3']);
    for (const { headers } of receiver.all) expect(headers['upstash-queue-name']).toBe('a-queue');
    // Nobody made it: the first message did.
    await expect.poll(async () => (await queue().get()).lag).toBe(0);
    expect(await queue().get()).toMatchObject({ parallelism: 1, paused: false });
  });

  it('delays no other queue, and nothing that goes through none', async () => {
    await using slow = await Receiver.answering(() => undefined);
    await using receiver = await Receiver.answering(200);
    await queue().enqueue({ url: slow.url, body: 'hangs' });
    await slow.received(1);
    await queue().enqueue({ url: receiver.url, body: 'behind' });
    await queue('other').enqueue({ url: receiver.url, body: 'other' });
    await receiver.received(1);
    await qstash().publish({ url: receiver.url, body: 'none' });
    await receiver.received(2);
    expect(bodies(receiver)).toEqual(['other', 'none']);
    expect((await queue().get()).lag).toBe(2);
  });

  it('has as many under way at once as its parallelism, and takes a new one at once', async () => {
    let [now, most] = [0, 0];
    await using receiver = await Receiver.answering((response) => {
      most = Math.max(most, ++now);
      void delay(50).then(() => {
        now--;
        response.end();
      });
    });
    // Else one receiver that nobody knows has one at a time.
    await qstash().publish({ url: receiver.url, body: 'known' });
    await receiver.received(1);
    await queue()
      .pause()
      .catch(() => undefined);
    await queue().upsert({ parallelism: 3, paused: true });
    for (let n = 0; n < 12; n++) await queue().enqueue({ url: receiver.url, body: String(n) });
    expect(await queue().get()).toMatchObject({ lag: 12, paused: true });
    await queue().upsert({ parallelism: 3, paused: false });
    await receiver.received(13);
    expect(most).toBe(3);
  });

  it('that is paused takes messages and starts none', async () => {
    await using receiver = await Receiver.answering(200);
    await queue().upsert({ paused: true });
    await queue().enqueue({ url: receiver.url, body: 'held' });
    await qstash().publish({ url: receiver.url, body: 'not held' });
    await receiver.received(1);
    expect((await queue().get()).lag).toBe(1);
    await queue().resume();
    await receiver.received(2);
    expect(bodies(receiver)).toEqual(['not held', 'held']);
  });

  it('goes on in order once it is deleted', async () => {
    await using receiver = await Receiver.answering(200);
    await queue().upsert({ paused: true });
    for (const body of ['0', '1', '2']) await queue().enqueue({ url: receiver.url, body });
    await queue().delete();
    await receiver.received(3);
    expect(bodies(receiver)).toEqual(['0', '1', '2']);
  });

  it('has the messages of a batch in their order', async () => {
    await using receiver = await Receiver.answering(200);
    const all = Array.from({ length: 30 }, (_, n) => String(n));
    await qstash().batch(all.map((body) => ({ url: receiver.url, queueName: 'a-queue', body })));
    await receiver.received(30);
    expect(bodies(receiver)).toEqual(all);
  });

  it('takes messages to URL groups, of batches and of schedules', async () => {
    await using receiver = await Receiver.answering(200);
    const { urlGroups, schedules } = qstash();
    const [one, two] = ['one', 'two'].map((name) => ({ url: `http://127.0.0.1:${receiver.port}/${name}` }));
    await urlGroups.addEndpoints({ name: 'both', endpoints: [one!, two!] });
    await queue().upsert({ paused: true });
    const sent = await queue().enqueueJSON({ urlGroup: 'both', body: 1 });
    expect(sent.map(({ url }) => url)).toEqual([one!.url, two!.url]);
    await qstash().batch([{ url: receiver.url, queueName: 'a-queue', body: 'x' }]);
    expect((await queue().get()).lag).toBe(3);
    await schedules.create({ destination: one!.url, cron: '0 0 1 1 *', queueName: 'of-schedule' });
    expect((await queue('of-schedule').get()).lag).toBe(0);
    await queue().resume();
    await receiver.received(3);
  });

  it('takes no flow control key besides', async () => {
    const flowControl = { key: 'a', parallelism: 1 };
    const both = queue().enqueue({ url: 'http://127.0.0.1:9999/', body: 'x', flowControl });
    await expect(both).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('Upstash-Flow-Control-Key goes with no queue'),
    });
  });
});

describe('A queue whose process is killed', { timeout: 60_000 }, () => {
  it('loses no message and lets none overtake another', async () => {
    const environment = { ...sharedBy(await newDatabase()), RINGBACK_LEASE_S: '6' };
    await using receiver = await Receiver.answering((response, { body }) => {
      // Some have to be tried again.
      const tries = receiver.all.filter((one) => one.body === body).length;
      void delay(20).then(() => response.writeHead(Number(body) % 3 === 0 && tries < 2 ? 500 : 200).end());
    });
    let service = await Service.start(environment);
    const lane = () => upstash(service.client.url, TEST_KEY).queue({ queueName: 'in-order' });
    for (let n = 0; n < 12; n++)
      await lane().enqueue({ url: receiver.url, body: String(n), retryDelay: '20' });
    await receiver.received(5);
    await service.end('SIGKILL');
    service = await Service.start(environment);
    await expect.poll(async () => (await lane().get()).lag, { timeout: 40_000 }).toBe(0);
    await service[Symbol.asyncDispose]();
    const order = bodies(receiver).filter((body, at, all) => body !== all[at - 1]);
    expect(order).toEqual(Array.from({ length: 12 }, (_, n) => String(n)));
  });
});

describe.skipIf(!HAS_PYTHON)('With Upstash’s Python client, a queue', () => {
  it('is made, read, enqueued to, paused and deleted', async () => {
    await using receiver = await Receiver.answering(200);
    await using python = Python.start(app.client.url, client.key);
    await python.call('queue.upsert', { queue: 'py', parallelism: 2, paused: true });
    await python.call('message.enqueue_json', { queue: 'py', url: receiver.url, body: { a: 1 } });
    expect(await python.call('queue.get', { queue: 'py' })).toMatchObject({
      parallelism: 2,
      paused: true,
      lag: 1,
    });
    await python.call('queue.resume', { queue: 'py' });
    await receiver.received(1);
    await python.call('queue.pause', { queue: 'py' });
    expect(await python.call('queue.list')).toMatchObject([{ name: 'py', paused: true }]);
    await python.call('queue.delete', { queue: 'py' });
    expect(await python.call('queue.list')).toEqual([]);
  });
});
