import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { App, TEST_KEY } from '../../support/app.js';
import { newDatabase, rowsOf } from '../../support/database.js';
import { type Answer, Receiver } from '../../support/receiver.js';
import { Service, sharedBy } from '../../support/service.js';
import { upstash, verifyWith } from './clients.js';

const KILLS = 10;
const EACH = 20;

/** Answers after a while, so that a kill finds requests under way. */
const slowly: Answer = (response) => void setTimeout(() => response.writeHead(200).end('done'), 40);

describe('messages', { timeout: 120_000 }, () => {
  it('are delivered and called back, each of them, through ten workers that are killed meanwhile', async () => {
    await using receiver = await Receiver.answering(slowly);
    await using told = await Receiver.answering(slowly);
    const shared = { ...sharedBy(await newDatabase()), RINGBACK_HTTP_HOSTS: '*' };
    await using front = await Service.start({ ...shared, RINGBACK_ROLE: 'api' });
    const client = upstash(front.client.url, TEST_KEY);
    const sent: string[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const worker = await Service.start({ ...shared, RINGBACK_ROLE: 'worker' });
      const before = receiver.all.length;
      const messages = Array.from({ length: EACH }, (_, n) => ({
        ...{ url: `${receiver.url}?${kill}-${n}`, body: { kill, n }, callback: told.url },
        ...{ retries: 0, headers: { 'Upstash-Callback-Retries': '0' } },
      }));
      for (const answer of (await client.batchJSON(messages)) as { messageId: string }[])
        sent.push(answer.messageId);
      await receiver.received(before + 3);
      await worker.end('SIGKILL');
    }
    await using _last = await Service.start({ ...shared, RINGBACK_ROLE: 'worker' });
    const arrived = () => new Set(receiver.all.map(({ headers }) => String(headers['upstash-message-id'])));
    const toldOf = () => new Set(told.all.map(({ body }) => JSON.parse(body).sourceMessageId as string));
    await expect.poll(() => arrived().size, { timeout: 60_000 }).toBe(sent.length);
    await expect.poll(() => toldOf().size, { timeout: 60_000 }).toBe(sent.length);
    expect([...toldOf()].toSorted()).toEqual(sent.toSorted());
    // A run that is made again after a kill is the same attempt: no retry is used up.
    expect(new Set(receiver.all.map(({ headers }) => headers['upstash-retried']))).toEqual(new Set(['0']));
    await expect
      .poll(
        async () => (await client.logs({ count: 1000, filter: { state: 'IN_PROGRESS' } })).logs.length > 0,
      )
      .toBe(true);
    expect((await client.dlq.listMessages()).messages).toEqual([]);
    const keys = (await front.client.get('/qstash/v2/keys')).body;
    for (const each of receiver.all.slice(-5)) await verifyWith(keys, receiver, each);
  });

  it('to a receiver that hangs keep no slot, so those to others go on', async () => {
    await using app = await App.start({ accounts: { slots: 4 }, deliveries: { originInFlight: 2 } });
    await using hanging = await Receiver.answering(200, () => undefined);
    await using quick = await Receiver.answering(200);
    const client = upstash(app.client.url, TEST_KEY);
    await client.publish({ url: hanging.url });
    await hanging.received(1);
    for (let n = 0; n < 12; n++) await client.publish({ url: hanging.url, timeout: 60 });
    await hanging.received(3);
    for (let n = 0; n < 5; n++) await client.publish({ url: quick.url });
    expect(await quick.received(5)).toHaveLength(5);
    // As many at once as there are places at it.
    expect(hanging.all).toHaveLength(3);
  });

  it('that waited for their receiver reach it at the rate of their flow key all the same, and not while that is paused', async () => {
    await using app = await App.start({ deliveries: { originInFlight: 4 } });
    const held: ServerResponse[] = [];
    await using receiver = await Receiver.answering(200, (response, { path }) => {
      if (path.endsWith('hold')) held.push(response);
      else response.writeHead(200).end();
    });
    const client = upstash(app.client.url, TEST_KEY);
    await client.publish({ url: receiver.url });
    await receiver.received(1);
    for (let n = 0; n < 4; n++) await client.publish({ url: `${receiver.url}?hold` });
    await receiver.received(5);
    const flowControl = { key: 'slow', rate: 4, period: 2 } as const;
    for (let n = 0; n < 8; n++) await client.publish({ url: receiver.url, flowControl });
    const phases = async () =>
      (await rowsOf(app.databaseUrl, 'SELECT phase FROM live_operation WHERE flow_key IS NOT NULL')).map(
        ({ phase }) => phase,
      );
    await expect.poll(phases, { timeout: 20_000 }).toEqual(Array(8).fill('aside'));
    await client.flowControl.pause('slow');
    for (const response of held) response.writeHead(200).end();
    /** Those that wait for a place look at once whether there is one. */
    const look = () =>
      rowsOf(
        app.databaseUrl,
        `UPDATE live_operation SET look_at = now(), due_at = now() WHERE phase = 'aside' AND lease_token IS NULL`,
      );
    await expect
      .poll(async () => (await look()) && (await phases()), { timeout: 20_000 })
      .toEqual(Array(8).fill('keyed'));
    expect(receiver.all).toHaveLength(5);
    await client.flowControl.resume('slow');
    await expect.poll(async () => (await look()) && receiver.all.length, { timeout: 20_000 }).toBe(13);
    const times = receiver.all.slice(5).map(({ at }) => at);
    // A fifth within a period would be one too many; a request may come a little after its start.
    for (const [n, at] of times.slice(4).entries()) expect(at - times[n]!).toBeGreaterThan(1_500);
  });

  it('whose secrets no key opens any more fail, in the hands of their worker or after it, and block nobody', async () => {
    await using app = await App.start();
    await using receiver = await Receiver.answering(200);
    const client = upstash(app.client.url, TEST_KEY);
    const queue = client.queue({ queueName: 'lane' });
    await queue.upsert({ parallelism: 1 });
    await queue.pause();
    const message = { url: receiver.url, callback: receiver.url };
    await queue.enqueue(message);
    await queue.enqueue({ url: receiver.url });
    await client.publish({ ...message, delay: 3600 });
    const [first, second] = await rowsOf<{ request_id: string }>(
      app.databaseUrl,
      `UPDATE operation SET input = jsonb_set(input::jsonb, '{$sealed}', '"v1.gone.x.x"') WHERE request_id IN (
         (SELECT min(request_id) FROM operation), (SELECT max(request_id) FROM operation)) RETURNING request_id`,
    );
    await rowsOf(app.databaseUrl, 'UPDATE live_operation SET tries = 1 WHERE request_id = $1', [
      first!.request_id,
    ]);
    // The worker of its last try went silent.
    await rowsOf(
      app.databaseUrl,
      `UPDATE live_operation SET phase = 'placed', attempt = tries, lease_token = gen_random_uuid(), look_at = now(), due_at = now()
       WHERE request_id = $1`,
      [second!.request_id],
    );
    await queue.resume();
    const ends = () =>
      rowsOf(app.databaseUrl, 'SELECT request_id, state FROM operation_end ORDER BY request_id');
    await expect
      .poll(async () => (await ends()).filter(({ state }) => state === 'Failed'), { timeout: 10_000 })
      .toEqual([first, second].map((failed) => ({ request_id: failed!.request_id, state: 'Failed' })));
    // The lane goes on.
    expect(await receiver.received(1)).toHaveLength(1);
  });
});
