import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App, freePort, TEST_KEY } from '../support/app.js';
import { rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';

let app: App;

beforeAll(async () => {
  app = await App.start({ deliveries: { schedule: [3600, 3600] } });
});
afterAll(() => app[Symbol.asyncDispose]());

const callbackOf = async (operation: any): Promise<any> =>
  (await app.client.deliveries(operation.id)).find(({ endpoint_id }) => endpoint_id === null);

/** An operation that has ended, with one failed attempt of its callback. */
async function unheard(receiver: Receiver, more: Record<string, unknown> = {}): Promise<any> {
  const operation = await app.client.submit({ type: 'echo', callback: { url: receiver.url }, ...more });
  await receiver.received(1);
  await expect
    .poll(() => callbackOf(operation))
    .toMatchObject({ status: 'Pending', attempt_count: 1, next_attempt_at: expect.stringMatching(/Z$/) });
  // Its first attempt is in the log, so none is in flight.
  const { id } = await callbackOf(operation);
  await expect.poll(async () => (await app.client.delivery(id)).attempts[0].outcome).toBe('failed');
  return operation;
}

const ACKNOWLEDGED = {
  status: 'Canceled',
  reason: 'acknowledged_by_poll',
  acknowledged_by: 'poll',
  next_attempt_at: null,
};

describe('an operation with ack_by_poll', () => {
  it.each([
    ['the native face', '/v1/operations/'],
    ['the status monitor', '/lro/operations/'],
  ])('is called back no more once its caller has read its end by %s', async (_, path) => {
    await using receiver = await Receiver.answering(500);
    const operation = await unheard(receiver, { ack_by_poll: true });
    expect((await app.client.get(path + operation.id)).status).toBe(200);
    await expect.poll(() => callbackOf(operation)).toMatchObject(ACKNOWLEDGED);
    const { body } = await app.client.get(`/v1/operations?undelivered=true&limit=250`);
    expect(body.data.map(({ id }: { id: string }) => id)).not.toContain(operation.id);
    expect(receiver.all).toHaveLength(1);
  });

  it('is called back no more once its caller has read its end by a POST of the trm face', async () => {
    await using receiver = await Receiver.answering(500);
    const operation = await unheard(receiver, { ack_by_poll: true });
    const poll = await app.client.post('/api/trm/status', { requestid: operation.request_id });
    expect(poll.body.trm.status).toBe('Finished');
    await expect.poll(() => callbackOf(operation)).toMatchObject(ACKNOWLEDGED);
  });

  it('is called back no more once its own caller has read its end by the bgrs face', async () => {
    await using receiver = await Receiver.answering(500);
    await using upstream = await Receiver.answering(200);
    const port = await freePort();
    const publicUrl = `http://127.0.0.1:${port}`;
    await using gateway = await App.start({
      gateway: { upstream: upstream.url, port, publicUrl },
      operations: { ackByPoll: true },
      deliveries: { schedule: [3600, 3600] },
    });
    const stranger = await gateway.account('stranger');
    const call = async (path: string, key: string): Promise<any> =>
      (await fetch(publicUrl + path, { headers: { 'x-ringback-key': key } })).json();
    const query = `bgrs=yes&callbackurl=${encodeURIComponent(receiver.url)}`;
    const { request: rid } = await call(`/x?${query}`, TEST_KEY);
    await receiver.received(1);
    const theCallback = async (): Promise<any> =>
      (await gateway.client.get('/v1/deliveries')).body.data.at(-1);
    await expect.poll(theCallback).toMatchObject({ next_attempt_at: expect.stringMatching(/Z$/) });
    expect((await call(`/bgrs/${rid}`, stranger.key))[0].status_name).toBe('finished');
    await call(`/bgrs/${rid}/details`, TEST_KEY);
    expect(await theCallback()).toMatchObject({ status: 'Pending', reason: null });
    await call(`/bgrs/${rid}`, TEST_KEY);
    await expect.poll(theCallback).toMatchObject(ACKNOWLEDGED);
  });

  it('keeps its attempt in flight, and is called back no more after that', async () => {
    const answers: (() => void)[] = [];
    await using receiver = await Receiver.answering((response) => {
      answers.push(() => response.writeHead(500).end());
    });
    const operation = await app.client.submit({
      type: 'echo',
      callback: { url: receiver.url },
      ack_by_poll: true,
    });
    await receiver.received(1);
    await app.client.ended(operation.id);
    expect(await callbackOf(operation)).toMatchObject({ status: 'Pending' });
    await expect
      .poll(() => callbackOf(operation))
      .toMatchObject({ status: 'Pending', reason: null, acknowledged_by: 'poll' });
    answers[0]!();
    await expect.poll(() => callbackOf(operation)).toMatchObject(ACKNOWLEDGED);
    expect((await app.client.delivery((await callbackOf(operation)).id)).attempts).toMatchObject([
      { outcome: 'failed', http_status: 500 },
    ]);
  });

  it('is called back no more either where the worker of its attempt in flight went silent', async () => {
    await using receiver = await Receiver.answering(() => undefined);
    const operation = await app.client.submit({
      ...{ type: 'echo', callback: { url: receiver.url }, ack_by_poll: true },
    });
    await receiver.received(1);
    await app.client.ended(operation.id);
    await expect.poll(() => callbackOf(operation)).toMatchObject({ acknowledged_by: 'poll' });
    await rowsOf(
      app.databaseUrl,
      `UPDATE live_delivery SET look_at = now(), due_at = now() WHERE operation_id = $1`,
      [operation.request_id],
    );
    await expect.poll(() => callbackOf(operation)).toMatchObject(ACKNOWLEDGED);
    const { attempts } = await app.client.delivery((await callbackOf(operation)).id);
    expect(attempts).toMatchObject([{ outcome: 'unknown', error: 'worker_lost' }]);
    expect(receiver.all).toHaveLength(1);
  });

  it('stays as it was given up where that was the attempt in flight, and is known', async () => {
    const answers: (() => void)[] = [];
    await using receiver = await Receiver.answering((response) => {
      answers.push(() => response.writeHead(410).end());
    });
    const operation = await app.client.submit({
      ...{ type: 'echo', callback: { url: receiver.url }, ack_by_poll: true },
    });
    await receiver.received(1);
    await app.client.ended(operation.id);
    await expect.poll(() => callbackOf(operation)).toMatchObject({ acknowledged_by: 'poll' });
    answers[0]!();
    await expect
      .poll(() => callbackOf(operation))
      .toMatchObject({ status: 'Exhausted', reason: 'gone', acknowledged_by: 'poll' });
  });

  it('tells its endpoints all the same', async () => {
    await using receiver = await Receiver.answering(500);
    await using endpoint = await Receiver.answering(200);
    const { body } = await app.client.post('/v1/endpoints', { url: endpoint.url });
    const operation = await unheard(receiver, { ack_by_poll: true });
    await app.client.ended(operation.id);
    await endpoint.received(1);
    await expect.poll(() => callbackOf(operation)).toMatchObject(ACKNOWLEDGED);
    await expect
      .poll(async () => (await app.client.deliveries(operation.id)).map(({ status }) => status).toSorted())
      .toEqual(['Canceled', 'Delivered']);
    await app.client.request('DELETE', `/v1/endpoints/${body.id}`);
  });

  it('counts neither lists, nor others, nor a rejected read as its caller having read its end', async () => {
    await using receiver = await Receiver.answering(500);
    const operation = await unheard(receiver, { ack_by_poll: true });
    const stranger = await app.account('stranger');
    expect((await stranger.get(`/v1/operations/${operation.id}`)).status).toBe(404);
    expect((await stranger.withKey('rb_wrong').get(`/v1/operations/${operation.id}`)).status).toBe(401);
    await app.client.get('/v1/operations?undelivered=true');
    await app.client.get(`/v1/operations/${operation.id}/history`);
    await app.client.request('HEAD', `/v1/operations/${operation.id}`);
    expect(await callbackOf(operation)).toMatchObject({ status: 'Pending', reason: null });
  });
});

describe('an operation without ack_by_poll', () => {
  it('is called back however often its end is read', async () => {
    await using receiver = await Receiver.answering(500);
    const operation = await unheard(receiver);
    await app.client.ended(operation.id);
    await app.client.ended(operation.id);
    expect(await callbackOf(operation)).toMatchObject({ status: 'Pending', reason: null });
  });

  it.each([['yes' as unknown], [1]])('is refused where ack_by_poll is %o', async (ack_by_poll) => {
    const answer = await app.client.post('/v1/operations', { type: 'echo', ack_by_poll });
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ path: 'ack_by_poll' }] } });
  });
});
