import { describe, expect, it } from 'vitest';
import { newDatabase, rowsOf } from '../support/database.js';
import { Service, sharedBy } from '../support/service.js';

const SCHEDULES = 20;
const TICKS = 500;
const SLOW = { timeout: 90_000, interval: 20 };

describe(
  '10,000 ticks that are due, with three processes of which one is killed again and again',
  { timeout: 180_000 },
  () => {
    it('have become one operation each', async () => {
      const database = await newDatabase();
      const shared = { ...sharedBy(database), RINGBACK_SLOTS: '200' };
      await using api = await Service.start({ ...shared, RINGBACK_ROLE: 'api' });
      for (let made = 0; made < SCHEDULES; made++) {
        const { status, text } = await api.client.post('/v1/schedules', {
          name: `s${made}`,
          every_s: 60,
          missed: 'all',
          operation: { type: 'echo' },
        });
        expect(status, text).toBe(201);
      }
      await rowsOf(
        database,
        `UPDATE schedule SET created_at = created_at - $1 * interval '1 minute', next_tick = next_tick - $1 * interval '1 minute', due_at = due_at - $1 * interval '1 minute'`,
        [TICKS],
      );
      const made = async (): Promise<number> =>
        (await rowsOf<{ made: number }>(database, 'SELECT count(*)::integer AS made FROM operation'))[0]!
          .made;
      const worker = (): Promise<Service> => Service.start({ ...shared, RINGBACK_ROLE: 'worker' });
      const killed: number[] = [];
      {
        await using first = await worker();
        await expect.poll(made, SLOW).toBeGreaterThan(200);
        await first.end('SIGKILL');
        killed.push(await made());
      }
      await using _second = await worker();
      await using third = await worker();
      await expect.poll(made, SLOW).toBeGreaterThan(killed[0]! + 200);
      await third.end('SIGKILL');
      killed.push(await made());
      await expect
        .poll(() => rowsOf(database, 'SELECT FROM schedule WHERE due_at <= now()'), SLOW)
        .toEqual([]);
      const [sums] = await rowsOf(
        database,
        `SELECT count(*)::integer AS all, count(DISTINCT (schedule_id, tick))::integer AS different,
         count(*) FILTER (WHERE extract(second FROM tick - s.created_at) <> 0)::integer AS wrong
       FROM operation o JOIN schedule s ON s.id = o.schedule_id
       WHERE tick <= s.created_at + ($1 + 0) * interval '1 minute'`,
        [TICKS],
      );
      expect(sums).toEqual({ all: SCHEDULES * TICKS, different: SCHEDULES * TICKS, wrong: 0 });
      expect(killed[0]).toBeLessThan(SCHEDULES * TICKS);
    });
  },
);
