import { Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type OperationHandler,
  type OperationOutcome,
  OperationType,
} from '../../src/operations/run/operation-type.js';
import { OperationEntity } from '../../src/operations/operation.entity.js';
import { PollPace, pollAfterS } from '../../src/operations/read/poll-pace.js';
import { App } from '../support/app.js';

describe('the time to ask again', () => {
  it.each<[why: string, recentS: number[], elapsedS: number, afterS: number]>([
    ['a second where nothing is known', [], 0, 1],
    ['when runs of the same length end', [8, 8, 8, 8], 0, 8],
    ['what is left of that', [8, 8, 8, 8], 5.5, 3],
    ['the quarter that ends first', [2, 20, 30, 40, 50, 60, 70, 80], 0, 30],
    ['that of the runs that took longer than this one has', [1, 1, 1, 1, 1, 1, 10, 20], 2, 8],
    ['a second at least', [0.1, 0.2], 0, 1],
    ['a minute at most', [3_000, 3_000], 0, 60],
    ['a quarter of what has passed where none took so long', [5, 5], 40, 10],
  ])('is %s', (_, recentS, elapsedS, afterS) => {
    expect(pollAfterS(recentS, elapsedS)).toBe(afterS);
  });
});

it('the time to ask again counts a long run that ends after many that were submitted later', () => {
  const pace = new PollPace();
  const ended = (requestId: string, startedAt: number, finishedAt: number): void =>
    pace.learn(
      Object.assign(new OperationEntity(), {
        type: 'a',
        requestId,
        startedAt: new Date(startedAt),
        finishedAt: new Date(finishedAt),
      }),
    );
  ended('2', 1_000, 2_000);
  ended('1', 0, 30_000);
  const running = {
    ...{ type: 'a', state: 'Executing', dueAt: new Date(), startedAt: new Date(0) },
    ...{ runAt: null, cancelAt: null },
  };
  const after = () => pace.retryAfter(Object.assign(new OperationEntity(), running), 5_000);
  expect(after()).toBe('25');
  // One that is read again counts once.
  ended('2', 1_000, 2_000);
  expect(after()).toBe('25');
});

it('the time to ask again forgets how long runs took once', () => {
  const pace = new PollPace();
  for (let id = 1; id <= 60; id++) {
    const tookMs = id <= 28 ? 2_000 : 20_000;
    const times = { startedAt: new Date(id * 100_000 - tookMs), finishedAt: new Date(id * 100_000) };
    pace.learn(Object.assign(new OperationEntity(), { type: 'a', requestId: String(id), ...times }));
  }
  const waiting = { type: 'a', state: 'Waiting', dueAt: new Date(), startedAt: null, runAt: null };
  expect(pace.retryAfter(Object.assign(new OperationEntity(), { ...waiting, cancelAt: null }))).toBe('20');
});

it('the time to ask again is learned on after an end that was ahead of this clock', () => {
  const pace = new PollPace();
  const now = 1_000_000;
  const ended = (requestId: string, tookMs: number, finishedAt: number): void =>
    pace.learn(
      Object.assign(new OperationEntity(), {
        ...{ type: 'a', requestId },
        ...{ startedAt: new Date(finishedAt - tookMs), finishedAt: new Date(finishedAt) },
      }),
      now,
    );
  ended('1', 4_000, now + 3_600_000);
  for (const id of ['2', '3', '4']) ended(id, 20_000, now + Number(id));
  // One that is read again counts once.
  for (let read = 0; read < 10; read++) ended('1', 4_000, now + 3_600_000);
  const running = { type: 'a', state: 'Executing', dueAt: new Date(), startedAt: new Date(now), runAt: null };
  const after = (cancelAt: Date | null) =>
    pace.retryAfter(Object.assign(new OperationEntity(), { ...running, cancelAt }), now);
  expect(after(null)).toBe('20');
  // One that is being canceled ends within its grace time.
  expect(after(new Date(now + 10_500))).toBe('3');
  expect(after(new Date(now - 2_500))).toBe('1');
});

@OperationType({ name: 'test.inline', title: 'End at once', inlineMs: 20_000 })
class InlineHandler implements OperationHandler {
  run(): Promise<OperationOutcome> {
    return Promise.resolve({ result: 'inline' });
  }
}

@Module({ providers: [InlineHandler] })
class HandlersModule {}

describe('the native face', () => {
  let app: App;
  beforeAll(async () => {
    app = await App.start({}, [HandlersModule]);
  });
  afterAll(() => app[Symbol.asyncDispose]());

  it('learns Retry-After from how long operations of the type took, for both monitors', async () => {
    const first = await app.client.submit({ type: 'sleep', input: { seconds: 1.3 } });
    expect((await app.client.ended(first.id)).status).toBe('Finished');
    const second = await app.client.post('/v1/operations', { type: 'sleep', input: { seconds: 60 } });
    expect(second.headers.get('retry-after')).toBe('2');
    const lro = await app.client.get(`/lro/operations/${second.body.id}`);
    expect(lro.headers.get('retry-after')).toBe('2');
    await app.client.post(`/v1/operations/${second.body.id}/cancel`);
    const other = await app.client.post('/v1/operations', { type: 'echo' });
    expect(other.headers.get('retry-after')).toBe('1');
  });

  it('answers an operation that ends inside its type’s inline window terminal, unless it prefers not to wait', async () => {
    const inline = await app.client.post('/v1/operations', { type: 'test.inline' });
    expect(inline).toMatchObject({ status: 200, body: { status: 'Finished', result: 'inline' } });
    expect(inline.headers.get('retry-after')).toBeNull();
    const prefer = { prefer: 'respond-async' };
    const later = await app.client.post('/v1/operations', { type: 'test.inline' }, prefer);
    expect(later).toMatchObject({ status: 202, body: { status: 'Waiting' } });
    expect(later.headers.get('preference-applied')).toBe('respond-async');
  });
});
