import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RingbackClient } from '../../src/client/index.js';
import { App } from '../support/app.js';
import { rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';

let app: App;

beforeAll(async () => {
  app = await App.start({ deliveries: { schedule: [] } });
});
afterAll(() => app[Symbol.asyncDispose]());

const callbackOf = async (operation: any): Promise<any> => (await app.client.deliveries(operation.id))[0];

/** An operation whose callback has come to this state. */
async function told(receiver: Receiver, status: string, more: Record<string, unknown> = {}): Promise<any> {
  const operation = await app.client.submit({ type: 'echo', callback: { url: receiver.url }, ...more });
  await expect.poll(async () => (await callbackOf(operation))?.status).toBe(status);
  return { operation, id: (await callbackOf(operation)).id as string };
}

async function attempts(id: string, count: number): Promise<any> {
  await expect
    .poll(async () =>
      (await app.client.delivery(id)).attempts.filter((one: any) => one.outcome !== 'started'),
    )
    .toHaveLength(count);
  return app.client.delivery(id);
}

const undelivered = async (): Promise<string[]> =>
  (await app.client.get('/v1/operations?undelivered=true&limit=250')).body.data.map(
    ({ id }: { id: string }) => id,
  );

it('a delivery is read with its log as both were at one moment', async () => {
  await using receiver = await Receiver.answering(200);
  const ids = await Promise.all(
    Array.from({ length: 8 }, async () => (await told(receiver, 'Delivered')).id as string),
  );
  const torn: string[] = [];
  await Promise.all(
    ids.map(async (id) => {
      for (let made = 1; made <= 10; made++) {
        expect((await app.client.post(`/v1/deliveries/${id}/redeliver?again=true`)).status).toBe(202);
        for (let ended = 0; ended <= made;) {
          const { status, attempts: log } = await app.client.delivery(id);
          ended = log.filter(({ outcome }: { outcome: string }) => outcome !== 'started').length;
          if (ended > made && status !== 'Delivered') torn.push(`${status} after attempt ${ended}`);
        }
      }
    }),
  );
  expect(torn).toEqual([]);
});

describe('what was delivered', () => {
  it('is sent again by hand when it is asked for so, with the same id and bytes', async () => {
    await using receiver = await Receiver.answering(204);
    const { id } = await told(receiver, 'Delivered');
    const { delivered_at } = await app.client.delivery(id);
    expect(await app.client.post(`/v1/deliveries/${id}/redeliver`)).toMatchObject({
      status: 409,
      body: { code: 'delivery-state' },
    });
    expect(await app.client.post(`/v1/deliveries/${id}/redeliver?again=true`)).toMatchObject({
      status: 202,
      body: { id, status: 'Pending' },
    });
    const [first, second] = await receiver.received(2);
    expect(second!.body).toBe(first!.body);
    expect(second!.headers['webhook-id']).toBe(first!.headers['webhook-id']);
    const delivery = await attempts(id, 2);
    expect(delivery).toMatchObject({ status: 'Delivered', delivered_at, reason: null });
    expect(delivery.attempts[1]).toMatchObject({ trigger: 'manual', outcome: 'delivered' });
  });

  it.each([500, 410])('stays Delivered where it is sent again and answered %i', async (status) => {
    await using receiver = await Receiver.answering(200, status);
    await using watcher = await Receiver.answering(200);
    const { body } = await app.client.post('/v1/endpoints', {
      url: watcher.url,
      events: ['delivery.exhausted'],
    });
    const { operation, id } = await told(receiver, 'Delivered');
    await new RingbackClient({ url: app.client.url, apiKey: app.client.key }).redeliver(id, { again: true });
    const delivery = await attempts(id, 2);
    expect(delivery).toMatchObject({ status: 'Delivered', reason: null, next_attempt_at: null });
    expect(delivery.attempts[1]).toMatchObject({ outcome: 'failed', http_status: status });
    expect(await undelivered()).not.toContain(operation.id);
    await app.client.request('DELETE', `/v1/endpoints/${body.id}`);
    expect(watcher.all).toEqual([]);
    expect((await app.client.get('/v1/ledger')).body.balanced).toBe(true);
  });

  it('is Delivered as it was where sending it again is given up', async () => {
    await using receiver = await Receiver.answering(200, () => undefined);
    const { id } = await told(receiver, 'Delivered');
    await app.client.post(`/v1/deliveries/${id}/redeliver?again=true`);
    await receiver.received(2);
    expect((await app.client.post(`/v1/deliveries/${id}/cancel`)).body).toMatchObject({
      status: 'Delivered',
      reason: null,
    });
  });

  it.each(['yes', '1', ''])('is sent again only where again is true or false, not %j', async (again) => {
    const answer = await app.client.post(`/v1/deliveries/dlv_${'0'.repeat(32)}/redeliver?again=${again}`);
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: 'again' }] } });
  });
});

describe('what was given up, and acknowledged by poll', () => {
  it('is not undelivered again by a redelivery by hand that fails, and no poll takes that back', async () => {
    await using receiver = await Receiver.answering(500);
    const { operation, id } = await told(receiver, 'Exhausted', { ack_by_poll: true });
    await app.client.get(`/v1/operations/${operation.id}`);
    const ACKNOWLEDGED = { status: 'Exhausted', reason: 'schedule_spent', acknowledged_by: 'poll' };
    await expect.poll(() => callbackOf(operation)).toMatchObject(ACKNOWLEDGED);
    // Held up, so that a poll comes between.
    await rowsOf(
      app.databaseUrl,
      `UPDATE origin SET rests_until = now() + interval '1 hour' WHERE name = $1`,
      [new URL(receiver.url).origin],
    );
    expect((await app.client.post(`/v1/deliveries/${id}/redeliver`)).status).toBe(202);
    await app.client.get(`/v1/operations/${operation.id}`);
    await rowsOf(app.databaseUrl, 'UPDATE origin SET rests_until = now()');
    expect(await attempts(id, 2)).toMatchObject(ACKNOWLEDGED);
    expect(await undelivered()).not.toContain(operation.id);
  });

  it('is Delivered where the redelivery is accepted', async () => {
    await using receiver = await Receiver.answering(500, 200);
    const { operation, id } = await told(receiver, 'Exhausted', { ack_by_poll: true });
    await app.client.get(`/v1/operations/${operation.id}`);
    await expect.poll(() => callbackOf(operation)).toMatchObject({ acknowledged_by: 'poll' });
    await app.client.post(`/v1/deliveries/${id}/redeliver`);
    expect(await attempts(id, 2)).toMatchObject({ status: 'Delivered', reason: null });
  });
});
