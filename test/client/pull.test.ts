import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PulledDelivery, RingbackClient, RingbackError } from '../../src/client/index.js';
import { newSigningSecret } from '../../src/signing/signature.js';
import { App } from '../support/app.js';
import type { Client } from '../support/client.js';

const CONSUMER = fileURLToPath(new URL('../support/pull-consumer.mjs', import.meta.url));

interface Told {
  readonly type: string;
  readonly data: { readonly id: string };
}

let app: App;
let count = 0;

beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());

async function endpoint(description: Record<string, unknown> = {}) {
  const client = await app.account(`pulling-${++count}`);
  const { body } = await client.post('/v1/endpoints', { mode: 'pull', ...description });
  const ringback = new RingbackClient({ url: client.url, apiKey: client.key, backoffMs: 20 });
  return { client, ringback, id: body.id as string, secret: body.secret as string };
}

async function submit(client: Client, many: number): Promise<string[]> {
  const ids: string[] = [];
  for (let left = many; left > 0; left -= 500) {
    const operations = Array.from({ length: Math.min(left, 500) }, () => ({ type: 'echo' }));
    const { body } = await client.post('/v1/operations/batch', { operations });
    ids.push(...(body.data as { operation: { id: string } }[]).map(({ operation }) => operation.id));
  }
  return ids;
}

describe('client.pull', () => {
  it('hands what it pulls to its handler, verified, and acknowledges it, until it is stopped', async () => {
    const { client, ringback, id, secret } = await endpoint();
    const stop = new AbortController();
    const got: PulledDelivery<Told>[] = [];
    let end = (): void => undefined;
    const slow = new Promise<void>((resolve) => (end = resolve));
    const pulling = ringback.pull<Told>(
      id,
      async (delivery) => {
        got.push(delivery);
        if (got.length === 3) await slow;
        return { ok: true, httpStatus: 204 };
      },
      { secret, signal: stop.signal },
    );
    const operations = await submit(client, 3);
    await expect.poll(() => got.length).toBe(3);
    expect(got.map(({ event }) => event.data.id).toSorted()).toEqual(operations.toSorted());
    expect(got[0]).toMatchObject({ attempt: 1, headers: { 'webhook-id': got[0]!.id } });
    stop.abort();
    end();
    // What is being handled is acknowledged first.
    await expect(pulling).resolves.toBeUndefined();
    for (const { id: delivery } of got)
      expect(await client.delivery(delivery)).toMatchObject({
        status: 'Delivered',
        attempts: [{ trigger: 'pull', outcome: 'delivered', http_status: 204 }],
      });
  });

  it('gives back what its handler throws at, or answers so, and gets it again by the schedule', async () => {
    const { client, ringback, id } = await endpoint({ retry_schedule: [0.1, 0.1] });
    const stop = new AbortController();
    const attempts: number[] = [];
    const pulling = ringback.pull(
      id,
      ({ attempt }) => {
        attempts.push(attempt);
        if (attempt === 1) throw new Error('not yet');
        if (attempt === 2) return { ok: false, error: 'out of stock', httpStatus: 503 };
        stop.abort();
        return undefined;
      },
      { signal: stop.signal, limit: 1 },
    );
    const [operation] = await submit(client, 1);
    await pulling;
    expect(attempts).toEqual([1, 2, 3]);
    const [delivery] = await client.deliveries(operation!);
    expect((await client.delivery(delivery.id)).attempts).toMatchObject([
      { outcome: 'failed', error: 'nacked: not yet', http_status: null },
      { outcome: 'failed', error: 'nacked: out of stock', http_status: 503 },
      { outcome: 'delivered' },
    ]);
  });

  it('handles nothing that its secret doesn’t verify, and says so', async () => {
    const { client, ringback, id } = await endpoint();
    await submit(client, 1);
    const handled: unknown[] = [];
    const pulling = ringback.pull(id, (delivery) => void handled.push(delivery), {
      secret: newSigningSecret(),
    });
    await expect(pulling).rejects.toMatchObject({
      code: 'no_match',
      message: 'no signature matches: is it the secret of this endpoint?',
    });
    expect(handled).toEqual([]);
  });

  it('ends with what an outage is not, and refuses what can’t be asked for', async () => {
    const { client, ringback, id } = await endpoint();
    const nothing = (): void => undefined;
    await client.post(`/v1/endpoints/${id}/disable`);
    await expect(ringback.pull(id, nothing)).rejects.toMatchObject({
      status: 409,
      code: 'endpoint-disabled',
    });
    await expect(ringback.pull('ep_nothing', nothing)).rejects.toBeInstanceOf(RingbackError);
    await expect(ringback.pull(id, nothing, { limit: 501 })).rejects.toBeInstanceOf(TypeError);
    await expect(ringback.pull(id, nothing, { leaseS: 0.5 })).rejects.toBeInstanceOf(TypeError);
    const stopped = { signal: AbortSignal.abort() };
    await expect(ringback.pull(id, nothing, stopped)).resolves.toBeUndefined();
  });

  it('rides an outage out, of which no delivery is lost', async () => {
    const { client, id, secret } = await endpoint();
    let failures = 0;
    const shaky: typeof fetch = (input, init) =>
      // Every second request fails, before it is made or after it was.
      ++failures % 4 === 1
        ? Promise.reject(new TypeError('no network'))
        : failures % 4 === 3
          ? fetch(input, init).then(() => Promise.reject(new TypeError('cut off')))
          : fetch(input, init);
    const ringback = new RingbackClient({ url: client.url, apiKey: client.key, backoffMs: 5, fetch: shaky });
    const stop = new AbortController();
    const got = new Set<string>();
    const pulling = ringback.pull<Told>(id, ({ event }) => void got.add(event.data.id), {
      secret,
      leaseS: 1,
      limit: 5,
      signal: stop.signal,
    });
    const operations = await submit(client, 25);
    await expect.poll(() => got.size, { timeout: 20_000 }).toBe(operations.length);
    stop.abort();
    await pulling;
  });

  it('of a process that was killed half-way misses nothing when it starts again', async () => {
    const { client, id, secret } = await endpoint();
    const got = new Set<string>();
    const started: ChildProcess[] = [];
    const start = (): ChildProcess => {
      const consumer = spawn(process.execPath, [CONSUMER, client.url, client.key, id, secret], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      createInterface(consumer.stdout).on('line', (line) => got.add(line));
      started.push(consumer);
      return consumer;
    };
    try {
      const first = start();
      const operations = await submit(client, 1_000);
      await expect.poll(() => got.size, { timeout: 30_000 }).toBeGreaterThan(300);
      first.kill('SIGKILL');
      await once(first, 'exit');
      expect(got.size).toBeLessThan(1_000);
      start();
      start();
      await expect.poll(() => got.size, { timeout: 30_000 }).toBe(1_000);
      expect([...got].toSorted()).toEqual(operations.toSorted());
      const left = async (): Promise<number> => (await client.get(`/v1/endpoints/${id}/stats`)).body.pending;
      await expect.poll(left, { timeout: 10_000 }).toBe(0);
      expect((await client.get(`/v1/deliveries?endpoint=${id}&status=Exhausted,Canceled`)).body.data).toEqual(
        [],
      );
    } finally {
      for (const consumer of started) consumer.kill('SIGKILL');
    }
  }, 90_000);
});
