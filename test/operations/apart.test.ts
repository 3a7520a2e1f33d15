import { setTimeout as delay } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Submissions } from '../../src/operations/accept/submissions.service.js';
import type { OperationContext } from '../../src/operations/run/operation-context.js';
import { type OperationHandler, OperationType } from '../../src/operations/run/operation-type.js';
import { App } from '../support/app.js';
import type { Client } from '../support/client.js';
import { rowsOf } from '../support/database.js';

/** Runs until it is told to stop, at its first attempt; ends at once at the second. */
@OperationType({ name: 'test.apart', title: 'Run apart', internal: true, apart: true, tries: 2 })
class ApartHandler implements OperationHandler<{ endless?: boolean }> {
  async run({ endless }: { endless?: boolean }, { attempt, signal }: OperationContext) {
    if (endless || attempt === 1) await delay(60_000, undefined, { signal });
    return { result: attempt };
  }
}

@OperationType({ name: 'test.apart.quick', title: 'Run apart, and end', internal: true, apart: true })
class QuickHandler implements OperationHandler {
  run(input: unknown) {
    return Promise.resolve({ result: input });
  }
}

@Module({ providers: [ApartHandler, QuickHandler] })
class Handlers {}

let app: App;
beforeAll(async () => {
  app = await App.start({ operations: { concurrency: 1, leaseS: 10, redispatchS: 2, pollMs: 50 } }, [
    Handlers,
  ]);
});
afterAll(() => app[Symbol.asyncDispose]());

const accountIdOf = async (client: Client): Promise<string> => (await client.get('/v1/account')).body.id;

async function begin(client: Client, type: string, input: unknown = {}): Promise<string> {
  const accountId = await accountIdOf(client);
  const { view } = await app.nest.get(Submissions).accept({
    accountId,
    face: 'native',
    type,
    input,
    own: true,
    callback: null,
    correlation: null,
    priority: 0,
    runAt: null,
    timeoutS: null,
    retention: null,
    traceparent: null,
    idempotency: null,
  });
  return view.operation.rid;
}

const is = (client: Client, id: string, status: string) =>
  expect
    .poll(async () => (await client.get(`/v1/operations/${id}`)).body.status, { timeout: 10_000 })
    .toBe(status);

/** As if its worker had been silent for longer than the lease. */
const silence = (id: string) =>
  rowsOf(
    app.databaseUrl,
    `UPDATE live_operation SET look_at = now() - interval '1 s', due_at = now() - interval '1 s'
     WHERE request_id = (SELECT request_id FROM operation WHERE rid = $1) AND lease_token IS NOT NULL`,
    [id],
  );

describe('an operation that runs apart', () => {
  it('takes no slot and no place of a worker, and waits for none', async () => {
    const client = await app.account('apart', 1);
    const running = await client.submit({ type: 'sleep', input: { seconds: 60 } });
    await is(client, running.id, 'Executing');
    const waiting = await client.submit({ type: 'echo', priority: 100 });
    const endless = await begin(client, 'test.apart', { endless: true });
    await is(client, endless, 'Executing');
    const quick = await begin(client, 'test.apart.quick', { n: 1 });
    expect(await client.ended(quick)).toMatchObject({ status: 'Finished', attempt: 1, result: { n: 1 } });
    expect((await app.client.get('/v1/ledger')).body).toMatchObject({
      operations: { executing: 2, waiting: 1 },
    });
    expect((await client.get('/v1/account')).body.usage).toMatchObject({ executing: 1, waiting: 1 });
    expect((await client.get(`/v1/operations/${waiting.id}`)).body.queue_position).toBe(1);
    // Its slot is the account's only one: with it gone, the other runs, whatever runs apart.
    await client.post(`/v1/operations/${running.id}/cancel`);
    expect((await client.ended(waiting.id)).status).toBe('Finished');
    expect(await client.post(`/v1/operations/${endless}/cancel`)).toMatchObject({
      status: 200,
      body: { status: 'Canceled' },
    });
  });

  it('is begun once more by who finds it when its worker goes silent, as often as it may be tried', async () => {
    const client = await app.account('silent', 1);
    const id = await begin(client, 'test.apart');
    await is(client, id, 'Executing');
    await silence(id);
    expect(await client.ended(id)).toMatchObject({ status: 'Finished', attempt: 2, result: 2 });
    const spent = await begin(client, 'test.apart', { endless: true });
    for (const attempt of [1, 2]) {
      await expect
        .poll(async () => (await client.get(`/v1/operations/${spent}`)).body, { timeout: 10_000 })
        .toMatchObject({ status: 'Executing', attempt });
      await silence(spent);
    }
    expect((await client.ended(spent)).error).toMatchObject({ code: 'attempts_exhausted' });
  });

  it('is submitted by no caller, nor run again', async () => {
    const client = await app.account('callers', 1);
    const id = await begin(client, 'test.apart.quick');
    await client.ended(id);
    const refusal = { status: 422, body: { code: 'unknown-operation-type' } };
    expect(await client.post('/v1/operations', { type: 'test.apart.quick' })).toMatchObject(refusal);
    expect(await client.post(`/v1/operations/${id}/rerun`)).toMatchObject(refusal);
  });
});
