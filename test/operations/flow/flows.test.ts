import { Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type OperationContext,
  OperationError,
  type OperationHandler,
  type OperationOutcome,
  OperationType,
} from '../../../src/index.js';
import { FlowStore } from '../../../src/operations/flow/flow.store.js';
import { Submissions } from '../../../src/operations/accept/submissions.service.js';
import type { Submission } from '../../../src/operations/accept/submission.js';
import { App } from '../../support/app.js';
import type { Client } from '../../support/client.js';
import { rowsOf } from '../../support/database.js';
import { act, claim, declare } from '../../support/work.js';

let app: App;
let count = 0;

/** Fails until it has been tried so often. */
@OperationType<{ failures: number }>({
  name: 'test.failing',
  title: 'Fail',
  tries: 5,
  backoffS: [0.3],
})
class FailingHandler implements OperationHandler<{ failures: number }> {
  run({ failures }: { failures: number }, { attempt }: OperationContext): Promise<OperationOutcome> {
    if (attempt <= failures) throw new OperationError('not-yet', 'again', true);
    return Promise.resolve({ result: attempt });
  }
}

@Module({ providers: [FailingHandler] })
class FailingModule {}

beforeAll(async () => {
  app = await App.start({}, [FailingModule]);
});
afterAll(() => app[Symbol.asyncDispose]());

const account = (slots = 20): Promise<Client> => app.account(`flows-${++count}`, slots);
/** Runs until `finish` says that it is done. */
const held = (client: Client, flow: object | null, more: object = {}): Promise<any> =>
  client.submit({ type: 'external', ...(flow === null ? {} : { flow }), ...more });
const finish = async ({ completion_url: url }: { completion_url: string }): Promise<void> => {
  const done = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"status":"finished"}',
  });
  expect(done.status).toBe(200);
};
const status = async (client: Client, { id }: { id: string }): Promise<string> =>
  (await client.get(`/v1/operations/${id}`)).body.status;
const becomes = (client: Client, operation: { id: string }, wanted = 'Executing'): Promise<void> =>
  expect.poll(() => status(client, operation), { timeout: 5_000 }).toBe(wanted);
/** What has been decided of those that are no longer here is decided: the dispatcher has looked at all that was noted. */
const settled = (): Promise<void> =>
  expect
    .poll(async () => (await rowsOf(app.databaseUrl, 'SELECT FROM flow_note')).length, { timeout: 5_000 })
    .toBe(0);

describe('A flow key', () => {
  it('has no more Executing than its parallelism, first come first served, and holds up nothing else', async () => {
    const client = await account();
    const flow = { key: 'tenant-7', parallelism: 1 };
    const [one, two, three] = [await held(client, flow), await held(client, flow), await held(client, flow)];
    expect(one.flow).toEqual(flow);
    await becomes(client, one);
    const [other, without] = [await held(client, { ...flow, key: 'tenant-8' }), await held(client, null)];
    await becomes(client, other);
    await becomes(client, without);
    await settled();
    expect(await status(client, two)).toBe('Waiting');
    expect((await client.get(`/v1/operations/${three.id}`)).body.queue_position).toBe(2);
    expect((await client.get('/v1/account')).body.usage).toMatchObject({ waiting: 2, executing: 3 });
    await finish(one);
    await becomes(client, two);
    await settled();
    expect(await status(client, three)).toBe('Waiting');
    await finish(two);
    await becomes(client, three);
  });

  it("is the account's own", async () => {
    const flow = { key: 'shared', parallelism: 1 };
    const [mine, theirs] = [await account(), await account()];
    await becomes(mine, await held(mine, flow));
    await becomes(theirs, await held(theirs, flow));
  });

  it('goes by priority, also before those that came earlier', async () => {
    const client = await account();
    const flow = { key: 'a', parallelism: 1 };
    const running = await held(client, flow);
    await becomes(client, running);
    const low = await held(client, flow, { priority: -1 });
    const high = await held(client, flow, { priority: 1 });
    await finish(running);
    await becomes(client, high);
    expect(await status(client, low)).toBe('Waiting');
  });

  it('has the newest values that came with an operation, also for those that wait', async () => {
    const client = await account();
    const waiting = [];
    for (let nth = 0; nth < 3; nth++) waiting.push(await held(client, { key: 'a', parallelism: 1 }));
    await becomes(client, waiting[0]);
    await settled();
    expect(await status(client, waiting[1])).toBe('Waiting');
    const last = await held(client, { key: 'a', parallelism: 3 });
    await becomes(client, waiting[1]);
    await becomes(client, waiting[2]);
    await settled();
    expect(await status(client, last)).toBe('Waiting');
  });

  it('has the values of an operation that is delayed at once, also for those that wait', async () => {
    const client = await account();
    const [one, two] = [
      await held(client, { key: 'a', parallelism: 1 }),
      await held(client, { key: 'a', parallelism: 1 }),
    ];
    await becomes(client, one);
    await settled();
    expect(await status(client, two)).toBe('Waiting');
    const run_at = new Date(Date.now() + 7_200_000).toISOString();
    await client.submit({ type: 'echo', run_at, flow: { key: 'a', parallelism: 2 } });
    await becomes(client, two);
  });

  it('starts no more than its rate in any window of its period, and each as soon as that allows', async () => {
    const client = await account();
    const operations = Array.from({ length: 9 }, () => ({
      type: 'echo',
      flow: { key: 'a', rate: 3, period_s: 0.8 },
    }));
    const { body } = await client.post('/v1/operations/batch', { operations });
    const starts: number[] = [];
    for (const { operation } of body.data)
      starts.push(Date.parse((await client.ended(operation.id)).started_at));
    starts.sort((a, b) => a - b);
    for (let nth = 3; nth < starts.length; nth++)
      // Times are shown in milliseconds, cut off.
      expect(starts[nth]! - starts[nth - 3]!).toBeGreaterThanOrEqual(799);
    expect(starts.at(-1)! - starts[0]!).toBeLessThan(2 * 800 + 700);
  });

  it('starts the next as soon as its rate allows, also where nothing ends meanwhile', async () => {
    // Nothing is found by looking in time.
    await using slow = await App.start({ operations: { pollMs: 20_000, leaseS: 7_200 } });
    const operations = Array.from({ length: 5 }, () => ({
      type: 'sleep',
      input: { seconds: 60 },
      flow: { key: 'a', rate: 1, period_s: 0.3 },
    }));
    expect((await slow.client.post('/v1/operations/batch', { operations })).status).toBe(200);
    await expect
      .poll(async () => (await slow.client.get('/v1/flows/a')).body.executing, { timeout: 8_000 })
      .toBe(5);
    await slow.client.post('/v1/operations/bulk', { action: 'cancel', filter: {} });
  });

  it('counts each try as a start, and holds no place for one that waits for its next', async () => {
    const client = await account();
    const failing = await client.submit({
      type: 'test.failing',
      input: { failures: 2 },
      flow: { key: 'a', parallelism: 1, rate: 2, period_s: 600 },
    });
    await expect
      .poll(async () => (await client.get(`/v1/operations/${failing.id}`)).body, { timeout: 5_000 })
      .toMatchObject({ status: 'Waiting', attempt: 2 });
    await expect
      .poll(async () => (await client.get('/v1/flows/a')).body, { timeout: 5_000 })
      .toMatchObject({ started: 2, waiting: 1, executing: 0 });
    // A place is free, and the window isn't.
    const next = await client.submit({ type: 'echo', flow: { key: 'a', rate: 3, period_s: 600 } });
    expect(await client.ended(failing.id)).toMatchObject({ status: 'Finished', attempt: 3 });
    expect(await status(client, next)).toBe('Waiting');
  });

  it('gives a waiting one up when it is canceled', async () => {
    const client = await account();
    const flow = { key: 'a', parallelism: 1 };
    const running = await held(client, flow);
    await becomes(client, running);
    const [canceled, next] = [await held(client, flow), await held(client, flow)];
    expect((await client.post(`/v1/operations/${canceled.id}/cancel`)).body.status).toBe('Canceled');
    expect((await client.post(`/v1/operations/${running.id}/cancel`)).body.status).toBe('Canceled');
    await becomes(client, next);
  });

  it('stands in lists, and is kept by a rerun, which changes none of its values', async () => {
    const client = await account();
    const flow = { key: 'tenant 7/é', parallelism: 1 };
    const { id } = await client.submit({ type: 'echo', flow });
    await client.ended(id);
    await client.submit({ type: 'echo', flow: { ...flow, parallelism: 5 } });
    const { body: again } = await client.post(`/v1/operations/${id}/rerun`);
    expect(again.flow).toEqual(flow);
    const { body } = await client.get(`/v1/operations?flow=${encodeURIComponent(flow.key)}`);
    expect(body.data.map(({ flow: { parallelism } }: any) => parallelism)).toEqual([1, 5, 1]);
    expect((await client.get('/v1/operations?flow=b')).body.data).toEqual([]);
    expect((await client.get(`/v1/flows/${encodeURIComponent(flow.key)}`)).body.parallelism).toBe(5);
    expect(
      (await client.post('/v1/operations/bulk', { action: 'rerun', filter: { flow: flow.key } })).status,
    ).toBe(202);
    await expect
      .poll(
        async () =>
          (await client.get(`/v1/operations?flow=${encodeURIComponent(flow.key)}`)).body.data.length,
      )
      .toBe(6);
    expect((await client.get(`/v1/flows/${encodeURIComponent(flow.key)}`)).body.parallelism).toBe(5);
  });

  it('comes with what a schedule submits', async () => {
    const client = await account();
    const operation = { type: 'sleep', input: { seconds: 60 }, flow: { key: 'nightly', parallelism: 1 } };
    const { body } = await client.post('/v1/schedules', { name: 'a', every_s: 1, operation });
    expect(body.operation.flow).toEqual(operation.flow);
    await expect
      .poll(async () => (await client.get('/v1/flows/nightly')).body, { timeout: 8_000 })
      .toMatchObject({ executing: 1, waiting: 1, parallelism: 1 });
    await client.post(`/v1/schedules/${body.id}/pause`);
    await client.post('/v1/operations/bulk', { action: 'cancel', filter: {} });
  });

  it('holds for remote workers, too', async () => {
    const client = await account();
    await declare(app.client, 'flow.remote');
    const worker = client.withKey(app.client.key);
    const flow = { key: 'a', parallelism: 2 };
    for (let nth = 0; nth < 4; nth++) await client.submit({ type: 'flow.remote', flow });
    const works = await claim(worker, ['flow.remote'], { limit: 10, wait: 5 });
    expect(works).toHaveLength(2);
    expect(await claim(worker, ['flow.remote'], { limit: 10 })).toEqual([]);
    await act(worker, works[0].lease, 'complete');
    expect(await claim(worker, ['flow.remote'], { limit: 10, wait: 5 })).toHaveLength(1);
  });

  it.each([
    [{}, 'flow.key'],
    [{ key: 'a' }, 'flow'],
    [{ key: '', rate: 1 }, 'flow.key'],
    [{ key: 'x'.repeat(201), rate: 1 }, 'flow.key'],
    [{ key: '$queue/a', rate: 1 }, 'flow.key'],
    [{ key: 'a\nb', rate: 1 }, 'flow.key'],
    [{ key: 'a', parallelism: 0 }, 'flow.parallelism'],
    [{ key: 'a', parallelism: 1.5 }, 'flow.parallelism'],
    [{ key: 'a', rate: 0 }, 'flow.rate'],
    [{ key: 'a', rate: 1_000_001 }, 'flow.rate'],
    [{ key: 'a', rate: 1, period_s: 0 }, 'flow.period_s'],
    [{ key: 'a', rate: 1, period_s: 604_801 }, 'flow.period_s'],
    [{ key: 'a', parallelism: 1, period_s: 1 }, 'flow.period_s'],
    [{ key: 'a', rate: 1, ordered: true }, 'flow.ordered'],
    ['a', 'flow'],
  ])('is refused with the name of what is wrong: %j', async (flow, path) => {
    const { status: answered, body } = await app.client.post('/v1/operations', { type: 'echo', flow });
    expect(answered).toBe(422);
    expect(body.errors.map((error: { path: string }) => error.path)).toContain(path);
  });
});

describe('GET and PUT /v1/flows', () => {
  it('list keys by name, with what waits, runs and has started', async () => {
    const client = await account();
    for (const key of ['c', 'a', 'b']) await held(client, { key, parallelism: 1, rate: 5, period_s: 60 });
    const waiting = await held(client, { key: 'b', parallelism: 1, rate: 5, period_s: 60 });
    await expect
      .poll(async () => (await client.get('/v1/flows')).body.data.map(({ executing }: any) => executing))
      .toEqual([1, 1, 1]);
    const { body: first } = await client.get('/v1/flows?limit=2');
    expect(first.data).toEqual([
      expect.objectContaining({ key: 'a', waiting: 0, executing: 1, started: 1, paused_at: null }),
      {
        key: 'b',
        parallelism: 1,
        rate: 5,
        period_s: 60,
        pinned: { parallelism: false, rate: false },
        paused_at: null,
        waiting: 1,
        executing: 1,
        started: 1,
      },
    ]);
    const { body: second } = await client.get(`/v1/flows?limit=2&cursor=${first.next_cursor}`);
    expect(second).toMatchObject({ data: [{ key: 'c' }], next_cursor: null });
    expect(await status(client, waiting)).toBe('Waiting');
    expect((await client.get('/v1/flows/d')).body).toMatchObject({ status: 404, code: 'flow-not-found' });
    expect((await client.get('/v1/flows?cursor=x')).status).toBe(400);
  });

  it('set values that hold whatever is submitted, until they are taken back', async () => {
    const client = await account();
    expect((await client.request('PUT', '/v1/flows/a', { parallelism: 1 })).body).toMatchObject({
      parallelism: 1,
      pinned: { parallelism: true, rate: false },
    });
    const [one, two] = [
      await held(client, { key: 'a', parallelism: 9 }),
      await held(client, { key: 'a', parallelism: 9 }),
    ];
    await becomes(client, one);
    await settled();
    expect(await status(client, two)).toBe('Waiting');
    expect((await client.request('DELETE', '/v1/flows/a')).status).toBe(204);
    await becomes(client, two);
    expect((await client.get('/v1/flows/a')).body).toMatchObject({
      parallelism: 9,
      pinned: { parallelism: false },
    });
    expect((await client.request('DELETE', '/v1/flows/b')).status).toBe(404);
  });

  it('pause a key: nothing of it starts until it goes on', async () => {
    const client = await account();
    await client.request('PUT', '/v1/flows/a', { paused: true });
    const operation = await held(client, { key: 'a', rate: 100 });
    const other = await held(client, { key: 'b', rate: 100 });
    await becomes(client, other);
    await settled();
    expect(await status(client, operation)).toBe('Waiting');
    expect((await client.request('PUT', '/v1/flows/a', {})).body.paused_at).toBeNull();
    await becomes(client, operation);
    const audit = (await app.client.get('/v1/audit?account=*&action=flow.changed')).body.data;
    expect(audit.at(-1)).toMatchObject({ target: 'a' });
  });

  it.each([
    ['a', { rate: 0 }, 'rate'],
    ['a', { period_s: 1 }, 'period_s'],
    ['a', { paused: 'yes' }, 'paused'],
    ['$queue', { rate: 1 }, 'key'],
  ])('refuse what makes no sense: %s %j', async (key, body, path) => {
    const answer = await app.client.request('PUT', `/v1/flows/${key}`, body);
    expect(answer.status).toBe(422);
    expect(answer.body.errors[0].path).toBe(path);
  });
});

describe("An ordered key of Ringback's own", () => {
  const submission = (accountId: string, type: string, input: unknown): Submission => ({
    accountId,
    face: 'native',
    type,
    input,
    callback: null,
    correlation: null,
    priority: 0,
    runAt: null,
    timeoutS: null,
    retention: null,
    traceparent: null,
    idempotency: null,
    flow: { key: '$queue/a', parallelism: null, rate: null, periodS: null, ordered: true, standing: true },
  });

  it('starts the second only after the first has ended for good, also where that is tried again', async () => {
    const client = await account();
    const { id } = (await client.get('/v1/account')).body;
    const service = app.nest.get(Submissions);
    const flows = app.nest.get(FlowStore);
    await flows.change(id, '$queue/a', {
      ordered: true,
      limits: { parallelism: 1, rate: null, periodS: null },
      paused: true,
    });
    const accepted = [];
    for (const failures of [2, 0, 1])
      accepted.push((await service.accept(submission(id, 'test.failing', { failures }))).view.operation.rid);
    expect(await flows.find(id, '$queue/a')).toMatchObject({ waiting: 3, parallelism: 1, ordered: true });
    await flows.change(id, '$queue/a', { paused: false });
    const ended = await Promise.all(accepted.map((rid) => client.ended(rid)));
    expect(ended.map(({ attempt }) => attempt)).toEqual([3, 1, 2]);
    for (const [nth, { started_at: at }] of ended.entries())
      if (nth > 0) expect(Date.parse(at)).toBeGreaterThanOrEqual(Date.parse(ended[nth - 1].finished_at));
    // It is not in the list of the account's keys.
    expect((await client.get('/v1/flows')).body.data).toEqual([]);
  });
});
