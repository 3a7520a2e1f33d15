import { Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OperationContext, OperationError } from '../../src/operations/run/operation-context.js';
import { type OperationHandler, OperationType } from '../../src/operations/run/operation-type.js';
import { App } from '../support/app.js';
import { rowsOf } from '../support/database.js';

const raise = (thrown: unknown) => (): never => {
  throw thrown as Error;
};

/** What handlers in plain JavaScript throw or answer, whatever the types say. */
const ODD: Record<string, () => unknown> = {
  undefined: raise(undefined),
  text: raise('no error at all'),
  'NUL code': raise(new OperationError('a\u0000b', 'told')),
  'no code': raise(new OperationError(undefined as never, 'told')),
  'no text': raise(Object.assign(new Error(), { message: { deep: true } })),
  bigint: () => ({ result: 1n }),
  'NUL file': () => ({ file: 'a\u0000b' }),
};

@OperationType({ name: 'test.odd', title: 'Do odd things', tries: 1 })
class OddHandler implements OperationHandler<{ how: string }> {
  run({ how }: { how: string }): Promise<never> {
    return ODD[how]!() as Promise<never>;
  }
}

@OperationType({ name: 'test.overtaken', title: 'Hang once' })
class OvertakenHandler implements OperationHandler {
  readonly stopped: string[] = [];

  async run(_: unknown, { attempt, signal }: OperationContext): Promise<void> {
    if (attempt > 1) return;
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    this.stopped.push((signal.reason as Error).message);
  }
}

@OperationType({ name: 'test.obedient', title: 'Return when told to stop' })
class ObedientHandler implements OperationHandler {
  run(_: unknown, { signal }: OperationContext): Promise<void> {
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }
}

@OperationType({ name: 'test.pondering', title: 'Check for ever, but not at submit' })
class PonderingHandler implements OperationHandler {
  private checks = 0;

  check(): Promise<[]> {
    return this.checks++ === 0 ? Promise.resolve([]) : new Promise(() => undefined);
  }

  run(): Promise<void> {
    return Promise.resolve();
  }
}

@Module({ providers: [ObedientHandler, PonderingHandler, OddHandler, OvertakenHandler] })
class HandlersModule {}

describe('an operation', () => {
  let app: App;
  beforeAll(async () => {
    app = await App.start({ operations: { leaseS: 60 } }, [HandlersModule]);
  });
  afterAll(() => app[Symbol.asyncDispose]());

  it.each<[how: string, end: object]>([
    ['undefined', { error: { code: 'handler_error', message: 'the handler failed without a message' } }],
    ['text', { error: { code: 'handler_error', message: 'no error at all' } }],
    ['NUL code', { error: { code: 'a\ufffdb', message: 'told' } }],
    ['no code', { error: { code: 'handler_error', message: 'told' } }],
    ['no text', { error: { code: 'handler_error', message: 'the handler failed without a message' } }],
    ['bigint', { status: 'Failed', error: { code: 'result_not_json' } }],
    ['NUL file', { status: 'Finished', file: 'a\ufffdb' }],
  ])('ends at once, whatever odd thing its handler does: %s', async (how, end) => {
    const { id } = await app.client.submit({ type: 'test.odd', input: { how } });
    expect(await app.client.ended(id, 4)).toMatchObject(end);
  });

  it('whose check hangs in the worker ends with its timeout', async () => {
    const { id } = await app.client.submit({ type: 'test.pondering', timeout_s: 0.1 });
    expect((await app.client.ended(id)).error).toMatchObject({ code: 'timeout' });
  });

  it('is not Finished by a handler that returns nothing because it was told to stop', async () => {
    const late = await app.client.submit({ type: 'test.obedient', timeout_s: 0.1 });
    expect((await app.client.ended(late.id)).error).toMatchObject({ code: 'timeout' });
    const { id } = await app.client.submit({ type: 'test.obedient' });
    await expect.poll(async () => (await app.client.ended(id, 0)).status).toBe('Executing');
    expect((await app.client.post(`/v1/operations/${id}/cancel`)).body.status).toBe('Canceled');
  });

  it('that its own process takes over when the lease has run out stops the handler that still runs', async () => {
    const { id } = await app.client.submit({ type: 'test.overtaken' });
    await expect.poll(async () => (await app.client.ended(id, 0)).status).toBe('Executing');
    await rowsOf(
      app.databaseUrl,
      `UPDATE live_operation SET look_at = now(), due_at = now() WHERE request_id = (SELECT request_id FROM operation WHERE rid = '${id}')`,
    );
    expect(await app.client.ended(id)).toMatchObject({ status: 'Finished', attempt: 2 });
    await expect
      .poll(() => app.nest.get(OvertakenHandler).stopped)
      .toEqual(['the run was aborted: lease-lost']);
  });
});
