import { Module } from '@nestjs/common';
import { IsInt } from 'class-validator';
import { type OperationContext, OperationError, type OperationHandler, OperationType } from 'ringback';
import { describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import { Receiver } from '../support/receiver.js';

class CountInput {
  @IsInt()
  to: number;
}

/** Fails twice before it succeeds, and tells what it does. */
@OperationType<CountInput>({
  name: 'test.count',
  title: 'Count',
  input: CountInput,
  tries: 3,
  backoffS: [0.05],
})
class CountHandler implements OperationHandler<CountInput> {
  run(input: CountInput, context: OperationContext) {
    for (let number = 1; number <= input.to; number++)
      context.progress((100 * number) / input.to, `${number} of ${input.to}`);
    context.log(`attempt ${context.attempt}`);
    if (context.attempt < 3) throw new Error('not yet');
    return Promise.resolve({ custom: { counted: input.to } });
  }
}

@OperationType({ name: 'test.refuse', title: 'Refuse' })
class RefuseHandler implements OperationHandler {
  run(_: unknown, context: OperationContext): Promise<void> {
    return context.fail('out-of-stock', 'there is none left');
  }
}

@OperationType({ name: 'test.huge', title: 'Give too much back' })
class HugeHandler implements OperationHandler {
  run() {
    return Promise.resolve({ result: 'x'.repeat(2 * 1024 * 1024) });
  }
}

@OperationType({ name: 'test.bigint', title: 'Give back what is no JSON' })
class BigintHandler implements OperationHandler {
  run() {
    return Promise.resolve({ custom: { rows: 1n } });
  }
}

@OperationType({ name: 'test.once', title: 'Never twice', tries: 1 })
class OnceHandler implements OperationHandler {
  run(): Promise<void> {
    return Promise.reject(new OperationError('flaky', 'may help to try again', true));
  }
}

@Module({ providers: [CountHandler, RefuseHandler, HugeHandler, BigintHandler, OnceHandler] })
class HandlersModule {}

describe('a handler of a provider', () => {
  it('is retried with its backoff, and its progress and log lines are kept', async () => {
    await using app = await App.start({}, [HandlersModule]);
    const operation = await app.client.submit({ type: 'test.count', input: { to: 400 } });
    const ended = await app.client.ended(operation.id);
    expect(ended).toMatchObject({ status: 'Finished', attempt: 3, custom: { counted: 400 } });
    const history = (await app.client.get(`/v1/operations/${operation.id}/history`)).body.data;
    const texts = history.map(({ text }: { text: string }) => text);
    expect(texts).toEqual(
      expect.arrayContaining([
        'attempt 1',
        'attempt 2',
        'attempt 3',
        '400 of 400',
        'Attempt 1 failed (handler_error): not yet',
      ]),
    );
    expect(history.length).toBeLessThan(25);
  });

  it('ends its operation for good with fail()', async () => {
    await using app = await App.start({}, [HandlersModule]);
    await using receiver = await Receiver.answering(200);
    const operation = await app.client.submit({ type: 'test.refuse', callback: { url: receiver.url } });
    const ended = await app.client.ended(operation.id);
    expect(ended).toMatchObject({
      status: 'Failed',
      attempt: 1,
      error: { code: 'out-of-stock' },
      status_info: 'there is none left',
      result: null,
    });
    const [received] = await receiver.received(1);
    expect(JSON.parse(received!.body)).toMatchObject({
      type: 'operation.failed',
      data: { error: { code: 'out-of-stock' } },
    });
  });

  it('fails when it gives back more than 1 MiB or what is no JSON, or when its one try is spent', async () => {
    await using app = await App.start({}, [HandlersModule]);
    const huge = await app.client.submit({ type: 'test.huge' });
    expect(await app.client.ended(huge.id)).toMatchObject({
      status: 'Failed',
      error: { code: 'result_too_large' },
    });
    const bigint = await app.client.submit({ type: 'test.bigint' });
    expect(await app.client.ended(bigint.id)).toMatchObject({
      status: 'Failed',
      attempt: 1,
      error: { code: 'result_not_json' },
    });
    const once = await app.client.submit({ type: 'test.once' });
    expect(await app.client.ended(once.id)).toMatchObject({
      status: 'Failed',
      attempt: 1,
      error: { code: 'flaky' },
    });
  });

  it('is described with the JSON Schema of its input', async () => {
    await using app = await App.start({}, [HandlersModule]);
    const { body } = await app.client.get('/v1/operation-types/test.count');
    expect(body).toMatchObject({
      name: 'test.count',
      title: 'Count',
      input_schema: {
        type: 'object',
        required: ['to'],
        properties: { to: { type: 'integer' } },
        additionalProperties: false,
      },
    });
  });

  it('stops the boot when its name is taken, and names the remedy', async () => {
    @OperationType({ name: 'echo', title: 'Another echo' })
    class OtherEcho implements OperationHandler {
      run(): Promise<void> {
        return Promise.resolve();
      }
    }
    @Module({ providers: [OtherEcho] })
    class DoubleModule {}
    await expect(App.start({}, [DoubleModule])).rejects.toThrow(
      'two handlers for operation type "echo": rename one',
    );
  });
});
