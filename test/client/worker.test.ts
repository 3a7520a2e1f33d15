import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RingbackClient, type WorkContext, WorkError } from '../../src/client/index.js';
import { App } from '../support/app.js';
import { claim, declare } from '../support/work.js';

const TYPE = 'report.build';
let app: App;
let client: RingbackClient;
beforeAll(async () => {
  app = await App.start();
  client = new RingbackClient({ url: app.client.url, apiKey: app.client.key });
  await declare(app.client, TYPE, { tries: 2, retry: { backoff_s: [0] } });
});
afterAll(() => app[Symbol.asyncDispose]());

/** A handler that runs until its signal fires. */
function heeding(): {
  handler: (input: unknown, context: WorkContext) => Promise<void>;
  running: Promise<void>;
} {
  const running = Promise.withResolvers<void>();
  const handler = (_: unknown, { signal }: WorkContext): Promise<void> =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
      running.resolve();
    });
  return { handler, running: running.promise };
}

describe('client.work', () => {
  it('runs what is submitted, shows its progress, and tells its result', async () => {
    const stop = new AbortController();
    const working = client.work<{ pages: number }>({
      types: [TYPE],
      leaseS: 5,
      signal: stop.signal,
      handler: ({ pages }, context) => {
        context.progress(50, 'half');
        context.log(`of ${context.operation.account_id}`);
        return { result: { pages: pages + 1 }, text: 'Built' };
      },
    });
    const operations = await client.batch(
      Array.from({ length: 30 }, (_, pages) => ({ type: TYPE, input: { pages } })),
    );
    for (const [pages, { operation }] of operations.entries())
      expect(await client.wait(operation!.id)).toMatchObject({
        status: 'Finished',
        status_text: 'Built',
        result: { pages: pages + 1 },
      });
    const entries = await app.client.get(`/v1/operations/${operations[0]!.operation!.id}/history`);
    expect(entries.body.data.map(({ text }: any) => text)).toContainEqual(expect.stringMatching(/^of /));
    stop.abort();
    await working;
  });

  it('tells failures as they are: for good, or to be tried again', async () => {
    const stop = new AbortController();
    let tries = 0;
    const working = client.work<string>({
      types: [TYPE],
      signal: stop.signal,
      handler: (input) => {
        if (input === 'spoilt') throw new WorkError('spoilt', 'it is spoilt');
        if (input === 'circle') {
          const circle: { self?: unknown } = {};
          circle.self = circle;
          return { result: circle };
        }
        if (++tries === 1) throw new Error('not this time');
        return {};
      },
    });
    const ends = ['spoilt', 'circle', 'twice'].map(async (input) =>
      client.wait((await client.submit({ type: TYPE, input })).id),
    );
    expect(await Promise.all(ends)).toMatchObject([
      { status: 'Failed', error: { code: 'spoilt' }, attempt: 1 },
      { status: 'Failed', error: { code: 'result_not_json' } },
      { status: 'Finished', attempt: 2 },
    ]);
    stop.abort();
    await working;
  });

  it('fires the signal of an operation that is canceled, which is Canceled then', async () => {
    const stop = new AbortController();
    const { handler, running } = heeding();
    const working = client.work({ types: [TYPE], leaseS: 5, signal: stop.signal, handler });
    const { id } = await client.submit({ type: TYPE });
    await running;
    expect(await client.cancel(id)).toMatchObject({ status: 'Canceled' });
    stop.abort();
    await working;
  });

  it('gives back what still runs when it is stopped, for another worker', async () => {
    const stop = new AbortController();
    const { handler, running } = heeding();
    // With one place it asks for no other meanwhile: a claim on its way might have what is given back, for a moment.
    const options = { types: [TYPE], concurrency: 1, graceS: 0, signal: stop.signal };
    const working = client.work({ ...options, handler });
    const { id } = await client.submit({ type: TYPE });
    await running;
    stop.abort();
    await working;
    const [again] = await claim(app.client, [TYPE]);
    expect(again.operation).toMatchObject({ id, attempt: 2, tries: 3 });
  });

  it('rejects where the service refuses what it asks for', async () => {
    const handler = (): void => undefined;
    await expect(client.work({ types: ['unknown.type'], handler })).rejects.toMatchObject({
      code: 'unknown-operation-type',
    });
  });
});
