import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newDatabase } from '../../support/database.js';
import { FlowModel, type FlowRow, nameOf, PERIOD_S } from '../../support/flow-model.js';

const ACCOUNTS = ['a', 'b'];
/** The last is ordered. */
const KEYS = ['k1', 'k2', 'lane'];
let client: pg.Client;

beforeAll(async () => {
  client = new pg.Client({ connectionString: await newDatabase() });
  await client.connect();
});
afterAll(() => client.end());

/** What happens to rows between rounds of dispatch. Numbers pick among what there is. */
type Step =
  | { readonly do: 'arrive'; readonly rows: readonly Arrival[] }
  | { readonly do: 'dispatch' }
  | {
      readonly do: 'claim' | 'end' | 'lose' | 'retry' | 'return' | 'suspend';
      readonly picks: readonly number[];
    }
  | { readonly do: 'resize'; readonly account: string; readonly slots: number }
  | { readonly do: 'give'; readonly account: string; readonly key: string; readonly limits: Limits }
  | { readonly do: 'pause'; readonly account: string; readonly key: string; readonly paused: boolean }
  | { readonly do: 'pass'; readonly seconds: number };

interface Arrival {
  readonly account: string;
  readonly key: string | null;
  readonly priority: number;
  readonly tries: number;
  readonly scheduled: boolean;
}
interface Limits {
  readonly parallelism: number | null;
  readonly rate: number | null;
}

const account = fc.constantFrom(...ACCOUNTS);
const key = fc.constantFrom(...KEYS);
const picks = fc.array(fc.nat(1_000), { minLength: 1, maxLength: 8, size: 'max' });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('arrive' as const),
    rows: fc.array(
      fc.record({
        account,
        // More often the lane: what has begun of it goes on holding up those behind it.
        key: fc.constantFrom(...KEYS, 'lane', 'lane', null),
        priority: fc.integer({ min: -1, max: 1 }),
        tries: fc.integer({ min: 1, max: 3 }),
        scheduled: fc.boolean(),
      }),
      { minLength: 4, maxLength: 12, size: 'max' },
    ),
  }),
  { arbitrary: fc.record({ do: fc.constant('dispatch' as const) }), weight: 3 },
  { arbitrary: fc.record({ do: fc.constant('claim' as const), picks }), weight: 2 },
  {
    arbitrary: fc.record({
      do: fc.constantFrom(
        'end' as const,
        'lose' as const,
        'retry' as const,
        'return' as const,
        'suspend' as const,
      ),
      picks,
    }),
    weight: 3,
  },
  fc.record({ do: fc.constant('resize' as const), account, slots: fc.integer({ min: 1, max: 4 }) }),
  fc.record({
    do: fc.constant('give' as const),
    account,
    key,
    limits: fc.record({
      parallelism: fc.option(fc.integer({ min: 1, max: 4 })),
      rate: fc.option(fc.integer({ min: 1, max: 5 })),
    }),
  }),
  fc.record({ do: fc.constant('pause' as const), account, key, paused: fc.boolean() }),
  fc.record({ do: fc.constant('pass' as const), seconds: fc.constantFrom(10, 20, 50, 100) }),
);

/** A run of the product on the database, and of its model beside it. */
class Pair {
  readonly model = new FlowModel();
  /** Highest rate that a key ever had. */
  private readonly highest = new Map<string, number>();
  /** Keys whose first rate no round has seen: what got its slot before starts all the same. */
  private readonly unseen = new Set<string>();

  async begin(): Promise<void> {
    await client.query(
      `TRUNCATE live_operation, flow, flow_note, account CASCADE; UPDATE fairness_cursor SET served = ''`,
    );
    for (const [name, slots] of [
      ['a', 3],
      // Fewer than its lane may have: it waits for slots, and keeps places without.
      ['b', 1],
    ] as const) {
      this.model.slots.set(name, slots);
      await client.query('INSERT INTO account (id, name, slots) VALUES ($1, $1, $2)', [name, slots]);
      for (const of of KEYS) {
        const ordered = of === 'lane';
        const parallelism = ordered ? 4 : 1;
        this.model.limits.set(nameOf({ account: name, key: of }), {
          parallelism,
          rate: null,
          ordered,
          paused: false,
        });
        await client.query(
          'INSERT INTO flow (account_id, key, parallelism, ordered) VALUES ($1, $2, $3, $4)',
          [name, of, parallelism, ordered],
        );
      }
    }
  }

  async take(given: Step): Promise<void> {
    switch (given.do) {
      case 'arrive':
        return this.arrive(given.rows);
      case 'dispatch':
        return this.dispatch();
      case 'claim':
        return this.claim(this.pick(['dispatched'], given.picks));
      case 'lose':
        return this.lose(this.pick(['running', 'scheduled'], given.picks));
      case 'retry':
        return this.wait(this.pick(['running', 'aside'], given.picks), 'scheduled');
      case 'return':
        return this.wait(this.pick(['dispatched'], given.picks), 'waiting');
      case 'suspend':
        return this.suspend(this.pick(['running'], given.picks));
      case 'end':
        return this.end(this.pick(['running', 'waiting', 'aside'], given.picks));
      case 'resize':
        this.model.slots.set(given.account, given.slots);
        await client.query('UPDATE account SET slots = $2 WHERE id = $1', [given.account, given.slots]);
        return;
      case 'give':
        return this.give(given);
      case 'pause':
        Object.assign(this.model.limits.get(nameOf(given))!, { paused: given.paused });
        return this.change(given, 'paused_at = CASE WHEN $3 THEN now() END', [given.paused]);
      case 'pass':
        return this.pass(given.seconds);
      default:
        given satisfies never;
    }
  }

  private async arrive(rows: readonly Arrival[]): Promise<void> {
    const { rows: stored } = await client.query<{ id: string }>(
      `INSERT INTO live_operation (request_id, account_id, type, phase, priority, tries, look_at, due_at, flow_key)
       SELECT nextval('record_id'), r.account, 'echo', r.phase, r.priority, r.tries, now() + interval '1 hour', now() + interval '1 hour', r.key
       FROM unnest($1::text[], $2::text[], $3::integer[], $4::integer[], $5::text[]) AS r (account, phase, priority, tries, key)
       RETURNING request_id AS id`,
      [
        rows.map((row) => row.account),
        rows.map((row) => (row.scheduled ? 'scheduled' : 'ready')),
        rows.map((row) => row.priority),
        rows.map((row) => row.tries),
        rows.map((row) => row.key),
      ],
    );
    this.model.rows.push(
      ...rows.map(({ scheduled, ...row }, index): FlowRow => ({
        ...row,
        id: Number(stored[index]!.id),
        phase: scheduled ? 'scheduled' : 'waiting',
        attempt: 0,
        overdue: false,
      })),
    );
  }

  private async dispatch(): Promise<void> {
    const { rows } = await client.query<{ id: string }>(
      `SELECT request_id AS id FROM dispatch_operations(200, interval '1 hour', 200, interval '1 hour')`,
    );
    const expected = this.model.dispatch().map(({ id }) => id);
    this.unseen.clear();
    expect(rows.map(({ id }) => Number(id)).sort()).toEqual(expected.sort());
    for (const [name, { rate, parallelism }] of this.model.limits) {
      const of = (row: FlowRow): boolean => nameOf(row) === name;
      const added = this.model.rows.filter((row) => of(row) && expected.includes(row.id)).length;
      if (added === 0) continue;
      const there = (...phases: FlowRow['phase'][]): number =>
        this.model.rows.filter((row) => of(row) && phases.includes(row.phase)).length;
      expect(there('dispatched', 'running', 'aside')).toBeLessThanOrEqual(parallelism ?? Infinity);
      expect(there('dispatched') + this.model.started(name)).toBeLessThanOrEqual(rate ?? Infinity);
    }
  }

  private async claim(rows: readonly FlowRow[]): Promise<void> {
    await client.query(
      `SELECT claim_operations((SELECT json_agg(json_build_object('request_id', o.request_id, 'epoch', o.epoch, 'token', gen_random_uuid()))
         FROM live_operation o WHERE o.request_id = ANY ($1::bigint[])), interval '1 hour')`,
      [rows.map(({ id }) => id)],
    );
    for (const row of rows) {
      this.model.claim(row);
      const name = nameOf(row);
      if (row.key !== null && !this.unseen.has(name))
        expect(this.model.started(name)).toBeLessThanOrEqual(this.highest.get(name) ?? Infinity);
    }
  }

  private async lose(rows: readonly FlowRow[]): Promise<void> {
    for (const row of rows) row.overdue = true;
    await client.query(
      `UPDATE live_operation SET look_at = now() - interval '1 hour', due_at = now() - interval '1 hour' WHERE request_id = ANY ($1::bigint[])`,
      [rows.map(({ id }) => id)],
    );
  }

  /** After a failed try, or as a hint that nobody follows. */
  private async wait(rows: readonly FlowRow[], phase: 'scheduled' | 'waiting'): Promise<void> {
    for (const row of rows) Object.assign(row, { phase, overdue: false });
    await client.query(
      `UPDATE live_operation SET phase = $2, awaits = NULL, lease_token = NULL, look_at = now() + interval '1 hour', due_at = now() + interval '1 hour'
       WHERE request_id = ANY ($1::bigint[])`,
      [rows.map(({ id }) => id), phase === 'waiting' ? 'ready' : phase],
    );
  }

  /** Without a slot, until somebody else says how it ended. */
  private async suspend(rows: readonly FlowRow[]): Promise<void> {
    for (const row of rows) Object.assign(row, { phase: 'aside', overdue: false });
    await client.query(
      `UPDATE live_operation SET phase = 'aside', awaits = 'completion', lease_token = NULL, look_at = now() + interval '1 hour', due_at = now() + interval '1 hour'
       WHERE request_id = ANY ($1::bigint[])`,
      [rows.map(({ id }) => id)],
    );
  }

  private async end(rows: readonly FlowRow[]): Promise<void> {
    this.model.rows = this.model.rows.filter((row) => !rows.includes(row));
    await client.query('DELETE FROM live_operation WHERE request_id = ANY ($1::bigint[])', [
      rows.map(({ id }) => id),
    ]);
  }

  private async give(given: Step & { do: 'give' }): Promise<void> {
    const { parallelism } = given.limits;
    // Else what it may start is no longer bounded by what it could.
    const rate = given.key === 'k1' ? (given.limits.rate ?? 3) : given.limits.rate;
    const name = nameOf(given);
    const limits = this.model.limits.get(name)!;
    if (limits.rate === null && rate !== null) this.unseen.add(name);
    Object.assign(limits, { parallelism, rate });
    this.highest.set(name, Math.max(this.highest.get(name) ?? 0, rate ?? Infinity));
    await this.change(given, 'parallelism = $3, rate = $4, period_s = $5', [
      parallelism,
      rate,
      rate === null ? null : PERIOD_S,
    ]);
  }

  private async change(
    { account: of, key: named }: { account: string; key: string },
    what: string,
    values: unknown[],
  ): Promise<void> {
    await client.query(`UPDATE flow SET ${what} WHERE account_id = $1 AND key = $2`, [of, named, ...values]);
    await client.query('INSERT INTO flow_note (account_id, key) VALUES ($1, $2)', [of, named]);
  }

  /** The clock is PostgreSQL's, so what has happened goes back instead. */
  private async pass(seconds: number): Promise<void> {
    this.model.now += seconds;
    const span = `make_interval(secs => ${seconds})`;
    await client.query(
      `UPDATE flow_note SET started_at = started_at - ${span};
       UPDATE flow SET look_at = look_at - ${span}, start_times = ARRAY(SELECT t - ${span} FROM unnest(start_times) t)`,
    );
  }

  private pick(phases: readonly FlowRow['phase'][], numbers: readonly number[]): FlowRow[] {
    const rows = this.model.rows.filter(({ phase }) => phases.includes(phase));
    return rows.length === 0 ? [] : [...new Set(numbers.map((number) => rows[number % rows.length]!))];
  }
}

describe('flow keys', () => {
  it('do what their model does beside the slots, whatever arrives, starts, ends, fails, is given or passes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 80, size: 'max' }), async (steps) => {
        const pair = new Pair();
        await pair.begin();
        for (const next of steps) await pair.take(next);
        for (let round = 0; round < 2; round++) {
          await pair.take({ do: 'dispatch' });
          await pair.take({ do: 'pass', seconds: 100 });
        }
      }),
      // As it was found: to make it small takes longer than there is time.
      { numRuns: 60, endOnFailure: true },
    );
  }, 120_000);

  it('count a start from the round that sees it, however long its commit took', async () => {
    const pair = new Pair();
    await pair.begin();
    const one = { account: 'a', key: 'k1', priority: 0, tries: 1, scheduled: false };
    await pair.take({ do: 'give', account: 'a', key: 'k1', limits: { parallelism: null, rate: 1 } });
    await pair.take({ do: 'arrive', rows: [one, one] });
    await pair.take({ do: 'dispatch' });
    await pair.take({ do: 'claim', picks: [0] });
    await pair.take({ do: 'pass', seconds: 50 });
    await pair.take({ do: 'dispatch' });
    await pair.take({ do: 'pass', seconds: 50 });
    await pair.take({ do: 'dispatch' });
    expect(pair.model.rows.map(({ phase }) => phase)).toEqual(['running', 'waiting']);
    await pair.take({ do: 'pass', seconds: 50 });
    await pair.take({ do: 'dispatch' });
    expect(pair.model.rows.map(({ phase }) => phase)).toEqual(['running', 'dispatched']);
  });

  it('let the next one in when one gives up its slot, and keeps its place', async () => {
    const pair = new Pair();
    await pair.begin();
    const one = { account: 'a', key: 'k2', priority: 0, tries: 1, scheduled: false };
    await pair.take({ do: 'give', account: 'a', key: 'k2', limits: { parallelism: 4, rate: null } });
    await pair.take({ do: 'arrive', rows: Array.from({ length: 5 }, () => one) });
    await pair.take({ do: 'dispatch' });
    for (const picks of [[0, 1, 2], [0]]) {
      await pair.take({ do: 'claim', picks });
      await pair.take({ do: 'suspend', picks });
      await pair.take({ do: 'dispatch' });
    }
    expect(pair.model.rows.map(({ phase }) => phase)).toEqual([
      'aside',
      'aside',
      'aside',
      'aside',
      'waiting',
    ]);
  });

  it('let the next one of an ordered key in when one gives up its slot and keeps its turn', async () => {
    const pair = new Pair();
    await pair.begin();
    const one = { account: 'b', key: 'lane', priority: 0, tries: 3, scheduled: false };
    await pair.take({ do: 'arrive', rows: [one, one] });
    await pair.take({ do: 'dispatch' });
    await pair.take({ do: 'claim', picks: [0] });
    await pair.take({ do: 'retry', picks: [0] });
    await pair.take({ do: 'dispatch' });
    expect(pair.model.rows.map(({ phase }) => phase)).toEqual(['scheduled', 'dispatched']);
  });

  it.each([
    ['is paused', { do: 'pause', paused: true }, 0],
    ['may have fewer running', { do: 'give', limits: { parallelism: 2, rate: null } }, 1],
    ['may start fewer', { do: 'give', limits: { parallelism: null, rate: 1 } }, 1],
  ] as const)(
    'take slots back from what has not started where its key %s, from the last of them first',
    async (_what, change, left) => {
      const pair = new Pair();
      await pair.begin();
      const of = { account: 'a', key: 'k2' };
      await pair.take({ do: 'give', ...of, limits: { parallelism: 3, rate: null } });
      await pair.take({
        do: 'arrive',
        rows: [0, 0, 1].map((priority) => ({ ...of, priority, tries: 1, scheduled: false })),
      });
      await pair.take({ do: 'dispatch' });
      await pair.take({ do: 'claim', picks: [0] });
      await pair.take({ ...change, ...of });
      await pair.take({ do: 'dispatch' });
      const inLine = [pair.model.rows[2]!, pair.model.rows[1]!];
      expect(pair.model.rows[0]!.phase).toBe('running');
      expect(inLine.map(({ phase }) => phase)).toEqual(
        inLine.map((_row, nth) => (nth < left ? 'dispatched' : 'waiting')),
      );
    },
  );

  it('let what has begun of an ordered key go on before what has a slot and has not started', async () => {
    const pair = new Pair();
    await pair.begin();
    const of = { account: 'a', key: 'lane' };
    const one = { ...of, priority: 0, tries: 3, scheduled: false };
    await pair.take({ do: 'arrive', rows: [one, one] });
    await pair.take({ do: 'dispatch' });
    await pair.take({ do: 'claim', picks: [0] });
    await pair.take({ do: 'lose', picks: [0] });
    await pair.take({ do: 'give', ...of, limits: { parallelism: 1, rate: null } });
    await pair.take({ do: 'dispatch' });
    expect(pair.model.rows.map(({ phase }) => phase)).toEqual(['dispatched', 'waiting']);
  });
});
