import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newDatabase, rowsOf } from '../support/database.js';
import { Service, sharedBy } from '../support/service.js';

let database: string;
let shared: Record<string, string>;
let api: Service;
beforeAll(async () => {
  database = await newDatabase();
  shared = { ...sharedBy(database), RINGBACK_LOG_LEVEL: 'info' };
  api = await Service.start({ ...shared, RINGBACK_ROLE: 'api' });
}, 60_000);
afterAll(() => api[Symbol.asyncDispose]());

const list = async (): Promise<any[]> => (await api.client.get('/v1/processes')).body.data;
const readiness = async (): Promise<[number, any]> => {
  const { status, body } = await api.client.get('/health/ready');
  return [status, body];
};

describe('the list of processes', { timeout: 60_000 }, () => {
  it('warns where no worker runs, in the log and in readiness, which stays green', async () => {
    const checks = {
      postgresql: 'ok',
      queue: 'ok',
      workers: expect.stringContaining('RINGBACK_ROLE=worker'),
    };
    expect(await readiness()).toEqual([200, { status: 'ok', checks }]);
    await expect.poll(() => api.output(), { timeout: 10_000 }).toContain('"msg":"no worker runs: ');
  });

  it('has who runs, what they do and how much of it, and no longer who has shut down', async () => {
    const worker = await Service.start({ ...shared, RINGBACK_ROLE: 'worker', RINGBACK_CONCURRENCY: '7' });
    await using _ = worker;
    const sorted = (await list()).sort((a, b) => (a.role < b.role ? -1 : 1));
    expect(sorted).toEqual([
      {
        id: expect.stringMatching(/^proc_[0-9a-f]{32}$/),
        role: 'api',
        version: expect.stringMatching(/^\d+\.\d+\.\d+/),
        since: expect.stringMatching(/Z$/),
        last_seen_at: expect.stringMatching(/Z$/),
        host: expect.any(String),
        running: 0,
        capacity: 0,
        handlers: [],
      },
      expect.objectContaining({
        role: 'worker',
        capacity: 7,
        handlers: expect.arrayContaining(['echo', 'sleep']),
      }),
    ]);
    await api.client.submit({ type: 'sleep', input: { seconds: 20 } });
    // Told at its next beat.
    await expect
      .poll(async () => (await list()).find(({ role }) => role === 'worker').running, { timeout: 15_000 })
      .toBe(1);
    await expect.poll(() => api.output(), { timeout: 15_000 }).toContain('"msg":"a worker runs"');
    expect((await readiness())[1].checks).toEqual({ postgresql: 'ok', queue: 'ok' });
    expect(await worker.end('SIGTERM')).toBe(0);
    expect((await list()).map(({ role }) => role)).toEqual(['api']);
  });

  it('forgets who was killed after a while', async () => {
    const worker = await Service.start({ ...shared, RINGBACK_ROLE: 'worker' });
    await worker.end('SIGKILL');
    expect(await list()).toHaveLength(2);
    await rowsOf(
      database,
      `UPDATE process SET seen_at = seen_at - interval '40 s' WHERE 'worker' = ANY (roles)`,
    );
    expect(await list()).toHaveLength(1);
    await expect
      .poll(() => rowsOf(database, 'SELECT count(*)::int AS count FROM process'), { timeout: 15_000 })
      .toEqual([{ count: 1 }]);
  });

  it('is for admins', async () => {
    expect((await api.client.withKey('none').get('/v1/processes')).status).toBe(401);
  });
});
