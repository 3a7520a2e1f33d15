import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App, freePort } from '../support/app.js';
import type { Client } from '../support/client.js';
import { rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';

let app: App;
let admin: Client;
let upstream: Receiver;
let gateway: string;

beforeAll(async () => {
  upstream = await Receiver.answering(200);
  const port = await freePort();
  gateway = `http://127.0.0.1:${port}`;
  app = await App.start({
    gateway: { upstream: upstream.url, port, publicUrl: gateway, open: true },
    housekeeping: { everyS: 0.1 },
    deliveries: { schedule: [3600] },
  });
  admin = app.client;
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

const OWN = ['operations:write', 'operations:read', 'endpoints:write', 'keys:write'];

async function account(name: string, scopes = OWN): Promise<{ id: string; keyId: string; client: Client }> {
  const { body } = await admin.post('/v1/accounts', { name });
  const { body: key } = await admin.post(`/v1/accounts/${body.id}/keys`, { name: 'first', scopes });
  return { id: body.id, keyId: key.id, client: admin.withKey(key.key) };
}

const patch = (id: string, change: object) => admin.request('PATCH', `/v1/accounts/${id}`, change);

describe('an account that is disabled', () => {
  it('has its keys and tokens refused on every face, while what it has submitted runs on, until it is enabled', async () => {
    await using receiver = await Receiver.answering(200);
    const { id, client } = await account('disabled');
    const token = (await client.post('/api/auth/token', { accountid: id, key: client.key })).body as string;
    const headers = { 'x-auth-token': token, 'x-auth-accountid': id };
    const trm = () => fetch(`${app.client.url}/api/trm/list`, { headers });
    expect((await trm()).status).toBe(200);
    await client.submit({ type: 'sleep', input: { seconds: 0.3 }, callback: { url: receiver.url } });
    expect((await patch(id, { disabled: true })).body).toMatchObject({ id, disabled: true, slots: 20 });
    expect(await client.get('/v1/operations')).toMatchObject({
      status: 403,
      body: { code: 'account-disabled' },
    });
    await expect.poll(async () => (await trm()).status, { timeout: 5_000 }).toBe(403);
    const asked = await fetch(`${gateway}/x?bgrs=yes`, { headers: { 'x-ringback-key': client.key } });
    expect(asked.status).toBe(403);
    await receiver.received(1);
    expect((await admin.get(`/v1/accounts/${id}`)).body.disabled).toBe(true);
    expect((await patch(id, { slots: 3 })).body).toMatchObject({ disabled: true, slots: 3 });
    expect((await patch(id, { disabled: false })).body).toMatchObject({ disabled: false });
    expect((await client.get('/v1/operations')).status).toBe(200);
  });

  it('may be that of the gateway’s callers', async () => {
    const ask = () => fetch(`${gateway}/x?bgrs=yes`);
    expect((await ask()).status).toBe(200);
    const { data } = (await admin.get('/v1/accounts?limit=250')).body;
    const { id } = data.find(({ name }: { name: string }) => name === 'gateway');
    await patch(id, { disabled: true });
    await expect.poll(async () => (await ask()).status, { timeout: 5_000 }).toBe(403);
  });

  it('is neither one’s own nor the default one', async () => {
    const { body: other } = await admin.post('/v1/accounts', { name: 'other admin' });
    const { body: key } = await admin.post(`/v1/accounts/${other.id}/keys`, { name: 'a', scopes: ['admin'] });
    const { data } = (await admin.get('/v1/accounts?limit=250')).body;
    const own = data.find(({ name }: { name: string }) => name === 'default').id;
    for (const [client, id] of [
      [admin, own],
      [admin.withKey(key.key), own],
      [admin.withKey(key.key), other.id],
    ] as [Client, string][]) {
      const refused = { status: 409, body: { code: 'account-needed', errors: [{ path: 'id' }] } };
      expect(await client.request('PATCH', `/v1/accounts/${id}`, { disabled: true })).toMatchObject(refused);
      expect(await client.request('DELETE', `/v1/accounts/${id}`)).toMatchObject(refused);
    }
    expect((await patch(own, { disabled: false })).status).toBe(200);
    expect(await patch(other.id, { disabled: 'yes' })).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'disabled' }] },
    });
  });
});

describe('an account that is deleted', { timeout: 60_000 }, () => {
  const TABLES = [
    'operation',
    'live_operation',
    'delivery',
    'live_delivery',
    'undelivered',
    'endpoint',
    'recovery',
    'idempotency_key',
    'callback_host',
  ];

  it('leaves nothing: operations in every state, what is owed, endpoints, files and keys', async () => {
    await using receiver = await Receiver.answering(500);
    const { id, client } = await account('leaves', [...OWN, 'deliveries:redeliver']);
    const kept = await account('stays');
    await kept.client.submit({ type: 'echo', input: 'stays' });
    await client.post('/v1/endpoints', { url: receiver.url });
    const upload = await client.post('/v1/files?name=a', 'a', { 'content-type': 'text/plain' });
    const callback = { url: receiver.url };
    await Promise.all(
      Array.from({ length: 700 }, (_, n) =>
        client.submit({ type: 'echo', input: { file: upload.body.id } }, { 'idempotency-key': `key ${n}` }),
      ),
    );
    await client.submit({ type: 'echo', callback });
    await client.submit({ type: 'echo', run_at: new Date(Date.now() + 1e6).toISOString(), callback });
    const running = await client.submit({ type: 'sleep', input: { seconds: 60 } });
    await expect
      .poll(async () => (await client.get(`/v1/operations/${running.id}`)).body.status)
      .toBe('Executing');
    await client.post('/v1/deliveries/recover', { since: '2026-01-01T00:00:00Z', pending: true });

    expect((await admin.request('DELETE', `/v1/accounts/${id}`)).status).toBe(204);
    expect((await client.get('/v1/operations')).status).toBe(401);
    expect((await admin.get(`/v1/accounts/${id}`)).status).toBe(404);
    expect((await admin.request('DELETE', `/v1/accounts/${id}`)).status).toBe(404);
    expect((await admin.post('/v1/accounts', { name: 'leaves' })).status).toBe(201);
    for (const table of TABLES)
      await expect
        .poll(
          () =>
            rowsOf(app.databaseUrl, `SELECT count(*)::integer AS count FROM ${table} WHERE account_id = $1`, [
              id,
            ]),
          {
            timeout: 20_000,
          },
        )
        .toEqual([{ count: 0 }]);
    await expect
      .poll(() => readdir(app.config.files.folder, { recursive: true }), { timeout: 10_000 })
      .not.toContain(expect.stringContaining(upload.body.id));
    for (const [table, number, of] of [
      ['history_entry', 'operation_id', 'operation o WHERE o.request_id'],
      ['file_use', 'operation_id', 'operation o WHERE o.request_id'],
      ['attempt', 'delivery_seq', 'delivery d WHERE d.seq'],
    ])
      expect(
        await rowsOf(
          app.databaseUrl,
          `SELECT FROM ${table} t WHERE NOT EXISTS (SELECT FROM ${of} = t.${number})`,
        ),
      ).toEqual([]);
    expect(await rowsOf(app.databaseUrl, 'SELECT FROM audit_records()')).toEqual([]);
    expect((await admin.get('/v1/ledger')).body.balanced).toBe(true);
    expect((await kept.client.get('/v1/operations')).body.data).toHaveLength(1);
  });

  it('takes along what was accepted late, and its own row an hour after', async () => {
    const { id } = await account('late');
    expect((await admin.request('DELETE', `/v1/accounts/${id}`)).status).toBe(204);
    const row = () => rowsOf<{ id: string }>(app.databaseUrl, 'SELECT id FROM account WHERE id = $1', [id]);
    // By a process that still believed its key.
    await rowsOf(
      app.databaseUrl,
      `WITH late AS (
         INSERT INTO operation (rid, account_id, type, face, retention, tries, timeout_s)
         VALUES (repeat('b', 32), $1, 'echo', 'native', 'keep1m', 1, 60) RETURNING *
       ), booked AS (
         INSERT INTO ledger_entry (accepted) VALUES (1)
       )
       INSERT INTO live_operation (request_id, account_id, type, phase, priority, tries, look_at, due_at)
       SELECT request_id, account_id, type, 'scheduled', 0, 1, now() + interval '1 day', now() + interval '1 day' FROM late`,
      [id],
    );
    await expect
      .poll(() => rowsOf(app.databaseUrl, 'SELECT FROM operation WHERE account_id = $1', [id]), {
        timeout: 10_000,
      })
      .toEqual([]);
    expect(await row()).toHaveLength(1);
    await rowsOf(
      app.databaseUrl,
      `UPDATE account SET deleted_at = now() - interval '2 hours' WHERE id = $1`,
      [id],
    );
    await expect.poll(row, { timeout: 10_000 }).toEqual([]);
    for (const table of ['api_key', 'signing_secret'])
      expect(await rowsOf(app.databaseUrl, `SELECT FROM ${table} WHERE account_id = $1`, [id])).toEqual([]);
  });
});

describe('a key with keys:write', () => {
  it('rotates the keys of its own account, and no others', async () => {
    const { id, keyId, client } = await account('rotates');
    const made = await client.post(`/v1/accounts/${id}/keys`, { name: 'second', scopes: OWN });
    expect(made.status, made.text).toBe(201);
    const second = admin.withKey(made.body.key);
    const { data } = (await second.get(`/v1/accounts/${id}/keys`)).body;
    expect(data.map(({ name }: { name: string }) => name).sort()).toEqual(['first', 'second']);
    expect((await second.request('DELETE', `/v1/accounts/${id}/keys/${keyId}`)).status).toBe(204);
    expect((await client.get('/v1/operations')).status).toBe(401);

    const other = await account('rotates not');
    expect((await second.get(`/v1/accounts/${other.id}/keys`)).status).toBe(404);
    expect((await second.post(`/v1/accounts/${other.id}/keys`, { name: 'x', scopes: OWN })).status).toBe(404);
    expect((await second.request('DELETE', `/v1/accounts/${other.id}/keys/${other.keyId}`)).status).toBe(404);
    for (const [method, path] of [
      ['GET', '/v1/accounts'],
      ['GET', `/v1/accounts/${id}`],
      ['PATCH', `/v1/accounts/${id}`],
      ['DELETE', `/v1/accounts/${id}`],
    ])
      expect(
        (await second.request(method!, path!, method === 'PATCH' ? { slots: 99 } : undefined)).status,
      ).toBe(403);
  });

  it('gives no scope that it lacks, and takes no key that has more', async () => {
    const { id, client } = await account('escalates');
    const refused = { status: 403, body: { code: 'forbidden', errors: [{ path: 'scopes' }] } };
    for (const scopes of [['admin'], ['operations:read', 'deliveries:redeliver']])
      expect(await client.post(`/v1/accounts/${id}/keys`, { name: 'more', scopes })).toMatchObject(refused);
    const { body: strong } = await admin.post(`/v1/accounts/${id}/keys`, { name: 'more', scopes: ['admin'] });
    expect(await client.request('DELETE', `/v1/accounts/${id}/keys/${strong.id}`)).toMatchObject(refused);
    expect((await admin.withKey(strong.key).get('/v1/ledger')).status).toBe(200);
  });
});

describe('the last use of a key', () => {
  it('is told by lists, and noted at most once a minute', async () => {
    const { id, keyId, client } = await account('used');
    const lastUse = async (): Promise<string | null> =>
      (await admin.get(`/v1/accounts/${id}/keys`)).body.data[0].last_used_at;
    expect(await lastUse()).toBeNull();
    await client.get('/v1/operations');
    // Noted behind the answer's back.
    await expect.poll(lastUse).not.toBeNull();
    const first = await lastUse();
    expect(Math.abs(Date.parse(first!) - Date.now())).toBeLessThan(60_000);
    const version = () =>
      rowsOf<{ xmin: string }>(app.databaseUrl, 'SELECT xmin::text FROM api_key WHERE id = $1', [keyId]);
    const before = await version();
    // Looked up anew by a token, and by another process.
    await client.post('/api/auth/token', { accountid: id, key: client.key });
    await using second = await App.start({ database: { url: app.databaseUrl } });
    expect((await second.client.withKey(client.key).get('/v1/operations')).status).toBe(200);
    expect(await version()).toEqual(before);
    await rowsOf(
      app.databaseUrl,
      `UPDATE api_key SET last_used_at = now() - interval '2 minutes' WHERE id = $1`,
      [keyId],
    );
    const token = (await client.post('/api/auth/token', { accountid: id, key: client.key })).body as string;
    await fetch(`${app.client.url}/api/trm/list`, {
      headers: { 'x-auth-token': token, 'x-auth-accountid': id },
    });
    await expect.poll(async () => Date.parse((await lastUse())!)).toBeGreaterThanOrEqual(Date.parse(first!));
  });
});
