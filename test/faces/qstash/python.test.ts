import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App, TEST_KEY } from '../../support/app.js';
import { type Answer, Receiver } from '../../support/receiver.js';
import { HAS_PYTHON, Python, verifyWith } from './clients.js';

let app: App;
let python: Python;
beforeAll(async () => {
  if (!HAS_PYTHON) return;
  app = await App.start();
  python = Python.start(app.client.url, TEST_KEY);
});
afterAll(async () => {
  await python?.[Symbol.asyncDispose]();
  await app?.[Symbol.asyncDispose]();
});

const failing: Answer = (response) => response.writeHead(500, { 'x-why': 'broken' }).end('broken');

describe.skipIf(!HAS_PYTHON)("Upstash's Python client", () => {
  it('publishes with all that it can say, and its Receiver verifies what arrives, through a rotation', async () => {
    await using receiver = await Receiver.answering(200);
    await using told = await Receiver.answering(200);
    const before = await python.call('signing_key.get');
    const published = await python.call('message.publish_json', {
      ...{
        url: `${receiver.url}?a=%2F`,
        body: { hello: 'wörld' },
        method: 'PUT',
        headers: { 'My-Header': 'value' },
      },
      ...{
        callback: told.url,
        callback_headers: { 'X-Told': 'yes' },
        retries: 2,
        retry_delay: '10',
        delay: 0,
        timeout: 20,
      },
      ...{ label: 'python', flow_control: { key: 'python', parallelism: 2, rate: 10, period: 60 } },
      ...{ deduplication_id: 'python', content_based_deduplication: false },
    });
    expect(published).toEqual({ message_id: expect.stringMatching(/^msg_/), deduplicated: false });
    const again = await python.call('message.publish_json', {
      url: receiver.url,
      deduplication_id: 'python',
    });
    expect(again).toEqual({ message_id: published.message_id, deduplicated: true });
    const [received] = await receiver.received(1);
    expect(received!.headers).toMatchObject({ 'my-header': 'value', 'content-type': 'application/json' });
    await verifyWith(before, receiver, received!, python);
    const [callback] = await told.received(1);
    expect(callback!.headers['x-told']).toBe('yes');
    await verifyWith(before, told, callback!, python);

    const after = await python.call('signing_key.rotate');
    expect(after.current).toBe(before.next);
    const [one, two] = await python.call('message.batch_json', {
      messages: [
        { url: receiver.url, body: [1], retries: 0 },
        { url: receiver.url, body: [2], headers: { 'X-N': '2' } },
      ],
    });
    expect([one.deduplicated, two.deduplicated]).toEqual([false, false]);
    const [, ...others] = await receiver.received(3);
    for (const each of others)
      for (const pair of [before, after]) await verifyWith(pair, receiver, each, python);
    await expect(
      verifyWith({ current: before.current, next: before.current }, receiver, others[0]!, python),
    ).rejects.toThrow(/signature/i);
  });

  it('reads and cancels messages that wait', async () => {
    const url = 'http://127.0.0.1:9999/never';
    const send = async () =>
      (await python.call('message.publish', { url, body: 'x', delay: '1h', label: 'waits' })).message_id;
    const ids = [await send(), await send(), await send(), await send()];
    expect(await python.call('message.get', { message_id: ids[0] })).toMatchObject({
      ...{ message_id: ids[0], url, body: 'x', method: 'POST', max_retries: 3, label: 'waits' },
      ...{ caller_ip: '127.0.0.1', queue: null, url_group: null, schedule_id: null, flow_control: null },
    });
    await python.call('message.cancel', { message_id: ids[0] });
    expect(await python.call('message.cancel_many', { message_ids: ids.slice(1, 3) })).toBe(2);
    expect(await python.call('message.cancel_all')).toBe(1);
    await expect(python.call('message.get', { message_id: ids[3] })).rejects.toThrow(/404/);
    const { logs } = await python.call('log.list', { filter: { message_id: ids[1] } });
    expect(logs.map(({ state }: { state: string }) => state)).toEqual(['CANCELED', 'CREATED']);
  });

  it('reads and deletes dead letters, and reads the logs of all states', async () => {
    await using receiver = await Receiver.answering(failing);
    const { message_id } = await python.call('message.publish', {
      ...{ url: receiver.url, body: 'x', retries: 1, retry_delay: '10', label: 'dead' },
    });
    const list = async () => (await python.call('dlq.list', { filter: { label: 'dead' } })).messages;
    await expect.poll(async () => (await list()).length, { timeout: 10_000 }).toBe(1);
    const [letter] = await list();
    expect(letter).toMatchObject({
      ...{ message_id, response_status: 500, response_body: 'broken', retry_delay_expression: '10' },
      response_headers: expect.objectContaining({ 'X-Why': ['broken'] }),
    });
    expect(await python.call('dlq.get', { dlq_id: letter.dlq_id })).toEqual(letter);
    const { logs } = await python.call('log.list', { filter: { label: 'dead' } });
    expect(logs.map(({ state }: { state: string }) => state)).toEqual(
      ['CREATED', 'ACTIVE', 'ERROR', 'RETRY', 'ACTIVE', 'ERROR', 'FAILED'].toReversed(),
    );
    expect(logs[1]).toMatchObject({
      response_status: 500,
      max_retries: 1,
      timeout: 7_200_000,
      error: 'POST answered 500',
    });
    await python.call('dlq.delete', { dlq_id: letter.dlq_id });
    expect(await list()).toEqual([]);
    expect(await python.call('dlq.delete_many', { dlq_ids: [letter.dlq_id] })).toBe(0);
    await expect(python.call('dlq.get', { dlq_id: letter.dlq_id })).rejects.toThrow(/404/);
  });
});
