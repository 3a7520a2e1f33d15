import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { SEALED_COLUMNS } from '../src/signing/sealed-columns.js';
import { App, freePort, TEST_KEY } from './support/app.js';
import { Authority } from './support/certificates.js';
import { newDatabase, rowsOf } from './support/database.js';
import { Receiver, verify } from './support/receiver.js';
import { everyRow } from './support/rows.js';
import { temporaryFolder } from './support/service.js';
import { UpstreamApi } from './support/upstream.js';

const MAIN = fileURLToPath(new URL('../dist/src/main.js', import.meta.url));
const [K1, K2, K3] = ['k1', 'k2', 'k3'].map(
  (id, n) => `${id}:${Buffer.alloc(32, n + 1).toString('base64')}`,
) as [string, string, string];

async function ringback(environment: Record<string, string>, ...given: string[]) {
  const child = spawn(process.execPath, [MAIN, ...given], {
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [status] = (await once(child, 'close')) as [number];
  return { status, stdout, stderr };
}

const reseal = (url: string, ...keys: string[]) =>
  ringback({ DATABASE_URL: url, RINGBACK_SECRET_KEYS: keys.join(',') }, 'secrets', 'reseal');

/** How many sealed values of a key are anywhere in the database. */
const sealedWith = async (url: string, id: string): Promise<number> =>
  (await everyRow(url)).split(`v1.${id}.`).length - 1;

const TOKEN = [{ key: 'x-token', value: 'very secret' }];
const BODY = 'of the gateway '.repeat(10_000);

/** A service and its gateway on one database and one folder, again and again with other keys. */
class Stage implements AsyncDisposable {
  readonly authority = new Authority();
  readonly files: string;

  private constructor(
    readonly url: string,
    readonly receiver: Receiver,
    readonly upstream: UpstreamApi,
    private readonly folder: Awaited<ReturnType<typeof temporaryFolder>>,
  ) {
    this.files = join(folder.path, 'files');
  }

  static async set(): Promise<Stage> {
    const upstream = await UpstreamApi.answering((response, { url }) => {
      if (url === '/job') response.writeHead(202, { 'x-job': '/job' }).end();
      else response.end('ok');
    });
    return new Stage(await newDatabase(), await Receiver.answering(500), upstream, await temporaryFolder());
  }

  async service(...keys: string[]): Promise<App & { gateway: string }> {
    const port = await freePort();
    const gateway = `http://127.0.0.1:${port}`;
    const app = await App.start({
      database: { url: this.url },
      files: { folder: this.files },
      secrets: { keys: keys.join(','), sealBodies: true },
      gateway: { upstream: this.upstream.url, port, publicUrl: gateway },
      deliveries: { schedule: [3600] },
      housekeeping: { everyS: 0.1 },
    });
    return Object.assign(app, { gateway });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.authority[Symbol.dispose]();
    await this.receiver[Symbol.asyncDispose]();
    await this.upstream[Symbol.asyncDispose]();
    await this.folder[Symbol.asyncDispose]();
  }
}

/** One of everything that is sealed. */
async function filled(stage: Stage, ...keys: string[]) {
  await using app = await stage.service(...keys);
  const { client } = app;
  const { receiver, upstream } = stage;
  const { cert, key } = stage.authority.issue('DNS:ringback.example.com');
  const endpoint = await client.post('/v1/endpoints', {
    ...{ url: `${receiver.url}?token=of-the-endpoint`, headers: TOKEN, client_certificate: cert + key },
    ...{ signature_profile: 'standard+ed25519', events: ['endpoint.disabled'] },
  });
  const callback = { url: `${receiver.url}?token=of-the-callback`, headers: TOKEN };
  const echo = await client.submit({ type: 'echo', callback });
  await receiver.received(1);
  await expect
    .poll(async () => Date.parse((await client.deliveries(echo.id))[0]?.next_attempt_at))
    .toBeGreaterThan(Date.now() + 1e6);
  const later = new Date(Date.now() + 1e6).toISOString();
  await client.submit({ type: 'echo', run_at: later, callback });
  await client.post('/v1/schedules', { name: 'a', cron: '@yearly', operation: { type: 'echo' } });
  const group = { endpoints: [{ url: `${receiver.url}?token=of-the-group` }] };
  await client.post('/qstash/v2/topics/group/endpoints', group);
  const message = await client.post(`/qstash/v2/publish/${upstream.url}/message`, 'x');
  await client.ended(message.body.messageId.slice('msg_'.length));
  const verify = { profile: 'github', secret: 'of a webhook' };
  await client.submit({ type: 'external', run_at: later, input: { verify } });
  // Of a caller's own, which no walk may take for a value of a key that is missing.
  const odd = { $sealed: 'v1.k9.a.b.c' };
  for (const input of [odd, { in: odd }, JSON.stringify(odd)])
    await client.ended((await client.submit({ type: 'echo', input })).id);
  const call = await client.submit({
    type: 'http.request',
    input: {
      ...{ method: 'POST', url: `${upstream.url}/call?token=x`, headers: { 'x-key': 'y' } },
      body: { a: 'NUL \0' },
    },
  });
  await client.ended(call.id);
  const asked = await fetch(`${app.gateway}/asked?bgrs=yes`, {
    ...{ method: 'POST', body: BODY, headers: { 'x-ringback-key': TEST_KEY } },
  });
  const { request } = (await asked.json()) as { request: string };
  await client.ended(request);
  await client.post(`/v1/operations/${request}/rerun`);
  await expect.poll(() => upstream.seen.length).toBe(3);
  await expect.poll(async () => (await client.get('/v1/ledger')).body.operations.executing).toBe(0);
  await client.submit({
    type: 'http.request',
    input: {
      ...{ method: 'GET', url: `${upstream.url}/job` },
      poll: { location: 'header:x-job', every_s: 3_600 },
    },
  });
  await expect.poll(() => rowsOf(stage.url, 'SELECT FROM live_poll')).toHaveLength(1);
  return {
    ...{ secret: await client.signingSecret(), endpoint: endpoint.body, call: call.id, request },
    messageKeys: (await client.get('/qstash/v2/keys')).body,
    publicKey: await publicKeyOf(app, endpoint.body.id),
  };
}

const publicKeyOf = async (app: App, endpoint: string): Promise<string> =>
  (await app.client.get(`/.well-known/webhook-keys/${endpoint}`)).text;

/**
 * Two secrets and a key pair; headers and certificate of an endpoint; callbacks of two operations and of a delivery;
 * the inputs of two http.request, of the gateway's request and its rerun; what a job is polled with; what a schedule submits; a message,
 * the two keys of its account, and a URL group; one that looks as if it were sealed,
 * and one with the secret of a webhook; and the token that takes such a webhook.
 */
const SEALED = 21;

describe('Values sealed with an older secret key', { timeout: 60_000 }, () => {
  it('are sealed anew by housekeeping, every one, and all is read without the older key then', async () => {
    await using stage = await Stage.set();
    const { url, receiver, upstream } = stage;
    const made = await filled(stage, K1);
    for (const { table, column, held, sealed = `t.${held}` } of SEALED_COLUMNS)
      expect(
        [
          table,
          column,
          await rowsOf(url, `SELECT ${sealed} AS value FROM ${table} t WHERE ${sealed} IS NOT NULL`),
        ],
        'a sealed column of which this test has none',
      ).toEqual([table, column, expect.arrayContaining([{ value: expect.stringMatching(/^v1\.k1\./) }])]);
    expect(await sealedWith(url, 'k1')).toBe(SEALED);
    {
      await using _app = await stage.service(K2, K1);
      await rowsOf(url, 'UPDATE chore SET due_at = now()');
      await expect
        .poll(() => rowsOf(url, 'SELECT key_id, left_over FROM resealing WHERE due_at IS NOT NULL'), {
          timeout: 10_000,
        })
        .toEqual([{ key_id: 'k2', left_over: 0 }]);
      expect([await sealedWith(url, 'k1'), await sealedWith(url, 'k2')]).toEqual([0, SEALED]);
    }
    await using app = await stage.service(K2);
    const { client } = app;
    expect(await client.signingSecret()).toBe(made.secret);
    expect((await client.get('/qstash/v2/keys')).body).toEqual(made.messageKeys);
    expect(await publicKeyOf(app, made.endpoint.id)).toBe(made.publicKey);
    const { secret: _secret, ...endpoint } = made.endpoint;
    expect(endpoint.client_certificate).toMatchObject({ subject: expect.any(String) });
    expect((await client.get(`/v1/endpoints/${endpoint.id}`)).body).toEqual(endpoint);

    const { data } = (await client.get('/v1/deliveries')).body;
    receiver.answer(200);
    const before = receiver.all.length;
    await client.post(`/v1/deliveries/${data[0].id}/redeliver`);
    const told = (await receiver.received(before + 1)).at(-1)!;
    expect([told.path, told.headers['x-token']]).toEqual(['/callback?token=of-the-callback', 'very secret']);
    expect(() => verify(made.secret, told)).not.toThrow();
    await client.post(`/v1/endpoints/${made.endpoint.id}/test`);
    const tested = (await receiver.received(before + 2)).at(-1)!;
    expect([tested.path, tested.headers['x-token']]).toEqual([
      '/callback?token=of-the-endpoint',
      'very secret',
    ]);

    for (const id of [made.call, made.request])
      expect((await client.ended((await client.post(`/v1/operations/${id}/rerun`)).body.id)).status).toBe(
        'Finished',
      );
    const [called, asked] = upstream.seen.slice(-2);
    expect([called!.url, called!.headers['x-key'], JSON.parse(called!.body.toString())]).toEqual([
      ...['/call?token=x', 'y', { a: 'NUL \0' }],
    ]);
    expect([asked!.url, asked!.body.toString() === BODY]).toEqual(['/asked', true]);
  });

  it('are sealed anew by the command, which says which keys may go, and may be repeated', async () => {
    await using stage = await Stage.set();
    const { url } = stage;
    await filled(stage, K1);
    const first = await reseal(url, K2, K1);
    expect(first).toMatchObject({ status: 0, stderr: '' });
    expect(first.stdout).toMatch(
      new RegExp(`^${SEALED} values were sealed anew\\.\\nk2: seals\\nk1: may go: .*\\n$`),
    );
    expect(await sealedWith(url, 'k1')).toBe(0);
    expect((await reseal(url, K2, K1)).stdout).toMatch(/^0 values were sealed anew/);
    const missing = await reseal(url, K3, K1);
    expect(missing.status).toBe(1);
    expect(missing.stdout).toContain(
      `k2: is missing, ${SEALED} values are sealed with it: add it to RINGBACK_SECRET_KEYS`,
    );
  });

  it('are sealed anew while their operation runs, whose end owes them as they are sealed then', async () => {
    const url = await newDatabase();
    await using receiver = await Receiver.answering(200);
    await using app = await App.start({ database: { url }, secrets: { keys: `${K1},${K2}` } });
    const operation = await app.client.submit({
      type: 'sleep',
      input: { seconds: 60 },
      callback: { url: receiver.url, headers: [{ key: 'x-token', value: 'very secret' }] },
    });
    await expect
      .poll(async () => (await app.client.get(`/v1/operations/${operation.id}`)).body.status)
      .toBe('Executing');
    expect(await reseal(url, K2, K1)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('k1: may go'),
    });
    await app.client.post(`/v1/operations/${operation.id}/cancel`);
    const [told] = await receiver.received(1);
    expect(told!.headers['x-token']).toBe('very secret');
    expect(await sealedWith(url, 'k1')).toBe(0);
  });
});

describe('ringback secrets reseal', () => {
  it.each([
    [['secrets'], 'Usage: ringback secrets'],
    [['secrets', 'show'], `ringback: unknown command 'show'`],
    [['secrets', 'reseal', '--now'], `ringback: unknown option '--now'`],
    [['reseal'], `ringback: unknown command 'reseal'`],
  ])('is refused where it is written wrong: %j', async (given, message) => {
    const { status, stdout, stderr } = await ringback({ DATABASE_URL: 'postgres://127.0.0.1:1/x' }, ...given);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });

  it('makes no database where there is none', async () => {
    await using folder = await temporaryFolder();
    const data = join(folder.path, 'data');
    const { status, stderr } = await ringback({ RINGBACK_DATA_DIR: data }, 'secrets', 'reseal');
    expect([status, stderr]).toEqual([1, expect.stringContaining('there is no database in')]);
    expect(existsSync(data)).toBe(false);
  });

  it('says what is wrong where it cannot reach the database, in one line', async () => {
    const { status, stderr } = await reseal('postgres://ringback@127.0.0.1:1/x', K1);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^ringback: .*ECONNREFUSED.*\n$/)]);
  });
});
