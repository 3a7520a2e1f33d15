import { describe, expect, it } from 'vitest';
import { newDatabase, rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy } from '../support/service.js';

const MANY = 3_000;
const SLOW = { timeout: 60_000, interval: 20 };

/** So many operations of the default account that failed, each with a callback that was given up. */
const failed = (url: string, callbackUrl: string): Promise<unknown> =>
  rowsOf(
    url,
    `WITH made AS (
       INSERT INTO operation (rid, account_id, type, face, input, callback_url, tries, retention, timeout_s)
       SELECT md5(n::text), a.id, 'echo', 'native', n::text, '${callbackUrl}', 1, 'keep1m', 60
       FROM account a, generate_series(1, ${MANY}) n WHERE a.name = 'default' RETURNING request_id, rid, account_id
     ), ended AS (
       INSERT INTO operation_end (request_id, state, attempt, progress, finished_at, expires_at, status_text, error_code, error_message, transitions)
       SELECT request_id, 'Failed', 1, 0, now(), now() + interval '1 day', 'Failed', 'broken', 'broken', '' FROM made
     ), owed AS (
       INSERT INTO delivery (home, id, account_id, operation_id, operation_rid, destination, event_type, url, origin, body)
       SELECT request_id, 'dlv_' || rid, account_id, request_id, rid, 'callback', 'operation.failed', '${callbackUrl}', '${new URL(callbackUrl).origin}', '{}'
       FROM made RETURNING home, seq, account_id, operation_id, origin
     ), given_up AS (
       INSERT INTO delivery_end (home, seq, state, attempt_count, schedule_step, epoch, reason)
       SELECT home, seq, 'Exhausted', 1, 1, 1, 'schedule_spent' FROM owed
     )
     INSERT INTO undelivered (home, seq, account_id, operation_id, lane, state)
     SELECT home, seq, account_id, operation_id, origin, 'Exhausted' FROM owed`,
  );

const doneOf = (url: string, id: string) => async (): Promise<number> => {
  const rows = await rowsOf<{ done: number | null }>(
    url,
    `SELECT (l.checkpoint::json ->> 'done')::integer AS done FROM operation o JOIN live_operation l USING (request_id) WHERE o.rid = '${id}'`,
  );
  return rows[0]?.done ?? 0;
};

describe('a bulk action over 3,000 rows', { timeout: 180_000 }, () => {
  it('whose process is killed again and again runs each operation again once', async () => {
    const database = await newDatabase();
    const shared = sharedBy(database);
    await using receiver = await Receiver.answering(200);
    await using api = await Service.start({ ...shared, RINGBACK_ROLE: 'api' });
    await failed(database, receiver.url);
    const first = await Service.start({ ...shared, RINGBACK_ROLE: 'worker' });
    const asked = await api.client.post('/v1/operations/bulk', {
      action: 'rerun',
      filter: { status: 'Failed', error_code: 'broken' },
    });
    expect(asked.status, asked.text).toBe(202);
    const done = doneOf(database, asked.body.id);
    await expect.poll(done, SLOW).toBeGreaterThan(200);
    await first.end('SIGKILL');
    const before = await done();
    expect(before).toBeLessThan(MANY);
    const second = await Service.start({ ...shared, RINGBACK_ROLE: 'worker' });
    await expect.poll(done, SLOW).toBeGreaterThan(before + 200);
    await second.end('SIGKILL');
    expect(await done()).toBeLessThan(MANY);
    await using _third = await Service.start({ ...shared, RINGBACK_ROLE: 'worker' });
    const bulk = await api.client.ended(asked.body.id, 60);
    expect(bulk).toMatchObject({
      status: 'Finished',
      attempt: 3,
      result: { matched: MANY, done: MANY, skipped: 0 },
    });
    const made = `SELECT count(*)::integer AS all, count(DISTINCT rerun_of)::integer AS different FROM operation WHERE rerun_of IS NOT NULL`;
    expect(await rowsOf(database, made)).toEqual([{ all: MANY, different: MANY }]);
    const ended = `SELECT count(*)::integer AS count FROM operation_view WHERE rerun_of IS NOT NULL AND state = 'Finished'`;
    await expect.poll(() => rowsOf(database, ended), SLOW).toEqual([{ count: MANY }]);
  });

  it('whose process is killed sends each delivery again once', async () => {
    const database = await newDatabase();
    const shared = sharedBy(database);
    await using receiver = await Receiver.answering(200);
    await using api = await Service.start({ ...shared, RINGBACK_ROLE: 'api' });
    await failed(database, receiver.url);
    const worker = { ...shared, RINGBACK_ROLE: 'worker' };
    const first = await Service.start(worker);
    const asked = await api.client.post('/v1/deliveries/bulk', {
      action: 'redeliver',
      filter: { status: 'Exhausted' },
    });
    expect(asked.status, asked.text).toBe(202);
    const done = doneOf(database, asked.body.id);
    await expect.poll(done, SLOW).toBeGreaterThan(0);
    await first.end('SIGKILL');
    expect(await done()).toBeLessThan(MANY);
    await using _second = await Service.start(worker);
    const bulk = await api.client.ended(asked.body.id, 60);
    expect(bulk).toMatchObject({ status: 'Finished', result: { matched: MANY, done: MANY, skipped: 0 } });
    const delivered = `SELECT count(*)::integer AS count FROM delivery_view WHERE state = 'Delivered'`;
    await expect.poll(() => rowsOf(database, delivered), SLOW).toEqual([{ count: MANY }]);
    // What the killed process was sending is of unknown outcome, and goes out again.
    const attempts = `SELECT outcome, count(*)::integer AS count FROM attempt WHERE outcome <> 'unknown' GROUP BY outcome`;
    expect(await rowsOf(database, attempts)).toEqual([{ outcome: 'delivered', count: MANY }]);
  });
});
