import { afterAll, beforeAll, describe, it } from 'vitest';
import type { HistoryEntry, Operation } from '../../src/client/index.js';
import { App } from '../support/app.js';
import { redisUrls } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { goDriver, LANGUAGES, PYTHON } from './drivers.js';
import { ended, startProgram } from './programs.js';

/** Types of the drivers' workers: `clients/conformance/drivers/worker.*` and `go/worker.go` run them. */
const TYPES: Record<string, object> = {
  'conformance.echo': { title: 'Gives its input back' },
  'conformance.steps': { title: 'Tells of three steps' },
  'conformance.endless': { title: 'Runs until it is stopped' },
  'conformance.refused': { title: 'Fails for good' },
  'conformance.flaky': { title: 'Fails once', tries: 2, retry: { backoff_s: [0.1] } },
  'conformance.large': { title: 'Gives more than is taken', tries: 1 },
};
const SCOPES = ['operations:write', 'operations:read', 'deliveries:redeliver', 'endpoints:write', 'work'];

// What a client says over HTTP has nothing to do with the queue.
describe.skipIf(redisUrls().length > 0)('A client against the service', { timeout: 120_000 }, () => {
  let app: App;
  beforeAll(async () => {
    // A worker that is killed is missed after its lease, and a lease has at least five seconds.
    app = await App.start();
    for (const [name, type] of Object.entries(TYPES))
      await app.client.request('PUT', `/v1/operation-types/${name}`, type);
    if (PYTHON) await goDriver();
  }, 180_000);
  afterAll(() => app[Symbol.asyncDispose]());

  it.concurrent.for(LANGUAGES.filter(({ there }) => there))(
    'in $name submits, follows, lists, cancels, redelivers and verifies',
    async ({ name, start }, { expect }) => {
      await using receiver = await Receiver.answering();
      const account = await app.account(`client in ${name}`);
      const { secret } = (await account.get('/v1/signing-secret')).body as { secret: string };
      await using driver = await start();
      const call = async <T>(what: string, args: object): Promise<T> => {
        const { value, error } = await driver.call(what, args, {
          url: account.url,
          api_key: account.key,
          backoff_s: 0.05,
        });
        expect(error).toBeUndefined();
        return value as T;
      };
      const input = { list: [1, null, 'Zoë 💩'], nested: { empty: {} } };
      const request = { type: 'echo', input, callback: { url: receiver.url }, correlation: 'order 17' };
      const submitted = await call<Operation>('submit', { request, idempotency_key: 'order-17' });
      const again = await call<Operation>('submit', { request, idempotency_key: 'order-17' });
      expect(again.id).toBe(submitted.id);
      const done = await call<Operation>('wait', { id: submitted.id });
      expect(done).toMatchObject({ status: 'Finished', result: input, correlation: 'order 17' });
      const history = await call<HistoryEntry[]>('stream', { id: submitted.id });
      expect(history.map(({ status }) => status).filter(Boolean)).toEqual([
        'Waiting',
        'Executing',
        'Finished',
      ]);
      expect(JSON.parse((await call<{ text: string }>('result', { id: submitted.id })).text)).toEqual(input);
      const [callback] = await receiver.received(1);
      const { body, headers } = callback!;
      expect(await call('verify', { body, headers, secrets: [secret] })).toEqual(JSON.parse(body));
      const sleeper = await call<Operation>('submit', { request: { type: 'sleep', input: { seconds: 60 } } });
      expect(await call('cancel', { id: sleeper.id })).toMatchObject({ status: 'Canceled' });
      const listed = await call<Operation[]>('list', {
        filter: { status: 'Finished,Canceled', order: 'desc' },
      });
      expect(listed.map(({ id }) => id)).toEqual([sleeper.id, submitted.id]);
      const delivered = { filter: { operation: submitted.id, status: 'Delivered' } };
      await expect.poll(() => call('deliveries', delivered)).toHaveLength(1);
      await call('redeliver', { id: headers['webhook-id'], again: true });
      const [, second] = await receiver.received(2);
      expect([second!.body, second!.headers['webhook-id']]).toEqual([body, headers['webhook-id']]);
      const rerun = await call<Operation>('rerun', { id: submitted.id, input: 'edited' });
      expect(await call('wait', { id: rerun.id })).toMatchObject({
        result: 'edited',
        rerun_of: submitted.id,
      });
    },
  );

  it.concurrent.for(['TypeScript', ...(PYTHON ? ['Python', 'Go'] : [])])(
    'in %s works: results, progress, failures, tries, cancels, a stop and a kill',
    async (language, { expect }) => {
      const account = await app.account(`worker in ${language}`, 20, SCOPES);
      const task = { url: account.url, key: account.key, concurrency: 10, grace_s: 0.2 };
      const submit = async (type: string, input: unknown = {}): Promise<string> =>
        (await account.post('/v1/operations', { type: `conformance.${type}`, input })).body.id;
      const state = async (id: string): Promise<Operation> =>
        (await account.get(`/v1/operations/${id}`)).body as Operation;
      const end = async (id: string): Promise<Operation> => {
        await expect.poll(async () => (await state(id)).finished_at, { timeout: 60_000 }).not.toBeNull();
        return state(id);
      };
      const first = await startProgram(language, 'worker', { ...task, name: 'first' });
      let second = first;
      try {
        const echoes = await Promise.all(Array.from({ length: 30 }, (_, n) => submit('echo', { n })));
        const [steps, refused, flaky, large, canceled] = await Promise.all(
          ['steps', 'refused', 'flaky', 'large', 'endless'].map((type) => submit(type)),
        );
        for (const [n, id] of echoes.entries())
          expect(await end(id)).toMatchObject({ status: 'Finished', result: { n } });
        expect(await end(refused!)).toMatchObject({
          status: 'Failed',
          error: { code: 'no_such_report', message: 'there is no report 17' },
          attempt: 1,
        });
        expect(await end(flaky!)).toMatchObject({ status: 'Finished', result: 2, attempt: 2 });
        expect(await end(large!)).toMatchObject({ status: 'Failed', error: { code: 'result_refused' } });
        expect(await end(steps!)).toMatchObject({
          status: 'Finished',
          result: { steps: 3 },
          custom: { by: 'first' },
          status_text: 'all three',
        });
        const told = (await account.get(`/v1/operations/${steps}/history`)).body.data as HistoryEntry[];
        const lines = told.filter(({ kind }) => kind === 'log').map(({ text }) => text);
        expect(lines).toEqual(['line 1', 'line 2', 'line 3']);
        expect(told.filter(({ kind }) => kind === 'progress').length).toBeGreaterThan(1);
        await expect.poll(async () => (await state(canceled!)).status_text).toBe('begun by first');
        await account.post(`/v1/operations/${canceled}/cancel`);
        expect(await end(canceled!)).toMatchObject({ status: 'Canceled' });
        const endless = await submit('endless');
        await expect.poll(async () => (await state(endless)).status_text).toBe('begun by first');
        // What runs longer than its grace is given back at once.
        expect(await ended(first, 'SIGTERM')).toBe(0);
        second = await startProgram(language, 'worker', { ...task, name: 'second' });
        await expect.poll(async () => (await state(endless)).status_text).toBe('begun by second');
        await ended(second, 'SIGKILL');
        second = await startProgram(language, 'worker', { ...task, name: 'third' });
        await expect
          .poll(async () => (await state(endless)).status_text, { timeout: 60_000 })
          .toBe('begun by third');
        await account.post(`/v1/operations/${endless}/cancel`);
        expect(await end(endless)).toMatchObject({ status: 'Canceled' });
      } finally {
        await ended(second, 'SIGKILL');
      }
    },
  );
});
