import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { copySchedules } from '../../bench/many-schedules.js';
import { Database } from '../../src/database/database.js';
import { DUE_SCHEDULES, ScheduleStore } from '../../src/schedules/schedule.store.js';
import { App } from '../support/app.js';
import { rowsOf } from '../support/database.js';

const SECRET_KEYS = `k1:${Buffer.alloc(32, 7).toString('base64')}`;
const COUNT = 2_000;
/** Of a step, as the loop takes them. */
const STEP = 250;

let app: App;
beforeAll(async () => {
  app = await App.start({ accounts: { slots: 10_000 } });
});
afterAll(() => app[Symbol.asyncDispose]());

it('of many schedules that are due at one time each submits once, hundreds in a commit; those ahead cost nothing', async () => {
  const { body: sample } = await app.client.post('/v1/schedules', {
    name: 'one of many',
    every_s: 86_400,
    operation: { type: 'echo', input: { a: 1 } },
  });
  await copySchedules(app.databaseUrl, SECRET_KEYS, sample.id, COUNT - 1);
  await rowsOf(app.databaseUrl, 'ANALYZE schedule');
  // What an idle service asks: it reads the first entry of an index, however many there are.
  const plan = await rowsOf<{ 'QUERY PLAN': string }>(
    app.databaseUrl,
    `EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT ${DUE_SCHEDULES}`,
  );
  const text = plan.map((row) => row['QUERY PLAN']).join('\n');
  expect(text).toContain('schedule_due');
  expect(Number(/shared hit=(\d+)/.exec(text)![1])).toBeLessThan(10);

  const steps = vi.spyOn(ScheduleStore.prototype, 'tick');
  const statements = vi.spyOn(Database.prototype, 'query');
  await rowsOf(app.databaseUrl, 'UPDATE schedule SET next_tick = now(), due_at = now()');
  const submitted = (): Promise<unknown[]> =>
    rowsOf(
      app.databaseUrl,
      `SELECT count(*)::integer AS all, count(DISTINCT schedule_id)::integer AS different FROM operation WHERE schedule_id IS NOT NULL`,
    );
  await expect.poll(submitted, { timeout: 30_000 }).toEqual([{ all: COUNT, different: COUNT }]);
  // Besides the last step, which finds none, and one that others' rows kept from being full.
  expect(steps.mock.calls.length).toBeLessThanOrEqual(COUNT / STEP + 3);
  expect(statements.mock.calls.filter(([sql]) => /\bschedule\b/.test(sql) && !sql.includes('due_0'))).toEqual(
    [],
  );
  vi.restoreAllMocks();
});
