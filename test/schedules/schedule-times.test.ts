import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dueTime, owedTicks, type Times, ticksAfter } from '../../src/schedules/schedule-times.js';

const CREATED = new Date('2026-01-01T00:00:00Z');
const times = (given: Partial<Times>): Times => ({
  cron: null,
  everyS: null,
  at: null,
  timeZone: 'UTC',
  jitterS: 0,
  endsAt: null,
  createdAt: CREATED,
  ...given,
});
const iso = (ticks: readonly Date[]): string[] => ticks.map((tick) => tick.toISOString().slice(0, 16));

/** Before the days on which Paris changes its clock. */
const SPRING = '2026-03-28T15:00Z';
const AUTUMN = '2026-10-24T15:00Z';

describe('A time that a day of change does not have runs at the first moment after it, one that it has twice runs once', () => {
  it.each([
    ['Europe/Paris', '30 2 * * *', '2026-03-28T12:00Z', ['2026-03-29T01:00', '2026-03-30T00:30']],
    ['Europe/Paris', '30 2 * * *', '2026-10-24T12:00Z', ['2026-10-25T00:30', '2026-10-26T01:30']],
    ['America/New_York', '30 2 * * *', '2026-03-07T12:00Z', ['2026-03-08T07:00', '2026-03-09T06:30']],
    ['America/New_York', '30 1 * * *', '2026-10-31T12:00Z', ['2026-11-01T05:30', '2026-11-02T06:30']],
    ['Australia/Lord_Howe', '15 2 * * *', '2026-10-03T00:00Z', ['2026-10-03T15:30', '2026-10-04T15:15']],
    ['Australia/Lord_Howe', '45 1 * * *', '2026-04-04T00:00Z', ['2026-04-04T14:45', '2026-04-05T15:15']],
    ['Europe/Paris', '0 2,14 * * *', SPRING, ['03-29T01:00', '03-29T12:00', '03-30T00:00']],
    ['Europe/Paris', '0 2,14 * * *', AUTUMN, ['10-25T00:00', '10-25T13:00', '10-26T01:00']],
    ['Europe/Paris', '30 2,14 * * *', SPRING, ['03-29T01:00', '03-29T12:30', '03-30T00:30']],
    ['Europe/Paris', '30 2,14 * * *', AUTUMN, ['10-25T00:30', '10-25T13:30', '10-26T01:30']],
    ['Europe/Paris', '0,30 2 * * *', SPRING, ['03-29T01:00', '03-30T00:00', '03-30T00:30']],
    ['Europe/Paris', '0,30 2 * * *', AUTUMN, ['10-25T00:00', '10-25T00:30', '10-26T01:00']],
    ['Europe/Paris', '30 2-4 * * *', SPRING, ['03-29T01:00', '03-29T01:30', '03-29T02:30']],
    ['Europe/Paris', '30 2-4 * * *', AUTUMN, ['10-25T00:30', '10-25T02:30', '10-25T03:30']],
    ['Europe/Paris', '*/30 2 * * *', SPRING, ['03-29T01:00', '03-30T00:00', '03-30T00:30']],
    ['Europe/Paris', '*/30 2 * * *', AUTUMN, ['10-25T00:00', '10-25T00:30', '10-26T01:00']],
    ['Europe/Paris', '30 */20 2 * * SUN', SPRING, ['03-29T01:00', '04-05T00:00', '04-05T00:20']],
    [
      'Europe/Paris',
      '30 */20 2 * * SUN',
      AUTUMN,
      ['10-25T00:00', '10-25T00:20', '10-25T00:40', '11-01T01:00'],
    ],
    ['Europe/Paris', '0 */2 29 3 *', SPRING, ['03-28T23:00', '03-29T01:00', '03-29T02:00', '03-29T04:00']],
    ['Europe/Paris', '0 */2 25 10 *', AUTUMN, ['10-24T22:00', '10-25T00:00', '10-25T03:00', '10-25T05:00']],
    ['America/New_York', '15 1-3 * * *', '2026-03-07T12:00Z', ['03-08T06:15', '03-08T07:00', '03-08T07:15']],
    ['America/New_York', '15 1-3 * * *', '2026-10-31T12:00Z', ['11-01T05:15', '11-01T07:15', '11-01T08:15']],
    [
      'Australia/Lord_Howe',
      '15 1,2 * * *',
      '2026-10-03T00:00Z',
      ['10-03T14:45', '10-03T15:30', '10-04T14:15'],
    ],
    [
      'Australia/Lord_Howe',
      '30 1,2 * * *',
      '2026-10-03T00:00Z',
      ['10-03T15:00', '10-03T15:30', '10-04T14:30'],
    ],
    [
      'Australia/Lord_Howe',
      '30 1,2 * * *',
      '2026-04-04T00:00Z',
      ['04-04T14:30', '04-04T16:00', '04-05T15:00'],
    ],
  ])('%s %s', (timeZone, cron, after, expected) => {
    const ticks = ticksAfter(times({ cron, timeZone }), new Date(after), expected.length);
    expect(iso(ticks)).toEqual(expected.map((tick) => tick.replace(/^(?=..-)/, '2026-')));
    backwards({ cron, timeZone }, ticks);
  });

  it.each(['*/30 * * * *', '0,30 0-23 * * *'])('%s comes in each half hour there is', (cron) => {
    const kind = { cron, timeZone: 'Europe/Paris' };
    const spring = ticksAfter(times(kind), new Date('2026-03-29T00:10Z'), 100);
    const autumn = ticksAfter(times(kind), new Date('2026-10-24T23:40Z'), 100);
    for (const ticks of [spring, autumn]) {
      for (const [index, tick] of ticks.slice(1).entries())
        expect(tick.getTime() - ticks[index]!.getTime()).toBe(1_800_000);
      backwards(kind, ticks);
    }
  });
});

/** Days before a change. */
const CHANGES = [
  ['Europe/Paris', '2026-03-28'],
  ['Europe/Paris', '2026-10-24'],
  ['America/New_York', '2026-03-07'],
  ['America/New_York', '2026-10-31'],
  ['Australia/Lord_Howe', '2026-10-02'],
  ['Australia/Lord_Howe', '2026-04-03'],
] as const;
const MINUTE = 60_000;
/** Every minute of three days, each with the minute that a clock on the wall shows then. */
const walls = CHANGES.map(([timeZone, day]) => {
  const clock = new Intl.DateTimeFormat('sv', { timeZone, dateStyle: 'short', timeStyle: 'short' });
  return Array.from({ length: 3 * 1440 }, (_, index) => {
    const time = new Date(Date.parse(`${day}T00:00Z`) + index * MINUTE);
    return { time, shows: Date.parse(`${clock.format(time).replace(' ', 'T')}Z`) / MINUTE };
  });
});
const every = (step: number, from = 0, to = 59): number[] =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);

it('A pattern that leaves hours out ticks once for each of its times, when a clock on the wall first shows or passes it', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: CHANGES.length - 1 }),
      fc.uniqueArray(fc.nat({ max: 23 }), { minLength: 1, maxLength: 23 }),
      fc.oneof(
        fc
          .uniqueArray(fc.nat({ max: 59 }), { minLength: 1, maxLength: 5 })
          .map((list) => [list.join(), list] as const),
        fc.constantFrom(
          ['*/7', every(7)] as const,
          ['10-50/20', every(20, 10, 50)] as const,
          ['15-45', every(1, 15, 45)] as const,
        ),
      ),
      (change, hours, [minute, minutes]) => {
        const wall = walls[change]!;
        const named = new Set(hours.flatMap((hour) => minutes.map((value) => hour * 60 + value)));
        let shown = wall[0]!.shows;
        const expected = wall.slice(1).filter(({ shows }) => {
          let ticks = false;
          for (; shown < shows; shown++) ticks ||= named.has((shown + 1) % 1440);
          return ticks;
        });
        const kind = { cron: `${minute} ${hours.join()} * * *`, timeZone: CHANGES[change]![0] };
        const ticks = ticksAfter(times(kind), wall[0]!.time, expected.length);
        expect(iso(ticks)).toEqual(iso(expected.map(({ time }) => time)));
        backwards(kind, ticks);
      },
    ),
    { numRuns: 40 },
  );
});

/** After an outage the last tick is found from its end: those are the same ones. */
function backwards(kind: Partial<Times>, ticks: readonly Date[]): void {
  const schedule = { id: 's', missed: 'once' as const, ...times(kind) };
  const [first] = ticksAfter(schedule, new Date(ticks[0]!.getTime() - 3 * 86_400_000), 1);
  for (const [index, missed] of ticks.slice(0, -2).entries()) {
    const [tick, next] = ticks.slice(index + 1);
    const owed = owedTicks(schedule, first!, new Date(tick!.getTime() + 1), 10);
    expect(owed).toEqual({ ticks: [tick], missed, next });
  }
}

const KINDS: Partial<Times>[] = [
  { everyS: 1 },
  { everyS: 7.5 },
  { everyS: 3600 },
  { cron: '*/10 * * * * *' },
  { cron: '5 * * * *', timeZone: 'Australia/Lord_Howe' },
  { cron: '30 2 * * *', timeZone: 'Europe/Paris' },
  { at: new Date('2026-03-29T01:00:00Z') },
];

describe('A walk of the clock', () => {
  it('makes of each tick one operation at the most, in order, however it jumps and stops', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...KINDS),
        fc.constantFrom('all' as const, 'once' as const, 'skip' as const),
        fc.constantFrom(0, 5),
        // Seconds; a clock is set back, too.
        fc.array(fc.integer({ min: -90, max: 4000 }), { minLength: 1, maxLength: 30 }),
        (kind, missed, jitterS, steps) => {
          const schedule = { id: 'sch_1', missed, ...times({ ...kind, jitterS }) };
          let now = new Date('2026-03-29T00:00:00Z').getTime();
          const start = new Date(now);
          let next = ticksAfter(schedule, start, 1)[0] ?? null;
          const ticked: Date[] = [];
          let last = 0;
          for (const step of steps) {
            now += step * 1000;
            while (next !== null && dueTime(schedule, 'sch_1', next).getTime() <= now) {
              const owed = owedTicks(schedule, next, new Date(now), 3);
              ticked.push(...owed.ticks);
              if (owed.next !== null) expect(owed.next.getTime()).toBeGreaterThan(next.getTime());
              ({ next } = owed);
            }
            last = Math.max(last, now);
          }
          for (const [index, tick] of ticked.slice(1).entries())
            expect(tick.getTime()).toBeGreaterThan(ticked[index]!.getTime());
          if (missed !== 'all') return;
          const all = ticksAfter(schedule, start, ticked.length + 1);
          expect(ticked).toEqual(all.slice(0, ticked.length));
          const first = all[ticked.length];
          if (first) expect(dueTime(schedule, 'sch_1', first).getTime()).toBeGreaterThan(last);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('of whose looks none is a minute late makes of each tick one operation, whatever its schedule owes after an outage', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Partial<Times>>({ everyS: 1 }, { everyS: 7.5 }, { cron: '*/10 * * * * *' }),
        fc.constantFrom('all' as const, 'once' as const, 'skip' as const),
        fc.array(fc.integer({ min: 1, max: 59_000 }), { minLength: 1, maxLength: 20 }),
        (kind, missed, gaps) => {
          const schedule = { id: 'sch_1', missed, ...times(kind) };
          const start = new Date('2026-03-29T00:00:00Z');
          let now = start;
          let next = ticksAfter(schedule, start, 1)[0]!;
          const ticked: Date[] = [];
          for (const gap of gaps) {
            now = new Date(now.getTime() + gap);
            while (next <= now) {
              const owed = owedTicks(schedule, next, now, 10);
              expect(owed.ticks.length).toBeLessThanOrEqual(10);
              expect(owed.missed).toBeNull();
              ticked.push(...owed.ticks);
              next = owed.next!;
            }
          }
          const all = ticksAfter(schedule, start, ticked.length + 1);
          expect([...ticked, next]).toEqual(all);
        },
      ),
      { numRuns: 100 },
    );
  });

  it.each([
    // Late by seconds, and how many of the ticks since come: of an hour, of more than a minute, of less.
    ['once', 3600, 1],
    ['once', 61, 1],
    ['once', 60, 7],
    ['once', 35, 4],
    ['skip', 3605, 1],
    ['skip', 61, 1],
    ['skip', 60, 7],
    ['skip', 35, 4],
    ['all', 3600, 361],
    ['all', 35, 4],
  ] as const)('of every ten seconds owes under `%s` after %i s %i', (missed, late, owed) => {
    const first = new Date('2026-03-01T03:00:00Z');
    const schedule = { id: 's', missed, ...times({ everyS: 10 }) };
    const { ticks } = owedTicks(schedule, first, new Date(first.getTime() + late * 1000), 1000);
    expect(ticks).toHaveLength(owed);
    expect(ticks.at(-1)!.getTime()).toBeGreaterThan(first.getTime() + (late - 11) * 1000);
  });

  it('owes after an hour what its schedule says', () => {
    const owed = (missed: 'skip' | 'once' | 'all', kind: Partial<Times>, now: string) =>
      owedTicks({ id: 's', missed, ...times(kind) }, new Date('2026-03-01T03:00Z'), new Date(now), 100);
    const daily = { cron: '0 3 * * *' };
    expect(iso(owed('once', daily, '2026-03-01T04:00:30Z').ticks)).toEqual(['2026-03-01T03:00']);
    expect(owed('skip', daily, '2026-03-01T04:00:30Z')).toMatchObject({
      ticks: [],
      missed: new Date('2026-03-01T03:00Z'),
      next: new Date('2026-03-02T03:00Z'),
    });
    const often = { everyS: 600 };
    expect(iso(owed('once', often, '2026-03-01T04:00:30Z').ticks)).toEqual(['2026-03-01T04:00']);
    expect(iso(owed('skip', often, '2026-03-01T04:00:30Z').ticks)).toEqual(['2026-03-01T04:00']);
    expect(owed('skip', often, '2026-03-01T04:05Z').ticks).toEqual([]);
    expect(owed('all', often, '2026-03-01T04:00:30Z').ticks).toHaveLength(7);
    expect(iso(owed('once', often, '2026-03-01T03:00:10Z').ticks)).toEqual(['2026-03-01T03:00']);
  });

  it('of a schedule that ends has no tick after its end', () => {
    const ends = times({ everyS: 60, endsAt: new Date('2026-01-01T00:03:00Z') });
    expect(ticksAfter(ends, CREATED, 10)).toHaveLength(3);
    const owed = owedTicks(
      { id: 's', missed: 'once', ...ends },
      new Date('2026-01-01T00:01Z'),
      new Date('2027-01-01'),
      9,
    );
    expect(owed).toMatchObject({ ticks: [new Date('2026-01-01T00:03:00Z')], next: null });
  });

  it('spreads ticks over the jitter, each always to the same place', () => {
    const due = Array.from({ length: 200 }, (_, index) => {
      const tick = new Date(index * 60_000);
      expect(dueTime({ jitterS: 30 }, 'sch_1', tick)).toEqual(dueTime({ jitterS: 30 }, 'sch_1', tick));
      return dueTime({ jitterS: 30 }, 'sch_1', tick).getTime() - tick.getTime();
    });
    expect(Math.min(...due)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...due)).toBeLessThan(30_000);
    expect(new Set(due.map((late) => Math.floor(late / 10_000))).size).toBe(3);
  });
});
