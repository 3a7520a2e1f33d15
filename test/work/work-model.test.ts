import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import type { Client } from '../support/client.js';
import { rowsOf } from '../support/database.js';
import { DispatchModel, type ModelRow } from '../support/dispatch-model.js';
import { act, claim, declare } from '../support/work.js';

const TYPES = ['model.one', 'model.two'];
const TRIES = 3;
const ACCOUNTS = 4;

let app: App;
const clients = new Map<string, Client>();
beforeAll(async () => {
  app = await App.start();
  for (const type of TYPES) await declare(app.client, type, { tries: TRIES, retry: { backoff_s: [0] } });
  for (let nth = 0; nth < ACCOUNTS; nth++) {
    const client = await app.account(`account ${nth}`);
    clients.set((await client.get('/v1/account')).body.id, client);
  }
});
afterAll(() => app[Symbol.asyncDispose]());

/** What happens to operations between claims. Numbers pick among what there is. */
type Step =
  | { readonly do: 'arrive'; readonly rows: readonly { account: number; priority: number; type: number }[] }
  | { readonly do: 'claim'; readonly limit: number }
  | { readonly do: 'complete' | 'fail' | 'release' | 'lose' | 'cancel'; readonly picks: readonly number[] }
  | { readonly do: 'resize'; readonly account: number; readonly slots: number };

const account = fc.nat(ACCOUNTS - 1);
const picks = fc.array(fc.nat(1_000), { minLength: 1, maxLength: 6 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('arrive' as const),
    rows: fc.array(fc.record({ account, priority: fc.integer({ min: -1, max: 1 }), type: fc.nat(1) }), {
      minLength: 1,
      maxLength: 12,
    }),
  }),
  fc.record({ do: fc.constant('claim' as const), limit: fc.integer({ min: 1, max: 9 }) }),
  fc.record({
    do: fc.constantFrom(
      'complete' as const,
      'fail' as const,
      'release' as const,
      'lose' as const,
      'cancel' as const,
    ),
    picks,
  }),
  fc.record({ do: fc.constant('resize' as const), account, slots: fc.integer({ min: 1, max: 5 }) }),
);

/** The product, asked over HTTP, and its model beside it. */
class Pair {
  private readonly model = new DispatchModel();
  private readonly leases = new Map<number, string>();
  private readonly rids = new Map<number, string>();
  private readonly ids = [...clients.keys()];

  async begin(): Promise<void> {
    await rowsOf(app.databaseUrl, `DELETE FROM live_operation`);
    await rowsOf(app.databaseUrl, `UPDATE fairness_cursor SET served = ''`);
    await Promise.all(this.ids.map((_, nth) => this.resize(nth, 2)));
  }

  async take(given: Step): Promise<void> {
    switch (given.do) {
      case 'arrive':
        for (const row of given.rows) await this.arrive(row);
        return;
      case 'claim':
        return this.claim(given.limit);
      case 'resize':
        return this.resize(given.account, given.slots);
      default:
        for (const row of this.pick(given.picks)) await this.move(row, given.do);
    }
  }

  private async arrive({
    account,
    priority,
    type,
  }: {
    account: number;
    priority: number;
    type: number;
  }): Promise<void> {
    const id = this.ids[account]!;
    const operation = await clients.get(id)!.submit({ type: TYPES[type], priority });
    this.rids.set(operation.request_id, operation.id);
    this.model.rows.push({
      id: operation.request_id,
      account: id,
      priority,
      tries: TRIES,
      phase: 'ready',
      dueIn: 60,
      attempt: 0,
      epoch: 0,
    });
  }

  private async claim(limit: number): Promise<void> {
    const works = await claim(app.client, TYPES, { limit });
    const expected = this.model.dispatch(limit);
    expect(works.map(({ operation }) => operation.request_id)).toEqual(expected.map(({ id }) => id));
    for (const [nth, row] of expected.entries()) {
      Object.assign(row, { phase: 'running', dueIn: 60, attempt: row.attempt + 1 });
      expect(works[nth].operation).toMatchObject({ attempt: row.attempt, account_id: row.account });
      this.leases.set(row.id, works[nth].lease);
    }
  }

  private async move(row: ModelRow, how: 'complete' | 'fail' | 'release' | 'lose' | 'cancel'): Promise<void> {
    const lease = this.leases.get(row.id)!;
    const rid = this.rids.get(row.id)!;
    if (how === 'lose') {
      await rowsOf(
        app.databaseUrl,
        `UPDATE live_operation SET look_at = now() - interval '1 s', due_at = now() - interval '1 s' WHERE request_id = $1`,
        [row.id],
      );
      await expect
        .poll(async () => (await app.client.get(`/v1/operations/${rid}?account=*`)).body.status, {
          timeout: 5_000,
        })
        .toBe(row.attempt < row.tries ? 'Waiting' : 'Failed');
      expect((await act(app.client, lease, 'complete')).status).toBe(409);
    } else if (how === 'cancel') {
      const canceled = app.client.post(`/v1/operations/${rid}/cancel?account=*`);
      await expect
        .poll(async () => (await act(app.client, lease, 'renew')).body.cancel, { timeout: 5_000 })
        .toBe(true);
      await act(app.client, lease, 'release');
      expect((await canceled).body.status).toBe('Canceled');
    } else {
      const failure =
        how === 'fail' ? { code: 'model', message: 'as the model says', retry: true } : undefined;
      expect((await act(app.client, lease, how, failure)).status).toBe(200);
    }
    if (how === 'release') Object.assign(row, { tries: row.tries + 1 });
    const again = how === 'release' || (row.attempt < row.tries && (how === 'fail' || how === 'lose'));
    if (again) row.phase = 'ready';
    else this.model.rows = this.model.rows.filter((one) => one !== row);
  }

  private async resize(account: number, slots: number): Promise<void> {
    const id = this.ids[account]!;
    this.model.slots.set(id, slots);
    expect((await app.client.request('PATCH', `/v1/accounts/${id}`, { slots })).status).toBe(200);
  }

  private pick(numbers: readonly number[]): ModelRow[] {
    const rows = this.model.rows.filter(({ phase }) => phase === 'running');
    return rows.length === 0 ? [] : [...new Set(numbers.map((number) => rows[number % rows.length]!))];
  }
}

describe('Work that is claimed over HTTP', () => {
  it('has the slots, the turns and the order of the dispatch, whatever arrives, ends, fails, is lost or canceled', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 20 }), async (steps) => {
        const pair = new Pair();
        await pair.begin();
        for (const next of steps) {
          await pair.take(next);
          if (next.do !== 'claim') await pair.take({ do: 'claim', limit: 3 });
        }
      }),
      { numRuns: 12, endOnFailure: true },
    );
  }, 120_000);
});
