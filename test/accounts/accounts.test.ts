import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AccountsService } from '../../src/accounts/accounts.service.js';
import type { Role } from '../../src/config/config.js';
import { App, TEST_KEY } from '../support/app.js';
import type { Client } from '../support/client.js';
import { newDatabase, rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { everyRow } from '../support/rows.js';

let app: App;
let admin: Client;

beforeAll(async () => {
  app = await App.start();
  admin = app.client;
});
afterAll(() => app[Symbol.asyncDispose]());

const account = async (name: string, slots?: number): Promise<any> => {
  const answer = await admin.post('/v1/accounts', { name, slots });
  expect(answer.status, answer.text).toBe(201);
  return answer.body;
};
const keyOf = async (accountId: string, fields: object = {}): Promise<any> => {
  const answer = await admin.post(`/v1/accounts/${accountId}/keys`, {
    name: 'key',
    scopes: ['operations:read'],
    ...fields,
  });
  expect(answer.status, answer.text).toBe(201);
  return answer.body;
};

describe('an account', () => {
  it('has a number, from 1 on in the order of creation; a name that is taken uses none up', async () => {
    const { body } = await admin.get('/v1/accounts?limit=250');
    const first = body.data.find(({ name }: { name: string }) => name === 'default');
    expect(first.number).toBe(1);
    const one = await account('numbered');
    expect((await admin.post('/v1/accounts', { name: 'numbered' })).status).toBe(409);
    expect((await account('numbered next')).number).toBe(one.number + 1);
  });

  it('is created, read, listed and changed', async () => {
    const created = await account('Acme GmbH', 3);
    expect(created).toEqual({
      id: expect.stringMatching(/^acc_[0-9a-f]{32}$/),
      number: expect.any(Number),
      name: 'Acme GmbH',
      slots: 3,
      quota_bytes: null,
      quota_waiting: null,
      requests_per_s: null,
      disabled: false,
      created_at: expect.stringMatching(/Z$/),
    });
    expect((await admin.get(`/v1/accounts/${created.id}`)).body).toEqual(created);
    const changed = await admin.request('PATCH', `/v1/accounts/${created.id}`, { name: 'Acme AG', slots: 7 });
    expect(changed.body).toEqual({ ...created, name: 'Acme AG', slots: 7 });
    const slots = await admin.request('PATCH', `/v1/accounts/${created.id}`, { slots: 8 });
    expect(slots.body).toEqual({ ...created, name: 'Acme AG', slots: 8 });
    const same = await admin.request('PATCH', `/v1/accounts/${created.id}`, {});
    expect(same.body).toEqual(slots.body);
    const own = await admin.request('PATCH', `/v1/accounts/${created.id}`, { name: 'Acme AG' });
    expect([own.status, own.body]).toEqual([200, slots.body]);
  });

  it('has as many slots as the configuration says, where none are given', async () => {
    expect((await account('defaults')).slots).toBe(20);
  });

  it('has a name of its own, also when two ask for it at once', async () => {
    await account('taken');
    const other = await account('other');
    for (const answer of [
      await admin.post('/v1/accounts', { name: 'taken' }),
      await admin.request('PATCH', `/v1/accounts/${other.id}`, { name: 'taken' }),
    ]) {
      expect(answer.status).toBe(409);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
      expect(answer.body).toMatchObject({ code: 'name-taken', errors: [{ path: 'name' }] });
    }
    const creations = await Promise.all(
      Array.from({ length: 10 }, () => admin.post('/v1/accounts', { name: 'race' })),
    );
    expect(creations.map(({ status }) => status).sort()).toEqual([
      201,
      ...Array.from({ length: 9 }, () => 409),
    ]);
    const racers = await Promise.all(Array.from({ length: 10 }, (_, index) => account(`racer ${index}`)));
    const changes = await Promise.all(
      racers.map(({ id }) => admin.request('PATCH', `/v1/accounts/${id}`, { name: 'winner' })),
    );
    expect(changes.map(({ status }) => status).sort()).toEqual([
      200,
      ...Array.from({ length: 9 }, () => 409),
    ]);
  });

  it('is listed page by page', async () => {
    const ids: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { body }: any = await admin.get(
        `/v1/accounts?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      expect(body.data.length).toBeLessThanOrEqual(2);
      ids.push(...body.data.map(({ id }: { id: string }) => id));
      cursor = body.next_cursor;
    }
    const all = (await admin.get('/v1/accounts?limit=250')).body;
    expect(ids).toEqual(all.data.map(({ id }: { id: string }) => id));
    expect(new Set(ids).size).toBe(ids.length);
    expect(all.next_cursor).toBeNull();
  });

  it('runs as many operations at once as its changed slots allow', async () => {
    const narrow = await app.account('narrow', 1);
    const [row] = await rowsOf<{ id: string }>(
      app.databaseUrl,
      "SELECT id FROM account WHERE name = 'narrow'",
    );
    const statuses = async (): Promise<string[]> =>
      (await narrow.get('/v1/operations')).body.data.map(({ status }: { status: string }) => status);
    for (let count = 0; count < 4; count++) await narrow.submit({ type: 'sleep', input: { seconds: 60 } });
    await expect.poll(statuses).toEqual(['Executing', 'Waiting', 'Waiting', 'Waiting']);
    await admin.request('PATCH', `/v1/accounts/${row!.id}`, { slots: 3 });
    await expect
      .poll(statuses, { timeout: 5_000 })
      .toEqual(['Executing', 'Executing', 'Executing', 'Waiting']);
    await admin.request('PATCH', `/v1/accounts/${row!.id}`, { slots: 1 });
    const running = (await narrow.get('/v1/operations')).body.data;
    await narrow.post(`/v1/operations/${running[0].id}/cancel`);
    await narrow.post(`/v1/operations/${running[1].id}/cancel`);
    // Of another account: by the time it has run, the dispatcher has looked at these again.
    await admin.ended((await admin.submit({ type: 'echo' })).id);
    expect(await statuses()).toEqual(['Canceled', 'Canceled', 'Executing', 'Waiting']);
    await narrow.post(`/v1/operations/${running[2].id}/cancel`);
    await expect
      .poll(statuses, { timeout: 5_000 })
      .toEqual(['Canceled', 'Canceled', 'Canceled', 'Executing']);
    await narrow.post(`/v1/operations/${running[3].id}/cancel`);
  });
});

describe('an API key', () => {
  it('is shown once', async () => {
    const { id } = await account('keys');
    const { key, ...shown } = await keyOf(id, { name: 'ci', expires_at: '2099-01-31T12:00:00+02:00' });
    expect(key).toMatch(/^rb_[0-9a-f]{16}_[0-9A-Za-z]{43}$/);
    expect(shown).toEqual({
      id: expect.stringMatching(/^key_[0-9a-f]{16}$/),
      name: 'ci',
      scopes: ['operations:read'],
      created_at: expect.stringMatching(/Z$/),
      expires_at: '2099-01-31T10:00:00.000Z',
      last_used_at: null,
    });
    const list = await admin.get(`/v1/accounts/${id}/keys`);
    expect(list.body).toEqual({ data: [shown], next_cursor: null });
    expect(list.text).not.toContain(key);
    expect((await admin.withKey(key).get('/v1/operations')).status).toBe(200);
  });

  it('shows when it was last used', async () => {
    const { id } = await account('last use');
    const { key } = await keyOf(id);
    await keyOf(id, { name: 'unused' });
    const before = Date.now();
    await admin.withKey(key).get('/v1/operations');
    const uses = async (): Promise<Record<string, string | null>> => {
      const { data } = (await admin.get(`/v1/accounts/${id}/keys`)).body;
      return Object.fromEntries(data.map((listed: any) => [listed.name, listed.last_used_at]));
    };
    await expect.poll(uses).toEqual({ key: expect.any(String), unused: null });
    expect(Math.abs(Date.parse((await uses())['key']!) - before)).toBeLessThan(5_000);
  });

  it('is kept as a hash only, as is the one of the environment', async () => {
    const { id } = await account('hashes');
    const { key } = await keyOf(id);
    await admin.withKey(key).get('/v1/operations');
    const stored = await everyRow(app.databaseUrl);
    for (const text of [key, TEST_KEY]) {
      expect(stored).not.toContain(text);
      expect(stored).not.toContain(text.split('_')[2]);
      expect(stored).toContain(createHash('sha256').update(text).digest('hex'));
    }
  });

  it('is refused everywhere within 5 s of its revocation, also where it was just used', async () => {
    const { id } = await account('revokes');
    const { key, id: keyId } = await keyOf(id);
    const other = await keyOf(id, { name: 'other' });
    const holder = admin.withKey(key);
    expect((await holder.get('/v1/operations')).status).toBe(200);
    // As another process does it: this one's memory of the key is still warm.
    await rowsOf(app.databaseUrl, 'UPDATE api_key SET revoked_at = now() WHERE id = $1', [keyId]);
    await expect.poll(async () => (await holder.get('/v1/operations')).status, { timeout: 5_000 }).toBe(401);
    const { key: second, id: secondId } = await keyOf(id, { name: 'second' });
    expect((await admin.withKey(second).get('/v1/operations')).status).toBe(200);
    expect((await admin.request('DELETE', `/v1/accounts/${id}/keys/${secondId}`)).status).toBe(204);
    expect((await admin.withKey(second).get('/v1/operations')).status).toBe(401);
    expect((await admin.request('DELETE', `/v1/accounts/${id}/keys/${secondId}`)).status).toBe(404);
    const { data } = (await admin.get(`/v1/accounts/${id}/keys`)).body;
    expect(data.map((listed: { id: string }) => listed.id)).toEqual([other.id]);
    expect((await admin.withKey(other.key).get('/v1/operations')).status).toBe(200);
  });

  it('is revoked by its own account only', async () => {
    const [mine, theirs] = [await account('mine'), await account('theirs')];
    const { id, key } = await keyOf(theirs.id);
    const refused = await admin.request('DELETE', `/v1/accounts/${mine.id}/keys/${id}`);
    expect([refused.status, refused.body.code]).toEqual([404, 'key-not-found']);
    expect((await admin.withKey(key).get('/v1/operations')).status).toBe(200);
  });

  it('with the scope admin may do everything', async () => {
    const { id } = await account('admins');
    const { key } = await keyOf(id, { scopes: ['admin'] });
    const client = admin.withKey(key);
    expect((await client.get('/v1/accounts')).status).toBe(200);
    expect((await client.post('/v1/operations', { type: 'echo' })).status).toBe(202);
    expect((await client.get('/v1/signing-secret')).status).toBe(200);
  });
});

describe('the key that the environment gives', () => {
  const OTHER_KEY = 'rb_other_0123456789ABCDEFGHIJKLMNOP';
  const url = newDatabase();

  /** What each key is answered by a process that was started with this one. */
  async function started(firstKey: string | undefined, roles: Role[] = ['api', 'worker', 'gateway']) {
    const database = { url: await url };
    const process = { roles: new Set(roles) };
    const one = await App.start({ database, accounts: { firstKey }, process });
    const asked = async (key: string) => (await one.client.withKey(key).get('/v1/ledger')).status;
    const statuses = roles.includes('api') ? [await asked(TEST_KEY), await asked(OTHER_KEY)] : [];
    return { one, statuses, [Symbol.asyncDispose]: () => one[Symbol.asyncDispose]() };
  }

  it('is valid as long as it is given, and stays revoked once it was', async () => {
    {
      await using first = await started(TEST_KEY);
      expect(first.statuses).toEqual([200, 401]);
    }
    {
      await using _worker = await started(undefined, ['worker']);
    }
    {
      await using changed = await started(OTHER_KEY);
      expect(changed.statuses).toEqual([401, 200]);
    }
    {
      await using none = await started(undefined);
      expect(none.statuses).toEqual([401, 401]);
    }
    {
      await using again = await started(TEST_KEY);
      expect(again.statuses).toEqual([200, 401]);
      const { client } = again.one;
      const [{ id: accountId }] = (await client.get('/v1/accounts')).body.data;
      const [{ id }] = (await client.get(`/v1/accounts/${accountId}/keys`)).body.data;
      expect((await client.request('DELETE', `/v1/accounts/${accountId}/keys/${id}`)).status).toBe(204);
    }
    for (const key of [TEST_KEY, OTHER_KEY, undefined, TEST_KEY]) {
      await using restarted = await started(key);
      expect(restarted.statuses).toEqual([401, key === OTHER_KEY ? 200 : 401]);
    }
  });

  it('may be one that was made and printed', async () => {
    const database = { url: await newDatabase() };
    await using first = await App.start({ database, accounts: { firstKey: undefined } });
    const made = await first.nest.get(AccountsService).makeFirstKey(() => undefined);
    await using second = await App.start({ database, accounts: { firstKey: made! } });
    expect((await second.client.withKey(made!).get('/v1/ledger')).status).toBe(200);
  });
});

describe('what belongs to one account', () => {
  it('is for another as if it were not there', async () => {
    await using receiver = await Receiver.answering(410);
    const owner = await app.account('owner');
    const stranger = await app.account('stranger');
    const operation = await owner.submit(
      { type: 'echo', callback: { url: receiver.url } },
      { 'idempotency-key': 'shared' },
    );
    await expect.poll(async () => (await owner.deliveries(operation.id))[0]?.status).toBe('Exhausted');
    const [delivery] = await owner.deliveries(operation.id);
    const file = (await owner.post('/v1/files?name=a.csv', 'a,b', { 'content-type': 'text/csv' })).body;
    const paths: [method: string, path: string][] = [
      ['GET', `/v1/operations/${operation.id}`],
      ['GET', `/v1/operations/${operation.id}?wait=1`],
      ['POST', `/v1/operations/${operation.id}/cancel`],
      ['GET', `/v1/operations/${operation.id}/history`],
      ['GET', `/v1/operations/${operation.id}/deliveries`],
      ['GET', `/v1/operations/${operation.id}/result`],
      ['GET', `/v1/deliveries/${delivery.id}`],
      ['POST', `/v1/deliveries/${delivery.id}/redeliver`],
      ['POST', `/v1/deliveries/${delivery.id}/cancel`],
      ['GET', `/v1/files/${file.id}`],
      ['GET', `/v1/files/${file.id}/content`],
      ['DELETE', `/v1/files/${file.id}`],
    ];
    for (const [method, path] of paths) {
      const answer = await stranger.request(method, path);
      const absent = await stranger.request(method, path.replaceAll(/[0-9a-f]{32}/g, 'f'.repeat(32)));
      expect([answer.status, answer.body.code], `${method} ${path}`).toEqual([404, absent.body.code]);
      expect(Object.keys(answer.body)).toEqual(Object.keys(absent.body));
    }
    for (const list of ['/v1/operations', '/v1/deliveries', `/v1/deliveries?operation=${operation.id}`]) {
      expect((await stranger.get(list)).body.data).toEqual([]);
    }
    const own = await stranger.submit({ type: 'echo' }, { 'idempotency-key': 'shared' });
    expect(own.id).not.toBe(operation.id);
    expect(await stranger.signingSecret()).not.toBe(await owner.signingSecret());
    expect((await owner.get(`/v1/files/${file.id}/content`)).text).toBe('a,b');
    expect((await owner.delivery(delivery.id)).attempt_count).toBe(1);
  });

  it('is no use to an operation of another', async () => {
    const owner = await app.account('file owner');
    const stranger = await app.account('file stranger');
    const operation = await owner.submit({
      type: 'echo',
      run_at: new Date(Date.now() + 3_600_000).toISOString(),
    });
    expect((await stranger.post(`/v1/operations/${operation.id}/cancel`)).status).toBe(404);
    expect((await owner.ended(operation.id, 0)).status).toBe('Waiting');
    expect((await admin.get(`/v1/operations/${operation.id}`)).status).toBe(404);
  });
});
