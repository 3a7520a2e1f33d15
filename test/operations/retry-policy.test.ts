import { Module } from '@nestjs/common';
import { type OperationContext, OperationError, type OperationHandler, OperationType } from 'ringback';
import { describe, expect, it } from 'vitest';
import {
  type RetryPolicy,
  retryDelay,
  retryPolicy,
  retryPolicyFault,
} from '../../src/operations/run/retry-policy.js';
import { App } from '../support/app.js';

type Given = Partial<RetryPolicy>;

describe('the next try of a failed run', () => {
  it.each<[why: string, policy: Given, attempt: number, code: string, retry: boolean, delayS: number | null]>(
    [
      ['by default', {}, 1, 'x', true, 1],
      ['by default, later', {}, 2, 'x', true, 4],
      ['by default, later than the list', {}, 3, 'x', true, 4],
      ['with an empty list', { backoffS: [] }, 1, 'x', true, 1],
      ['with a function', { backoffS: (attempt) => 2 ** attempt }, 3, 'x', true, 8],
      ['with a function that answers nonsense', { backoffS: () => Number.NaN }, 1, 'x', true, 60],
      ['with a function that throws', { backoffS: () => [][1]!['x'] as never }, 1, 'x', true, 60],
      ['with a function that never ends', { backoffS: () => Infinity }, 1, 'x', true, 604_800],
      ['of an error that says no', {}, 1, 'x', false, null],
      ['of an error that says no, where the type says yes', { retryOn: ['x'] }, 1, 'x', false, 1],
      ['of a timeout', {}, 1, 'timeout', false, null],
      ['of a timeout, where the type says yes', { retryOn: ['timeout'] }, 1, 'timeout', false, 1],
      ['of an error that says yes, where the type says no', { noRetryOn: ['x'] }, 1, 'x', true, null],
      ['of another error than the type speaks of', { noRetryOn: ['y'] }, 1, 'x', true, 1],
      ['of a spent operation', { retryOn: ['x'] }, 4, 'x', true, null],
    ],
  )('%s', (_, given, attempt, code, retry, delayS) => {
    const run = { attempt, tries: 4, code, retry };
    const policy = retryPolicy(given);
    expect(retryDelay(policy, { ...run, random: 0 })).toBe(delayS);
    const latest = retryDelay(policy, { ...run, random: 1 });
    if (delayS === null) expect(latest).toBeNull();
    else expect(latest).toBeCloseTo(delayS * 1.2, 6);
  });

  it.each<[string, Given, string | null]>([
    ['nothing', {}, null],
    ['a delay of 0', { backoffS: [0] }, null],
    ['a negative delay', { backoffS: [1, -1] }, 'backoffS has -1: give seconds from 0 to 604800'],
    ['no number', { backoffS: [Number.NaN] }, 'backoffS has NaN: give seconds from 0 to 604800'],
    [
      'a code in both lists',
      { retryOn: ['a', 'b'], noRetryOn: ['b'] },
      '"b" is in retryOn and in noRetryOn: leave it out of one',
    ],
  ])('of a type that says %s', (_, given, fault) => {
    expect(retryPolicyFault(given)).toBe(fault);
  });
});

@OperationType({ name: 'test.slow-once', title: 'Hang once', backoffS: [0.02], retryOn: ['timeout'] })
class SlowOnceHandler implements OperationHandler {
  run(_: unknown, context: OperationContext): Promise<void> {
    return context.attempt > 1 ? Promise.resolve() : new Promise(() => undefined);
  }
}

@OperationType({ name: 'test.picky', title: 'Fail', backoffS: () => 0.02, noRetryOn: ['sold_out'] })
class PickyHandler implements OperationHandler {
  run(_: unknown, context: OperationContext): Promise<void> {
    const code = context.attempt === 1 ? 'busy' : 'sold_out';
    return Promise.reject(new OperationError(code, 'no luck', true));
  }
}

@Module({ providers: [SlowOnceHandler, PickyHandler] })
class HandlersModule {}

@OperationType({ name: 'test.torn', title: 'Undecided', retryOn: ['a'], noRetryOn: ['a'] })
class TornHandler implements OperationHandler {
  run(): Promise<void> {
    return Promise.resolve();
  }
}

@Module({ providers: [TornHandler] })
class TornModule {}

describe('an operation type', () => {
  it('says which codes another try mends', async () => {
    await using app = await App.start({}, [HandlersModule]);
    const slow = await app.client.submit({ type: 'test.slow-once', timeout_s: 0.1 });
    const picky = await app.client.submit({ type: 'test.picky' });
    expect(await app.client.ended(slow.id)).toMatchObject({ status: 'Finished', attempt: 2 });
    expect(await app.client.ended(picky.id)).toMatchObject({
      status: 'Failed',
      attempt: 2,
      error: { code: 'sold_out' },
    });
  });

  it('that contradicts itself stops the boot', async () => {
    await expect(App.start({}, [TornModule])).rejects.toThrow(
      'operation type "test.torn": "a" is in retryOn and in noRetryOn: leave it out of one',
    );
  });
});
