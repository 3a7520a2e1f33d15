import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import { rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { act, claim, declare } from '../support/work.js';

const TYPE = 'report.build';
let app: App;
beforeAll(async () => {
  app = await App.start();
  await declare(app.client, TYPE, { tries: 3, retry: { backoff_s: [0.05], no_retry_on: ['spoilt'] } });
});
afterAll(() => app[Symbol.asyncDispose]());

const historyOf = async (id: string): Promise<string[]> =>
  (await app.client.get(`/v1/operations/${id}/history`)).body.data.map((entry: any) => entry.text);

describe('An operation of a declared type', () => {
  it('waits until a worker claims it, runs under its lease, and calls back when the worker completes it', async () => {
    await using receiver = await Receiver.answering(204);
    const { id } = await app.client.submit({
      type: TYPE,
      input: { report: 17 },
      callback: { url: receiver.url },
    });
    expect((await app.client.get(`/v1/operations/${id}`)).body).toMatchObject({
      status: 'Waiting',
      queue_position: 1,
    });
    const [work] = await claim(app.client, [TYPE], { worker: 'host-17' });
    expect(work).toMatchObject({
      operation: {
        id,
        type: TYPE,
        status: 'Executing',
        attempt: 1,
        tries: 3,
        timeout_s: 3600,
        input: { report: 17 },
      },
      lease_s: 10,
    });
    expect(
      (await act(app.client, work.lease, 'renew', { progress: 40, text: 'Page 4', log: ['a line'] })).body,
    ).toEqual({});
    expect((await app.client.get(`/v1/operations/${id}`)).body).toMatchObject({
      progress: 40,
      status_text: 'Page 4',
    });
    const done = await act(app.client, work.lease, 'complete', {
      result: { pages: 10 },
      custom: { a: 1 },
      text: 'Built',
    });
    expect(done.body).toEqual({ operation: { id, status: 'Finished' } });
    expect((await app.client.get(`/v1/operations/${id}`)).body).toMatchObject({
      status: 'Finished',
      status_text: 'Built',
      result: { pages: 10 },
      custom: { a: 1 },
    });
    const [told] = await receiver.received(1);
    expect(JSON.parse(told!.body)).toMatchObject({
      type: 'operation.finished',
      data: { id, result: { pages: 10 } },
    });
    expect(await historyOf(id)).toEqual(['Accepted', 'Attempt 1 of 3', 'Page 4', 'a line', 'Built']);
  });

  it('is given at once to a worker that waits for it', async () => {
    const waiting = claim(app.client, [TYPE], { wait: 20 });
    await expect
      .poll(() => app.client.get('/v1/processes').then(({ body }) => body.data.length))
      .toBeGreaterThan(1);
    const { id } = await app.client.submit({ type: TYPE });
    const [work] = await waiting;
    expect(work.operation).toMatchObject({ id, input: null });
    expect((await act(app.client, work.lease, 'complete')).status).toBe(200);
  });

  it('is tried again after a failure as its type says, and fails for good where the worker or the type says so', async () => {
    const { id } = await app.client.submit({ type: TYPE });
    const [first] = await claim(app.client, [TYPE]);
    const failed = await act(app.client, first.lease, 'fail', {
      code: 'gone',
      message: 'no answer',
      retry: true,
    });
    expect(failed.body).toMatchObject({
      operation: { id, status: 'Waiting' },
      retry_in_s: expect.any(Number),
    });
    const [second] = await claim(app.client, [TYPE], { wait: 10 });
    expect(second.operation).toMatchObject({ id, attempt: 2 });
    await act(app.client, second.lease, 'fail', {
      code: 'spoilt',
      message: 'the source is spoilt',
      retry: true,
    });
    expect((await app.client.get(`/v1/operations/${id}`)).body).toMatchObject({
      status: 'Failed',
      error: { code: 'spoilt', message: 'the source is spoilt' },
    });
  });

  it('is given to another worker when its lease runs out, and the first one settles nothing', async () => {
    const { id } = await app.client.submit({ type: TYPE });
    const [dead] = await claim(app.client, [TYPE], { lease_s: 5, worker: 'dead' });
    await rowsOf(
      app.databaseUrl,
      `UPDATE live_operation SET look_at = now() - interval '1 s', due_at = now() - interval '1 s' WHERE worker IS NOT NULL`,
    );
    const [work] = await claim(app.client, [TYPE], { wait: 10 });
    expect(work.operation).toMatchObject({ id, attempt: 2 });
    for (const action of ['renew', 'complete', 'release'])
      expect(await act(app.client, dead.lease, action)).toMatchObject({
        status: 409,
        body: { code: 'lease-lost' },
      });
    // A worker that has claimed it again may renew all that it once had.
    const renewing = [dead, work].map(({ lease }) => ({ lease, action: 'renew' }));
    const { body: renewed } = await app.client.post('/v1/work/batch', { actions: renewing });
    expect(renewed.data).toMatchObject([{ status: 409, problem: { code: 'lease-lost' } }, { status: 200 }]);
    expect((await act(app.client, work.lease, 'complete', { result: 2 })).status).toBe(200);
    expect(await act(app.client, work.lease, 'complete', { result: 3 })).toMatchObject({ status: 409 });
    expect((await app.client.get(`/v1/operations/${id}`)).body.result).toBe(2);
  });

  it('waits again at once when its worker gives it back, and the try is not used up', async () => {
    const { id } = await app.client.submit({ type: TYPE });
    const [work] = await claim(app.client, [TYPE]);
    expect((await act(app.client, work.lease, 'release')).body).toEqual({
      operation: { id, status: 'Waiting' },
    });
    const [again] = await claim(app.client, [TYPE]);
    expect(again.operation).toMatchObject({ id, attempt: 2, tries: 4 });
    await act(app.client, again.lease, 'complete');
  });

  it('is canceled when its worker has stopped as it was asked to', async () => {
    const { id } = await app.client.submit({ type: TYPE });
    const [work] = await claim(app.client, [TYPE]);
    const canceled = app.client.post(`/v1/operations/${id}/cancel`);
    await expect
      .poll(async () => (await act(app.client, work.lease, 'renew')).body, { timeout: 5_000 })
      .toEqual({ cancel: true });
    const stopped = await act(app.client, work.lease, 'fail', { code: 'interrupted', message: 'stopped' });
    expect(stopped.body).toEqual({ operation: { id, status: 'Canceled' } });
    expect((await canceled).body.status).toBe('Canceled');
  });

  it('is canceled at once while it waits for a worker', async () => {
    const { id } = await app.client.submit({ type: TYPE });
    const { body } = await app.client.post(`/v1/operations/${id}/cancel`);
    expect(body.status).toBe('Canceled');
    expect(await claim(app.client, [TYPE])).toEqual([]);
  });

  it('waits for its time where it has one, and is offered then', async () => {
    const run_at = new Date(Date.now() + 400).toISOString();
    const { id } = await app.client.submit({ type: TYPE, run_at });
    expect(await claim(app.client, [TYPE])).toEqual([]);
    const [work] = await claim(app.client, [TYPE], { wait: 20 });
    expect(work.operation.id).toBe(id);
    await act(app.client, work.lease, 'complete');
  });

  it('fails with timeout when its time is over, whatever its worker renews', async () => {
    const { id } = await app.client.submit({ type: TYPE, timeout_s: 0.2 });
    const [work] = await claim(app.client, [TYPE]);
    expect(work.operation.timeout_s).toBe(0.2);
    expect(await app.client.ended(id)).toMatchObject({ status: 'Failed', error: { code: 'timeout' } });
    expect((await act(app.client, work.lease, 'renew')).status).toBe(409);
  });

  it('takes no place of a worker of this service while nobody claims it', async () => {
    const batch = Array.from({ length: 400 }, () => ({ type: TYPE }));
    await app.client.post('/v1/operations/batch', { operations: batch });
    const { id } = await app.client.submit({ type: 'echo', input: 1 });
    expect(await app.client.ended(id)).toMatchObject({ status: 'Finished' });
    const [{ placed }] = (await rowsOf(
      app.databaseUrl,
      `SELECT count(*)::integer AS placed FROM live_operation WHERE phase <> 'offered'`,
    )) as any;
    expect(placed).toBe(0);
    for (let left = 400; left > 0;) {
      const works = await claim(app.client, [TYPE], { limit: 500 });
      expect(works).toHaveLength(Math.min(20, left));
      left -= works.length;
      const { body } = await app.client.post('/v1/work/batch', {
        actions: works.map(({ lease }) => ({ lease, action: 'complete', result: 1 })),
      });
      expect(body.data.filter(({ status }: any) => status !== 200)).toEqual([]);
    }
  });
});
