import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newDatabase } from '../support/database.js';
import { DeliveryModel, type DeliveryRow, nameOf, UNKNOWN_ORIGIN } from '../support/dispatch-model.js';

const ENDPOINTS = ['ep_a', 'ep_b', 'ep_c', 'ep_d'];
const ORIGINS = ['http://p', 'http://q', 'http://r'];
const ACCOUNTS = ['a', 'b', 'c'];
const PATHS = ['/1', '/2', '/3', '/4'];
const [IN_FLIGHT, UNPROVEN_IN_FLIGHT] = [6, 3];
let client: pg.Client;

beforeAll(async () => {
  client = new pg.Client({ connectionString: await newDatabase() });
  await client.connect();
});
afterAll(() => client.end());

/** To a lane; a callback is an account's, and has a path. */
interface Arrival {
  readonly lane: string;
  readonly account: string;
  readonly path: string;
  readonly scheduled: boolean;
}

/** What happens between rounds of dispatch. Numbers pick among the rows there are. */
type Step =
  | {
      readonly do: 'arrive';
      readonly rows: readonly Arrival[];
    }
  | { readonly do: 'dispatch'; readonly most: number; readonly start: bigint }
  | { readonly do: 'claim' | 'deliver' | 'retry' | 'lose'; readonly picks: readonly number[] }
  | { readonly do: 'disable' | 'enable' | 'remove' | 'pass time of'; readonly endpoint: string }
  | { readonly do: 'move'; readonly endpoint: string; readonly to: string }
  | { readonly do: 'doubt' | 'rest' | 'wake' | 'ask' | 'share' | 'be alone'; readonly origin: string }
  | { readonly do: 'answer' | 'be silent' | 'be forgotten'; readonly picks: readonly number[] };

const endpoint = fc.constantFrom(...ENDPOINTS);
const origin = fc.constantFrom(...ORIGINS);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('arrive' as const),
      rows: fc.array(
        fc.record({
          lane: fc.oneof(endpoint, origin),
          account: fc.constantFrom(...ACCOUNTS),
          path: fc.constantFrom(...PATHS),
          scheduled: fc.boolean(),
        }),
        { minLength: 1, maxLength: 20 },
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('dispatch' as const),
      most: fc.integer({ min: 1, max: 12 }),
      start: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('claim' as const, 'deliver' as const, 'retry' as const, 'lose' as const),
      picks: fc.array(fc.nat(1_000), { minLength: 1, maxLength: 8 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('answer' as const, 'be silent' as const, 'be forgotten' as const),
      picks: fc.array(fc.nat(1_000), { minLength: 1, maxLength: 8 }),
    }),
  },
  fc.record({
    do: fc.constantFrom('disable' as const, 'enable' as const, 'remove' as const, 'pass time of' as const),
    endpoint,
  }),
  fc.record({ do: fc.constant('move' as const), endpoint, to: origin }),
  fc.record({
    do: fc.constantFrom(
      'doubt' as const,
      'rest' as const,
      'wake' as const,
      'ask' as const,
      'share' as const,
      'be alone' as const,
    ),
    origin,
  }),
);

/** A run of the product on the database, and of its model beside it. */
class Pair {
  private readonly model = new DeliveryModel(IN_FLIGHT, UNPROVEN_IN_FLIGHT);
  private ticks = 0;

  /** Two endpoints of one origin, one with a cap of its own and one with a rate. */
  async begin(): Promise<void> {
    await client.query(
      'TRUNCATE live_delivery, delivery_end, attempt, undelivered, endpoint, origin, receiver, account CASCADE',
    );
    await client.query(
      `UPDATE fairness_cursor SET served = ''; INSERT INTO account (id, name, slots) VALUES ('a', 'a', 1)`,
    );
    const common = { account: 'a', rate: null, maxInFlight: null, disabled: false };
    this.model.endpoints.set('ep_a', { ...common, origin: 'http://p' });
    this.model.endpoints.set('ep_b', { ...common, origin: 'http://p', maxInFlight: 2 });
    this.model.endpoints.set('ep_c', { ...common, origin: 'http://q', rate: 'open' });
    this.model.endpoints.set('ep_d', { ...common, origin: 'http://s' });
    for (const name of ['http://p', 'http://q'])
      this.model.origins.set(name, { ...UNKNOWN_ORIGIN, proven: true });
    for (const [id, { origin: at, maxInFlight, rate }] of this.model.endpoints)
      await client.query(
        `INSERT INTO endpoint (id, account_id, url, origin, description, events, signature_profile, max_in_flight, rate_per_s)
         VALUES ($1, 'a', $2, $2, '', '{}', 'standard', $3, $4)`,
        [id, at, maxInFlight, rate && 0.001],
      );
    await this.storeOrigins();
  }

  async take(given: Step): Promise<void> {
    switch (given.do) {
      case 'arrive':
        return this.arrive(given.rows);
      case 'dispatch':
        return this.dispatch(given.most, given.start);
      case 'claim':
        return this.store(this.pick(['dispatched'], given.picks), (row) =>
          Object.assign(row, { phase: 'running', dueIn: 60 }),
        );
      case 'retry':
        return this.store(this.pick(['running'], given.picks), (row) =>
          Object.assign(row, { phase: 'scheduled', dueIn: 60, runAt: ++this.ticks }),
        );
      case 'lose':
        // A hint that was lost, a worker that went silent, a time that has come.
        return this.store(this.pick(['dispatched', 'running', 'scheduled'], given.picks), (row) => {
          row.dueIn = -1_000 + ++this.ticks;
        });
      case 'deliver':
        return this.deliver(this.pick(['running'], given.picks));
      case 'answer':
      case 'be silent':
      case 'be forgotten':
        return this.tell(
          this.pick(['scheduled', 'ready', 'dispatched', 'running', 'paused'], given.picks),
          given.do,
        );
      case 'disable':
      case 'enable':
      case 'remove':
      case 'pass time of':
      case 'move':
        return this.change(given);
      default:
        return this.learn(given.origin, given.do);
    }
  }

  /** All obstacles go, and whatever is dispatched is delivered: how many rounds it takes until nothing is owed. */
  async drain(most: number, bound: number): Promise<void> {
    for (const id of ENDPOINTS) await this.change({ do: 'enable', endpoint: id });
    for (let round = 0; this.model.rows.length > 0; round++) {
      expect(round).toBeLessThan(bound);
      for (const id of ENDPOINTS) await this.change({ do: 'pass time of', endpoint: id });
      for (const known of this.model.origins.values()) Object.assign(known, { rests: false, asked: 0 });
      await this.storeOrigins();
      for (const known of this.model.receivers.values()) known.rests = false;
      await this.storeReceivers();
      await this.store(
        this.model.rows.filter(({ phase }) => phase === 'scheduled'),
        (row) => (row.dueIn = -1_000 + ++this.ticks),
      );
      await this.dispatch(most, BigInt(round) * 0x9e3779b97f4a7c15n);
      await this.deliver(
        this.model.rows.filter(({ phase }) => phase === 'dispatched' || phase === 'running'),
      );
    }
  }

  private async arrive(arrivals: readonly Arrival[]): Promise<void> {
    const rows = arrivals
      .filter(({ lane }) => !lane.startsWith('ep_') || this.model.endpoints.has(lane))
      .map(({ lane, account, path, scheduled }): Omit<DeliveryRow, 'id' | 'receiver'> & { path: string } => {
        const to = this.model.endpoints.get(lane);
        const phase = to?.disabled ? 'paused' : scheduled ? 'scheduled' : 'ready';
        return {
          ...{ lane, phase, path, dueIn: 60, runAt: ++this.ticks, epoch: 0, doubt: 0 },
          ...{ account: to?.account ?? account, origin: to?.origin ?? lane },
        };
      });
    const { rows: stored } = await client.query<{ id: string; receiver: string }>(
      `INSERT INTO live_delivery (seq, home, account_id, lane, receiver, endpoint_id, origin, phase, look_at, due_at, run_at)
       SELECT n.seq, n.seq, r.account, r.lane, CASE WHEN r.lane LIKE 'ep%' THEN 1 ELSE receiver_of(r.account, r.origin || r.path || '?' || r.run_at) END,
         CASE WHEN r.lane LIKE 'ep%' THEN r.lane END, r.origin, r.phase, n.due_at, n.due_at, timestamptz '2020-01-01' + make_interval(secs => r.run_at)
       FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[]) AS r (lane, origin, phase, run_at, account, path)
       CROSS JOIN LATERAL (
         SELECT nextval('record_id') AS seq, CASE r.phase WHEN 'paused' THEN 'infinity' ELSE now() + interval '1 hour' END AS due_at) n
       RETURNING seq AS id, receiver`,
      [
        rows.map((r) => r.lane),
        rows.map((r) => r.origin),
        rows.map((r) => r.phase),
        rows.map((r) => r.runAt),
        rows.map((r) => r.account),
        rows.map((r) => r.path),
      ],
    );
    this.model.rows.push(
      ...rows.map((row, index) => {
        const { id, receiver } = stored[index]!;
        return { ...row, id: Number(id), receiver: BigInt(receiver) };
      }),
    );
  }

  private async dispatch(most: number, start: bigint): Promise<void> {
    this.model.start = BigInt.asIntN(64, start);
    const before = this.flights();
    const { rows } = await client.query<{ id: string; epoch: number }>(
      `SELECT seq AS id, epoch FROM dispatch_deliveries($1, interval '1 hour', $2, $3, $4)`,
      [most, IN_FLIGHT, UNPROVEN_IN_FLIGHT, this.model.start],
    );
    const expected = this.model.dispatch(most);
    const byId = (a: { id: number }, b: { id: number }): number => a.id - b.id;
    expect(rows.map(({ id, epoch }) => ({ id: Number(id), epoch })).sort(byId)).toEqual(
      expected.map(({ id, epoch }) => ({ id, epoch })).sort(byId),
    );
    const { rows: stored } = await client.query(
      `SELECT seq::integer AS id, lane, origin, epoch, doubt,
         CASE WHEN phase <> 'placed' THEN phase WHEN lease_token IS NULL THEN 'dispatched' ELSE 'running' END AS phase
       FROM live_delivery ORDER BY seq`,
    );
    expect(stored).toEqual(
      [...this.model.rows]
        .sort(byId)
        .map(({ id, lane, origin, phase, epoch, doubt }) => ({ id, lane, origin, phase, epoch, doubt })),
    );
    // More than a cap only where there were more already, before it was lowered or the origin doubted: then nothing is added.
    for (const [name, { count, cap }] of this.flights())
      expect(count).toBeLessThanOrEqual(Math.max(cap, before.get(name)?.count ?? 0));
  }

  /** How many are in flight to each origin and endpoint, to silent ones, and of an origin to those not known to answer, and how many may be. */
  private flights(): Map<string, { count: number; cap: number }> {
    const { model } = this;
    const counts = new Map<string, { count: number; cap: number }>();
    // The claim of one whose endpoint is gone cancels it: no attempt is made.
    const real = (row: DeliveryRow): boolean => row.lane === row.origin || model.endpoints.has(row.lane);
    const count = (name: string, cap: number, which: (row: DeliveryRow) => boolean): void => {
      counts.set(name, { count: model.flying((row) => real(row) && which(row)), cap });
    };
    for (const name of new Set(model.rows.map((row) => row.origin))) {
      const here = (row: DeliveryRow): boolean => row.origin === name;
      count(name, model.isProven(name) ? IN_FLIGHT : 1, here);
      count(`doubted at ${name}`, model.most(1, true).all, (row) => here(row) && row.doubt > 0);
      for (const account of ACCOUNTS)
        count(
          `doubted of ${account} at ${name}`,
          model.most(1, true).mine,
          (row) => here(row) && row.doubt > 0 && row.account === account,
        );
    }
    for (const row of model.rows.filter(real)) {
      const known = model.receivers.get(nameOf(row));
      // What flies to where an endpoint was before it moved has its place there.
      count(
        `${nameOf(row)} at ${row.origin}`,
        known?.answers ? model.most(0, false).each : 1,
        (other) => nameOf(other) === nameOf(row) && other.origin === row.origin,
      );
    }
    for (const [id, { maxInFlight }] of model.endpoints)
      count(id, maxInFlight ?? Infinity, (row) => row.lane === id);
    count('silent', UNPROVEN_IN_FLIGHT, (row) => row.doubt === 2);
    return counts;
  }

  private async deliver(rows: readonly DeliveryRow[]): Promise<void> {
    this.model.rows = this.model.rows.filter((row) => !rows.includes(row));
    for (const { origin: name } of rows)
      this.model.origins.set(name, { ...UNKNOWN_ORIGIN, ...this.model.origins.get(name), proven: true });
    await client.query('DELETE FROM live_delivery WHERE seq = ANY ($1::bigint[])', [
      rows.map(({ id }) => id),
    ]);
    await this.storeOrigins();
    await this.tell(rows, 'answer');
  }

  /** What receivers of these rows do, or that nobody remembers what they did. */
  private async tell(
    rows: readonly DeliveryRow[],
    what: 'answer' | 'be silent' | 'be forgotten',
  ): Promise<void> {
    for (const { lane, receiver } of rows) {
      const name = nameOf({ lane, receiver });
      if (what === 'be forgotten') this.model.receivers.delete(name);
      // Some rest after it.
      else
        this.model.receivers.set(name, {
          lane,
          receiver,
          answers: what === 'answer',
          rests: what === 'be silent' && this.ticks % 2 === 0,
        });
    }
    await this.storeReceivers();
  }

  private async change(given: Extract<Step, { endpoint: string }>): Promise<void> {
    const known = this.model.endpoints.get(given.endpoint);
    if (!known) return;
    switch (given.do) {
      case 'disable':
        known.disabled = true;
        await this.store(
          this.model.rows.filter(
            ({ lane, phase }) => lane === given.endpoint && phase !== 'running' && phase !== 'paused',
          ),
          (row) => (row.phase = 'paused'),
        );
        break;
      case 'enable':
        known.disabled = false;
        break;
      case 'pass time of':
        if (known.rate) known.rate = 'open';
        break;
      case 'remove':
        // Its deliveries stay, as those stay that an ending makes at the same time.
        this.model.endpoints.delete(given.endpoint);
        await client.query('DELETE FROM endpoint WHERE id = $1', [given.endpoint]);
        return;
      case 'move':
        known.origin = given.to;
        break;
      default:
        given satisfies never;
    }
    await client.query(
      `UPDATE endpoint SET url = $2, origin = $2, disabled_at = CASE WHEN $3 THEN now() END,
         rate_used_until = CASE WHEN $4 THEN '-infinity' ELSE rate_used_until END WHERE id = $1`,
      [given.endpoint, known.origin, known.disabled, given.do === 'pass time of'],
    );
  }

  private async learn(name: string, what: Extract<Step, { origin: string }>['do']): Promise<void> {
    const known = { ...(this.model.origins.get(name) ?? UNKNOWN_ORIGIN) };
    if (what === 'doubt') known.proven = false;
    else if (what === 'ask') known.asked = 59;
    else if (what === 'share' || what === 'be alone') known.shared = what === 'share';
    else known.rests = what === 'rest';
    this.model.origins.set(name, known);
    await this.storeOrigins();
  }

  private async storeOrigins(): Promise<void> {
    const known = [...this.model.origins];
    await client.query(
      `INSERT INTO origin (name, proven_at, rests_until, asked_at, receiver)
       SELECT o.name, CASE WHEN o.proven THEN now() END, CASE WHEN o.rests THEN now() + interval '1 hour' ELSE '-infinity' END, array_fill(now(), ARRAY[o.asked]), CASE WHEN o.shared THEN '' END
       FROM unnest($1::text[], $2::boolean[], $3::boolean[], $4::integer[], $5::boolean[]) AS o (name, proven, rests, asked, shared)
       ON CONFLICT (name) DO UPDATE SET proven_at = excluded.proven_at, rests_until = excluded.rests_until, asked_at = excluded.asked_at,
         receiver = excluded.receiver`,
      [
        known.map(([name]) => name),
        known.map(([, { proven }]) => proven),
        known.map(([, { rests }]) => rests),
        known.map(([, { asked }]) => asked),
        known.map(([, { shared }]) => shared),
      ],
    );
  }

  private async storeReceivers(): Promise<void> {
    const known = [...this.model.receivers.values()];
    await client.query('DELETE FROM receiver');
    await client.query(
      `INSERT INTO receiver (lane, receiver, answers, rests_until)
       SELECT k.lane, k.receiver, k.answers, CASE WHEN k.rests THEN now() + interval '1 hour' ELSE '-infinity' END
       FROM unnest($1::text[], $2::bigint[], $3::boolean[], $4::boolean[]) AS k (lane, receiver, answers, rests)`,
      [
        known.map(({ lane }) => lane),
        known.map(({ receiver }) => receiver),
        known.map(({ answers }) => answers),
        known.map(({ rests }) => rests),
      ],
    );
  }

  private pick(phases: readonly DeliveryRow['phase'][], numbers: readonly number[]): DeliveryRow[] {
    const rows = this.model.rows.filter(({ phase }) => phases.includes(phase));
    return rows.length === 0 ? [] : [...new Set(numbers.map((number) => rows[number % rows.length]!))];
  }

  private async store(rows: readonly DeliveryRow[], change: (row: DeliveryRow) => unknown): Promise<void> {
    rows.forEach(change);
    await client.query(
      // Of an attempt, the dispatcher's look may come long before its lease ends.
      `UPDATE live_delivery d SET phase = CASE WHEN r.phase IN ('dispatched', 'running') THEN 'placed' ELSE r.phase END,
         lease_token = CASE r.phase WHEN 'running' THEN gen_random_uuid() END, started_at = now(),
         attempt_count = d.attempt_count + (r.phase = 'running' AND d.lease_token IS NULL)::integer,
         look_at = CASE WHEN r.phase = 'paused' THEN 'infinity'
           ELSE now() + interval '1 minute' * CASE WHEN r.phase = 'running' AND d.seq % 2 = 0 THEN least(r.due_in, -1) ELSE r.due_in END END,
         due_at = CASE WHEN r.phase = 'paused' THEN 'infinity' ELSE now() + interval '1 minute' * r.due_in END,
         run_at = CASE WHEN r.run_at < 1000000 THEN timestamptz '2020-01-01' + make_interval(secs => r.run_at) ELSE d.run_at END
       FROM unnest($1::bigint[], $2::text[], $3::float8[], $4::integer[]) AS r (seq, phase, due_in, run_at) WHERE d.seq = r.seq`,
      [
        rows.map(({ id }) => id),
        rows.map((r) => r.phase),
        rows.map((r) => r.dueIn),
        rows.map((r) => r.runAt),
      ],
    );
  }
}

describe('the dispatch of deliveries', () => {
  it('does what its model does, whatever is owed, fails, is lost, paused, moved or doubted in between, and leaves nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const pair = new Pair();
        await pair.begin();
        for (const next of steps) await pair.take(next);
        await pair.drain(5, 400);
      }),
      { numRuns: 60, endOnFailure: true },
    );
  }, 180_000);

  it('reaches the last lane of an origin, and the lane behind it, though all others always have more', async () => {
    await client.query(
      'TRUNCATE live_delivery, delivery_end, attempt, undelivered, endpoint, origin, receiver, account CASCADE',
    );
    await client.query(
      `UPDATE fairness_cursor SET served = ''; INSERT INTO account (id, name, slots) VALUES ('a', 'a', 1)`,
    );
    await client.query(
      `INSERT INTO origin (name, proven_at) VALUES ('http://shared', now()), ('http://z', now())`,
    );
    await client.query(
      `INSERT INTO endpoint (id, account_id, url, origin, description, events, signature_profile)
       SELECT 'ep_' || to_char(n, 'FM000'), 'a', 'http://shared', 'http://shared', '', '{}', 'standard' FROM generate_series(1, 60) n`,
    );
    await client.query(
      `INSERT INTO live_delivery (seq, home, account_id, lane, endpoint_id, origin, phase, look_at, due_at)
       SELECT nextval('record_id'), 1, 'a', e.id, e.id, e.origin, 'ready', now(), now()
       FROM (SELECT e.* FROM endpoint e, generate_series(1, 40) n ORDER BY n, e.id) e`,
    );
    await client.query(
      `INSERT INTO live_delivery (seq, home, account_id, lane, origin, phase, look_at, due_at)
       VALUES (nextval('record_id'), 1, 'a', 'http://z', 'http://z', 'ready', now(), now())`,
    );
    await client.query(
      `INSERT INTO receiver (lane, receiver, answers) SELECT DISTINCT lane, receiver, true FROM live_delivery`,
    );
    const served = new Set<string>();
    for (let round = 1; round <= 12; round++) {
      const { rows } = await client.query<{ lane: string }>(
        `SELECT d.lane FROM dispatch_deliveries(10, interval '1 hour', 6, 2, 0) r JOIN live_delivery d USING (seq)`,
      );
      // The origin's room, by however many lanes it is shared.
      expect(rows.filter(({ lane }) => lane.startsWith('ep_'))).toHaveLength(6);
      for (const { lane } of rows) served.add(lane);
      if (round === 1) expect(served).toContain('http://z');
      await client.query(`DELETE FROM live_delivery WHERE phase = 'placed'`);
    }
    expect(served.size).toBe(61);
  });

  it('gives 300 origins with 20 waiting each their first before any origin its second', async () => {
    await client.query(
      'TRUNCATE live_delivery, delivery_end, attempt, undelivered, endpoint, origin, receiver, account CASCADE',
    );
    await client.query(
      `INSERT INTO origin (name, proven_at) SELECT 'http://' || n, now() FROM generate_series(1, 300) n`,
    );
    await client.query(
      `INSERT INTO live_delivery (seq, home, account_id, lane, origin, phase, look_at, due_at)
       SELECT nextval('record_id'), 1, 'a', k.name, k.name, 'ready', now(), now() FROM origin k, generate_series(1, 20) n`,
    );
    await client.query(`INSERT INTO receiver (lane, receiver, answers) SELECT name, 1, true FROM origin`);
    for (const total of [200, 400, 600, 800]) {
      await client.query(`SELECT FROM dispatch_deliveries(200, interval '1 hour', 5, 500, 0)`);
      const { rows } = await client.query<{ count: number }>(
        `SELECT count(*)::integer AS count FROM live_delivery WHERE phase = 'placed' GROUP BY origin`,
      );
      const counts = rows.map(({ count }) => count);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(total);
      expect(counts.length).toBe(Math.min(total, 300));
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
  });
});
