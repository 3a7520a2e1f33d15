import { describe, expect, it } from 'vitest';
import { delayExpression, DelayExpressionError } from '../../src/messages/delay-expression.js';
import { durationS } from '../../src/messages/durations.js';
import { messageDelayS } from '../../src/messages/retry-delay.js';

const NOW = new Date('2026-01-01T00:00:00Z');
const delayed = (retried: number, expression: string | null = null, headers: Record<string, string> = {}) =>
  Math.round(messageDelayS({ retried, expression, headers, now: NOW }) * 1000) / 1000;

describe('the delay before a retry', () => {
  it('grows as QStash says, up to a day', () => {
    expect([0, 1, 2, 3, 4, 5].map((retried) => Math.floor(delayed(retried)))).toEqual([
      12, 148, 1808, 22_026, 86_400, 86_400,
    ]);
  });

  it.each([
    ['1000', 3, 1],
    ['1000 * (1 + retried)', 2, 3],
    ['pow(2, retried) * 1000', 3, 8],
    ['max(1000, pow(2, retried) * 100)', 1, 1],
    ['min(5000, exp(retried))', 0, 0.001],
    ['round(abs(floor(-2.5) + ceil(2.1))) + sqrt(16) - 7 % 4 / 1', 0, 0.001],
    ['-(-250) + .5e2', 0, 0.3],
    ['1e12', 0, 86_400],
  ])('is what "%s" says after %i retries: %d s', (expression, retried, seconds) => {
    expect(delayed(retried, expression)).toBe(seconds);
  });

  it.each(['0 - 1', '1 / 0 - 1 / 0', 'sqrt(0 - 1)'])(
    'is the default where "%s" makes no sense',
    (expression) => {
      expect(Math.floor(delayed(0, expression))).toBe(12);
    },
  );

  it.each([
    ['', /ends too early/],
    ['1 +', /ends too early/],
    ['1 2', /"2" too many/],
    ['pow(2)', /takes 2/],
    ['pow 2', /without its arguments/],
    ['(1', /lacks a \)/],
    ['eval(1)', /"eval": it may use numbers, retried/],
    ['constructor(1)', /"constructor"/],
    ['1; 2', /no part of an expression/],
    ['('.repeat(60) + '1' + ')'.repeat(60), /nested deeper/],
    ['1+'.repeat(300) + '1', /more than 500 characters/],
  ])('refuses the expression "%s"', (expression, message) => {
    expect(() => delayExpression(expression, 0)).toThrow(DelayExpressionError);
    expect(() => delayExpression(expression, 0)).toThrow(message);
  });

  it.each([
    ['retry-after', '0', 0],
    ['retry-after', '10', 10],
    ['Retry-After'.toLowerCase(), '6m5s', 365],
    ['retry-after', 'Thu, 01 Jan 2026 00:01:30 GMT', 90],
    ['x-ratelimit-reset', '2.5', 2.5],
    ['x-ratelimit-reset-requests', '250ms', 0.25],
    ['x-ratelimit-reset-tokens', '1h', 3600],
  ])('is what the receiver asks for by %s: %s', (name, value, seconds) => {
    expect(delayed(0, '5000', { [name]: value })).toBe(seconds);
  });

  it('is not what the receiver asks for where that is no delay, or more than a day', () => {
    for (const value of ['soon', '86401', '1767225600', '2d'])
      expect(delayed(0, '5000', { 'retry-after': value })).toBe(5);
    expect(delayed(0, null, { 'retry-after': 'soon', 'x-ratelimit-reset': '3' })).toBe(3);
  });
});

it.each([
  ['10s', 10],
  ['1d2h', 93_600],
  ['1d10h30m', 124_200],
  ['90', null],
  ['1d 2h', null],
  ['h', null],
  ['', null],
])('the duration "%s" is %s seconds', (text, seconds) => {
  expect(durationS(text)).toBe(seconds);
});
