import type { Queue } from 'bullmq';
import { afterEach, describe, expect, it } from 'vitest';
import { OperationHints } from '../../src/engine/engine.module.js';
import { App } from '../support/app.js';
import { loseQueue, newDatabase, rowsOf } from '../support/database.js';
import { Service, sharedBy } from '../support/service.js';

/** How far a start may be behind one that came after it, milliseconds: what two processes take to hear of their hints. */
const ABREAST_MS = 500;

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

/** Processes on one database, each with so many places, and the first account with so many slots. */
async function processes(slots: number, ...concurrency: number[]): Promise<[Service, string]> {
  const database = await newDatabase();
  const shared = sharedBy(database);
  const services: Service[] = [];
  for (const places of concurrency)
    services.push(stack.use(await Service.start({ ...shared, RINGBACK_CONCURRENCY: String(places) })));
  await rowsOf(database, 'UPDATE account SET slots = $1', [slots]);
  return [services[0]!, database];
}

const naps = (count: number, seconds: number): object => ({
  operations: Array.from({ length: count }, () => ({ type: 'sleep', input: { seconds } })),
});

async function running(database: string): Promise<number> {
  const [row] = await rowsOf<{ count: number }>(
    database,
    `SELECT count(lease_token)::integer AS count FROM live_operation`,
  );
  return row!.count;
}

/** When each operation started, milliseconds, in the order in which they were accepted. */
async function starts(database: string, count: number): Promise<{ account: string; at: number }[]> {
  const rows = (): Promise<{ account: string; at: string }[]> =>
    rowsOf(
      database,
      `SELECT account_id AS account, extract(epoch FROM started_at) * 1000 AS at FROM operation_view WHERE started_at IS NOT NULL ORDER BY request_id`,
    );
  await expect.poll(async () => (await rows()).length, { timeout: 60_000 }).toBe(count);
  return (await rows()).map(({ account, at }) => ({ account, at: Number(at) }));
}

describe('operations start', { timeout: 90_000 }, () => {
  it.each([
    ['one process with few places', [3]],
    ['two processes', [10, 10]],
    ['two processes of different size', [2, 20]],
  ])(
    'in the order in which they came, where an account has more slots than workers have places: %s',
    async (_, places) => {
      const [service, database] = await processes(100, ...places);
      await service.client.post('/v1/operations/batch', naps(60, 0.6));
      const at = (await starts(database, 60)).map((start) => start.at);
      const overtaken = at.map((start, index) => start - Math.min(start, ...at.slice(index + 1)));
      expect(Math.max(...overtaken)).toBeLessThan(ABREAST_MS);
    },
  );

  it('from jobs that have no more of them than the smallest worker has places for', async () => {
    await using app = await App.start({ operations: { concurrency: 2 } });
    const { queue } = app.nest.get(OperationHints) as unknown as { queue: Queue };
    await queue.pause();
    await app.client.post('/v1/operations/batch', naps(10, 0.1));
    const sizes = async (): Promise<number[]> =>
      (await queue.getJobs(['waiting'])).map((job) => (job.data as unknown[]).length);
    // A heartbeat has none.
    await expect.poll(async () => (await sizes()).filter((size) => size > 0)).toEqual([2, 2]);
    await queue.resume();
    await starts(app.databaseUrl, 10);
  });

  it('wherever there is a place, and wait nowhere else', async () => {
    const [service, database] = await processes(100, 2, 30);
    await service.client.post('/v1/operations/batch', naps(60, 3));
    await expect.poll(() => running(database), { timeout: 2_500, interval: 20 }).toBe(32);
  });

  it('soon also where the queue has lost all that was in it', async () => {
    const database = await newDatabase();
    const shared: Record<string, string> = {
      ...sharedBy(database),
      RINGBACK_CONCURRENCY: '4',
      RINGBACK_REDISPATCH_S: '600',
    };
    const service = stack.use(await Service.start(shared));
    await rowsOf(database, 'UPDATE account SET slots = 100');
    await service.client.post('/v1/operations/batch', naps(24, 1.5));
    await expect.poll(() => running(database)).toBe(4);
    await loseQueue(database, shared['REDIS_URL']);
    await starts(database, 24);
  });

  it('at the turn of their account, however much another one has dispatched', async () => {
    const [service, database] = await processes(100, 2);
    const { body: account } = await service.client.post('/v1/accounts', { name: 'other', slots: 5 });
    const { body: key } = await service.client.post(`/v1/accounts/${account.id}/keys`, {
      name: 'test',
      scopes: ['operations:write'],
    });
    await service.client.post('/v1/operations/batch', naps(40, 0.4));
    await expect.poll(() => running(database)).toBe(2);
    await service.client.withKey(key.key).submit({ type: 'sleep', input: { seconds: 0.1 } });
    const all = await starts(database, 41);
    const mine = all.at(-1)!;
    expect(mine.account).toBe(account.id);
    // Two run, and four are dispatched so that nobody who becomes free has to wait for a round.
    expect(all.filter(({ at }) => at < mine.at).length).toBeLessThanOrEqual(2 + 4 + 2);
  });
});
