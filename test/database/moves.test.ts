import { Module } from '@nestjs/common';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FieldError } from '../../src/config/validation.js';
import { DELIVERY_MOVES } from '../../src/deliveries/delivery.state.js';
import {
  type OperationContext,
  OperationError,
  type OperationHandler,
  OperationType,
} from '../../src/index.js';
import { OPERATION_MOVES } from '../../src/operations/operation.state.js';
import { App } from '../support/app.js';
import { newDatabase, rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';

const CHECK_VIOLATION = '23514';
const UNIQUE_VIOLATION = '23505';

type Moves = Readonly<Record<string, readonly string[]>>;

const named = (moves: Moves): string[] =>
  Object.entries(moves).flatMap(([from, tos]) => tos.map((to) => `${from} → ${to}`));

@OperationType({ name: 'test.second', title: 'End at the second try', tries: 2, backoffS: [0.01] })
class SecondHandler implements OperationHandler {
  async run(_: unknown, { attempt }: OperationContext): Promise<void> {
    if (attempt === 1) throw new Error('not yet');
  }
}

@OperationType({ name: 'test.broken', title: 'Fail', path: 'test/broken', tries: 1 })
class BrokenHandler implements OperationHandler {
  check(input: unknown): FieldError[] {
    return (input as { refused?: boolean } | null)?.refused ? [{ path: 'refused', message: 'is true' }] : [];
  }

  async run(): Promise<void> {
    throw new OperationError('broken', 'it does not work');
  }
}

@OperationType({ name: 'test.stopped', title: 'Run until it is stopped' })
class StoppedHandler implements OperationHandler {
  async run(_: unknown, { signal }: OperationContext): Promise<void> {
    await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  }
}

@Module({ providers: [SecondHandler, BrokenHandler, StoppedHandler] })
class MovesModule {}

describe('The moves that Ringback makes', () => {
  let app: App;
  beforeAll(async () => {
    app = await App.start({}, [MovesModule]);
    await rowsOf(
      app.databaseUrl,
      `CREATE TABLE delivery_moves (move text);
       CREATE FUNCTION note_delivery() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
         INSERT INTO delivery_moves VALUES (coalesce(OLD.state, 'Pending') || ' → ' || coalesce(NEW.state, 'Pending'));
         RETURN NULL;
       END $$;
       CREATE TRIGGER note AFTER INSERT OR DELETE ON delivery_end FOR EACH ROW EXECUTE FUNCTION note_delivery()`,
    );
  });
  afterAll(() => app[Symbol.asyncDispose]());

  const MADE = {
    operation: `SELECT DISTINCT move FROM (
      SELECT lag(state) OVER (PARTITION BY operation_id ORDER BY id) || ' → ' || state AS move FROM history_view WHERE kind = 'transition'
    ) m WHERE move IS NOT NULL`,
    delivery: 'SELECT DISTINCT move FROM delivery_moves',
  };
  const made = async (what: keyof typeof MADE): Promise<string[]> => {
    const rows = await rowsOf<{ move: string }>(app.databaseUrl, MADE[what]);
    return rows.map(({ move }) => move).toSorted();
  };

  it('with operations are all of the table, and no other', async () => {
    const { client } = app;
    await client.ended((await client.submit({ type: 'echo' })).id);
    await client.ended((await client.submit({ type: 'test.second' })).id);
    await client.ended((await client.submit({ type: 'test.broken' })).id);
    await client.post('/api/test/broken', { refused: true });
    const later = await client.submit({
      type: 'echo',
      run_at: new Date(Date.now() + 3_600_000).toISOString(),
    });
    await client.post(`/v1/operations/${later.id}/cancel`);
    const running = await client.submit({ type: 'test.stopped' });
    await expect
      .poll(async () => (await client.get(`/v1/operations/${running.id}`)).body.status)
      .toBe('Executing');
    await client.post(`/v1/operations/${running.id}/cancel`);
    await expect.poll(() => made('operation')).toEqual(named(OPERATION_MOVES).toSorted());
  });

  it('with deliveries are all of the table, and no other', async () => {
    await using receiver = await Receiver.answering(410, 500, 200);
    const { client } = app;
    const callback = { url: receiver.url };
    const { id } = await client.submit({ type: 'echo', callback });
    const callbackOf = async (operation: string): Promise<{ id: string; status: string }> =>
      (await client.deliveries(operation))[0]!;
    await expect.poll(async () => (await callbackOf(id))?.status).toBe('Exhausted');
    await client.post(`/v1/deliveries/${(await callbackOf(id)).id}/redeliver`);
    await expect.poll(() => made('delivery')).toContain('Exhausted → Pending');
    await receiver.received(2);
    const second = await client.submit({ type: 'echo', callback });
    await expect.poll(async () => (await callbackOf(second.id))?.status).toBe('Delivered');
    await client.post(`/v1/deliveries/${(await callbackOf(second.id)).id}/redeliver?again=true`);
    await expect.poll(() => made('delivery')).toContain('Delivered → Pending');
    await receiver.received(4);
    receiver.answer(() => undefined);
    const third = await client.submit({ type: 'echo', callback });
    await expect.poll(async () => (await callbackOf(third.id))?.status).toBe('Pending');
    await client.post(`/v1/deliveries/${(await callbackOf(third.id)).id}/cancel`);
    await expect.poll(() => made('delivery')).toEqual(named(DELIVERY_MOVES).toSorted());
  });
});

describe('The database', () => {
  let client: pg.Client;
  beforeAll(async () => {
    client = new pg.Client({ connectionString: await newDatabase() });
    await client.connect();
  });
  afterAll(() => client.end());

  /** Runs statements of which the last is refused, and leaves nothing behind. */
  async function refused(...statements: string[]): Promise<{ code: string; message: string }> {
    await client.query('BEGIN');
    try {
      for (const statement of statements.slice(0, -1)) await client.query(statement);
      return await client.query(statements.at(-1)!).then(
        () => ({ code: 'none', message: 'it was done' }),
        ({ code, message }: pg.DatabaseError) => ({ code: code!, message }),
      );
    } finally {
      await client.query('ROLLBACK');
    }
  }

  const TABLES = {
    operation: {
      moves: OPERATION_MOVES as Moves,
      end: (state: string): string =>
        `INSERT INTO operation_end (request_id, state, attempt, progress, finished_at, expires_at, status_text, transitions)
         VALUES (5, '${state}', 1, 100, now(), now(), '', '')`,
      live: (phase: string, lease = 'NULL', lookAt = 'now()', dueAt = 'now()'): string =>
        `INSERT INTO live_operation (request_id, account_id, type, phase, priority, tries, lease_token, look_at, due_at)
         VALUES (5, 'a', 'echo', '${phase}', 0, 1, ${lease}, ${lookAt}, ${dueAt})`,
    },
    delivery: {
      moves: DELIVERY_MOVES as Moves,
      end: (state: string): string =>
        `INSERT INTO delivery_end (home, seq, state, attempt_count, schedule_step, epoch) VALUES (4, 5, '${state}', 1, 1, 1)`,
      live: (phase: string, lease = 'NULL', lookAt = 'now()', dueAt = 'now()'): string =>
        `INSERT INTO live_delivery (home, seq, account_id, lane, origin, phase, lease_token, look_at, due_at)
         VALUES (4, 5, 'a', 'http://a', 'http://a', '${phase}', ${lease}, ${lookAt}, ${dueAt})`,
    },
  };
  const TOKEN = 'gen_random_uuid()';

  describe.each(['operation', 'delivery'] as const)('of an %s', (table) => {
    const { moves, end, live } = TABLES[table];
    const ends = Object.keys(moves).filter((state) => !['Waiting', 'Executing', 'Pending'].includes(state));

    it('keeps the state in which it ended', async () => {
      for (const from of ends)
        for (const to of ends.filter((state) => state !== from))
          expect(await refused(end(from), `UPDATE ${table}_end SET state = '${to}'`)).toEqual({
            code: CHECK_VIOLATION,
            message: `no ${table} goes from ${from} to ${to}`,
          });
    });

    it('knows no other states', async () => {
      for (const state of ['Waiting', 'Executing', 'Pending', 'Lost'])
        expect(await refused(end(state))).toMatchObject({ code: CHECK_VIOLATION });
    });

    it('takes one end', async () => {
      expect(await refused(end(ends[0]!), end(ends[1]!))).toMatchObject({ code: UNIQUE_VIOLATION });
    });

    it('lets nothing live that has ended, and nothing live twice', async () => {
      expect(await refused(end(ends[0]!), live('ready'))).toEqual({
        code: CHECK_VIOLATION,
        message: `${table} 5 has ended`,
      });
      expect(await refused(live('ready'), live('ready'))).toMatchObject({ code: UNIQUE_VIOLATION });
    });

    it('gives no lease without a place, and is looked at no later than it is due', async () => {
      expect(await refused(live('ready', TOKEN))).toMatchObject({ code: CHECK_VIOLATION });
      // An operation may be ended while it waits; a delivery is canceled by one statement.
      const ending = table === 'operation' ? 'none' : CHECK_VIOLATION;
      expect(await refused(live('scheduled', TOKEN))).toMatchObject({ code: ending });
      expect(await refused(live('placed', TOKEN))).toMatchObject({ code: 'none' });
      expect(await refused(live('placed', TOKEN), `UPDATE live_${table} SET phase = 'ready'`)).toMatchObject({
        code: CHECK_VIOLATION,
      });
      expect(await refused(live('ready', 'NULL', `now() + interval '1 s'`))).toMatchObject({
        code: CHECK_VIOLATION,
      });
    });
  });

  it('of an operation lets nothing wait without a worker that waits for nothing, and nothing else wait', async () => {
    const { live } = TABLES.operation;
    const awaits = `UPDATE live_operation SET phase = 'awaiting', awaits = 'completion'`;
    expect(await refused(live('awaiting'))).toMatchObject({ code: CHECK_VIOLATION });
    expect(await refused(live('placed', TOKEN), awaits)).toMatchObject({ code: 'none' });
    expect(await refused(live('placed'), `UPDATE live_operation SET awaits = 'poll'`)).toMatchObject({
      code: CHECK_VIOLATION,
    });
  });

  it('of a delivery takes an end back, and makes another', async () => {
    const { end, live } = TABLES.delivery;
    for (const [from, tos] of Object.entries(DELIVERY_MOVES))
      if ((tos as readonly string[]).includes('Pending'))
        expect(
          await refused(
            end(from),
            'DELETE FROM delivery_end',
            live('ready'),
            'DELETE FROM live_delivery',
            end('Exhausted'),
          ),
        ).toMatchObject({ code: 'none' });
  });

  it('of a delivery makes one due never only while it is paused', async () => {
    const { live } = TABLES.delivery;
    expect(await refused(live('paused'))).toMatchObject({ code: CHECK_VIOLATION });
    expect(await refused(live('paused', 'NULL', `'infinity'`, `'infinity'`))).toMatchObject({ code: 'none' });
    expect(await refused(live('ready', 'NULL', `'infinity'`, `'infinity'`))).toMatchObject({
      code: CHECK_VIOLATION,
    });
  });
});
