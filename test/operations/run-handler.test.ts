import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { IsInt, IsString, Min } from 'class-validator';
import { describe, expect, it } from 'vitest';
import { OperationError, type OperationContext } from '../../src/operations/run/operation-context.js';
import { type OperationHandler, OperationType } from '../../src/operations/run/operation-type.js';
import { runHandler } from '../../src/testing/index.js';
import { App } from '../support/app.js';
import { Module } from '@nestjs/common';

class RepeatInput {
  @IsString()
  file: string;

  @IsInt()
  @Min(1)
  times: number;
}

@OperationType<RepeatInput>({ name: 'test.repeat', title: 'Repeat a file', input: RepeatInput })
class RepeatHandler implements OperationHandler<RepeatInput> {
  check({ times }: RepeatInput) {
    return times > 100 ? [{ path: 'input.times', message: 'is too much' }] : [];
  }

  async run({ file, times }: RepeatInput, context: OperationContext) {
    const { stream, name } = await context.openFile(file);
    const content = await text(stream);
    context.log(`read ${name}`);
    context.progress(120, 'Read');
    const stored = await context.saveFile(Readable.from([content.repeat(times)]), {
      name: `${times} times ${name}`,
      contentType: 'text/plain',
    });
    return { file: stored.id, result: { at: new Date(0), none: undefined }, custom: { size: stored.size } };
  }
}

type Act = (context: OperationContext) => unknown;

@OperationType({ name: 'test.acting', title: 'Do what the test says' })
class ActingHandler implements OperationHandler {
  constructor(private readonly act: Act) {}

  async run(_input: unknown, context: OperationContext) {
    return (await this.act(context)) as never;
  }
}

const outcomeOf = async (act: Act, options = {}) =>
  (await runHandler(new ActingHandler(act), null, options)).outcome;

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop);
  });

describe('runHandler', () => {
  it('answers the outcome as callers get it, progress, stored files and logged lines', async () => {
    const ran = await runHandler(
      RepeatHandler,
      { file: 'file_1', times: 2 },
      { files: { '1': { content: 'ab', name: 'a.txt' } } },
    );
    const [file] = ran.files;
    expect(ran.outcome).toEqual({
      status: 'Finished',
      result: { at: '1970-01-01T00:00:00.000Z' },
      custom: { size: 4 },
      file: file!.id,
      status_text: 'Finished',
    });
    expect(ran.progress).toEqual([{ percent: 100, text: 'Read' }]);
    expect(ran.lines).toEqual(['read a.txt']);
    expect(file).toMatchObject({ name: '2 times a.txt', contentType: 'text/plain', size: 4 });
    expect(file!.content.toString()).toBe('abab');
  });

  it('refuses input as a submit does, by the class and by the handler', async () => {
    const { outcome } = await runHandler(RepeatHandler, { file: 'x', times: 0, more: 1 });
    expect(outcome).toMatchObject({ status: 'Refused' });
    const errors = outcome.status === 'Refused' ? outcome.errors.map(({ path }) => path).sort() : [];
    expect(errors).toEqual(['input.more', 'input.times']);
    expect((await runHandler(RepeatHandler, { file: 'x', times: 101 })).outcome).toEqual({
      status: 'Refused',
      errors: [{ path: 'input.times', message: 'is too much' }],
    });
  });

  it('judges what a handler throws, and what cannot be stored', async () => {
    const failed = (code: string, retry: boolean) => ({ status: 'Failed', retry, error: { code } });
    expect(await outcomeOf((context) => context.fail('no', 'never'))).toMatchObject(failed('no', false));
    expect(
      await outcomeOf(() => {
        throw new OperationError('later', 'busy', true);
      }),
    ).toMatchObject(failed('later', true));
    expect(
      await outcomeOf(() => {
        throw new TypeError('oops');
      }),
    ).toEqual({ status: 'Failed', retry: true, error: { code: 'handler_error', message: 'oops' } });
    expect(await outcomeOf((context) => context.openFile('none'))).toMatchObject({
      error: { code: 'file_not_found' },
    });
    expect(await outcomeOf(() => ({ result: 1n }))).toMatchObject(failed('result_not_json', false));
    expect(await outcomeOf(() => ({ result: 'x'.repeat(2 ** 21) }))).toMatchObject(
      failed('result_too_large', false),
    );
    expect(await outcomeOf(() => undefined)).toMatchObject({ status: 'Finished', result: null, file: null });
  });

  it('cancels after a time: what stops, or doesn’t, is Canceled; what has an outcome is Finished', async () => {
    const cancelAfter = 20;
    expect(await outcomeOf(({ signal }) => untilAborted(signal), { cancelAfter })).toEqual({
      status: 'Canceled',
    });
    expect(await outcomeOf(({ signal }) => untilAborted(signal), { cancelAfter: 0 })).toEqual({
      status: 'Canceled',
    });
    const returning: Act = ({ signal }) => untilAborted(signal).catch(() => ({ result: 'done' }));
    expect(await outcomeOf(returning, { cancelAfter })).toMatchObject({ status: 'Finished', result: 'done' });
    const deaf = outcomeOf(() => new Promise(() => undefined), { cancelAfter, cancelGrace: 20 });
    expect(await deaf).toEqual({ status: 'Canceled' });
  });

  it('says what is no handler', async () => {
    await expect(runHandler(class Plain {} as never, null)).rejects.toThrow(
      'Plain is no operation handler: mark it with @OperationType',
    );
  });

  it('answers what a worker makes of the same handler', async () => {
    @Module({ providers: [RepeatHandler] })
    class Handlers {}
    await using app = await App.start({}, [Handlers]);
    const { body: file } = await app.client.post('/v1/files?name=a.txt', 'ab', {
      'content-type': 'text/plain',
    });
    const { id } = await app.client.submit({ type: 'test.repeat', input: { file: file.id, times: 2 } });
    const ended = await app.client.ended(id);
    const { outcome } = await runHandler(
      RepeatHandler,
      { file: file.id, times: 2 },
      { files: { [file.id]: { content: 'ab', name: 'a.txt' } } },
    );
    const { status, result, custom, status_text } = ended;
    expect({ status, result, custom, status_text, file: expect.any(String) }).toEqual(outcome);
  });
});
