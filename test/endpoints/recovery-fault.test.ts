import { describe, expect, it } from 'vitest';
import { newDatabase, rowsOf } from '../support/database.js';
import { expectNothingLost, Load } from '../support/load.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy } from '../support/service.js';

const EXHAUSTED = 600;

describe('an endpoint', { timeout: 180_000 }, () => {
  it.each([
    ['is sent each exhausted delivery', 'endpoint'],
    ['of operations is sent each exhausted callback', 'callback'],
  ])('%s once again by a recovery that kill -9 cuts in two', async (_, kind) => {
    const database = await newDatabase();
    const shared = { ...sharedBy(database), RINGBACK_RETRY_SCHEDULE: '0' };
    await using receiver = await Receiver.answering(200);
    const first = await Service.start(shared);
    const { body: endpoint } = await first.client.post('/v1/endpoints', {
      url: receiver.url,
      retry_schedule: [],
    });
    // A destination that has never answered 2xx would be asked slowly.
    expect((await first.client.post(`/v1/endpoints/${endpoint.id}/test`)).status).toBe(200);
    const failed = kind === 'callback' ? 'schedule failed, schedule failed' : 'schedule failed';
    const own = kind === 'callback' ? { callback: { url: receiver.url } } : {};
    if (kind === 'callback') await first.client.request('DELETE', `/v1/endpoints/${endpoint.id}`);
    receiver.answer(500);
    const since = new Date(Date.now() - 60_000).toISOString();
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let i = 0; i < EXHAUSTED / 8; i++) await first.client.submit({ type: 'echo', ...own });
      }),
    );
    await expect
      .poll(() => count(database, `state = 'Exhausted'`), { timeout: 60_000, interval: 100 })
      .toBe(EXHAUSTED);
    receiver.answer(200);
    const asked = receiver.all.length;
    const route = kind === 'callback' ? 'deliveries' : `endpoints/${endpoint.id}`;
    const recovery = await first.client.post(`/v1/${route}/recover`, { since });
    expect([recovery.status, recovery.body.found]).toEqual([202, EXHAUSTED]);
    await receiver.received(asked + 150);
    await first.end('SIGKILL');

    const [cut] = await rowsOf<{ requeued: number; finished_at: Date | null }>(
      database,
      'SELECT requeued, finished_at FROM recovery',
    );
    expect(cut!.finished_at, 'the kill came too late').toBeNull();
    expect(cut!.requeued).toBeGreaterThanOrEqual(100);
    expect(cut!.requeued).toBeLessThan(EXHAUSTED);
    const cutOff = await count(database, `phase = 'running'`);

    await using _second = await Service.start(shared);
    await expect
      .poll(() => count(database, `state = 'Delivered' AND event_type <> 'endpoint.test'`), {
        timeout: 60_000,
        interval: 100,
      })
      .toBe(EXHAUSTED);
    await expect
      .poll(() => rowsOf(database, 'SELECT requeued, finished_at IS NOT NULL AS finished FROM recovery'))
      .toEqual([{ requeued: EXHAUSTED, finished: true }]);
    const logs = await rowsOf<{ log: string; count: number }>(
      database,
      `SELECT log, count(*)::integer AS count FROM (
         SELECT string_agg(a.trigger || ' ' || a.outcome, ', ' ORDER BY a.number) AS log
         FROM delivery d JOIN attempt_view a ON a.delivery_id = d.id WHERE d.event_type <> 'endpoint.test' GROUP BY d.id) logs
       GROUP BY log`,
    );
    const once = `${failed}, recovery delivered`;
    const repeated = `${failed}, recovery unknown, recovery delivered`;
    const byLog = Object.fromEntries(logs.map(({ log, count }) => [log, count]));
    expect(byLog).toEqual({
      [once]: EXHAUSTED - cutOff,
      ...(cutOff > 0 ? { [repeated]: cutOff } : {}),
    });
    expect(cutOff).toBeLessThanOrEqual(10);
    const seen = receiver.all.slice(asked).map(({ headers }) => headers['webhook-id']);
    expect(new Set(seen).size).toBe(EXHAUSTED);
    expect(seen.length).toBeLessThanOrEqual(EXHAUSTED + cutOff);
  });

  it('that is disabled under load is told nothing and loses nothing, kill -9 included, and gets all when enabled', async () => {
    const database = await newDatabase();
    const shared = sharedBy(database);
    await using callbacks = await Receiver.answering(200);
    await using hooks = await Receiver.answering(200);
    const first = await Service.start(shared);
    const { body: endpoint } = await first.client.post('/v1/endpoints', { url: hooks.url });
    const load = new Load(first.client, callbacks.url);
    await load.reached(80);
    await hooks.received(20);
    expect((await first.client.post(`/v1/endpoints/${endpoint.id}/disable`)).status).toBe(200);
    const mine = `endpoint_id = '${endpoint.id}'`;
    await expect.poll(() => count(database, `${mine} AND phase IN ('dispatched', 'running')`)).toBe(0);
    const told = hooks.all.length;
    await load.reached(load.acknowledged.length + 80);
    await first.end('SIGKILL');
    await using second = await Service.start({ ...shared, PORT: first.port });
    await load.reached(load.acknowledged.length + 80);
    const acknowledged = await load.stop();
    await expectNothingLost(database, acknowledged, callbacks);

    expect(hooks.all).toHaveLength(told);
    expect(await count(database, `${mine} AND state = 'Pending' AND phase = 'paused'`)).toBe(
      (await count(database, mine)) - told,
    );
    const owed = await rowsOf<{ rid: string }>(
      database,
      `SELECT operation_rid AS rid FROM delivery WHERE ${mine}`,
    );
    expect(missing(acknowledged, new Set(owed.map(({ rid }) => rid)))).toEqual([]);

    expect((await second.client.post(`/v1/endpoints/${endpoint.id}/enable`)).status).toBe(200);
    await expect
      .poll(() => count(database, `${mine} AND state <> 'Delivered'`), { timeout: 60_000, interval: 100 })
      .toBe(0);
    expect(
      missing(acknowledged, new Set(hooks.all.map(({ headers }) => headers['ringback-operation']))),
    ).toEqual([]);
    // Each was told once: none was in flight when the service was killed.
    expect(hooks.all).toHaveLength(owed.length);
  });
});

async function count(database: string, condition: string): Promise<number> {
  const [row] = await rowsOf<{ count: number }>(
    database,
    `SELECT count(*)::integer AS count FROM delivery_view WHERE ${condition}`,
  );
  return row!.count;
}

function missing(wanted: string[], given: ReadonlySet<unknown>): string[] {
  return wanted.filter((one) => !given.has(one));
}
