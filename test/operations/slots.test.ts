import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import { rowsOf } from '../support/database.js';

let app: App;

beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());

const positionOf = async (client: App['client'], id: string): Promise<number | null> =>
  (await client.get(`/v1/operations/${id}`)).body.queue_position;

describe('slots', () => {
  it('show what waits for one its place in the queue, by priority and then age', async () => {
    const narrow = await app.account('queue', 1);
    const running = await narrow.submit({ type: 'sleep', input: { seconds: 60 } });
    await expect.poll(async () => (await narrow.ended(running.id, 0)).status).toBe('Executing');
    const [first, second, urgent, later] = [
      await narrow.submit({ type: 'echo' }),
      await narrow.submit({ type: 'echo' }),
      await narrow.submit({ type: 'echo', priority: 5 }),
      await narrow.submit({ type: 'echo', run_at: new Date(Date.now() + 3_600_000) }),
    ];
    const positions = await Promise.all(
      [running, urgent, first, second, later].map(({ id }) => positionOf(narrow, id)),
    );
    expect(positions).toEqual([undefined, 1, 2, 3, undefined]);
    await narrow.post(`/v1/operations/${running.id}/cancel`);
    expect(await narrow.ended(second.id)).not.toHaveProperty('queue_position');
  });

  it('let an account with 5 start at once beside one with 10,000 waiting', async () => {
    const [hoarder, other] = [await app.account('hoarder', 1), await app.account('other', 5)];
    const running = await hoarder.submit({ type: 'sleep', input: { seconds: 60 } });
    await expect.poll(async () => (await hoarder.ended(running.id, 0)).status).toBe('Executing');
    await rowsOf(
      app.databaseUrl,
      `WITH made AS (
         INSERT INTO operation (rid, account_id, type, face, tries, retention, timeout_s)
         SELECT md5(n::text), a.id, 'sleep', 'native', 1, 'keep1d', 60
         FROM account a, generate_series(1, 10000) n WHERE a.name = 'hoarder' RETURNING request_id, account_id, type, tries
       )
       INSERT INTO live_operation (request_id, account_id, type, tries, phase, priority, look_at, due_at)
       SELECT m.*, 'ready', 0, now(), now() FROM made m`,
    );
    const last = await hoarder.submit({ type: 'echo' });
    expect(await positionOf(hoarder, last.id)).toBe(1_000);
    const submitted = await Promise.all(Array.from({ length: 5 }, () => other.submit({ type: 'echo' })));
    for (const { id } of submitted) expect((await other.ended(id)).status).toBe('Finished');
    expect((await hoarder.ended(running.id, 0)).status).toBe('Executing');
  });
});

describe('an Idempotency-Key', () => {
  it('makes one operation of 200 parallel submits, for its account alone, and is free again after its day', async () => {
    const headers = { 'idempotency-key': 'crowd' };
    const submit = (client: App['client']) =>
      client.post('/v1/operations', { type: 'echo', input: 1 }, headers);
    const answers = await Promise.all(Array.from({ length: 200 }, () => submit(app.client)));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect((await submit(await app.account('crowd'))).body.id).not.toBe(answers[0]!.body.id);
    await rowsOf(app.databaseUrl, `UPDATE idempotency_key SET expires_at = now() WHERE key = 'crowd'`);
    const anew = await submit(app.client);
    expect(anew.body.id).not.toBe(answers[0]!.body.id);
    expect(anew.headers.get('idempotent-replayed')).toBeNull();
  });
});
