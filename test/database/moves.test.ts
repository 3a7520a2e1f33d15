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
    for (const table of ['operation', 'delivery'])
      await rowsOf(
        app.databaseUrl,
        `CREATE TABLE ${table}_moves (move text);
         CREATE FUNCTION note_${table}() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN INSERT INTO ${table}_moves VALUES (OLD.state || ' → ' || NEW.state); RETURN NULL; END $$;
         CREATE TRIGGER note AFTER UPDATE ON ${table} FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION note_${table}()`,
      );
  });
  afterAll(() => app[Symbol.asyncDispose]());

  const made = async (table: string): Promise<string[]> => {
    const rows = await rowsOf<{ move: string }>(app.databaseUrl, `SELECT DISTINCT move FROM ${table}_moves`);
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

  const TABLES = {
    operation: {
      moves: OPERATION_MOVES as Moves,
      isLive: (state: string): boolean => ['Waiting', 'Executing'].includes(state),
      insert: `INSERT INTO operation (rid, account_id, type, face, state, phase, due_at, finished_at, retention, tries, timeout_s, status_text)
        VALUES ('op', 'a', 'echo', 'native', $1, CASE WHEN $2 THEN 'ready' END, CASE WHEN $2 THEN now() END, CASE WHEN NOT $2 THEN now() END,
          'keep1m', 3, 60, '')`,
      ended: ', finished_at = CASE WHEN NOT $2 THEN now() END',
    },
    delivery: {
      moves: DELIVERY_MOVES as Moves,
      isLive: (state: string): boolean => state === 'Pending',
      insert: `INSERT INTO delivery (id, account_id, destination, event_type, url, origin, lane, body, state, phase, due_at)
        VALUES ('dlv', 'a', 'callback', 'operation.finished', 'http://a/', 'http://a', 'http://a', '{}', $1,
          CASE WHEN $2 THEN 'ready' END, CASE WHEN $2 THEN now() END)`,
      ended: '',
    },
  };

  it.each(['operation', 'delivery'] as const)(
    'lets the rows of %s make the moves of their table, and refuses all others',
    async (table) => {
      const { moves, isLive, insert, ended } = TABLES[table];
      const states = Object.keys(moves);
      for (const from of states)
        for (const to of states.filter((state) => state !== from)) {
          await client.query('BEGIN');
          await client.query(insert, [from, isLive(from)]);
          const move = client.query(
            `UPDATE ${table} SET state = $1, phase = CASE WHEN $2 THEN 'ready' END, due_at = CASE WHEN $2 THEN now() END${ended}`,
            [to, isLive(to)],
          );
          if (moves[from]!.includes(to)) await move;
          else
            await expect(move).rejects.toMatchObject({
              code: '23514',
              message: `no ${table} goes from ${from} to ${to}`,
            });
          await client.query('ROLLBACK');
        }
    },
  );
});
