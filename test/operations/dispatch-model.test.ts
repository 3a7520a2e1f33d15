import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newDatabase } from '../support/database.js';
import { DispatchModel, type ModelRow } from '../support/dispatch-model.js';

const ACCOUNTS = ['a', 'b', 'c', 'd', 'e'];
let client: pg.Client;

beforeAll(async () => {
  client = new pg.Client({ connectionString: await newDatabase() });
  await client.connect();
});
afterAll(() => client.end());

/** What happens to rows between rounds of dispatch. Numbers pick among what there is. */
type Step =
  | { readonly do: 'arrive'; readonly rows: readonly Arrival[] }
  | {
      readonly do: 'dispatch';
      readonly most: number;
      readonly maxDispatched: number;
      readonly patient: boolean;
    }
  | { readonly do: 'claim' | 'end' | 'lose' | 'retry'; readonly picks: readonly number[] }
  | { readonly do: 'resize'; readonly account: string; readonly slots: number };

interface Arrival {
  readonly account: string;
  readonly priority: number;
  readonly tries: number;
  readonly scheduled: boolean;
}

const account = fc.constantFrom(...ACCOUNTS);
const picks = fc.array(fc.nat(1_000), { minLength: 1, maxLength: 8 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('arrive' as const),
    rows: fc.array(
      fc.record({
        account,
        priority: fc.integer({ min: -1, max: 1 }),
        tries: fc.integer({ min: 1, max: 3 }),
        scheduled: fc.boolean(),
      }),
      { minLength: 1, maxLength: 25 },
    ),
  }),
  fc.record({
    do: fc.constant('dispatch' as const),
    most: fc.integer({ min: 1, max: 12 }),
    maxDispatched: fc.integer({ min: 1, max: 20 }),
    patient: fc.boolean(),
  }),
  fc.record({
    do: fc.constantFrom('claim' as const, 'end' as const, 'lose' as const, 'retry' as const),
    picks,
  }),
  fc.record({ do: fc.constant('resize' as const), account, slots: fc.integer({ min: 1, max: 6 }) }),
);

/** A run of the product on the database, and of its model beside it. */
class Pair {
  private readonly model = new DispatchModel();
  private ticks = 0;

  async begin(): Promise<void> {
    await client.query(`TRUNCATE live_operation, account CASCADE; UPDATE fairness_cursor SET served = ''`);
    await client.query('INSERT INTO account (id, name, slots) SELECT n, n, 2 FROM unnest($1::text[]) n', [
      ACCOUNTS,
    ]);
    for (const name of ACCOUNTS) this.model.slots.set(name, 2);
  }

  async take(given: Step): Promise<void> {
    switch (given.do) {
      case 'arrive':
        return this.arrive(given.rows);
      case 'dispatch':
        return this.dispatch(given);
      case 'claim':
        return this.move(this.pick(['dispatched'], given.picks), (row) => {
          Object.assign(row, { phase: 'running', dueIn: 60, attempt: row.attempt + 1 });
        });
      case 'lose':
        // A hint that was lost, a worker that went silent, a time that has come.
        return this.move(this.pick(['dispatched', 'running', 'scheduled'], given.picks), (row) => {
          row.dueIn = -1_000 + ++this.ticks;
        });
      case 'retry':
        return this.move(this.pick(['running'], given.picks), (row) => {
          Object.assign(row, { phase: 'scheduled', dueIn: 60 });
        });
      case 'end':
        return this.end(this.pick(['running', 'ready'], given.picks));
      case 'resize':
        this.model.slots.set(given.account, given.slots);
        await client.query('UPDATE account SET slots = $2 WHERE id = $1', [given.account, given.slots]);
        return;
      default:
        given satisfies never;
    }
  }

  private async arrive(rows: readonly Arrival[]): Promise<void> {
    const { rows: stored } = await client.query<{ id: string }>(
      `INSERT INTO live_operation (request_id, account_id, type, phase, priority, tries, look_at, due_at)
       SELECT nextval('record_id'), r.account, 'echo', r.phase, r.priority, r.tries, now() + interval '1 hour', now() + interval '1 hour'
       FROM unnest($1::text[], $2::text[], $3::integer[], $4::integer[]) AS r (account, phase, priority, tries)
       RETURNING request_id AS id`,
      [
        rows.map((row) => row.account),
        rows.map((row) => (row.scheduled ? 'scheduled' : 'ready')),
        rows.map((row) => row.priority),
        rows.map((row) => row.tries),
      ],
    );
    this.model.rows.push(
      ...rows.map(({ scheduled, ...row }, index): ModelRow => ({
        ...row,
        id: Number(stored[index]!.id),
        phase: scheduled ? 'scheduled' : 'ready',
        dueIn: 60,
        attempt: 0,
        epoch: 0,
      })),
    );
  }

  private async dispatch({ most, maxDispatched, patient }: Step & { do: 'dispatch' }): Promise<void> {
    const before = new Map(ACCOUNTS.map((name) => [name, this.model.taken(name)]));
    const overdue = this.model.rows.filter(({ phase }) => phase === 'dispatched').map(({ id }) => id);
    const { rows } = await client.query<{ id: string; epoch: number; again: boolean }>(
      `SELECT request_id AS id, epoch, again FROM dispatch_operations($1, interval '1 hour', $2, make_interval(years => $3))`,
      [most, maxDispatched, patient ? 1 : 0],
    );
    Object.assign(this.model, { maxDispatched, patient });
    for (const { id, again } of rows) expect(again).toBe(overdue.includes(Number(id)));
    const expected = this.model.dispatch(most);
    const byId = (a: { id: number }, b: { id: number }): number => a.id - b.id;
    expect(rows.map(({ id, epoch }) => ({ id: Number(id), epoch })).sort(byId)).toEqual(
      expected.map(({ id, epoch }) => ({ id, epoch })).sort(byId),
    );
    const { rows: taken } = await client.query<{ id: string; taken: number }>(
      `SELECT account_id AS id, count(*)::integer AS taken FROM live_operation WHERE phase = 'placed' GROUP BY 1`,
    );
    // More than the slots only where these were lowered under what ran already: then nothing is added.
    for (const { id, taken: count } of taken)
      expect(count).toBeLessThanOrEqual(Math.max(this.model.slots.get(id)!, before.get(id)!));
  }

  private pick(phases: readonly ModelRow['phase'][], numbers: readonly number[]): ModelRow[] {
    const rows = this.model.rows.filter(({ phase }) => phases.includes(phase));
    return rows.length === 0 ? [] : [...new Set(numbers.map((number) => rows[number % rows.length]!))];
  }

  private async move(rows: readonly ModelRow[], change: (row: ModelRow) => void): Promise<void> {
    rows.forEach(change);
    await client.query(
      // Of a run, the dispatcher's look may come long before its lease ends.
      `UPDATE live_operation o SET phase = CASE WHEN r.phase IN ('dispatched', 'running') THEN 'placed' ELSE r.phase END,
         lease_token = CASE r.phase WHEN 'running' THEN gen_random_uuid() END, attempt = r.attempt,
         look_at = now() + make_interval(mins => CASE WHEN r.phase = 'running' AND o.request_id % 2 = 0 THEN least(r.due_in, -1) ELSE r.due_in END),
         due_at = now() + make_interval(mins => r.due_in)
       FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::integer[]) AS r (id, phase, due_in, attempt) WHERE o.request_id = r.id`,
      [
        rows.map(({ id }) => id),
        rows.map(({ phase }) => phase),
        rows.map(({ dueIn }) => dueIn),
        rows.map(({ attempt }) => attempt),
      ],
    );
  }

  private async end(rows: readonly ModelRow[]): Promise<void> {
    this.model.rows = this.model.rows.filter((row) => !rows.includes(row));
    await client.query('DELETE FROM live_operation WHERE request_id = ANY ($1::bigint[])', [
      rows.map(({ id }) => id),
    ]);
  }
}

describe('the dispatch of operations', () => {
  it('does what its model does, whatever arrives, ends, fails, is lost or resized in between', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const pair = new Pair();
        await pair.begin();
        for (const next of steps) await pair.take(next);
        // And then all of it, round by round.
        for (let round = 0; round < 3; round++)
          await pair.take({ do: 'dispatch', most: 5, maxDispatched: 12, patient: false });
      }),
      { numRuns: 150, endOnFailure: true },
    );
  }, 120_000);

  it('gives 300 accounts with 20 waiting each their first before any account its second', async () => {
    await client.query('TRUNCATE live_operation, account CASCADE');
    await client.query(`INSERT INTO account (id, name, slots) SELECT n, n, 5 FROM generate_series(1, 300) n`);
    await client.query(
      `INSERT INTO live_operation (request_id, account_id, type, phase, priority, tries, look_at, due_at)
       SELECT nextval('record_id'), n % 300 + 1, 'echo', 'ready', 0, 3, now(), now()
       FROM generate_series(0, 5999) n ORDER BY n % 300`,
    );
    const dispatched = `SELECT account_id AS id, count(*)::integer AS count FROM live_operation WHERE phase = 'placed' GROUP BY 1`;
    for (const total of [200, 400, 600, 800]) {
      await client.query(`SELECT FROM dispatch_operations(200, interval '1 hour', 800, '0')`);
      const { rows } = await client.query<{ count: number }>(dispatched);
      const counts = rows.map(({ count }) => count);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(total);
      expect(counts.length).toBe(Math.min(total, 300));
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
  });
});
