import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { App } from '../support/app.js';
import type { Client } from '../support/client.js';
import { directUrl, rowsOf } from '../support/database.js';

/** As processes of 0.1.0 ask for what is due. */
const OF_OLD = 'SELECT (schedule).*, busy, closed, looked_at FROM due_schedules($1, $2)';

let app: App;
let client: Client;
beforeAll(async () => {
  app = await App.start();
  client = await app.account('schedules-beside-old');
});
afterAll(() => app[Symbol.asyncDispose]());

const ECHO = { type: 'echo', input: { a: 1 } };
const make = async (name: string, operation: object): Promise<string> => {
  const { status, body } = await client.post('/v1/schedules', { name, every_s: 86_400, operation });
  expect(status).toBe(201);
  return body.id;
};

/** Lets all schedules be due, and answers the names of those that an older process would take then, before any of today can. */
async function dueForOld(): Promise<string[]> {
  const old = new pg.Client({ connectionString: directUrl(app.databaseUrl) });
  await old.connect();
  try {
    await old.query('BEGIN');
    await old.query('UPDATE schedule SET next_tick = now(), due_at = now()');
    const { rows } = await old.query<{ name: string }>(OF_OLD, [250, 16_777_216]);
    await old.query('COMMIT');
    return rows.map(({ name }) => name).toSorted();
  } finally {
    await old.end();
  }
}
const submitted = (): Promise<unknown[]> =>
  rowsOf(
    app.databaseUrl,
    `SELECT s.name, count(o.rid)::integer AS count, min(o.face) AS face, min(o.flow::json ->> 'key') AS key, max(s.skipped_reason) AS skipped
     FROM schedule s LEFT JOIN operation o ON o.schedule_id = s.id GROUP BY s.name ORDER BY s.name`,
  );

it('of which an older process does not know all waits for a newer one, and nothing of it is lost', async () => {
  const flowing = await make('flowing', { ...ECHO, flow: { key: 'tenant', parallelism: 1 } });
  await make('plain', ECHO);
  const scheduled = await client.post('/qstash/v2/schedules/http://127.0.0.1:9999/', undefined, {
    ...{ 'Upstash-Schedule-Id': 'message', 'Upstash-Cron': '0 0 1 1 *', 'Upstash-Retries': '0' },
  });
  expect(scheduled.body).toEqual({ scheduleId: 'message' });
  expect(await dueForOld()).toEqual(['plain']);
  await expect.poll(submitted).toEqual([
    { name: 'flowing', count: 1, face: 'native', key: 'tenant', skipped: null },
    { name: 'message', count: 1, face: 'qstash', key: null, skipped: null },
    { name: 'plain', count: 1, face: 'native', key: null, skipped: null },
  ]);

  expect((await client.request('PATCH', `/v1/schedules/${flowing}`, { operation: ECHO })).status).toBe(200);
  expect(await dueForOld()).toEqual(['flowing', 'plain']);
});
