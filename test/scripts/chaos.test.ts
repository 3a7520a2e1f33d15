import { describe, expect, it } from 'vitest';
import type { DeliveryFact, Facts, OperationFact, PostFact, RunFact } from '../../scripts/chaos/facts.js';
import { LOAD_KINDS, loadPlan, operationsOf } from '../../scripts/chaos/load-plan.js';
import { readOptions } from '../../scripts/chaos/options.js';
import { judge } from '../../scripts/chaos/oracle.js';
import { SeededRandom } from '../../scripts/chaos/random.js';
import { recoveryTimes } from '../../scripts/chaos/recovery-times.js';
import { schedule } from '../../scripts/chaos/schedule.js';

const OPERATION: OperationFact = {
  id: 'one',
  item: 0,
  kind: 'native',
  state: 'Finished',
  errorCode: null,
  attempt: 1,
  tries: 8,
  destinations: ['callback'],
  ends: 1,
  endedAt: 5_000,
};
const DELIVERY: DeliveryFact = {
  id: 'dlv_one',
  operation: 'one',
  destination: 'callback',
  state: 'Delivered',
  reason: null,
  attempts: 2,
  digest: 'same',
};
const POST: PostFact = {
  delivery: 'dlv_one',
  operation: 'one',
  digest: 'same',
  signed: true,
  answered: 200,
  told: 'Finished',
};
const RUN: RunFact = { operation: 'one', attempt: 1, pid: 7, once: false, startedAt: 4_000, endedAt: 4_900 };

/** A campaign that kept every promise: one operation, called back at the second attempt. */
const KEPT: Facts = {
  acknowledged: [{ id: 'one', item: 0 }],
  refusals: [],
  told: [{ id: 'one', state: 'Finished' }],
  operations: [OPERATION],
  schedules: [{ id: 'sch_one', acknowledged: true, kept: true, operations: 1 }],
  deliveries: [DELIVERY],
  posts: [{ ...POST, answered: 500 }, POST],
  runs: [RUN],
  slots: [{ account: 'acc', slots: 3, most: 3, seenBy: 'samples' }],
  flows: [{ account: 'acc', key: 'key 0', parallelism: 2, most: 2 }],
  ledger: { balanced: true, accepted: 1, rows: 1 },
  processes: [],
  mostAttempts: 15,
};

/** The kinds of what the oracle finds. */
function found(facts: Partial<Facts>): string[] {
  return judge({ ...KEPT, ...facts }).map(({ kind }) => kind);
}

describe('the oracle of a fault campaign', () => {
  it('finds nothing where every promise was kept', () => {
    expect(judge(KEPT)).toEqual([]);
  });

  const operation = (other: Partial<OperationFact>): Partial<Facts> => ({
    operations: [{ ...OPERATION, ...other }],
  });
  const delivery = (other: Partial<DeliveryFact>): Partial<Facts> => ({
    deliveries: [{ ...DELIVERY, ...other }],
  });
  const post = (other: Partial<PostFact>): Partial<Facts> => ({ posts: [POST, { ...POST, ...other }] });

  it.each<[string, string, Partial<Facts>]>([
    [
      'an acknowledged operation that has no row',
      'lost',
      { acknowledged: [...KEPT.acknowledged, { id: 'two', item: 1 }] },
    ],
    [
      'an operation that never ended',
      'not-ended',
      {
        ...operation({ state: 'Executing', endedAt: null, ends: 0 }),
        posts: [{ ...POST, told: null }],
        told: [],
      },
    ],
    ['an operation that was settled twice', 'not-settled-once', operation({ ends: 2 })],
    ['an operation that ended without a word in its history', 'not-settled-once', operation({ ends: 0 })],
    [
      'a failure that nothing explains',
      'ended-wrongly',
      {
        ...operation({ state: 'Failed', errorCode: 'connect_refused' }),
        told: [],
        posts: [{ ...POST, told: null }],
      },
    ],
    [
      'tries that were given up too soon',
      'ended-wrongly',
      {
        ...operation({ state: 'Failed', errorCode: 'attempts_exhausted', attempt: 2 }),
        told: [],
        posts: [{ ...POST, told: 'Failed' }],
      },
    ],
    [
      'a cancel that nobody asked for',
      'ended-wrongly',
      { ...operation({ state: 'Canceled' }), told: [], posts: [{ ...POST, told: 'Canceled' }] },
    ],
    ['an answer that told another end', 'told-otherwise', { told: [{ id: 'one', state: 'Canceled' }] }],
    ['a callback that told another end', 'told-otherwise', post({ told: 'Failed' })],
    ['an end that nothing is owed for', 'callback-not-owed', { deliveries: [], posts: [] }],
    [
      'an endpoint that is owed nothing',
      'callback-not-owed',
      operation({ destinations: ['callback', 'ep_one'] }),
    ],
    ['a callback that no receiver took', 'callback-lost', { posts: [{ ...POST, answered: 500 }] }],
    ['a callback that was sent and not answered', 'callback-lost', { posts: [{ ...POST, answered: null }] }],
    ['a callback that is still owed', 'callback-pending', delivery({ state: 'Pending' })],
    ['a callback that was given up too soon', 'callback-given-up', delivery({ state: 'Exhausted' })],
    ['a callback that was canceled by nobody', 'callback-given-up', delivery({ state: 'Canceled' })],
    ['bytes that changed', 'bytes-changed', post({ digest: 'other' })],
    ['a signature that does not verify', 'signature-invalid', post({ signed: false })],
    [
      'a callback of an operation that nobody knows',
      'unknown-called-back',
      post({ operation: 'ghost', delivery: 'dlv_ghost' }),
    ],
    ['a callback of a delivery that nobody knows', 'unknown-called-back', post({ delivery: 'dlv_ghost' })],
    [
      'a key that is two operations',
      'key-doubled',
      {
        operations: [
          { ...OPERATION, kind: 'idempotent' },
          { ...OPERATION, id: 'two', kind: 'idempotent', destinations: [] },
        ],
      },
    ],
    [
      'a key that was acknowledged as two operations',
      'key-doubled',
      {
        operations: [
          { ...OPERATION, kind: 'idempotent' },
          { ...OPERATION, id: 'two', item: 1, destinations: [] },
        ],
        acknowledged: [...KEPT.acknowledged, { id: 'two', item: 0 }],
      },
    ],
    [
      'an acknowledged schedule that has no row',
      'lost',
      { schedules: [{ id: 'sch_one', acknowledged: true, kept: false, operations: 1 }] },
    ],
    [
      'a tick that is no operation',
      'tick-miscounted',
      { schedules: [{ id: 'sch_one', acknowledged: true, kept: true, operations: 0 }] },
    ],
    [
      'a tick that is two operations, of a schedule whose answer was lost',
      'tick-miscounted',
      { schedules: [{ id: 'sch_one', acknowledged: false, kept: true, operations: 2 }] },
    ],
    [
      'a run-once operation that ran twice',
      'ran-twice',
      {
        runs: [
          { ...RUN, once: true },
          { ...RUN, once: true, attempt: 2 },
        ],
      },
    ],
    ['a claim that was run twice', 'ran-twice', { runs: [RUN, { ...RUN, pid: 8 }] }],
    [
      'a run of an operation that nobody knows',
      'unknown-run',
      { runs: [RUN, { ...RUN, operation: 'ghost' }] },
    ],
    [
      'slots that were exceeded',
      'slots-exceeded',
      { slots: [{ account: 'acc', slots: 3, most: 4, seenBy: 'history' }] },
    ],
    [
      "a flow key's parallelism that was exceeded",
      'flow-exceeded',
      { flows: [{ account: 'acc', key: 'key 0', parallelism: 2, most: 3 }] },
    ],
    [
      'a ledger that is not balanced',
      'ledger-unbalanced',
      { ledger: { balanced: false, accepted: 1, rows: 1 } },
    ],
    [
      'a ledger that counts what is not there',
      'ledger-unbalanced',
      { ledger: { balanced: true, accepted: 2, rows: 1 } },
    ],
    ['a ledger that cannot be read', 'ledger-unknown', { ledger: null }],
    ['an answer that no fault excuses', 'refused', { refusals: [{ item: 3, status: 500, text: 'oh' }] }],
    [
      'a process that ended by itself',
      'process',
      { processes: [{ process: 'front', what: 'ended by itself', detail: 'SIGABRT' }] },
    ],
  ])('finds %s', (_what, kind, facts) => {
    expect(found(facts)).toEqual([kind]);
  });

  it('takes tries that are used up, visible dead letters and what the load asked for as no violation', () => {
    const asked = { ...OPERATION, destinations: [] };
    expect(
      found({
        told: [],
        posts: [],
        deliveries: [
          { ...DELIVERY, state: 'Exhausted', attempts: 15 },
          { ...DELIVERY, id: 'dlv_two', state: 'Canceled', reason: 'acknowledged_by_poll' },
        ],
        operations: [
          { ...OPERATION, state: 'Failed', errorCode: 'attempts_exhausted', attempt: 8 },
          { ...asked, id: 'a', kind: 'once', state: 'Failed', errorCode: 'interrupted', tries: 1 },
          { ...asked, id: 'b', kind: 'cancel', state: 'Canceled' },
          { ...asked, id: 'c', kind: 'refused', state: 'Failed', errorCode: 'chaos_refused' },
          { ...asked, id: 'd', kind: 'rerun' },
        ],
        runs: [RUN, { ...RUN, attempt: 2 }],
        ledger: { balanced: true, accepted: 5, rows: 5 },
      }),
    ).toEqual([]);
  });
});

describe('a fault campaign of a seed', () => {
  it('has the same faults and the same load each time, and another seed has others', () => {
    expect(schedule(7, 'redis', 120)).toEqual(schedule(7, 'redis', 120));
    expect(schedule(8, 'redis', 120)).not.toEqual(schedule(7, 'redis', 120));
    expect(loadPlan(7, 500)).toEqual(loadPlan(7, 500));
    expect(loadPlan(8, 500)).not.toEqual(loadPlan(7, 500));
  });

  it('has every kind of fault within a minute, in order and within its time, and none of Redis without it', () => {
    const redis = schedule(7, 'redis', 60);
    const kinds = new Set(redis.map(({ kind }) => kind));
    expect([...kinds].filter((kind) => kind.startsWith('redis-'))).toHaveLength(5);
    expect(kinds.size).toBe(18);
    expect(redis.map(({ atS }) => atS)).toEqual(redis.map(({ atS }) => atS).sort((a, b) => a - b));
    expect(redis.every(({ atS }) => atS >= 3 && atS < 57)).toBe(true);
    expect(schedule(7, 'postgresql', 60).some(({ kind }) => kind.startsWith('redis-'))).toBe(false);
  });

  it('has as many operations as were asked for, of every kind', () => {
    const items = loadPlan(7, 2_000);
    const operations = items.reduce((sum, item) => sum + operationsOf(item), 0);
    expect(operations).toBeGreaterThanOrEqual(2_000);
    expect(operations).toBeLessThan(2_010);
    expect(new Set(items.map(({ kind }) => kind))).toEqual(new Set(LOAD_KINDS));
  });

  it('draws numbers that are spread evenly, and apart for each purpose', () => {
    const random = new SeededRandom(1, 'a');
    const drawn = Array.from({ length: 10_000 }, () => random.whole(0, 10));
    for (let number = 0; number < 10; number++)
      expect(drawn.filter((one) => one === number).length).toBeGreaterThan(850);
    expect(new SeededRandom(1, 'a').next()).not.toBe(new SeededRandom(1, 'b').next());
  });
});

describe('the figures of a fault campaign', () => {
  it('are how long after a start of PostgreSQL, or after a kill, what was waiting ended', () => {
    const operations = [OPERATION, { ...OPERATION, id: 'two', endedAt: 9_000 }];
    const cut = { ...RUN, operation: 'two', pid: 9, endedAt: null };
    const times = recoveryTimes(
      [
        { from: 'PostgreSQL is back', at: 4_500, pid: 0 },
        { from: 'a process was killed', at: 6_000, pid: 9 },
        { from: 'PostgreSQL is back', at: 9_500, pid: 0 },
      ],
      operations,
      [RUN, cut],
    );
    expect(times).toEqual({ postgres: [500], killed: [3_000] });
  });
});

describe('the options of a fault campaign', () => {
  it('have defaults, are bounded in time, and say what is wrong with them', () => {
    expect(readOptions([], 5)).toEqual({
      operations: 2_000,
      seed: 5,
      backend: 'both',
      minutes: 1,
      restS: 120,
      facts: undefined,
    });
    expect(readOptions(['--operations', '100000', '--seed', '3'], 5)).toMatchObject({ minutes: 25, seed: 3 });
    expect(readOptions(['--help'], 5)).toBeNull();
    expect(() => readOptions(['--minutes', 'ten'], 5)).toThrow('--minutes must be a number');
    expect(() => readOptions(['--backend', 'mysql'], 5)).toThrow(
      '--backend must be postgresql, redis or both',
    );
  });
});
