import { describe, expect, it } from 'vitest';
import { median, spreadOf } from '../../bench/figures.js';
import { isOwn, multiplied } from '../../bench/multiply.js';
import { readOptions } from '../../bench/options.js';
import { dueWithin, intendedMs } from '../../bench/pace.js';
import { inTurns, ratioOfMedians, sidesTable } from '../../bench/sides-table.js';
import { sample, traceOf, type Way } from '../../bench/trace.js';

describe('the figures of a benchmark', () => {
  it('are percentiles by nearest rank', () => {
    const durations = Array.from({ length: 200 }, (_, index) => 200 - index);
    expect(spreadOf(durations)).toEqual({ p50: 100, p95: 190, p99: 198, max: 200 });
    expect(spreadOf([7])).toEqual({ p50: 7, p95: 7, p99: 7, max: 7 });
  });

  it('have a median of the middle value, or of the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([10, 1, 2, 9])).toBe(5.5);
    expect(median([])).toBeNaN();
  });

  it('are compared by the ratio of their medians, where both sides have one', () => {
    expect(ratioOfMedians([4, 100, 2], [3, 1, 2])).toBe(0.5);
    expect(ratioOfMedians([], [1])).toBeNull();
    expect(ratioOfMedians([0], [1])).toBeNull();
  });
});

describe('sides that are measured in turns', () => {
  it('take them there and back again', () => {
    expect(inTurns(['A', 'B'], 3).join('')).toBe('ABBAAB');
    expect(inTurns(['A'], 2).join('')).toBe('AA');
  });

  it('stand in one table with the ratio behind them, without the rows that nobody has', () => {
    const side = (name: string, ...cpu: number[]) => ({
      name,
      turns: cpu.map((value) => ({ figures: { cpu: value }, operations: 1, top: [] })),
    });
    expect(sidesTable([[side('before', 2, 4, 3), side('after', 1.5)], [side('alone', 1)]])).toBe(
      [
        '| figure | before | after | ratio | alone |',
        '| --- | --- | --- | --- | --- |',
        '| CPU per operation, service + PostgreSQL, ms | 3.00 (2.00–4.00) | 1.50 | **0.50** | 1.00 |',
      ].join('\n'),
    );
  });
});

describe('the command line of the benchmark', () => {
  it('takes three rounds of a comparison unless told otherwise', () => {
    expect(readOptions(['--compare', 'v1'], {})).toMatchObject({ compare: 'v1', rounds: 3 });
    expect(readOptions(['--compare', 'v1', '--rounds', '5'], {})).toMatchObject({ rounds: 5 });
  });

  it('offers for half a minute, in one round where there is nothing to compare with', () => {
    expect(readOptions(['--rate', '200'], {})).toMatchObject({ rate: 200, seconds: 30, rounds: 1 });
  });

  it('compares many records with few, and has few alone', () => {
    expect(readOptions(['--records', '1000000'], {})).toMatchObject({ records: 1_000_000, rounds: 3 });
    expect(readOptions(['--records', '10000'], {})).toMatchObject({ records: 10_000, rounds: 1 });
  });

  it.each([
    [['--rate', 'fast'], '--rate must be a whole number from 1 to 100000, and is "fast"'],
    [
      ['--rounds', '3'],
      '--rounds is for --compare, --rate, --records, --old-transaction: it says nothing without',
    ],
    [
      ['--seconds', '5', '--compare', 'v1'],
      '--seconds is for --rate, --jobs, --processes: it says nothing without',
    ],
    [['--compare', 'v1', '--rounds', '0'], '--rounds must be a whole number from 1 to 1000, and is "0"'],
    [['--compare', 'v1', '--gateway'], '--gateway and --compare are different runs: give one of them'],
  ])('refuses %j', (args, message) => {
    expect(() => readOptions(args, {})).toThrow(message);
  });
});

describe('an open loop', () => {
  it('sets when each operation is to be sent, whatever happens meanwhile', () => {
    expect([0, 1, 2, 200].map((number) => intendedMs(number, 200))).toEqual([0, 5, 10, 1000]);
  });

  it('has due at any time what was to be sent by then, and never more than all', () => {
    expect([-1, 0, 4.99, 5, 12, 1_000].map((ms) => dueWithin(ms, 200, 100))).toEqual([0, 1, 1, 2, 3, 100]);
    // After a stall of a second all that it kept from being sent is due at once.
    expect(dueWithin(1_000, 200, 1_000)).toBe(201);
  });
});

describe('the trace of an operation', () => {
  const way = (due: number, late: number): Way => ({
    due,
    sent: due + 1,
    accepted: due + 3,
    answered: due + 6,
    started: due + 5 + late,
    ended: due + 7 + late,
    attempted: due + 10 + late,
    received: due + 14 + late,
  });

  it('has the median of each hop and of its end since the submit was due', () => {
    expect(traceOf([way(0, 0), way(1_000, 4), way(2_000, 100)])).toEqual({
      sent: { took: 1, since: 1 },
      answered: { took: 5, since: 6 },
      accepted: { took: 2, since: 3 },
      started: { took: 6, since: 9 },
      ended: { took: 2, since: 11 },
      attempted: { took: 3, since: 14 },
      received: { took: 4, since: 18 },
    });
  });

  it('is made of a sample that is spread over all of many operations', () => {
    expect(sample([1, 2, 3], 5)).toEqual([1, 2, 3]);
    expect(sample([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 4)).toEqual([0, 2, 5, 7]);
  });
});

describe('records made from a sample', () => {
  const column = (name: string, type: string, example: string, different = 1_000) => ({
    ...{ name, type, different, examples: [example] },
    unique: name === 'destination',
  });

  it('have values of their own where each operation has, and share what all operations share', () => {
    const own = [
      column('request_id', 'bigint', '7'),
      column('rid', 'text', 'a'),
      column('operation_id', 'bigint', '7'),
    ];
    expect(own.map((each) => isOwn(each, 1_000))).toEqual([true, true, true]);
    const shared = [
      column('account_id', 'text', 'acc_1', 1),
      column('destination', 'text', 'callback', 1),
      column('body', 'text', '{}'),
    ];
    expect(shared.map((each) => isOwn(each, 1_000))).toEqual([false, false, false]);
  });

  it('keep the form of an id, and its time where it begins with one', () => {
    const copied = (name: string, type: string, example: string): string =>
      multiplied({ name: 'operation', columns: [column(name, type, example)] }, 1_000, 5_000);
    expect(copied('request_id', 'bigint', '7')).toContain('s."request_id" + k * 5000');
    expect(copied('id', 'uuid', '0195f6a0-7c1e-4b7e-8000-0123456789ab')).toContain('left(s."id"::text, 0)');
    expect(copied('id', 'uuid', '0195f6a0-7c1e-7b7e-8000-0123456789ab')).toContain('left(s."id"::text, 15)');
    expect(copied('id', 'text', 'msg_0195f6a07c1e4b7e80000123456789ab')).toContain('left(s."id", 4)');
    expect(copied('rid', 'text', '0195f6a07c1e7b7e80000123456789ab')).toContain('left(s."rid", 13)');
  });
});
