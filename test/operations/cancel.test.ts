import { existsSync, readFileSync } from 'node:fs';
import { Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RingbackClient } from '../../src/client/index.js';
import type { OperationContext } from '../../src/operations/run/operation-context.js';
import {
  type OperationHandler,
  type OperationOutcome,
  OperationType,
} from '../../src/operations/run/operation-type.js';
import { RescueStore } from '../../src/operations/end/rescue.store.js';
import { App } from '../support/app.js';
import { newDatabase, rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy, temporaryFolder } from '../support/service.js';

/** Resolves when a run's signal has fired. */
function stopped({ signal }: OperationContext): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

@OperationType({ name: 'test.tidy', title: 'Tidy up for a while when it is stopped' })
class TidyHandler implements OperationHandler {
  tidied = 0;

  async run(_: unknown, context: OperationContext): Promise<void> {
    await stopped(context);
    await new Promise(setImmediate);
    context.log('tidied up');
    this.tidied += 1;
    throw context.signal.reason;
  }
}

@OperationType({ name: 'test.late', title: 'Be too far on to be stopped' })
class LateHandler implements OperationHandler {
  async run(_: unknown, context: OperationContext): Promise<OperationOutcome> {
    await stopped(context);
    return { result: 'done all the same' };
  }
}

@OperationType({ name: 'test.lingering', title: 'Stop when it is let go, once it was asked to' })
class LingeringHandler implements OperationHandler {
  letGo = (): void => undefined;

  async run(_: unknown, context: OperationContext): Promise<void> {
    await Promise.all([stopped(context), new Promise<void>((resolve) => (this.letGo = resolve))]);
    throw context.signal.reason;
  }
}

@OperationType({ name: 'test.stubborn', title: 'Take no notice' })
class StubbornHandler implements OperationHandler {
  run(): Promise<void> {
    return new Promise(() => undefined);
  }
}

@Module({ providers: [TidyHandler, LateHandler, LingeringHandler, StubbornHandler] })
class HandlersModule {}

describe('a cancel', () => {
  let app: App;
  beforeAll(async () => {
    app = await App.start({ operations: { cancelGraceS: 1.5 } }, [HandlersModule]);
  });
  afterAll(() => app[Symbol.asyncDispose]());

  async function running(type: string, more: object = {}): Promise<string> {
    const { id } = await app.client.submit({ type, ...more });
    await expect.poll(async () => (await app.client.ended(id, 0)).status).toBe('Executing');
    return id as string;
  }
  const cancel = (id: string) => app.client.post(`/v1/operations/${id}/cancel`);
  const texts = async (id: string): Promise<string[]> =>
    (await app.client.get(`/v1/operations/${id}/history`)).body.data.map(
      ({ text }: { text: string }) => text,
    );

  it('lets the handler stop in its own way before the operation is Canceled, and calls back once', async () => {
    await using receiver = await Receiver.answering();
    const id = await running('test.tidy', { callback: { url: receiver.url } });
    const first = await cancel(id);
    expect(first.status).toBe(200);
    expect(first.body).toMatchObject({ status: 'Canceled', error: null, result: null });
    expect(app.nest.get(TidyHandler).tidied).toBe(1);
    expect(await texts(id)).toEqual([
      'Accepted',
      'Attempt 1 of 3',
      'The caller asked to cancel',
      'tidied up',
      'Canceled by the caller',
    ]);
    const [callback] = await receiver.received(1);
    expect(JSON.parse(callback!.body)).toMatchObject({ type: 'operation.canceled', data: { id } });
    expect(await cancel(id)).toMatchObject({ status: 409, body: { code: 'operation-ended' } });
  });

  it('comes too late for a handler that ends its work all the same', async () => {
    const id = await running('test.late');
    const answer = await cancel(id);
    expect(answer).toMatchObject({ status: 409, body: { code: 'operation-ended' } });
    expect(answer.body.detail).toContain('Finished');
    expect((await app.client.ended(id)).result).toBe('done all the same');
  });

  it('is for good after the grace time, whatever the handler does', async () => {
    const id = await running('test.stubborn');
    const startedAt = performance.now();
    expect((await cancel(id)).body.status).toBe('Canceled');
    expect(performance.now() - startedAt).toBeGreaterThan(1_400);
  });

  it('is carried out by the dispatcher when the process that was asked has died', async () => {
    const id = await running('test.stubborn');
    const [row] = await rowsOf<{ account_id: string }>(
      app.databaseUrl,
      'SELECT account_id FROM operation LIMIT 1',
    );
    expect(await app.nest.get(RescueStore).askToStop(row!.account_id, id)).not.toBeNull();
    expect((await app.client.ended(id)).status).toBe('Canceled');
  });

  it('that many callers ask for at once is answered to each of them as Canceled', async () => {
    const id = await running('test.stubborn');
    const answers = await Promise.all(Array.from({ length: 20 }, () => cancel(id)));
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.status}`))).toEqual(
      new Set(['200 Canceled']),
    );
    expect((await texts(id)).filter((text) => text === 'Canceled by the caller')).toHaveLength(1);
  });

  it('of what waits, by many at once, ends it once: who comes after its end is told so', async () => {
    const runAt = new Date(Date.now() + 3_600_000).toISOString();
    const { id } = await app.client.submit({ type: 'echo', run_at: runAt });
    const answers = await Promise.all(Array.from({ length: 20 }, () => cancel(id)));
    const told = answers.map(({ status, body }) => (status === 200 ? body.status : body.code));
    expect(told).toContain('Canceled');
    expect(told.filter((text) => text !== 'Canceled' && text !== 'operation-ended')).toEqual([]);
    expect((await texts(id)).filter((text) => text === 'Canceled by the caller')).toHaveLength(1);
  });

  it('of what waits gives it no slot, and one that dies before the end leaves it as it was', async () => {
    const [account] = await rowsOf<{ id: string }>(app.databaseUrl, 'SELECT id FROM account LIMIT 1');
    const runAt = new Date(Date.now() + 3_600_000).toISOString();
    const { id } = await app.client.submit({ type: 'echo', run_at: runAt });
    expect(await app.nest.get(RescueStore).takeOver(account!.id, id)).not.toBeNull();
    expect(await app.client.ended(id, 0)).toMatchObject({ status: 'Waiting', status_text: 'Waiting...' });
    // As if the lease of who was ending it had run out.
    const [row] = await rowsOf<{ lease_token: string | null }>(
      app.databaseUrl,
      `UPDATE live_operation l SET look_at = now(), due_at = now() FROM operation o
       WHERE o.request_id = l.request_id AND o.rid = '${id}' RETURNING l.lease_token`,
    );
    expect(row!.lease_token).not.toBeNull();
    await expect
      .poll(() =>
        rowsOf(
          app.databaseUrl,
          `SELECT l.phase, l.lease_token, l.run_at = '${runAt}' AND l.look_at = l.run_at AND l.due_at = l.run_at AS due
           FROM live_operation l JOIN operation o USING (request_id) WHERE o.rid = '${id}'`,
        ),
      )
      .toEqual([{ phase: 'scheduled', lease_token: null, due: true }]);
    expect((await cancel(id)).body.status).toBe('Canceled');
  });

  it('of what waits takes effect at once', async () => {
    const runAt = new Date(Date.now() + 3_600_000).toISOString();
    const { id } = await app.client.submit({ type: 'echo', run_at: runAt });
    expect((await cancel(id)).body.status).toBe('Canceled');
  });
});

it('a cancel counts among the answers an account may have held: one too many is answered as it stands', async () => {
  await using app = await App.start({ operations: { cancelGraceS: 1.5, heldPerAccount: 1 } }, [
    HandlersModule,
  ]);
  const { id } = await app.client.submit({ type: 'test.stubborn' });
  await expect.poll(async () => (await app.client.get(`/v1/operations/${id}`)).body.status).toBe('Executing');
  const first = app.client.post(`/v1/operations/${id}/cancel`);
  const history = () => app.client.get(`/v1/operations/${id}/history`);
  await expect.poll(async () => (await history()).text).toContain('asked to cancel');
  const second = await app.client.post(`/v1/operations/${id}/cancel`);
  expect(second).toMatchObject({ status: 200, body: { status: 'Executing' } });
  expect(second.headers.get('retry-after')).toMatch(/^[12]$/);
  // The client asks again when it was told to, and not before.
  let asked = 0;
  const counting: typeof fetch = (...given) => {
    asked++;
    return fetch(...given);
  };
  const client = new RingbackClient({ url: app.client.url, apiKey: app.client.key, fetch: counting });
  expect((await client.cancel(id)).status).toBe('Canceled');
  expect(asked).toBeLessThanOrEqual(4);
  expect(await first).toMatchObject({ status: 200, body: { status: 'Canceled' } });
});

it('a cancel that no wake-up told reaches the handler soon', async () => {
  await using app = await App.start({ operations: { cancelGraceS: 60, leaseS: 300 } }, [HandlersModule]);
  const { id } = await app.client.submit({ type: 'test.tidy' });
  // Not by its first look at the run alone.
  const runsFor = async (): Promise<number> =>
    Date.now() - Date.parse((await app.client.ended(id, 0)).started_at as string);
  await expect.poll(runsFor, { timeout: 10_000 }).toBeGreaterThan(1_800);
  await rowsOf(
    app.databaseUrl,
    `UPDATE live_operation SET cancel_at = now() + interval '1 minute' WHERE request_id = (SELECT request_id FROM operation WHERE rid = $1)`,
    [id],
  );
  expect((await app.client.ended(id)).status).toBe('Canceled');
  expect(app.nest.get(TidyHandler).tidied).toBe(1);
});

it('a cancel whose handler takes long to stop is answered before proxies cut it off, and the client asks again', async () => {
  await using app = await App.start({ operations: { cancelGraceS: 60 } }, [HandlersModule]);
  const { id } = await app.client.submit({ type: 'test.lingering' });
  await expect.poll(async () => (await app.client.ended(id, 0)).status).toBe('Executing');
  const ended = new RingbackClient({ url: app.client.url, apiKey: app.client.key }).cancel(id);
  const answer = await app.client.post(`/v1/operations/${id}/cancel`);
  expect(answer).toMatchObject({ status: 200, body: { status: 'Executing' } });
  const again = Number(answer.headers.get('retry-after'));
  expect(again).toBeGreaterThan(0);
  expect(again).toBeLessThanOrEqual(9);
  app.nest.get(LingeringHandler).letGo();
  expect((await ended).status).toBe('Canceled');
}, 60_000);

it('a shutdown of the process that was asked to cancel leaves the handler in another one its grace time', async () => {
  await using worker = await App.start({ operations: { cancelGraceS: 1.5 } }, [HandlersModule]);
  const roles = new Set(['api'] as const);
  const api = await App.start(
    { database: { url: worker.databaseUrl }, operations: { cancelGraceS: 1.5 }, process: { roles } },
    [HandlersModule],
  );
  const { id } = await api.client.submit({ type: 'test.stubborn' });
  await expect.poll(async () => (await worker.client.ended(id, 0)).status).toBe('Executing');
  const canceled = api.client.post(`/v1/operations/${id}/cancel`);
  const stopping = () => worker.client.get(`/v1/operations/${id}/history`);
  await expect.poll(async () => (await stopping()).text).toContain('asked to cancel');
  await api[Symbol.asyncDispose]();
  expect(await canceled).toMatchObject({ status: 200, body: { status: 'Executing' } });
  expect((await worker.client.ended(id)).status).toBe('Canceled');
});

it(
  'a canceled operation whose worker is killed meanwhile is Canceled, and not run again',
  { timeout: 60_000 },
  async () => {
    const shared = { ...sharedBy(await newDatabase()), RINGBACK_CANCEL_GRACE_S: '2' };
    await using folder = await temporaryFolder();
    await using api = await Service.start({ ...shared, RINGBACK_ROLE: 'api' });
    await using worker = await Service.start({ ...shared, RINGBACK_ROLE: 'worker' });
    const file = `${folder.path}/runs`;
    const { id } = await api.client.submit({ type: 'test.stubborn', input: { file, ms: 60_000 } });
    await expect.poll(() => existsSync(file)).toBe(true);
    const canceled = api.client.post(`/v1/operations/${id}/cancel`);
    const stopping = () => api.client.get(`/v1/operations/${id}/history`);
    await expect.poll(async () => (await stopping()).text).toContain('asked to cancel');
    await worker.end('SIGKILL');
    expect((await canceled).body.status).toBe('Canceled');
    await using _other = await Service.start({ ...shared, RINGBACK_ROLE: 'worker' });
    const { id: next } = await api.client.submit({ type: 'echo' });
    expect((await api.client.ended(next)).status).toBe('Finished');
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(2);
  },
);
