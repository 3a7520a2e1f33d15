import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { StatsStore } from '../../src/operations/stats/stats.store.js';
import { App } from '../support/app.js';
import { rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';

/** Adds up all that there is, as if the 30 s had passed in which numbers may still be committed; answers how many counts there are. */
async function addUp(url: string): Promise<number> {
  for (let left = true; left;) {
    await rowsOf(url, `UPDATE stats_reached SET noted_at = '-infinity'`);
    await rowsOf(url, `SELECT add_up_stats(1000, interval '2 days')`);
    const [row] = await rowsOf<{ left: boolean }>(url, `SELECT ${StatsStore.due} AS left`);
    left = row!.left;
  }
  const [row] = await rowsOf<{ count: number }>(url, 'SELECT count(*)::integer AS count FROM stats');
  return row!.count;
}

const HOUR = 3_600_000;
const sum = (rows: Record<string, number>[], of: string): number =>
  rows.reduce((total, row) => total + row[of]!, 0);

describe('the statistics', { timeout: 60_000 }, () => {
  it('count operations and callbacks at once, and the same once they are added up', async () => {
    await using receiver = await Receiver.answering(503, 200, 410);
    await using app = await App.start();
    const one = await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
    await expect.poll(async () => (await app.client.deliveries(one.id))[0]?.status).toBe('Delivered');
    const two = await app.client.submit({
      type: 'sleep',
      input: { seconds: 1 },
      callback: { url: receiver.url },
    });
    await expect.poll(async () => (await app.client.deliveries(two.id))[0]?.status).toBe('Exhausted');
    const later = await app.client.submit({
      type: 'echo',
      run_at: new Date(Date.now() + HOUR).toISOString(),
    });
    await app.client.post(`/v1/operations/${later.id}/cancel`);

    const read = async () => {
      const operations = (await app.client.get('/v1/stats/operations')).body;
      const deliveries = (await app.client.get('/v1/stats/deliveries')).body;
      return { operations, deliveries };
    };
    const counted = await read();
    expect(counted.operations.buckets).toHaveLength(25);
    const last = counted.operations.buckets.findLast((bucket: any) => bucket.accepted > 0);
    expect(last).toMatchObject({ accepted: 3, finished: 2, failed: 0, canceled: 1 });
    expect(last.p50_s).toBeLessThan(1);
    expect(last.p95_s).toBeGreaterThan(0.98);
    expect(last.p95_s).toBeLessThan(3);
    expect(counted.operations.top).toEqual({
      types: [
        { value: 'echo', count: 2 },
        { value: 'sleep', count: 1 },
      ],
      error_codes: [],
    });
    expect(counted.deliveries.buckets.at(-1)).toMatchObject({
      delivered: 1,
      exhausted: 1,
      failed_attempts: 2,
    });
    expect(counted.deliveries.top).toEqual({
      origins: [{ value: new URL(receiver.url).origin, count: 3 }],
      errors: [
        { value: 'http_4xx', count: 1 },
        { value: 'http_5xx', count: 1 },
      ],
    });

    const rows = await addUp(app.databaseUrl);
    expect(rows).toBeGreaterThan(0);
    expect(await read()).toEqual(counted);
    expect(await addUp(app.databaseUrl)).toBe(rows);
    expect(await read()).toEqual(counted);
  });

  it('count what was given up also when it is delivered by hand soon after, and not what was delivered before', async () => {
    await using receiver = await Receiver.answering(410, 200, 410);
    await using app = await App.start();
    const { id } = await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
    const state = async () => (await app.client.deliveries(id))[0];
    await expect.poll(async () => (await state())?.status).toBe('Exhausted');
    const delivery = (await state()).id;
    await app.client.post(`/v1/deliveries/${delivery}/redeliver`);
    await expect.poll(async () => (await state()).status).toBe('Delivered');
    await app.client.post(`/v1/deliveries/${delivery}/redeliver?again=true`);
    await receiver.received(3);
    await expect.poll(async () => (await state()).status).toBe('Delivered');
    for (const step of ['counted', 'added up']) {
      const { buckets } = (await app.client.get('/v1/stats/deliveries')).body;
      expect([step, buckets.at(-1)]).toMatchObject([
        step,
        { delivered: 1, exhausted: 1, failed_attempts: 2 },
      ]);
      await addUp(app.databaseUrl);
    }
  });

  it('show an account its own, an administrator those of any and of all', async () => {
    await using app = await App.start();
    const account = await app.account('other');
    const { id } = (await account.get('/v1/account')).body;
    const { body } = await account.post('/v1/operations', { type: 'echo' });
    await account.ended(body.id);
    await app.client.ended((await app.client.submit({ type: 'echo' })).id);
    const accepted = async (client: typeof account, query = ''): Promise<number> =>
      sum((await client.get(`/v1/stats/operations?step=60${query}`)).body.buckets, 'accepted');
    for (const step of ['counted', 'added up']) {
      expect([step, await accepted(account), await accepted(account, `&account=${id}`)]).toEqual([
        step,
        1,
        1,
      ]);
      expect([step, await accepted(app.client), await accepted(app.client, `&account=${id}`)]).toEqual([
        step,
        1,
        1,
      ]);
      expect([step, await accepted(app.client, '&account=*')]).toEqual([step, 2]);
      await addUp(app.databaseUrl);
    }
    for (const asked of ['*', 'acc_other'])
      expect((await account.get(`/v1/stats/deliveries?account=${asked}`)).status).toBe(403);
  });

  it('name the most frequent error codes and types, the most frequent first', async () => {
    await using app = await App.start();
    await rowsOf(
      app.databaseUrl,
      `WITH asked AS (
         INSERT INTO operation (rid, account_id, type, face, retention, tries, timeout_s)
         SELECT md5(n::text), (SELECT id FROM account), 'type' || n % 12, 'native', 'keep1m', 1, 60 FROM generate_series(1, 780) n
         RETURNING request_id, created_at, substr(type, 5)::integer AS n
       )
       INSERT INTO operation_end (request_id, state, attempt, progress, finished_at, expires_at, status_text, error_code, transitions)
       SELECT request_id, 'Failed', 1, 0, created_at + interval '90 s', now() + interval '1 day', '', 'code' || n, '' FROM asked WHERE request_id % 13 <= n`,
    );
    for (const step of ['counted', 'added up']) {
      const to = new Date(Date.now() + HOUR).toISOString();
      const { buckets, top } = (await app.client.get(`/v1/stats/operations?step=86400&to=${to}`)).body;
      expect([step, sum(buckets, 'accepted')]).toEqual([step, 780]);
      expect(top.types).toHaveLength(10);
      expect(top.error_codes).toHaveLength(10);
      const counts = top.error_codes.map(({ count }: { count: number }) => count);
      expect(counts).toEqual(counts.toSorted((a: number, b: number) => b - a));
      expect(top.error_codes[0]).toEqual({ value: 'code11', count: 60 });
      expect(buckets.find((bucket: any) => bucket.failed > 0).p50_s).toBeCloseTo(90, -1);
      await addUp(app.databaseUrl);
    }
  });

  it('count each record once, whoever adds up at the same time, and none before all smaller numbers are settled', async () => {
    await using app = await App.start();
    for (let n = 0; n < 30; n++) await app.client.submit({ type: 'echo' });
    await expect.poll(async () => (await app.client.get('/v1/ledger')).body.operations.finished).toBe(30);
    const url = app.databaseUrl;
    const step = `SELECT add_up_stats(7, interval '2 days')`;
    await rowsOf(url, step);
    await rowsOf(url, step);
    expect(await rowsOf(url, 'SELECT FROM stats')).toEqual([]);
    for (let round = 0; round < 12; round++) {
      await rowsOf(url, `UPDATE stats_reached SET noted_at = '-infinity'`);
      await Promise.all(Array.from({ length: 4 }, () => rowsOf(url, step)));
    }
    expect(await addUp(url)).toBeGreaterThan(0);
    const rows = await rowsOf(
      url,
      `SELECT what, sum(count)::integer AS count FROM stats WHERE account_id = '*' AND step = 60 AND what IN ('accepted', 'finished') GROUP BY 1 ORDER BY 1`,
    );
    expect(rows).toEqual([
      { what: 'accepted', count: 30 },
      { what: 'finished', count: 30 },
    ]);
  });

  it('wait for a transaction that may still commit a smaller number, however long its commit takes', async () => {
    await using app = await App.start();
    const url = app.databaseUrl;
    const open = new pg.Client({ connectionString: url });
    await open.connect();
    await app.client.ended((await app.client.submit({ type: 'echo' })).id);
    await addUp(url);
    await app.client.ended((await app.client.submit({ type: 'echo' })).id);
    await open.query('BEGIN');
    await open.query('SELECT pg_current_xact_id()');
    const finished = async () => {
      await rowsOf(
        url,
        `UPDATE stats_reached SET noted_at = now() - interval '1 min' WHERE noted_at > '-infinity'`,
      );
      await rowsOf(url, `SELECT add_up_stats(1000, interval '2 days')`);
      const [row] = await rowsOf<{ count: number }>(
        url,
        `SELECT sum(count)::integer AS count FROM stats WHERE account_id = '*' AND step = 60 AND what = 'finished'`,
      );
      return row!.count;
    };
    expect([await finished(), await finished(), await finished()]).toEqual([1, 1, 1]);
    await open.query('COMMIT');
    await open.end();
    await expect.poll(finished).toBe(2);
  });

  it('refuse a time or a step that makes no sense, and say which it is', async () => {
    await using app = await App.start();
    for (const [query, path] of [
      ['step=61', 'step'],
      ['from=yesterday', 'from'],
      ['from=2027-01-02T00:00:00Z&to=2027-01-01T00:00:00Z', 'from'],
      ['from=2020-01-01T00:00:00Z&step=3600', 'step'],
      ['from=2020-01-01T00:00:00Z&to=2020-01-01T01:00:00Z&step=60', 'from'],
    ]) {
      const { status, body } = await app.client.get(`/v1/stats/operations?${query}`);
      expect([query, status, body.code, body.errors[0].path]).toEqual([query, 400, 'invalid-query', path]);
    }
  });

  it('are kept by the minute for two days, by the hour as long as history', async () => {
    await using app = await App.start({ housekeeping: { everyS: 0.1, historyS: 10 * 86_400 } });
    await rowsOf(
      app.databaseUrl,
      `INSERT INTO stats SELECT 'acc_x', step, 'accepted', date_trunc('hour', now() - age * interval '1 hour'), '', 1
       FROM (VALUES (60), (3600)) s (step), (VALUES (1), (50), (300)) a (age)`,
    );
    await rowsOf(app.databaseUrl, 'UPDATE chore SET due_at = now()');
    const left = () =>
      rowsOf(app.databaseUrl, 'SELECT step, count(*)::integer AS count FROM stats GROUP BY 1 ORDER BY 1');
    await expect.poll(left).toEqual([
      { step: 60, count: 1 },
      { step: 3600, count: 2 },
    ]);
  });
});
