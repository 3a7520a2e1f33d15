import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Audit } from '../../src/accounts/audit.js';
import { App, freePort, TEST_KEY_ID } from '../support/app.js';
import type { Client } from '../support/client.js';
import { newDatabase, rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy } from '../support/service.js';

let app: App;
let admin: Client;
beforeAll(async () => {
  app = await App.start({ accounts: { triesPerMinute: 60 } });
  admin = app.client;
});
afterAll(() => app[Symbol.asyncDispose]());

const entries = async (query = ''): Promise<any[]> => {
  const answer = await admin.get(`/v1/audit?limit=250${query}`);
  expect(answer.status, answer.text).toBe(200);
  return answer.body.data;
};
const told = (rows: any[]): unknown[] => rows.map(({ action, target }) => [action, target]);

/** Waits for a minute that isn't about to end, so that what follows is in one. */
const earlyInMinute = () => expect.poll(() => Date.now() % 60_000, { timeout: 12_000 }).toBeLessThan(50_000);

describe('the audit', () => {
  it('has who made, changed and revoked what, when and from where', async () => {
    const since = new Date().toISOString();
    const { body: account } = await admin.post('/v1/accounts', { name: 'audited', slots: 5 });
    await admin.request('PATCH', `/v1/accounts/${account.id}`, { slots: 7 });
    const { body: key } = await admin.post(`/v1/accounts/${account.id}/keys`, {
      name: 'ci',
      scopes: ['operations:read'],
    });
    await admin.request('DELETE', `/v1/accounts/${account.id}/keys/${key.id}`);
    const rows = await entries(`&account=${account.id}`);
    expect(told(rows)).toEqual([
      ['account.created', account.id],
      ['account.changed', account.id],
      ['key.created', key.id],
      ['key.revoked', key.id],
    ]);
    expect(rows[0]).toEqual({
      at: expect.stringMatching(/Z$/),
      account_id: account.id,
      actor: { key_id: TEST_KEY_ID, name: 'RINGBACK_API_KEY' },
      address: '127.0.0.1',
      action: 'account.created',
      via: null,
      target: account.id,
      details: { name: 'audited', slots: 5 },
    });
    expect(rows[1].details).toEqual({ slots: 7 });
    expect(rows[2].details).toEqual({ name: 'ci', scopes: ['operations:read'], expires_at: null });
    expect(JSON.stringify(rows)).not.toContain(key.key);
    expect(
      told(await entries(`&since=${since}&actor=${TEST_KEY_ID}&action=key.created,key.revoked`)),
    ).toEqual(told(rows.slice(2)));
    expect(await entries(`&actor=RINGBACK_API_KEY&until=${since}&account=${account.id}`)).toEqual([]);
  });

  it('has what becomes of endpoints and secrets, and none of their secrets', async () => {
    await using receiver = await Receiver.answering();
    const client = await app.account('endpoints audited');
    const { body: endpoint } = await client.post('/v1/endpoints', {
      url: `${receiver.url}?token=hush`,
      headers: [{ key: 'authorization', value: 'hush' }],
    });
    const path = `/v1/endpoints/${endpoint.id}`;
    await client.request('PATCH', path, { url: `${receiver.url}?token=hush2` });
    await client.get(`${path}/secret`);
    const { body: rotated } = await client.post(`${path}/rotate-secret`, { overlap_s: 5 });
    await client.post(`${path}/disable`);
    await client.post(`${path}/enable`);
    await client.post(`${path}/recover`, { since: '2026-01-31T12:00:00Z' });
    await client.post(`${path}/disable`);
    await client.post(`${path}/recover`, { since: '2026-01-31T12:00:00Z' });
    await client.request('DELETE', path);
    const origin = new URL(receiver.url).origin;
    const { body: recovery } = await client.post('/v1/deliveries/recover', {
      since: '2026-01-31T12:00:00Z',
      origin,
    });
    await client.get('/v1/signing-secret');
    await client.post('/v1/signing-secret/rotate', {});
    const [{ id: accountId }] = (await rowsOf<{ id: string }>(
      app.databaseUrl,
      "SELECT id FROM account WHERE name = 'endpoints audited'",
    )) as [{ id: string }];
    const rows = (await entries(`&account=${accountId}`)).slice(2);
    expect(told(rows)).toEqual([
      ...[
        'endpoint.created',
        'endpoint.changed',
        'secret.read',
        'secret.rotated',
        'endpoint.disabled',
        'endpoint.enabled',
        'bulk.started',
        'endpoint.disabled',
        'endpoint.enabled',
        'bulk.started',
        'endpoint.deleted',
      ].map((action) => [action, endpoint.id]),
      ['bulk.started', recovery.id],
      ['secret.read', accountId],
      ['secret.rotated', accountId],
    ]);
    expect(rows.at(-3).details).toMatchObject({ action: 'recover', origin });
    expect(rows.map(({ actor }) => actor.name)).toEqual(rows.map(() => 'test'));
    expect(rows[1].details).toEqual({ fields: ['url'] });
    for (const secret of ['hush', endpoint.secret, rotated.secret])
      expect(JSON.stringify(rows)).not.toContain(secret);
  });

  it('has who sent a delivery again or gave it up, and what a key with admin did with operations', async () => {
    await using receiver = await Receiver.answering(410);
    const client = await app.account('deliveries audited');
    const ended = async (by: Client): Promise<{ id: string; delivery: string }> => {
      const { id } = await by.submit({ type: 'echo', callback: { url: receiver.url } });
      const owed = async () => (await by.get(`/v1/operations/${id}/deliveries`)).body.data[0];
      await expect.poll(async () => (await owed())?.status).toBe('Exhausted');
      return { id, delivery: (await owed()).id };
    };
    const own = await ended(client);
    await client.post(`/v1/deliveries/${own.delivery}/redeliver`);
    await client.post(`/v1/operations/${own.id}/rerun`);
    const { body: account } = await client.get('/v1/account');
    expect(told(await entries(`&account=${account.id}`)).slice(2)).toEqual([
      ['delivery.redelivered', own.delivery],
    ]);

    const since = new Date().toISOString();
    const { id, delivery } = await ended(admin);
    await admin.post(`/v1/deliveries/${delivery}/redeliver`);
    const rerun = await admin.post(`/v1/operations/${id}/rerun`, { input: 'hush', callback: null });
    const long = await admin.submit({ type: 'sleep', input: { seconds: 60 } });
    await admin.post(`/v1/operations/${long.id}/cancel`);
    const rows = await entries(`&since=${since}&actor=${TEST_KEY_ID}`);
    expect(told(rows)).toEqual([
      ['delivery.redelivered', delivery],
      ['operation.rerun', id],
      ['operation.canceled', long.id],
    ]);
    expect(rows[1].details).toEqual({ rerun: rerun.body.id, changed: ['input', 'callback'] });
  });

  it('is read page by page, from either end, by admins only', async () => {
    const all = await entries();
    for (const order of ['asc', 'desc']) {
      const found: unknown[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const { body }: any = await admin.get(
          `/v1/audit?order=${order}&limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`,
        );
        found.push(...body.data);
        cursor = body.next_cursor;
      }
      expect(found).toEqual(order === 'asc' ? all : all.toReversed());
    }
    expect((await (await app.account('no admin')).get('/v1/audit')).status).toBe(403);
    for (const query of ['action=key.made', 'order=up', 'since=yesterday', 'nope=1'])
      expect((await admin.get(`/v1/audit?${query}`)).status, query).toBe(400);
    expect(await entries('&account=acc_nobody')).toEqual([]);
    expect(await entries('&account=*')).toEqual(await entries());
  });
});

describe('a credential that is wrong', () => {
  it('is written down once a minute and address, with a count, whatever the face', async () => {
    await earlyInMinute();
    const since = new Date(Date.now() - 1_000).toISOString();
    const stranger = admin.withKey('rb_nobody_0123456789abcdefghijkl');
    for (let count = 0; count < 3; count++) expect((await stranger.get('/v1/operations')).status).toBe(401);
    await stranger.get('/api/trm/status?requestid=1', { authorization: '', 'x-auth-token': 'no' });
    await stranger.post('/api/auth/token', { accountid: 'default', key: 'rb_no' });
    // No credential is no try.
    await fetch(`${admin.url}/v1/operations`);
    const failed = () => entries(`&since=${since}&action=login.failed`);
    await expect
      .poll(async () => (await failed())[0], { timeout: 5_000 })
      .toMatchObject({
        account_id: null,
        actor: null,
        address: '127.0.0.1',
        target: null,
        details: { count: 5 },
      });
    expect(await failed()).toHaveLength(1);
  });

  it('is refused with 429 when an address sends more than it may within a minute; a right one passes', async () => {
    await earlyInMinute();
    const stranger = admin.withKey('rb_nobody_0123456789abcdefghijkl');
    const answers = [];
    for (let count = 0; count < 70; count++) answers.push(await stranger.get('/v1/operations'));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(10);
    const last = answers.at(-1)!;
    expect([last.status, last.body.code]).toEqual([429, 'too-many-tries']);
    expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await admin.get('/v1/operations')).status).toBe(200);
    const trm = await stranger.post('/api/auth/token', { accountid: 'default', key: 'rb_no' });
    expect([trm.status, trm.body.reason]).toEqual([429, expect.stringContaining('wrong credentials')]);
  });

  it('is one entry over several processes, and those of many addresses are bounded', async () => {
    const audit = app.nest.get(Audit);
    const other = await App.start({ database: { url: app.databaseUrl } as never });
    await using _ = other;
    await earlyInMinute();
    const address = '203.0.113.9';
    const entry = { accountId: null, actor: null, address, action: 'login.failed', target: null } as const;
    for (const each of [audit, other.nest.get(Audit)])
      for (let count = 0; count < 5; count++) each.sum(entry);
    for (let host = 0; host < 3_000; host++) audit.sum({ ...entry, address: `198.51.100.${host}` });
    const rows = () => entries('&action=login.failed&order=desc');
    await expect
      .poll(
        () =>
          rowsOf<{ count: number }>(
            app.databaseUrl,
            `SELECT (details->>'count')::int AS count FROM audit WHERE address = '203.0.113.9'`,
          ),
        { timeout: 5_000 },
      )
      .toEqual([{ count: 10 }]);
    await expect.poll(async () => (await rows())[0].address, { timeout: 5_000 }).toBeNull();
    const [{ most }] = (await rowsOf<{ most: number }>(
      app.databaseUrl,
      'SELECT count(*)::int AS most FROM audit WHERE sum_key IS NOT NULL',
    )) as [{ most: number }];
    expect(most).toBeLessThan(1_100);
  });
});

describe('a login', () => {
  it('with a right key is written down, too', async () => {
    const { body: accounts } = await admin.get('/v1/accounts?limit=250');
    const { id } = accounts.data.find(({ name }: { name: string }) => name === 'default');
    const answer = await admin.post('/api/auth/token', { accountid: 'default', key: admin.key });
    expect(answer.status).toBe(200);
    await expect
      .poll(async () => (await entries('&action=login.succeeded'))[0], { timeout: 5_000 })
      .toMatchObject({ account_id: id, actor: { key_id: TEST_KEY_ID }, address: '127.0.0.1' });
  });
});

describe('an entry', () => {
  it('is a line of the log as well, and goes when its time is over', { timeout: 60_000 }, async () => {
    const database = await newDatabase();
    await using service = await Service.start({
      ...sharedBy(database),
      RINGBACK_LOG_LEVEL: 'info',
      RINGBACK_AUDIT_RETENTION: '2s',
      RINGBACK_HOUSEKEEPING_S: '0.2',
      PORT: String(await freePort()),
    });
    const { body: account } = await service.client.post('/v1/accounts', { name: 'logged' });
    await service.client.withKey('rb_nobody_0123456789abcdefghijkl').get('/v1/operations');
    const lines = (): any[] =>
      service
        .output()
        .split('\n')
        .filter((line) => line.includes('"msg":"audit"'))
        .map((line) => JSON.parse(line) as object);
    await expect.poll(() => lines().map(({ action }) => action)).toContain('login.failed');
    expect(
      lines().find(({ action, target }) => action === 'account.created' && target === account.id),
    ).toMatchObject({ level: 30, account: account.id, actor: TEST_KEY_ID, address: '127.0.0.1' });
    expect(lines().find(({ action }) => action === 'login.failed')).toMatchObject({ level: 40 });
    await rowsOf(database, 'UPDATE chore SET due_at = now()');
    await expect
      .poll(async () => (await service.client.get('/v1/audit')).body.data, { timeout: 20_000 })
      .toEqual([]);
  });
});
