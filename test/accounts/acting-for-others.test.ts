import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import type { Client } from '../support/client.js';
import { Receiver } from '../support/receiver.js';

let app: App;
let admin: Client;
let theirs: Client;
let account: string;
let receiver: Receiver;

beforeAll(async () => {
  app = await App.start({ deliveries: { schedule: [] } });
  admin = app.client;
  receiver = await Receiver.answering(200);
  theirs = await app.account('theirs');
  account = (await theirs.get('/v1/account')).body.id;
});
afterAll(async () => {
  await receiver[Symbol.asyncDispose]();
  await app[Symbol.asyncDispose]();
});

/** By `*`, or by the account's id: both name the account of a row. */
const all = '?account=*';
const named = (): string => `?account=${account}`;
const audited = async (action: string): Promise<unknown[]> =>
  (await admin.get(`/v1/audit?account=${account}&action=${action}`)).body.data;

describe('an administrator who names an account', () => {
  it('cancels, reruns and erases its operations', async () => {
    const { id } = await theirs.submit({ type: 'sleep', input: { seconds: 60 } });
    expect((await admin.post(`/v1/operations/${id}/cancel`)).status).toBe(404);
    expect((await admin.post(`/v1/operations/${id}/cancel${all}`)).body.status).toBe('Canceled');
    const rerun = await admin.post(`/v1/operations/${id}/rerun${all}`, { input: { seconds: 0 } });
    expect([rerun.status, rerun.body.rerun_of]).toEqual([202, id]);
    expect((await theirs.ended(rerun.body.id)).status).toBe('Finished');
    expect((await admin.request('DELETE', `/v1/operations/${id}${named()}`)).status).toBe(204);
    expect((await theirs.get(`/v1/operations/${id}`)).body.erased_at).toEqual(expect.any(String));
    for (const action of ['operation.canceled', 'operation.rerun', 'operation.erased'])
      expect(await audited(action), action).toMatchObject([{ account_id: account, target: id }]);
  });

  it('sends its deliveries again, or gives them up', async () => {
    receiver.answer(500, 200);
    const operation = await theirs.submit({ type: 'echo', callback: { url: receiver.url } });
    const exhausted = async (): Promise<any> =>
      (await theirs.get(`/v1/deliveries?operation=${operation.id}&status=Exhausted`)).body.data[0];
    await expect.poll(exhausted).toBeDefined();
    const { id } = await exhausted();
    expect((await admin.post(`/v1/deliveries/${id}/redeliver`)).status).toBe(404);
    expect((await admin.post(`/v1/deliveries/${id}/redeliver${all}`)).status).toBe(202);
    await expect.poll(async () => (await theirs.delivery(id)).status).toBe('Delivered');
    expect((await admin.post(`/v1/deliveries/${id}/cancel${all}`)).body.code).toBe('delivery-state');
    expect(await audited('delivery.redelivered')).toMatchObject([{ account_id: account, target: id }]);
  });

  it('changes, tests, pauses, recovers and deletes its endpoints', async () => {
    const { body: endpoint } = await theirs.post('/v1/endpoints', { url: receiver.url });
    const path = `/v1/endpoints/${endpoint.id}`;
    expect((await admin.request('PATCH', path, { description: 'x' })).status).toBe(404);
    const changed = await admin.request('PATCH', path + named(), { description: 'changed' });
    expect(changed.body.description).toBe('changed');
    expect((await admin.post(`${path}/test${all}`)).body.outcome).toBe('delivered');
    expect((await admin.post(`${path}/disable${all}`)).body.disabled_at).toEqual(expect.any(String));
    expect((await admin.post(`${path}/enable${all}`)).body.disabled_at).toBeNull();
    const { secret } = (await admin.post(`${path}/rotate-secret${all}`, { overlap_s: 3600 })).body;
    expect((await admin.get(`${path}/secret${all}`)).body).toEqual({ secret });
    expect((await theirs.get(`${path}/secret`)).body).toEqual({ secret });
    const old = (await theirs.get(`${path}/secrets`)).body.data[1].id;
    expect((await admin.request('DELETE', `${path}/secrets/${old}${all}`)).status).toBe(204);
    const since = '2020-01-01T00:00:00Z';
    expect((await admin.post(`${path}/recover${all}`, { since })).status).toBe(202);
    expect((await admin.request('DELETE', path + all)).status).toBe(204);
    expect((await theirs.get(path)).status).toBe(404);
  });
});

describe('any other key', () => {
  it('changes nothing of another account, whatever it names', async () => {
    const others = await app.account('others');
    const operation = await theirs.submit({ type: 'echo' });
    await theirs.ended(operation.id);
    for (const whose of [all, named()]) {
      const answer = await others.post(`/v1/operations/${operation.id}/rerun${whose}`);
      expect([answer.status, answer.body.code]).toEqual([403, 'forbidden']);
    }
    const own = (await others.get('/v1/account')).body.id;
    expect((await others.post(`/v1/operations/${operation.id}/rerun?account=${own}`)).status).toBe(404);
  });
});
