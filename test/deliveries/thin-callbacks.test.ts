import { Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OperationType, type OperationHandler } from '../../src/operations/run/operation-type.js';
import { App } from '../support/app.js';
import { type Received, Receiver } from '../support/receiver.js';

const THIN_OVER = 20_000;

/** Ends with the lengths that it is told. */
@OperationType<{ result: number | null; custom: number | null }>({ name: 'sized', title: 'End with so much' })
class Sized implements OperationHandler<{ result: number | null; custom: number | null }> {
  async run({ result, custom }: { result: number | null; custom: number | null }) {
    const text = (length: number | null) => (length === null ? null : 'x'.repeat(length));
    return { result: text(result), custom: text(custom) };
  }
}
@Module({ providers: [Sized] })
class SizedModule {}

let app: App;
beforeAll(async () => {
  app = await App.start({ operations: { thinOver: THIN_OVER } }, [SizedModule]);
});
afterAll(() => app[Symbol.asyncDispose]());

const dataOf = ({ body }: Received): any => JSON.parse(body).data;
const told = ({ result, result_omitted, custom, custom_omitted }: any): unknown[] => [
  result?.length ?? null,
  result_omitted,
  custom?.length ?? null,
  custom_omitted,
];

describe('a callback', () => {
  it.each<[result: number | null, custom: number | null, thinOver: number | undefined, expected: unknown[]]>([
    [15_000, 100, undefined, [15_000, undefined, 100, undefined]],
    [25_000, 100, undefined, [null, true, 100, undefined]],
    [25_000, 100, 30_000, [25_000, undefined, 100, undefined]],
    [5_000, 100, 4_000, [null, true, 100, undefined]],
    [10, 100, 0, [null, true, 100, undefined]],
    // There is nothing to leave out.
    [null, null, 0, [null, undefined, null, undefined]],
    [null, 100, 0, [null, undefined, 100, undefined]],
    [25_000, 25_000, undefined, [null, true, null, true]],
    [null, 25_000, undefined, [null, undefined, null, true]],
    [null, 25_000, 30_000, [null, undefined, 25_000, undefined]],
  ])(
    'of a result of %s and a custom of %s, thin over %s, has %j',
    async (result, custom, thinOver, expected) => {
      await using receiver = await Receiver.answering(200);
      const client = await app.account(`own ${result} ${custom} ${thinOver}`);
      const callback = { url: receiver.url, ...(thinOver === undefined ? {} : { thin_over: thinOver }) };
      const operation = await client.submit({ type: 'sized', input: { result, custom }, callback });
      const [received] = await receiver.received(1);
      expect(told(dataOf(received!))).toEqual(expected);
      const ended = await client.ended(operation.id);
      // Polling leaves nothing out, and says nothing of it.
      expect(told(ended)).toEqual([result, undefined, custom, undefined]);
      expect(dataOf(received!).links.result).toBe(ended.links.result);
    },
  );

  it('of an endpoint is as thin as that endpoint says, beside others of the same account', async () => {
    const client = await app.account('endpoints');
    const limits = [null, 30_000, 4_000, 0];
    const receivers = await Promise.all(limits.map(() => Receiver.answering(200)));
    for (const [at, thin_over] of limits.entries()) {
      const { body } = await client.post('/v1/endpoints', { url: receivers[at]!.url, thin_over });
      expect(body.thin_over).toBe(thin_over);
    }
    await client.submit({ type: 'sized', input: { result: 25_000, custom: 100 } });
    const seen = await Promise.all(
      receivers.map(async (receiver) => told(dataOf((await receiver.received(1))[0]!))),
    );
    const thin = [null, true, 100, undefined];
    expect(seen).toEqual([thin, [25_000, undefined, 100, undefined], thin, thin]);
    await client.submit({ type: 'sized', input: { result: null, custom: 25_000 } });
    const second = await Promise.all(
      receivers.map(async (receiver) => told(dataOf((await receiver.received(2))[1]!))),
    );
    const bare = [null, undefined, null, true];
    expect(second).toEqual([bare, [null, undefined, 25_000, undefined], bare, bare]);
    for (const receiver of receivers) await receiver[Symbol.asyncDispose]();
  });

  it('of a rerun is as thin as that of the first run', async () => {
    await using receiver = await Receiver.answering(200);
    const callback = { url: receiver.url, thin_over: 4_000 };
    const first = await app.client.submit({
      type: 'sized',
      input: { result: 5_000, custom: null },
      callback,
    });
    await receiver.received(1);
    await app.client.ended(first.id);
    expect((await app.client.post(`/v1/operations/${first.id}/rerun`)).status).toBe(202);
    const [, again] = await receiver.received(2);
    expect(told(dataOf(again!))).toEqual([null, true, null, undefined]);
  });
});

describe('thin_over', () => {
  it.each([-1, 1.5, '4000', 16_777_217, true])('is refused as %j, with the field', async (thin_over) => {
    const url = 'https://example.com/hook';
    for (const [route, body, path] of [
      ['/v1/endpoints', { url, thin_over }, 'thin_over'],
      ['/v1/operations', { type: 'echo', callback: { url, thin_over } }, 'callback.thin_over'],
    ] as const) {
      const refused = await app.client.post(route, body);
      expect([refused.status, refused.body.errors[0].path]).toEqual([422, path]);
    }
  });

  it('of an endpoint is changed, and taken back by null', async () => {
    const client = await app.account('changes');
    const { body } = await client.post('/v1/endpoints', { url: 'https://example.com/hook', thin_over: 9 });
    const change = async (given: object) =>
      (await client.request('PATCH', `/v1/endpoints/${body.id}`, given)).body.thin_over;
    expect([await change({ thin_over: 10 }), await change({ description: 'a' })]).toEqual([10, 10]);
    expect(await change({ thin_over: null })).toBeNull();
  });
});
