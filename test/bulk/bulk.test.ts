import { Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OperationContext } from '../../src/operations/run/operation-context.js';
import { type OperationHandler, OperationType } from '../../src/operations/run/operation-type.js';
import { App } from '../support/app.js';
import type { Client } from '../support/client.js';
import { rowsOf } from '../support/database.js';
import { Receiver, verify } from '../support/receiver.js';

@OperationType({ name: 'test.fails', title: 'Fail', tries: 1 })
class FailingHandler implements OperationHandler {
  run(_: unknown, context: OperationContext): never {
    return context.fail('broken', 'it is broken');
  }
}

@Module({ providers: [FailingHandler] })
class Handlers {}

let app: App;
beforeAll(async () => {
  app = await App.start({}, [Handlers]);
});
afterAll(() => app[Symbol.asyncDispose]());

const SECONDS = { timeout: 20_000 };
const operations = (client: Client, body: object, headers = {}) =>
  client.post('/v1/operations/bulk', body, headers);
const deliveries = (client: Client, body: object, headers = {}) =>
  client.post('/v1/deliveries/bulk', body, headers);

/** Asks for a bulk action, and gives its operation once it has ended. */
async function done(
  client: Client,
  asked: Promise<{ status: number; body: any; text: string }>,
): Promise<any> {
  const { status, body, text } = await asked;
  expect(status, text).toBe(202);
  return client.ended(body.id);
}
const statusesOf = async (client: Client, ids: readonly string[]): Promise<string[]> =>
  Promise.all(ids.map(async (id) => (await client.get(`/v1/operations/${id}`)).body.status));
const submitted = (client: Client, count: number, operation: object): Promise<string[]> =>
  Promise.all(Array.from({ length: count }, async () => (await client.submit({ ...operation })).id));
const failed = async (client: Client, count: number, input: unknown = null): Promise<string[]> => {
  const ids = await submitted(client, count, { type: 'test.fails', input });
  for (const id of ids) expect((await client.ended(id)).status).toBe('Failed');
  return ids;
};
const reruns = async (client: Client): Promise<string[]> => {
  const { data } = (await client.get('/v1/operations?limit=250')).body;
  return data.filter((each: any) => each.rerun_of !== null).map((each: any) => each.rerun_of);
};

describe('a bulk action on operations', () => {
  it('cancels what a filter means, though it runs and fills the account’s slots, and nothing else', async () => {
    const [client, other] = [await app.account('canceling', 2), await app.account('not canceling', 2)];
    const sleeping = { type: 'sleep', input: { seconds: 60 } };
    const own = await submitted(client, 12, sleeping);
    const foreign = await submitted(other, 3, sleeping);
    const echo = await client.submit({ type: 'echo', priority: -5 });
    await expect.poll(async () => (await client.get('/v1/account')).body.usage.executing).toBe(2);
    const request = { action: 'cancel', filter: { type: 'sleep', status: 'Waiting,Executing' } };

    expect(await operations(client, { ...request, dry_run: true })).toMatchObject({
      status: 200,
      body: { matched: 12 },
    });
    expect(await statusesOf(client, own)).not.toContain('Canceled');

    const asked = await operations(client, request);
    expect(asked.body).toMatchObject({ type: 'ringback.bulk', status: 'Waiting', progress: 0 });
    expect(asked.headers.get('location')).toBe(`${app.client.url}/v1/operations/${asked.body.id}`);
    const bulk = await client.ended(asked.body.id);
    expect(bulk).toMatchObject({
      status: 'Finished',
      progress: 100,
      result: { matched: 12, done: 12, skipped: 0 },
      status_text: 'Canceled 12',
    });
    await expect.poll(() => statusesOf(client, own), SECONDS).toEqual(own.map(() => 'Canceled'));
    expect((await client.ended(echo.id)).status).toBe('Finished');
    expect(new Set(await statusesOf(other, foreign))).not.toContain('Canceled');
    const { data } = (await client.get(`/v1/operations/${bulk.id}/history`)).body;
    expect(data.map(({ status }: any) => status).filter(Boolean)).toEqual([
      'Waiting',
      'Executing',
      'Finished',
    ]);
    await done(other, operations(other, { action: 'cancel', filter: {} }));
  });

  it('runs again what a filter means, once each, and not what was made afterwards', async () => {
    const client = await app.account('rerunning', 100);
    const ids = await failed(client, 120);
    const echo = await client.submit({ type: 'echo', input: 'not meant' });
    await client.ended(echo.id);
    const bulk = await done(
      client,
      operations(client, { action: 'rerun', filter: { status: 'Failed', error_code: 'broken' } }),
    );
    expect(bulk.result).toEqual({ matched: 120, done: 120, skipped: 0 });
    // They fail again, and so would be meant.
    expect((await reruns(client)).toSorted()).toEqual(ids.toSorted());
  });

  it('passes over what can’t be run again, and says why', async () => {
    const client = await app.account('skipping', 10);
    const [erased, kept] = await failed(client, 2);
    await client.request('DELETE', `/v1/operations/${erased}`);
    const bulk = await done(client, operations(client, { action: 'rerun', filter: { type: 'test.fails' } }));
    expect(bulk.result).toEqual({ matched: 2, done: 1, skipped: 1 });
    expect(bulk.status_text).toBe('Reran 1, 1 skipped');
    expect(await reruns(client)).toEqual([kept]);
    const { data } = (await client.get(`/v1/operations/${bulk.id}/history`)).body;
    expect(data.filter(({ kind }: any) => kind === 'log').map(({ text }: any) => text)).toEqual([
      `${erased} is not run again: the operation has been erased: submit it anew`,
    ]);
  });

  it('waits for the account’s quota, and can be canceled meanwhile; what was done stays done', async () => {
    const client = await app.account('full', 1);
    const ids = await failed(client, 5);
    const { body: account } = await client.get('/v1/account');
    await client.submit({ type: 'sleep', input: { seconds: 60 } });
    await expect.poll(async () => (await client.get('/v1/account')).body.usage.executing).toBe(1);
    await app.client.request('PATCH', `/v1/accounts/${account.id}`, { quota_waiting: 2 });
    const asked = await operations(client, { action: 'rerun', filter: { status: 'Failed' } });
    const standing = async () => (await client.get(`/v1/operations/${asked.body.id}`)).body.status_text;
    await expect.poll(standing, SECONDS).toBe('Reran 2 of 5 operations');
    const canceled = await client.post(`/v1/operations/${asked.body.id}/cancel`);
    expect(canceled.body.status).toBe('Canceled');
    expect((await reruns(client)).toSorted()).toEqual(ids.slice(0, 2).toSorted());
    // Its own quota is no reason to refuse what frees it.
    expect((await done(client, operations(client, { action: 'cancel', filter: {} }))).result.done).toBe(3);
  });

  it('is no part of another one, nor run again itself', async () => {
    const client = await app.account('bulks', 10);
    const first = await done(client, operations(client, { action: 'rerun', filter: {} }));
    expect(first.result).toEqual({ matched: 0, done: 0, skipped: 0 });
    expect((await operations(client, { action: 'rerun', filter: {}, dry_run: true })).body).toEqual({
      matched: 0,
    });
    expect((await done(client, operations(client, { action: 'rerun', filter: {} }))).result.matched).toBe(0);
    expect((await client.post(`/v1/operations/${first.id}/rerun`)).body.code).toBe('unknown-operation-type');
  });

  it('is begun once for one Idempotency-Key', async () => {
    const client = await app.account('keyed bulks', 10);
    await failed(client, 2);
    const ask = () =>
      operations(client, { action: 'rerun', filter: { status: 'Failed' } }, { 'idempotency-key': 'k' });
    const [one, two] = [await ask(), await ask()];
    expect(two.body.id).toBe(one.body.id);
    expect(two.headers.get('idempotent-replayed')).toBe('true');
    await client.ended(one.body.id);
    expect(await reruns(client)).toHaveLength(2);
  });

  it('tells the account’s endpoints how it ended', async () => {
    await using receiver = await Receiver.answering(200);
    const client = await app.account('told of bulks', 10);
    const { body } = await client.post('/v1/endpoints', {
      url: receiver.url,
      events: ['operation.finished'],
    });
    const bulk = await done(client, operations(client, { action: 'cancel', filter: {} }));
    const event = verify(body.secret, (await receiver.received(1))[0]!);
    expect(event).toMatchObject({ type: 'operation.finished', data: { id: bulk.id, type: 'ringback.bulk' } });
  });
});

describe('a bulk action on deliveries', () => {
  it('sends again what was given up, and leaves what was delivered', async () => {
    let healthy = false;
    await using receiver = await Receiver.answering((response) => {
      response.statusCode = healthy ? 200 : 410;
      response.end();
    });
    await using fine = await Receiver.answering(200);
    const client = await app.account('redelivering', 20);
    const other = await app.account('not redelivering', 20);
    const given = (by: Client, url: string, count: number) =>
      submitted(by, count, { type: 'echo', callback: { url } });
    await Promise.all([
      given(client, receiver.url, 30),
      given(other, receiver.url, 5),
      given(client, fine.url, 5),
    ]);
    const exhausted = async (by: Client) =>
      (await by.get('/v1/deliveries?status=Exhausted&limit=250')).body.data.length;
    await expect
      .poll(async () => [await exhausted(client), await exhausted(other)], SECONDS)
      .toEqual([30, 5]);
    await fine.received(5);
    healthy = true;
    const request = { action: 'redeliver', filter: { origin: new URL(receiver.url).origin } };
    expect((await deliveries(client, { ...request, dry_run: true })).body).toEqual({ matched: 30 });
    const bulk = await done(client, deliveries(client, request));
    expect(bulk.result).toEqual({ matched: 30, done: 30, skipped: 0 });
    const delivered = async () =>
      (await client.get('/v1/deliveries?status=Delivered&limit=250')).body.data.length;
    await expect.poll(delivered, SECONDS).toBe(35);
    expect(await exhausted(other)).toBe(5);
    expect(receiver.all).toHaveLength(65);
    expect(fine.all).toHaveLength(5);
    const [{ id }] = (await client.get(`/v1/deliveries?origin=${new URL(receiver.url).origin}`)).body.data;
    expect((await client.delivery(id)).attempts.map(({ trigger }: any) => trigger)).toEqual([
      'schedule',
      'recovery',
    ]);
  });

  it('gives up what is Pending', async () => {
    const client = await app.account('giving up', 20);
    await using receiver = await Receiver.answering(200);
    const { body: endpoint } = await client.post('/v1/endpoints', {
      url: receiver.url,
      events: ['operation.finished'],
    });
    await client.post(`/v1/endpoints/${endpoint.id}/disable`);
    for (const id of await submitted(client, 8, { type: 'echo' })) await client.ended(id);
    const filter = { endpoint: endpoint.id };
    const bulk = await done(client, deliveries(client, { action: 'cancel', filter }));
    expect(bulk.result).toEqual({ matched: 8, done: 8, skipped: 0 });
    const listed = (await client.get(`/v1/deliveries?endpoint=${endpoint.id}&status=Canceled`)).body.data;
    expect(listed).toHaveLength(8);
    expect(receiver.all).toHaveLength(0);
  });

  it('acts on those of one operation where its id is given', async () => {
    await using receiver = await Receiver.answering(410);
    const client = await app.account('of one', 20);
    const [one] = await submitted(client, 2, { type: 'echo', callback: { url: receiver.url } });
    const exhausted = async () => (await client.get('/v1/deliveries?status=Exhausted')).body.data.length;
    await expect.poll(exhausted, SECONDS).toBe(2);
    const ask = (operation: string) =>
      deliveries(client, { action: 'redeliver', filter: { operation }, dry_run: true });
    expect((await ask(one!)).body).toEqual({ matched: 1 });
    expect(await ask('0'.repeat(32))).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'filter.operation' }] },
    });
  });
});

describe('who asks for a bulk action', () => {
  it('needs the scope of the single action', async () => {
    const writer = await app.account('writer', 5, ['operations:write']);
    const sender = await app.account('sender', 5, ['deliveries:redeliver']);
    const cancel = { action: 'cancel', filter: {} };
    expect((await operations(writer, cancel)).status).toBe(202);
    expect((await deliveries(sender, cancel)).status).toBe(202);
    for (const dry_run of [true, false]) {
      expect(await operations(sender, { ...cancel, dry_run })).toMatchObject({
        status: 403,
        body: { code: 'forbidden' },
      });
      expect((await deliveries(writer, { ...cancel, dry_run })).status).toBe(403);
    }
  });

  it('reaches other accounts only with admin, by their ids or all of them', async () => {
    const [one, two] = [await app.account('reached one', 1), await app.account('reached two', 1)];
    const correlation = 'reached by an administrator';
    const sleeping = { type: 'sleep', input: { seconds: 60 }, correlation };
    const ids = [await one.submit(sleeping), await two.submit(sleeping)].map(({ id }) => id as string);
    const { body: account } = await one.get('/v1/account');
    const request = { action: 'cancel', filter: { correlation } };
    const of = (name: string) => ({ action: 'cancel', filter: { correlation, account: name } });
    expect((await operations(two, of(account.id))).status).toBe(403);
    expect((await operations(two, of('*'))).status).toBe(403);
    const matched = async (body: object) =>
      (await operations(app.client, { ...body, dry_run: true })).body.matched;
    expect([await matched(request), await matched(of(account.id)), await matched(of('*'))]).toEqual([
      0, 1, 2,
    ]);
    await done(app.client, operations(app.client, of(account.id)));
    await expect.poll(() => statusesOf(one, ids.slice(0, 1)), SECONDS).toEqual(['Canceled']);
    expect(await statusesOf(two, ids.slice(1))).not.toEqual(['Canceled']);
    await done(app.client, operations(app.client, of('*')));
    await expect.poll(() => statusesOf(two, ids.slice(1)), SECONDS).toEqual(['Canceled']);
    const audit = (await app.client.get(`/v1/audit?account=${account.id}&action=bulk.started`)).body.data;
    expect(audit).toMatchObject([
      { details: { action: 'cancel', of: 'operations', filter: { correlation, account: account.id } } },
    ]);
  });

  it('may act on one of another account with admin, as on many', async () => {
    await using receiver = await Receiver.answering(410);
    const [client, other] = [await app.account('acted on'), await app.account('not acting')];
    const { body: account } = await client.get('/v1/account');
    const ended = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    await expect.poll(async () => (await client.deliveries(ended.id))[0]?.status, SECONDS).toBe('Exhausted');
    const [delivery] = await client.deliveries(ended.id);
    const running = await client.submit({ type: 'sleep', input: { seconds: 60 } });
    const paths = [
      `/v1/operations/${ended.id}/rerun`,
      `/v1/operations/${running.id}/cancel`,
      `/v1/deliveries/${delivery.id}/redeliver`,
    ];
    for (const path of paths) {
      expect((await other.post(path)).status).toBe(404);
      expect((await other.post(`${path}?account=${account.id}`)).status).toBe(403);
      expect((await app.client.post(path)).status).toBe(404);
      const answer = await app.client.post(`${path}?account=*`);
      expect(answer.status, answer.text).toBeLessThan(300);
      expect(answer.body.account_id).toBe(account.id);
    }
    const audit = (await app.client.get(`/v1/audit?account=${account.id}`)).body.data.slice(2);
    expect(audit.map(({ action }: any) => action)).toEqual([
      'operation.rerun',
      'operation.canceled',
      'delivery.redelivered',
    ]);
    expect(await reruns(client)).toEqual([ended.id]);
  });

  it('is told which field is wrong', async () => {
    const wrong = async (asked: ReturnType<typeof operations>): Promise<unknown> => {
      const { status, body } = await asked;
      return [status, body.errors?.[0]?.path];
    };
    const { client } = app;
    expect(await wrong(operations(client, { action: 'cancel' }))).toEqual([422, 'filter']);
    expect(await wrong(operations(client, { action: 'redeliver', filter: {} }))).toEqual([422, 'action']);
    expect(await wrong(deliveries(client, { action: 'rerun', filter: {} }))).toEqual([422, 'action']);
    expect(await wrong(operations(client, { action: 'rerun', filter: { stauts: 'Failed' } }))).toEqual([
      422,
      'filter.stauts',
    ]);
    expect(await wrong(operations(client, { action: 'rerun', filter: { status: 'Lost' } }))).toEqual([
      422,
      'filter.status',
    ]);
    expect(await wrong(operations(client, { action: 'cancel', filter: { status: 'Failed' } }))).toEqual([
      422,
      'filter.status',
    ]);
    expect(await wrong(deliveries(client, { action: 'redeliver', filter: { status: 'Delivered' } }))).toEqual(
      [422, 'filter.status'],
    );
    expect(await wrong(operations(client, { action: 'rerun', filter: { created_after: 'soon' } }))).toEqual([
      422,
      'filter.created_after',
    ]);
    expect(await wrong(operations(client, { action: 'rerun', filter: {}, dry_run: 'yes' }))).toEqual([
      422,
      'dry_run',
    ]);
    expect(await rowsOf(app.databaseUrl, `SELECT FROM live_operation WHERE type = 'ringback.bulk'`)).toEqual(
      [],
    );
  });
});
