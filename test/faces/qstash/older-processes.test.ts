import { describe, expect, it } from 'vitest';
import { App, TEST_KEY } from '../../support/app.js';
import { rowsOf } from '../../support/database.js';
import { Receiver } from '../../support/receiver.js';
import { upstash } from './clients.js';

/** What 0.1.0 does, in its words. */
class Older {
  constructor(private readonly url: string) {}

  dispatch(): Promise<object[]> {
    return rowsOf(this.url, `SELECT request_id, epoch FROM dispatch_operations(10, '1 minute', 10, '0')`);
  }

  /** Follows the hint of what is dispatched, once something is. */
  async claim(): Promise<object[]> {
    const hints = () =>
      rowsOf(this.url, `SELECT request_id, epoch FROM live_operation WHERE phase = 'placed'`);
    await expect.poll(hints).toHaveLength(1);
    const [hint] = await hints();
    const given = [{ ...hint, token: '00000000-0000-4000-8000-000000000001' }];
    return rowsOf(this.url, `SELECT (live).request_id FROM claim_operations($1, '10 s')`, [
      JSON.stringify(given),
    ]);
  }

  /** As it rescues: it takes the operation, then ends it. */
  async end(state: 'Failed' | 'Canceled'): Promise<object[]> {
    const [taken] = await rowsOf(
      this.url,
      `UPDATE live_operation l SET lease_token = gen_random_uuid()
       FROM operation o WHERE o.request_id = l.request_id RETURNING l.request_id, o.rid, l.lease_token AS token`,
    );
    const now = new Date();
    const ending = { ...taken, state, face: 'qstash', status_text: state, progress: 0, event_type: 'x' };
    return rowsOf(this.url, `SELECT * FROM settle_operations($1, NULL, 1, '10 s')`, [
      JSON.stringify([{ ...ending, created_at: now, finished_at: now, expires_at: now }]),
    ]);
  }
}

const API = { process: { roles: new Set(['api'] as const) } };
const live = ({ databaseUrl }: App) =>
  rowsOf(databaseUrl, 'SELECT phase, attempt FROM live_operation ORDER BY request_id');

describe('Beside processes of 0.1.0', () => {
  it('messages of a queue wait for one that can send them, without a slot and in order', async () => {
    await using app = await App.start(API);
    await using receiver = await Receiver.answering(200);
    const client = upstash(app.client.url, TEST_KEY);
    const queue = client.queue({ queueName: 'lane' });
    for (const body of ['1', '2']) await queue.enqueue({ url: receiver.url, body });
    const older = new Older(app.databaseUrl);
    expect(await older.claim()).toEqual([]);
    // The second doesn't overtake it meanwhile.
    await expect.poll(() => older.dispatch()).toEqual([]);
    expect((await live(app)).map(({ phase }) => phase)).toEqual(['scheduled', 'keyed']);
    await rowsOf(
      app.databaseUrl,
      `UPDATE live_operation SET look_at = now(), due_at = now() WHERE phase = 'scheduled'`,
    );
    await using _newer = await App.start({ database: { url: app.databaseUrl } });
    expect((await receiver.received(2)).map(({ body }) => body)).toEqual(['1', '2']);
  });

  it('messages without a key wait likewise, and use up no try', async () => {
    await using app = await App.start(API);
    await upstash(app.client.url, TEST_KEY).publish({ url: 'http://127.0.0.1:9999/' });
    const older = new Older(app.databaseUrl);
    expect(await older.claim()).toEqual([]);
    expect(await live(app)).toEqual([{ phase: 'scheduled', attempt: 0 }]);
  });

  it('no message ends without its callbacks, but for one that is canceled', async () => {
    await using app = await App.start(API);
    await upstash(app.client.url, TEST_KEY).publish({ url: 'http://127.0.0.1:9999/', delay: 3600 });
    const older = new Older(app.databaseUrl);
    expect(await older.end('Failed')).toEqual([]);
    expect(await live(app)).toHaveLength(1);
    expect(await older.end('Canceled')).toHaveLength(1);
    expect(await live(app)).toEqual([]);
  });
});
