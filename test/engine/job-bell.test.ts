import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Fleet } from '../../src/engine/fleet.js';
import { JobBell } from '../../src/engine/job-bell.js';
import { PostgresListener } from '../../src/engine/postgres-listener.js';
import { App } from '../support/app.js';
import { newDatabase, redisUrls, rowsOf } from '../support/database.js';

describe('the bell of a queue in PostgreSQL', () => {
  let url: string;
  let listener: PostgresListener;
  let bell: JobBell;
  let other: JobBell;
  const over = new AbortController();
  const tell = (queue: string): Promise<unknown> =>
    rowsOf(url, `SELECT pg_notify('bullmq_jobs', $1)`, [queue]);

  beforeAll(async () => {
    url = await newDatabase();
    listener = new PostgresListener(url);
    [bell, other] = ['mine', 'other'].map((queue) => new JobBell(queue, listener, new Fleet())) as [
      JobBell,
      JobBell,
    ];
    bell.looks();
    // It listens from here on: what may have been missed before is news.
    await bell.next(over.signal);
  });
  afterAll(async () => {
    over.abort();
    await listener.end();
  });

  it('rings when a job is told of, of its own queue alone', async () => {
    bell.looks();
    other.looks();
    await tell('other');
    await other.next(over.signal);
    expect([other.hasNews, bell.hasNews]).toEqual([true, false]);
    const next = bell.next(over.signal);
    await tell('mine');
    await next;
    expect(bell.hasNews).toBe(true);
  });

  it('rings at once where one was told of since the last look began, or where a look may have left one', async () => {
    bell.looks();
    await tell('mine');
    await expect.poll(() => bell.hasNews).toBe(true);
    await bell.next(over.signal);
    bell.looks();
    bell.leaves();
    await bell.next(over.signal);
    expect(bell.hasNews).toBe(true);
  });
});

it.skipIf(redisUrls().length > 0)(
  'a worker of a queue in PostgreSQL that hears of its jobs does not ask whether there is one',
  async () => {
    await using app = await App.start();
    const end = async (): Promise<void> => {
      const { id } = await app.client.submit({ type: 'echo' });
      expect((await app.client.ended(id)).status).toBe('Finished');
    };
    await end();
    const query = vi.spyOn(pg.Pool.prototype, 'query');
    for (let nth = 0; nth < 20; nth++) await end();
    const asked = (command: RegExp): number =>
      query.mock.calls.filter(([sql]) => command.test(String(sql))).length;
    expect(asked(/move_to_active/)).toBeGreaterThanOrEqual(20);
    // Once in a while it does all the same: each of its queues every 5 s.
    expect(asked(/state = 'waiting'[^]*AS present/)).toBeLessThan(5);
    query.mockRestore();
  },
);
