import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRetrySchedule, RetryScheduleError } from '../../src/config/retry-schedule.js';
import { isWithinDeadline, nextDelay } from '../../src/deliveries/retry-schedule.js';

describe('the delay before the next attempt', () => {
  const schedule = [5, 300, 7200];

  it.each<[attemptsMade: number, retryAfterS: number | null, random: number, delay: number | null]>([
    [1, null, 0.5, 5],
    [1, null, 0, 4],
    [1, null, 1, 6],
    [2, null, 0.5, 300],
    [3, null, 0.5, 7200],
    [4, null, 0.5, null],
    [4, 60, 0.5, null],
    [1, 60, 0.5, 60],
    [1, 0, 0.5, 5],
    [1, 3_600, 0.5, 3_600],
    [1, 86_400, 0.5, 3_600],
    [2, 86_400, 0.5, 3_600],
    [3, 7_201, 0.5, 7_201],
    [3, 86_400, 0.5, 14_400],
  ])(
    'after attempt %i, asked to wait %s, with random %d is %s',
    (attemptsMade, retryAfterS, random, delay) => {
      const given = nextDelay({ schedule, attemptsMade, retryAfterS, random });
      if (delay === null) expect(given).toBeNull();
      else expect(given).toBeCloseTo(delay, 6);
    },
  );

  it('stays within 20 % of its step, or within what Retry-After may stretch it to', () => {
    const input = fc.record({
      step: fc.double({ min: 0.01, max: 86_400, noNaN: true }),
      retryAfterS: fc.option(fc.nat()),
      random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    });
    fc.assert(
      fc.property(input, ({ step, retryAfterS, random }) => {
        const delay = nextDelay({ schedule: [step], attemptsMade: 1, retryAfterS, random }) ?? Number.NaN;
        const longest = retryAfterS === null ? step * 1.2 : Math.max(2 * step, 3_600);
        return delay >= step * 0.8 - 1e-9 && delay <= longest + 1e-9;
      }),
    );
  });
});

describe('a retry schedule', () => {
  it('is a list of seconds, fractions allowed', () => {
    expect(parseRetrySchedule('5, 300,0.02,0')).toEqual([5, 300, 0.02, 0]);
  });

  it.each([
    ['', 'is empty'],
    ['5,,300', 'step 2'],
    ['5,x', 'step 2 of the retry schedule, "x", is no number of seconds'],
    ['-1', 'step 1'],
    ['1e9', 'step 1'],
    ['Infinity', 'step 1'],
    [Array.from({ length: 51 }, () => '1').join(','), 'has 51 steps: give at most 50'],
    ['2592000,1', 'at most 30 days'],
  ])('"%s" is refused with the remedy', (text, message) => {
    expect(() => parseRetrySchedule(text)).toThrow(RetryScheduleError);
    expect(() => parseRetrySchedule(text)).toThrow(message);
  });

  it('may have 50 steps and last 30 days', () => {
    expect(parseRetrySchedule(Array.from({ length: 50 }, () => '51840').join(','))).toHaveLength(50);
  });
});

describe('the deadline of a delivery', () => {
  it.each([
    ['leaves time', [5, 300], 604_800, 1_000, 300, true],
    ['has come before the next attempt', [5, 300], 1_200, 1_000, 300, false],
    ['is never before the end of a longer schedule', [86_400, 864_000], 604_800, 86_400, 864_000, true],
    [
      'is after a longer schedule, whatever a receiver asks for',
      [86_400, 864_000],
      604_800,
      900_000,
      864_000,
      false,
    ],
  ])('%s', (_, schedule, deadlineS, ageS, delayS, expected) => {
    expect(isWithinDeadline({ schedule, deadlineS, ageS, delayS })).toBe(expected);
  });
});
