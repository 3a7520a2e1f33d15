import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { App, freePort, TEST_KEY } from './support/app.js';
import { newDatabase, rowsOf } from './support/database.js';
import { Receiver, verify } from './support/receiver.js';
import { everyRow } from './support/rows.js';
import { temporaryFolder } from './support/service.js';

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

/** A Ringback with sealed values of every kind: secrets, headers of endpoints and of callbacks, an upstream's credentials. */
async function filled(url: string, keys: string, receiver: Receiver): Promise<{ secret: string }> {
  const port = await freePort();
  await using app = await App.start({
    database: { url },
    secrets: { keys },
    gateway: { upstream: receiver.url, port, publicUrl: `http://127.0.0.1:${port}` },
    deliveries: { schedule: [3600] },
  });
  const headers = [{ key: 'x-token', value: 'very secret' }];
  await app.client.post('/v1/endpoints', {
    ...{ url: 'https://example.com/', headers, signature_profile: 'standard+ed25519' },
    events: ['endpoint.disabled'],
  });
  const operation = await app.client.submit({ type: 'echo', callback: { url: receiver.url, headers } });
  await receiver.received(1);
  await expect
    .poll(async () => Date.parse((await app.client.deliveries(operation.id))[0]?.next_attempt_at))
    .toBeGreaterThan(Date.now() + 1e6);
  const later = new Date(Date.now() + 1e6).toISOString();
  await app.client.submit({ type: 'echo', run_at: later, callback: { url: receiver.url, headers } });
  const asked = await fetch(`http://127.0.0.1:${port}/x?bgrs=yes`, {
    headers: { 'x-ringback-key': TEST_KEY },
  });
  const { request } = (await asked.json()) as { request: string };
  await app.client.ended(request);
  return { secret: await app.client.signingSecret() };
}

describe('Values sealed with an older secret key', { timeout: 60_000 }, () => {
  it('are sealed anew by housekeeping, of every kind, and open without the older key then', async () => {
    const url = await newDatabase();
    await using receiver = await Receiver.answering(500);
    const { secret } = await filled(url, K1, receiver);
    // Two secrets, a key pair, and the headers of an endpoint, two operations, a delivery and a request of the gateway.
    expect(await sealedWith(url, 'k1')).toBe(8);
    {
      await using _app = await App.start({
        ...{ database: { url }, secrets: { keys: `${K2},${K1}` }, housekeeping: { everyS: 0.1 } },
        deliveries: { schedule: [3600] },
      });
      await rowsOf(url, 'UPDATE chore SET due_at = now()');
      await expect
        .poll(() => rowsOf(url, 'SELECT key_id, left_over FROM resealing WHERE due_at IS NOT NULL'), {
          timeout: 10_000,
        })
        .toEqual([{ key_id: 'k2', left_over: 0 }]);
      expect([await sealedWith(url, 'k1'), await sealedWith(url, 'k2')]).toEqual([0, 8]);
    }
    await using app = await App.start({ database: { url }, secrets: { keys: K2 } });
    expect(await app.client.signingSecret()).toBe(secret);
    const { data } = (await app.client.get('/v1/deliveries')).body;
    receiver.answer(200);
    await app.client.post(`/v1/deliveries/${data[0].id}/redeliver`);
    const before = receiver.all.length;
    const told = (await receiver.received(before + 1)).at(-1)!;
    expect(told.headers['x-token']).toBe('very secret');
    expect(() => verify(secret, told)).not.toThrow();
  });

  it('are sealed anew by the command, which says which keys may go, and may be repeated', async () => {
    const url = await newDatabase();
    await using receiver = await Receiver.answering(500);
    await filled(url, K1, receiver);
    const first = await reseal(url, K2, K1);
    expect(first).toMatchObject({ status: 0, stderr: '' });
    expect(first.stdout).toMatch(/^8 values were sealed anew\.\nk2: seals\nk1: may go: .*\n$/);
    expect(await sealedWith(url, 'k1')).toBe(0);
    expect((await reseal(url, K2, K1)).stdout).toMatch(/^0 values were sealed anew/);
    const missing = await reseal(url, K3, K1);
    expect(missing.status).toBe(1);
    expect(missing.stdout).toContain(
      'k2: is missing, 8 values are sealed with it: add it to RINGBACK_SECRET_KEYS',
    );
  });

  it('stay while their operation runs, since its end owes them as the run found them', async () => {
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
    const running = await reseal(url, K2, K1);
    expect(running.status).toBe(1);
    expect(running.stdout).toContain('k1: must stay, 1 values are sealed with it');
    await app.client.post(`/v1/operations/${operation.id}/cancel`);
    const [told] = await receiver.received(1);
    expect(told!.headers['x-token']).toBe('very secret');
    expect((await reseal(url, K2, K1)).status).toBe(0);
  });
});

describe('ringback secrets reseal', () => {
  it.each([
    [['secrets'], '"secrets"'],
    [['secrets', 'show'], '"show"'],
    [['secrets', 'reseal', '--now'], '"--now"'],
    [['reseal'], '"reseal"'],
  ])('is refused where it is written wrong: %j', async (given, named) => {
    const { status, stdout, stderr } = await ringback({ DATABASE_URL: 'postgres://127.0.0.1:1/x' }, ...given);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`ringback: ${named} is not understood`);
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
