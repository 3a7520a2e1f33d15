import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OpeningStream, SealingStream } from '../../src/signing/sealed-stream.js';
import { App, freePort, TEST_KEY } from '../support/app.js';
import { Receiver } from '../support/receiver.js';
import { everyRow } from '../support/rows.js';
import { UpstreamApi } from '../support/upstream.js';

let upstream: UpstreamApi;
let open: Stage;
let sealing: Stage;

/** A service with its gateway, and what it keeps. */
class Stage implements AsyncDisposable {
  private constructor(
    readonly app: App,
    readonly gateway: string,
  ) {}

  static async with(sealBodies: boolean): Promise<Stage> {
    const port = await freePort();
    const gateway = `http://127.0.0.1:${port}`;
    const app = await App.start({
      secrets: { keys: `k1:${Buffer.alloc(32, 7).toString('base64')}`, sealBodies },
      gateway: { upstream: upstream.url, port, publicUrl: gateway },
    });
    return new Stage(app, gateway);
  }

  /** Everything in the database and in the files. */
  async kept(): Promise<string> {
    const { folder } = this.app.config.files;
    const names = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const bytes = await Promise.all(files.map((path) => readFile(path, 'latin1')));
    return [await everyRow(this.app.databaseUrl), ...bytes].join('\n');
  }

  background(path: string, body: string, type = 'text/plain'): Promise<string> {
    const headers = { 'x-ringback-key': TEST_KEY, authorization: 's3cret-auth', 'content-type': type };
    return fetch(this.gateway + path, { method: 'POST', headers, body })
      .then((answer) => answer.json())
      .then((answer) => (answer as { request: string }).request);
  }

  async shown(rid: string): Promise<any> {
    const answer = await fetch(`${this.gateway}/bgrs/${rid}`, { headers: { 'x-ringback-key': TEST_KEY } });
    return ((await answer.json()) as unknown[])[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app[Symbol.asyncDispose]();
  }
}

beforeAll(async () => {
  upstream = await UpstreamApi.answering((response) => response.end('ok'));
  [open, sealing] = await Promise.all([Stage.with(false), Stage.with(true)]);
});
afterAll(async () => {
  await Promise.all([open[Symbol.asyncDispose](), sealing[Symbol.asyncDispose]()]);
  await upstream[Symbol.asyncDispose]();
});

/** What the upstream got at a path, once it has. */
async function seenAt(path: string) {
  const find = () => upstream.seen.findLast(({ url }) => url.startsWith(path));
  await expect.poll(find, { timeout: 10_000 }).toBeDefined();
  return find()!;
}

describe('at rest is sealed', () => {
  it.each([false, true])(
    'of http.request the query and the headers, and the body if set (%s)',
    async (bodies) => {
      const { app, ...stage } = bodies ? sealing : open;
      const path = `/call-${bodies}`;
      const input = {
        method: 'POST',
        url: `${upstream.url}${path}?token=s3cret-query`,
        headers: { 'X-Key': 's3cret-header' },
        body: { text: 's3cret-body' },
      };
      const { id } = await app.client.submit({ type: 'http.request', input });
      expect((await app.client.ended(id)).result).toMatchObject({ status: 200 });
      const again = (await app.client.post(`/v1/operations/${id}/rerun`)).body;
      expect((await app.client.ended(again.id)).result).toMatchObject({ status: 200 });
      const seen = upstream.seen.filter(({ url }) => url === `${path}?token=s3cret-query`);
      expect(seen).toHaveLength(2);
      for (const { headers, body } of seen) {
        expect(headers).toMatchObject({ 'x-key': 's3cret-header', 'content-type': 'application/json' });
        expect(body.toString()).toBe('{"text":"s3cret-body"}');
      }
      const kept = await Stage.prototype.kept.call({ app, ...stage });
      expect(kept).not.toMatch(/s3cret-(query|header)/);
      expect(kept.includes('s3cret-body')).toBe(!bodies);
      expect(kept).toContain(`${path}?`);
    },
  );

  it("a caller's own member that is named as the sealed one, which comes back as it was", async () => {
    for (const input of [
      { a: 1, $sealed: 'v1.k1.a.b.c' },
      { $sealed: null },
      { in: { $sealed: 'v1.k1.a.b.c' } },
    ]) {
      const { id } = await open.app.client.submit({ type: 'echo', input });
      expect(await open.app.client.ended(id)).toMatchObject({ status: 'Finished', result: input });
    }
  });

  it.each([false, true])('of the gateway headers and paths, and the body if set (%s)', async (bodies) => {
    const stage = bodies ? sealing : open;
    const path = `/kept-${bodies}`;
    const large = 's3cret-body'.repeat(20_000);
    const rid = await stage.background(`${path}?bgrs=yes&q=s3cret-query`, large);
    const { headers, body } = await seenAt(path);
    expect(headers).toMatchObject({ authorization: 's3cret-auth', 'content-length': String(large.length) });
    expect(body.equals(Buffer.from(large))).toBe(true);
    await expect.poll(async () => (await stage.shown(rid)).status_name, { timeout: 10_000 }).toBe('finished');
    expect((await stage.shown(rid)).name).toBe(`${path}?bgrs=yes&q=s3cret-query`);
    const kept = await stage.kept();
    expect(kept).not.toMatch(/s3cret-(query|auth)/);
    expect(kept.includes('s3cret-body')).toBe(!bodies);
  });

  it('all of a batch', async () => {
    const item = {
      method: 'POST',
      path: '/item?q=s3cret-path',
      headers: { 'X-Key': 's3cret-item' },
      body: 's3cret-text',
    };
    await open.background('/batch', JSON.stringify([item]), 'application/json');
    const { url, headers, body } = await seenAt('/item');
    expect([url, headers['x-key'], body.toString()]).toEqual([item.path, 's3cret-item', item.body]);
    expect(await open.kept()).not.toMatch(/s3cret-(path|item|text)/);
  });

  it('the query of a callback, which arrives whole', async () => {
    await using receiver = await Receiver.answering((response, { path }) => response.end(path));
    for (const query of ['?token=s3cret-call', '?a=\'"', '?']) {
      const url = receiver.url + query;
      const { id, callback } = await open.app.client.submit({ type: 'echo', callback: { url } });
      expect(callback.url).toBe(`${receiver.url}?[redacted]`);
      await open.app.client.ended(id);
      await open.app.client.post(`/v1/operations/${id}/rerun`);
    }
    const paths = (await receiver.received(6)).map(({ path }) => path);
    for (const query of ['?token=s3cret-call', '?a=\'"'])
      expect(paths.filter((path) => path.endsWith(query))).toHaveLength(2);
    await expect
      .poll(async () => (await open.app.client.get('/v1/deliveries?status=Pending')).body.data)
      .toEqual([]);
    const { data } = (await open.app.client.get('/v1/deliveries')).body;
    const details = await open.app.client.get(`/v1/deliveries/${data[0].id}`);
    expect(details.text).not.toContain('s3cret');
    expect(await open.kept()).not.toContain('s3cret-call');
  });

  it("the query of an endpoint's URL, which is shown to those who may change it alone", async () => {
    const writer = await open.app.account('writes endpoints', 20, [
      'operations:read',
      'endpoints:write',
      'operations:write',
    ]);
    await using receiver = await Receiver.answering(200);
    const url = `${receiver.url}?token=s3cret-endpoint`;
    const headers = [{ key: 'X-Key', value: 's3cret-key' }];
    const { body: made } = await writer.post('/v1/endpoints', { url, headers });
    expect(made.url).toBe(url);
    const [account] = (await open.app.client.get('/v1/accounts?limit=250')).body.data.filter(
      ({ name }: { name: string }) => name === 'writes endpoints',
    );
    const { body: key } = await open.app.client.post(`/v1/accounts/${account.id}/keys`, {
      name: 'reads',
      scopes: ['operations:read'],
    });
    const reader = writer.withKey(key.key);
    const told = `${receiver.url}?[redacted]`;
    expect((await reader.get(`/v1/endpoints/${made.id}`)).body.url).toBe(told);
    expect((await reader.get('/v1/endpoints')).body.data[0].url).toBe(told);
    expect((await writer.get(`/v1/endpoints/${made.id}`)).body.url).toBe(url);
    // Neither is lost by a change of anything else.
    const changed = await writer.request('PATCH', `/v1/endpoints/${made.id}`, { description: 'mine' });
    expect(changed.body).toMatchObject({ url, headers: [{ key: 'X-Key', value: '[redacted]' }] });
    await writer.submit({ type: 'echo' });
    await writer.post(`/v1/endpoints/${made.id}/test`);
    for (const { path, headers: sent } of await receiver.received(2))
      expect([path, sent['x-key']]).toEqual(['/callback?token=s3cret-endpoint', 's3cret-key']);
    const moved = await writer.request('PATCH', `/v1/endpoints/${made.id}`, {
      url: receiver.url,
      headers: [],
    });
    expect(moved.body).toMatchObject({ url: receiver.url, headers: [] });
    expect(await open.kept()).not.toMatch(/s3cret-(endpoint|key)/);
  });
});

describe('a sealed stream', () => {
  const sealed = async (bytes: Buffer): Promise<{ key: string; kept: Buffer }> => {
    const sealing = new SealingStream();
    return {
      key: sealing.key,
      kept: await buffer(Readable.from(bytes.length > 0 ? [bytes] : []).pipe(sealing)),
    };
  };
  const opened = (bytes: Buffer, key: string, size = 1_000): Promise<Buffer> => {
    const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.subarray(at * size, (at + 1) * size),
    );
    return buffer(Readable.from(parts).pipe(new OpeningStream(key)));
  };
  const CHUNK = 64 * 1024;

  it.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK + 7])(
    'opens as it was: %i bytes',
    async (size) => {
      const bytes = randomBytes(size);
      const { key, kept } = await sealed(bytes);
      expect((await opened(kept, key)).equals(bytes)).toBe(true);
      expect((await opened(kept, key, 10_000_000)).equals(bytes)).toBe(true);
    },
  );

  it('does not open where it was changed, cut off, put together anew, or sealed with another key', async () => {
    const { key, kept } = await sealed(randomBytes(3 * CHUNK));
    const whole = CHUNK + 16;
    const flipped = Buffer.from(kept);
    flipped[100]! ^= 1;
    const [first, second, rest] = [
      kept.subarray(0, whole),
      kept.subarray(whole, 2 * whole),
      kept.subarray(2 * whole),
    ];
    for (const wrong of [
      flipped,
      kept.subarray(0, -1),
      kept.subarray(0, 2 * whole),
      kept.subarray(0, 10),
      Buffer.alloc(0),
      Buffer.concat([second, first, rest]),
      Buffer.concat([kept, first]),
    ])
      await expect(opened(wrong, key)).rejects.toThrow();
    await expect(opened(kept, (await sealed(Buffer.alloc(0))).key)).rejects.toThrow();
  });
});
