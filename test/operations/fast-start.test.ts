import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import { FragileDatabase } from '../support/database-outage.js';
import { newDatabase, rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy } from '../support/service.js';

/** Two processes, each in the middle of a statement's transaction. */
class Two implements AsyncDisposable {
  private constructor(
    readonly one: pg.Client,
    readonly other: pg.Client,
  ) {}

  static async of(url: string): Promise<Two> {
    const clients = [new pg.Client(url), new pg.Client(url)] as const;
    for (const client of clients) {
      await client.connect();
      await client.query('BEGIN');
    }
    return new Two(...clients);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.one.end(), this.other.end()]);
  }
}

/** Accepts an operation a key, as the service does, and answers their phases. */
async function accept(client: pg.Client, keys: readonly string[]): Promise<string[]> {
  const rid = (key: string): string => `${key}-${Math.random()}`;
  const given = keys.map((key) => ({
    rid: rid(key),
    account_id: 'a',
    type: 'echo',
    face: 'native',
    priority: 0,
    retention: 'keep1m',
    tries: 1,
    timeout_s: 60,
    ack_by_poll: false,
    keyed: true,
    files: [],
  }));
  const keyed = given.map((row, place) => ({
    account_id: 'a',
    key: keys[place],
    fingerprint: '',
    rid: row.rid,
  }));
  const { rows } = await client.query<{ phase: string }>(
    `SELECT phase FROM accept_operations($1, $2, '{a}', 100, interval '1 minute', NULL)`,
    [JSON.stringify(given), JSON.stringify(keyed)],
  );
  return rows.map(({ phase }) => phase);
}

const dispatched = (count: number): string[] => Array.from({ length: count }, () => 'dispatched');
const ready = (count: number): string[] => Array.from({ length: count }, () => 'ready');

async function databaseWithAccount(slots: number): Promise<string> {
  const url = await newDatabase();
  await rowsOf(url, `INSERT INTO account (id, name, slots) VALUES ('a', 'a', ${slots}) RETURNING id`);
  return url;
}

describe('an operation that is accepted while a slot is free', () => {
  it('is dispatched by its accept, and no more of an account than it has slots', async () => {
    const url = await databaseWithAccount(4);
    await using two = await Two.of(url);
    expect(await accept(two.one, ['a', 'b', 'c', 'd', 'e', 'f'])).toEqual([...dispatched(4), ...ready(2)]);
    await two.one.query('COMMIT');
    expect(await accept(two.other, ['g'])).toEqual(ready(1));
  });

  it('waits for the dispatcher where another process reserves slots at the same moment', async () => {
    const url = await databaseWithAccount(4);
    await using two = await Two.of(url);
    expect(await accept(two.one, ['a', 'b', 'c', 'd'])).toEqual(dispatched(4));
    expect(await accept(two.other, ['e', 'f', 'g', 'h'])).toEqual(ready(4));
    await two.one.query('COMMIT');
    await two.other.query('COMMIT');
    const slots = await rowsOf(url, `SELECT count(*)::int FROM live_operation WHERE phase = 'placed'`);
    expect(slots).toEqual([{ count: 4 }]);
  });

  it('sees the slots that were taken while it waited for another with its key', async () => {
    const url = await databaseWithAccount(4);
    await using two = await Two.of(url);
    expect(await accept(two.one, ['a', 'b', 'c', 'd'])).toEqual(dispatched(4));
    const second = accept(two.other, ['d', 'e', 'f', 'g']);
    const waits = (): Promise<unknown> =>
      rowsOf(
        url,
        `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
      );
    await expect.poll(waits).toHaveLength(1);
    await two.one.query('COMMIT');
    expect(await second).toEqual(ready(3));
  });
});

describe('a callback whose operation ends while its origin has room', () => {
  it('is attempted by the process where it ends, without a dispatch', async () => {
    await using receiver = await Receiver.answering(200);
    // A round that is under way has the lock.
    const timing = { fastStart: true, pollMs: 60_000 };
    await using app = await App.start({ operations: timing, deliveries: timing });
    const rows = (): Promise<unknown> =>
      rowsOf(
        app.config.database.url,
        'SELECT epoch, state, attempt_count, schedule_step FROM delivery_end ORDER BY seq',
      );
    // The first proves the origin.
    for (const epoch of [1, 0, 0]) {
      await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
      const delivered = { state: 'Delivered', attempt_count: 1, schedule_step: 1 };
      await expect.poll(async () => ((await rows()) as unknown[]).at(-1)).toEqual({ epoch, ...delivered });
    }
  });

  it('is one of two that end at the same moment and want the last place of their origin', async () => {
    const url = await databaseWithAccount(10);
    await rowsOf(
      url,
      `WITH known AS (INSERT INTO receiver (lane, receiver, answers) VALUES ('http://r', receiver_of('a', 'http://r/'), true))
       INSERT INTO origin (name, proven_at) VALUES ('http://r', now()) RETURNING name`,
    );
    await using two = await Two.of(url);
    const keys = ['a', 'b', 'c'];
    await accept(two.one, keys);
    await two.one.query('COMMIT; BEGIN');
    const running = await rowsOf<{ request_id: string; token: string }>(
      url,
      `UPDATE live_operation SET attempt = 1, lease_token = gen_random_uuid() RETURNING request_id, lease_token AS token`,
    );
    const settle = async (
      client: pg.Client,
      { request_id, token }: { request_id: string; token: string },
    ) => {
      const ending = {
        request_id,
        token,
        rid: `rid_${request_id}`,
        face: 'native',
        created_at: new Date(),
        state: 'Finished',
        status_text: 'Done',
        progress: 100,
        finished_at: new Date(),
        expires_at: new Date(),
        callback: {
          id: `dlv_${request_id}`,
          url: 'http://r/',
          origin: 'http://r',
          headers: null,
          body: '{}',
        },
        event_type: 'operation.finished',
        event_body: '{}',
      };
      const start = {
        request_id,
        token,
        account_id: 'a',
        origin: 'http://r',
        url: 'http://r/',
      };
      const { rows } = await client.query<{ started: boolean }>(
        `SELECT started FROM settle_operations($1, $2, 1, interval '1 minute')`,
        [JSON.stringify([ending]), JSON.stringify([start])],
      );
      return rows.map(({ started }) => started);
    };
    expect(await settle(two.one, running[0]!)).toEqual([true]);
    expect(await settle(two.other, running[1]!)).toEqual([false]);
    await two.one.query('COMMIT; BEGIN');
    await two.other.query('COMMIT');
    expect(await settle(two.one, running[2]!)).toEqual([false]);
    await two.one.query('COMMIT');
    const phases = await rowsOf(url, 'SELECT phase FROM delivery_view ORDER BY operation_id');
    expect(phases).toEqual([{ phase: 'running' }, { phase: 'ready' }, { phase: 'ready' }]);
  });

  it('comes after a kill -9 between its end and its POST, with the attempt that was under way in the log', async () => {
    await using database = await FragileDatabase.create();
    await using receiver = await Receiver.answering(200);
    // A round that is under way has the lock.
    const first = await Service.start({ ...sharedBy(database.url), RINGBACK_POLL_MS: '60000' });
    const callback = { url: receiver.url };
    await first.client.submit({ type: 'echo', callback });
    await receiver.received(1);
    database.holdAnswersTo('settle_operations(');
    const { id } = await first.client.submit({ type: 'echo', callback });
    const phases = (): Promise<unknown> =>
      rowsOf(database.direct, 'SELECT phase FROM delivery_view WHERE operation_rid = $1', [id]);
    await expect.poll(phases, { timeout: 10_000 }).toEqual([{ phase: 'running' }]);
    await first.end('SIGKILL');
    database.letGo();
    await using _second = await Service.start(sharedBy(database.direct));
    await expect.poll(() => receiver.all.length, { timeout: 30_000 }).toBe(2);
    const attempts = (): Promise<unknown> =>
      rowsOf(
        database.direct,
        `SELECT a.number, a.outcome, a.error FROM attempt_view a JOIN delivery d ON d.id = a.delivery_id
         WHERE d.operation_rid = $1 ORDER BY a.number`,
        [id],
      );
    await expect.poll(attempts).toEqual([
      { number: 1, outcome: 'unknown', error: 'worker_lost' },
      { number: 2, outcome: 'delivered', error: null },
    ]);
  }, 60_000);
});
