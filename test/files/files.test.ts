import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FilesService } from '../../src/files/files.service.js';
import { App } from '../support/app.js';
import type { Client } from '../support/client.js';
import { UpstreamApi } from '../support/upstream.js';

const MAX_BYTES = 64 * 1024 * 1024;
const CHUNK = Buffer.alloc(1024 * 1024, 'x');

let app: App;

beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function upload(name: string, bytes: Uint8Array | string, type: string, client: Client = app.client) {
  const body = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
  const answer = await client.request('POST', `/v1/files?name=${encodeURIComponent(name)}`, body, {
    'content-type': type,
  });
  expect(answer.status).toBe(201);
  return answer.body;
}

/** Sends a form as fetch would, or with a part written by hand. */
async function uploadForm(form: FormData | { boundary: string; text: string }, query = '') {
  const encoded = form instanceof FormData ? new Response(form) : null;
  return app.client.request(
    'POST',
    `/v1/files${query}`,
    encoded
      ? new Uint8Array(await encoded.arrayBuffer())
      : Buffer.from((form as { text: string }).text.replaceAll('\n', '\r\n')),
    {
      'content-type':
        encoded?.headers.get('content-type') ??
        `multipart/form-data; boundary=${(form as { boundary: string }).boundary}`,
    },
  );
}

async function contentOf(id: string, headers: Record<string, string> = {}, client: Client = app.client) {
  const response = await fetch(`${client.url}/v1/files/${id}/content`, {
    headers: { authorization: `Bearer ${client.key}`, ...headers },
  });
  return {
    status: response.status,
    headers: response.headers,
    bytes: Buffer.from(await response.arrayBuffer()),
  };
}

/** The file name that a client takes from Content-Disposition (RFC 6266). */
function nameIn(disposition: string | null): string {
  return decodeURIComponent(/filename\*=UTF-8''(\S+)$/.exec(disposition ?? '')?.[1] ?? '');
}

/** Uploads `count` MiB and `more` bytes that are never in memory at once; what the server says while they flow. */
function stream(
  count: number,
  more: number,
  {
    path = '/v1/files?name=big',
    head = '',
    tail = '',
    type = 'application/octet-stream',
    length = true,
  } = {},
): Promise<{ status: number; body: any }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(app.client.url + path, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${app.client.key}`,
        'content-type': type,
        ...(length ? { 'content-length': head.length + count * CHUNK.length + more + tail.length } : {}),
      },
    });
    outgoing.once('response', (response: IncomingMessage) => {
      response.setEncoding('utf8');
      void response.toArray().then((parts) => {
        outgoing.destroy();
        resolve({ status: response.statusCode!, body: JSON.parse(parts.join('')) });
      }, reject);
    });
    function* body() {
      yield head;
      for (let sent = 0; sent < count; sent++) yield CHUNK;
      yield CHUNK.subarray(0, more);
      yield tail;
    }
    // The server may answer and hang up before all is sent: the answer is what counts.
    pipeline(Readable.from(body(), { objectMode: true, highWaterMark: 1 }), outgoing).catch(
      (error: unknown) => {
        outgoing.once('close', () => reject(error as Error));
      },
    );
  });
}

async function storedFiles(): Promise<string[]> {
  const entries = await readdir(app.config.files.folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

describe('A file', () => {
  it('is stored byte for byte, read, and deleted', async () => {
    const bytes = randomBytes(300_000);
    const file = await upload('data.bin', bytes, 'application/x-mine; v=1');
    expect(file).toEqual({
      id: expect.stringMatching(/^file_[0-9a-f]{32}$/),
      name: 'data.bin',
      content_type: 'application/x-mine; v=1',
      size: bytes.length,
      sha256: sha256(bytes),
      created_at: expect.stringMatching(/^\d{4}-.*Z$/),
      expires_at: expect.stringMatching(/Z$/),
    });
    expect((await app.client.get(`/v1/files/${file.id}`)).body).toEqual(file);
    const content = await contentOf(file.id);
    expect(content.status).toBe(200);
    expect(content.bytes.equals(bytes)).toBe(true);
    expect(Object.fromEntries(content.headers)).toMatchObject({
      'content-type': 'application/x-mine; v=1',
      'content-length': String(bytes.length),
      'content-disposition': `attachment; filename="data.bin"; filename*=UTF-8''data.bin`,
      'accept-ranges': 'bytes',
      etag: `"${sha256(bytes)}"`,
      'x-content-type-options': 'nosniff',
    });
    expect((await app.client.request('DELETE', `/v1/files/${file.id}`)).status).toBe(204);
    for (const path of ['', '/content'])
      expect((await app.client.get(`/v1/files/${file.id}${path}`)).body.code).toBe('file-not-found');
    expect((await app.client.request('DELETE', `/v1/files/${file.id}`)).status).toBe(404);
    expect(await storedFiles()).not.toContain(file.id);
  });

  it.each([
    ['JSON', 'application/json', '{ "a" : 1.0,\n"a":"\\u00fc" }'],
    ['broken JSON', 'application/json; charset=utf-8', '{"a":'],
    ['poisonous JSON', 'application/json', '{"__proto__":{"x":1}}'],
    ['text', 'text/plain; charset=iso-8859-1', 'a\r\nb'],
    ['a form', 'application/x-www-form-urlencoded', 'a=1&a=2'],
  ])('sent raw is not parsed, be it %s', async (_, type, text) => {
    const file = await upload('a', text, type);
    expect(file).toMatchObject({ content_type: type, size: Buffer.byteLength(text) });
    const content = await contentOf(file.id);
    expect(content.bytes.toString()).toBe(text);
    expect(content.headers.get('content-type')).toBe(type);
  });

  it('larger than a JSON body may be is stored all the same, sent raw as JSON', async () => {
    const bytes = Buffer.from(JSON.stringify('x'.repeat(3 * 1024 * 1024)));
    expect(await upload('big.json', bytes, 'application/json')).toMatchObject({ sha256: sha256(bytes) });
  });

  it('may come in a form, with other fields before it', async () => {
    const form = new FormData();
    form.append('note', 'hello');
    form.append('anything', new File(['id,source,target\r\n1,a,ü'], 'a.csv', { type: 'text/csv' }));
    const { status, body } = await uploadForm(form);
    expect(status).toBe(201);
    expect(body).toMatchObject({ name: 'a.csv', content_type: 'text/csv' });
    expect((await contentOf(body.id)).bytes.toString()).toBe('id,source,target\r\n1,a,ü');
    expect((await uploadForm(form, '?name=other.csv')).body.name).toBe('other.csv');
  });

  it('that is missing is asked for', async () => {
    const form = new FormData();
    form.append('note', 'hello');
    for (const answer of [
      await uploadForm(form),
      await app.client.request('POST', '/v1/files', Buffer.from('x'), { 'content-type': 'text/plain' }),
    ]) {
      expect(answer.status).toBe(422);
      expect(answer.body.errors).toHaveLength(1);
    }
    const broken = await uploadForm({ boundary: 'b', text: '--b\nContent-Disposition: form-data; na' });
    expect(broken.status).toBeGreaterThanOrEqual(400);
    expect(broken.status).toBeLessThan(500);
  });

  it('is offered under its name, whatever that is, in ASCII and in full', async () => {
    const { id } = await upload(`zażółć "a" (1)'*%.po`, 'x', 'text/plain');
    expect((await contentOf(id)).headers.get('content-disposition')).toBe(
      `attachment; filename="za____ _a_ (1)'*%.po"; ` +
        `filename*=UTF-8''za%C5%BC%C3%B3%C5%82%C4%87%20%22a%22%20%281%29%27%2A%25.po`,
    );
  });

  it('may be empty', async () => {
    const file = await upload('empty.txt', '', 'text/plain');
    expect(file).toMatchObject({ size: 0, sha256: sha256(Buffer.alloc(0)) });
    const content = await contentOf(file.id);
    expect([content.status, content.bytes.length]).toEqual([200, 0]);
    expect(content.headers.get('content-length')).toBe('0');
    expect((await contentOf(file.id, { range: 'bytes=0-' })).status).toBe(416);
    const form = new FormData();
    form.append('file', new File([], 'empty.po'));
    expect((await uploadForm(form)).body).toMatchObject({ name: 'empty.po', size: 0 });
  });

  it('of another account is not found, and not deleted', async () => {
    const other = await app.account('other');
    const { id } = await upload('mine', 'x', 'text/plain');
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/content'],
      ['DELETE', ''],
    ] as const) {
      const answer = await other.request(method, `/v1/files/${id}${path}`);
      expect([answer.status, answer.body.code]).toEqual([404, 'file-not-found']);
    }
    expect((await contentOf(id)).bytes.toString()).toBe('x');
  });

  it('needs a key to be stored or read', async () => {
    const { id } = await upload('mine', 'x', 'text/plain');
    const nobody = app.client.withKey('');
    expect((await nobody.get(`/v1/files/${id}/content`)).status).toBe(401);
    const answer = await nobody.request('POST', '/v1/files?name=a', Buffer.from('x'), {
      'content-type': 'a/b',
    });
    expect(answer.status).toBe(401);
  });
});

describe('The name of a file', () => {
  it.each([
    ['a "quoted" name.po', 'a "quoted" name.po'],
    ["it's (100%) fine*.po", "it's (100%) fine*.po"],
    ['été – 日本語 😀.po', 'été – 日本語 😀.po'],
    ['../../etc/passwd', 'passwd'],
    ['C:\\temp\\a.po', 'a.po'],
    ['a\r\nSet-Cookie: x', 'aSet-Cookie: x'],
    ['a\u0000b', undefined],
    ['folder/', 'unnamed'],
    [`${'x'.repeat(254)}😀`, undefined],
  ])('is kept as far as a path and a header can bear it: %j', async (given, kept) => {
    const answer = await app.client.request(
      'POST',
      `/v1/files?name=${encodeURIComponent(given)}`,
      Buffer.from('x'),
      {
        'content-type': 'text/plain',
      },
    );
    if (kept === undefined) {
      expect(answer.status).toBeLessThan(500);
      return;
    }
    expect(answer.body.name).toBe(kept);
    const content = await contentOf(answer.body.id);
    expect(content.status).toBe(200);
    expect(nameIn(content.headers.get('content-disposition'))).toBe(kept);
    expect(content.headers.get('set-cookie')).toBeNull();
  });

  it('is read as UTF-8 from a form, without its path', async () => {
    for (const [given, kept] of [
      ['été – 日本語 😀.po', 'été – 日本語 😀.po'],
      ['../../etc/pässwd', 'pässwd'],
      ['C:\\\\temp\\\\a.po', 'a.po'],
      ['a \\"quoted\\" name.po', 'a "quoted" name.po'],
    ]) {
      const part = `Content-Disposition: form-data; name="file"; filename="${given}"\nContent-Type: text/plain`;
      const { status, body } = await uploadForm({ boundary: 'b', text: `--b\n${part}\n\nx\n--b--\n` });
      expect([status, body.name, body.size]).toEqual([201, kept, 1]);
    }
  });

  it('has at most 255 characters', async () => {
    const path = (name: string) => `/v1/files?name=${name}`;
    const post = (name: string) =>
      app.client.request('POST', path(name), Buffer.from('x'), { 'content-type': 'text/plain' });
    expect((await post('x'.repeat(255))).status).toBe(201);
    expect((await post('x'.repeat(256))).status).toBe(400);
    expect((await post('')).status).toBe(400);
  });

  it('and its type cannot break the answer that sends it', async () => {
    for (const type of ['text/plä日in', 'text/plain; x="日"', 'a'.repeat(5000)]) {
      const part = `Content-Disposition: form-data; name="file"; filename="a.txt"\nContent-Type: ${type}`;
      const stored = await uploadForm({ boundary: 'b', text: `--b\n${part}\n\nx\n--b--\n` });
      expect(stored.status).toBeLessThan(500);
      if (stored.status !== 201) continue;
      const content = await contentOf(stored.body.id);
      expect([type, content.status, content.bytes.toString()]).toEqual([type, 200, 'x']);
    }
  });
});

describe('A part of a file', () => {
  it.each([
    ['bytes=0-0', 206, '0', 'bytes 0-0/10'],
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=7-99', 206, '789', 'bytes 7-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=-99', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=10-', 416, null, 'bytes */10'],
    ['bytes=-0', 416, null, 'bytes */10'],
    ['bytes=4-2', 200, '0123456789', null],
    ['bytes=0-1,3-4', 200, '0123456789', null],
    ['lines=1-2', 200, '0123456789', null],
    ['bytes=-', 200, '0123456789', null],
    ['bytes=2-4x', 200, '0123456789', null],
    ['Bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=2-4,99-', 206, '234', 'bytes 2-4/10'],
  ])('is asked for with Range: %s → %d', async (range, status, text, contentRange) => {
    const { id } = await upload('digits', '0123456789', 'text/plain');
    const content = await contentOf(id, { range });
    expect(content.status).toBe(status);
    expect(content.headers.get('content-range')).toBe(contentRange);
    if (text !== null) expect(content.bytes.toString()).toBe(text);
    else expect(content.headers.get('content-type')).toContain('application/problem+json');
  });
});

describe('An upload over 64 MiB', () => {
  it('is refused with 413, whatever way it comes, and leaves nothing', async () => {
    const before = await storedFiles();
    const form = {
      path: '/v1/files',
      type: 'multipart/form-data; boundary=b',
      head: '--b\r\nContent-Disposition: form-data; name="file"; filename="big"\r\n\r\n',
      tail: '\r\n--b--\r\n',
    };
    for (const options of [
      {},
      { length: false },
      { type: 'application/json' },
      form,
      { ...form, length: false },
    ]) {
      const { status, body } = await stream(64, 1, options);
      expect([options, status, body.code]).toEqual([options, 413, 'body-too-large']);
    }
    expect((await stream(400, 0, { length: false })).status).toBe(413);
    await expect.poll(storedFiles).toEqual(before);
  });

  it('is told from one of exactly 64 MiB', async () => {
    const { status, body } = await stream(64, 0, { length: false });
    expect([status, body.size]).toEqual([201, MAX_BYTES]);
    expect((await app.client.request('DELETE', `/v1/files/${body.id}`)).status).toBe(204);
  });
});

describe('An upload that breaks off', () => {
  it.each([
    ['raw', 'name=half', 'application/octet-stream', ''],
    [
      'in a form',
      '',
      'multipart/form-data; boundary=b',
      '--b\r\nContent-Disposition: form-data; name="file"; filename="half"\r\n\r\n',
    ],
  ])('leaves nothing, %s', async (_, query, type, head) => {
    const before = await storedFiles();
    const socket = connect(Number(new URL(app.client.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      `POST /v1/files?${query} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${app.client.key}\r\nContent-Type: ${type}\r\nContent-Length: 1000000\r\n\r\n${head}${'x'.repeat(100_000)}`,
    );
    await expect.poll(async () => (await storedFiles()).length).toBe(before.length + 1);
    socket.destroy();
    await expect.poll(storedFiles).toEqual(before);
  });
});

describe('A folder of files that cannot be written to', () => {
  it('makes uploads a 503 that may be repeated and runs try again, until it can', async () => {
    const place = await mkdtemp(join(tmpdir(), 'ringback-folder-'));
    const folder = join(place, 'files');
    // A read-only or full one is refused likewise, but not to the superuser that may run this.
    await writeFile(folder, '');
    try {
      await using app = await App.start({ files: { folder } });
      const form = new FormData();
      form.set('file', new Blob(['x']), 'x.txt');
      const encoded = new Response(form);
      const type = { 'content-type': encoded.headers.get('content-type')! };
      for (const answer of [
        await app.client.request('POST', '/v1/files?name=x', Buffer.alloc(3_000_000)),
        await app.client.request('POST', '/v1/files', new Uint8Array(await encoded.arrayBuffer()), type),
      ]) {
        expect([answer.status, answer.body.code]).toEqual([503, 'storage-unavailable']);
        expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
      }
      await using upstream = await UpstreamApi.answering((response) => response.end('answer'));
      const { id } = await app.client.submit({
        type: 'http.request',
        input: { method: 'GET', url: upstream.url },
      });
      const history = async (): Promise<string[]> =>
        (await app.client.get(`/v1/operations/${id}/history`)).body.data.map(
          ({ text }: { text: string }) => text,
        );
      await expect
        .poll(history, { timeout: 10_000 })
        .toContainEqual(expect.stringMatching(/^Attempt 1 failed \(storage_unavailable\)/));
      await rm(folder);
      expect((await app.client.ended(id, 20)).status).toBe('Finished');
      const upload = await app.client.request('POST', '/v1/files?name=x', Buffer.from('x'));
      expect(upload.status).toBe(201);
    } finally {
      await rm(place, { recursive: true, force: true });
    }
  });
});

describe('A file that a handler saves', () => {
  it('from a stream that is destroyed without an error is refused, not waited for', async () => {
    const files = app.nest.get(FilesService);
    const stream = new PassThrough();
    stream.write('begun');
    const saved = files.save(stream, { accountId: 'a', name: 'x', contentType: 'text/plain' });
    stream.destroy();
    await expect(saved).rejects.toThrow(/premature close/i);
  });
});
