import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Module } from '@nestjs/common';
import { S3FileStorage, troubleOf } from '../../src/files/s3-file-storage.js';
import {
  type OperationContext,
  type OperationHandler,
  type OperationOutcome,
  OperationType,
} from '../../src/index.js';
import { App } from '../support/app.js';
import { newDatabase, rowsOf } from '../support/database.js';
import { ObjectStore } from '../support/object-store.js';
import { Service, sharedBy } from '../support/service.js';
import { UpstreamApi } from '../support/upstream.js';

const run = promisify(execFile);
const MIB = 1024 * 1024;
const PREFIX = 'callbacks/prod';

@OperationType<{ file: string }>({ name: 'test.copy', title: 'Copy a file', tries: 2 })
class CopyHandler implements OperationHandler<{ file: string }> {
  async run({ file }: { file: string }, context: OperationContext): Promise<OperationOutcome> {
    const { stream, name, contentType } = await context.openFile(file);
    return { file: (await context.saveFile(stream, { name: `copy of ${name}`, contentType })).id };
  }
}
@Module({ providers: [CopyHandler] })
class CopyModule {}

let store: ObjectStore;
let app: App;

beforeAll(async () => {
  store = await ObjectStore.start();
  const overrides = { files: { s3: store.place(PREFIX) }, housekeeping: { everyS: 0.1 } };
  app = await App.start(overrides, [CopyModule]);
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});
beforeEach(() => {
  store.requests.length = 0;
  store.holdUntil(1);
});

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const keyOf = (id: string): string => `${PREFIX}/${id}`;

const post = (name: string, bytes: Uint8Array, type = 'application/octet-stream') =>
  app.client.request('POST', `/v1/files?name=${encodeURIComponent(name)}`, bytes, { 'content-type': type });

async function upload(name: string, bytes: Uint8Array): Promise<any> {
  const answer = await post(name, bytes);
  expect(answer.status, answer.text).toBe(201);
  return answer.body;
}

const content = (id: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${app.client.url}/v1/files/${id}/content`, {
    ...init,
    headers: { authorization: `Bearer ${app.client.key}`, ...(init.headers as object) },
  });

const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());

async function copied(file: string): Promise<any> {
  const { id } = await app.client.submit({ type: 'test.copy', input: { file } });
  return app.client.ended(id);
}

const phases = async (): Promise<string[]> =>
  (await rowsOf<{ phase: string }>(app.databaseUrl, `SELECT phase FROM file WHERE phase <> 'stored'`)).map(
    ({ phase }) => phase,
  );

describe('A file on an object store', () => {
  it('is stored byte for byte, read whole and in part, and deleted', async () => {
    const bytes = randomBytes(300_000);
    const file = await upload('data.bin', bytes);
    expect(file).toMatchObject({ size: bytes.length, sha256: sha256(bytes) });
    expect(await store.keys()).toContain(keyOf(file.id));
    expect((await bytesOf(await content(file.id))).equals(bytes)).toBe(true);
    const part = await content(file.id, { headers: { range: 'bytes=1000-1999' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 1000-1999/300000']);
    expect((await bytesOf(part)).equals(bytes.subarray(1000, 2000))).toBe(true);
    const end = await content(file.id, { headers: { range: 'bytes=-5' } });
    expect((await bytesOf(end)).equals(bytes.subarray(-5))).toBe(true);
    expect((await content(file.id, { headers: { range: 'bytes=300000-' } })).status).toBe(416);
    expect((await app.client.request('DELETE', `/v1/files/${file.id}`)).status).toBe(204);
    expect(await store.keys()).not.toContain(keyOf(file.id));
    expect((await content(file.id)).status).toBe(404);
  });

  it('may be empty', async () => {
    const file = await upload('empty', Buffer.alloc(0));
    expect(await store.keys()).toContain(keyOf(file.id));
    expect((await bytesOf(await content(file.id))).length).toBe(0);
  });

  it('is not read from there for a HEAD request', async () => {
    const file = await upload('data.bin', Buffer.from('12345'));
    const head = await content(file.id, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '5']);
    expect(store.count('read')).toBe(0);
  });

  it('is there under its id alone: no name and no type of a caller reach the store', async () => {
    const names = ['../../other', 'a b+c%2F?&=#.po', '日本語 😀', 'x'.repeat(255), "';--", '.', '//'];
    for (const name of names) {
      const file = await upload(name, Buffer.from('x'));
      expect((await content(file.id)).status).toBe(200);
    }
    for (const { key } of store.requests.filter(({ key }) => key !== ''))
      expect(key).toMatch(/^callbacks\/prod\/file_[0-9a-f]{32}$/);
  });

  it('is read and written by handlers as a stream', async () => {
    const bytes = randomBytes(20 * MIB);
    const { id } = await upload('data.bin', bytes);
    const operation = await copied(id);
    expect(operation).toMatchObject({ status: 'Finished', file: expect.any(String) });
    const copy = (await app.client.get(`/v1/files/${operation.file}`)).body;
    expect(copy).toMatchObject({ name: 'copy of data.bin', sha256: sha256(bytes) });
  });

  it('that the store has lost is not found, by callers and by handlers', async () => {
    const { id } = await upload('lost', Buffer.from('x'));
    await store.lose(keyOf(id));
    const answer = await app.client.get(`/v1/files/${id}/content`);
    expect([answer.status, answer.body.code]).toEqual([404, 'file-not-found']);
    expect((await copied(id)).error).toMatchObject({ code: 'file_not_found' });
  });

  it('is swept when its time has come, 16 at a time', async () => {
    const before = await store.keys();
    const ids = await Promise.all(
      Array.from({ length: 64 }, async (_, n) => (await upload(`${n}`, Buffer.from('x'))).id as string),
    );
    store.holdUntil(16);
    await rowsOf(app.databaseUrl, `UPDATE file SET expires_at = now() WHERE id = ANY('{${ids.join()}}')`);
    await rowsOf(app.databaseUrl, 'UPDATE chore SET due_at = now()');
    await expect.poll(() => store.keys(), { timeout: 20_000 }).toEqual(before);
    expect(store.mostAtOnce).toBe(16);
  });
});

/** Of an upload of 64 MiB. */
const uploadHead = (key: string): string =>
  `POST /v1/files?name=half HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nContent-Length: ${64 * MIB}\r\n\r\n`;

describe('An upload to an object store', () => {
  /** Sends as much of an upload of 64 MiB as is asked for, and then hangs up. */
  async function breakOff(sent: number): Promise<void> {
    const socket = connect(app.config.http.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(uploadHead(app.client.key));
    socket.write(Buffer.alloc(sent, 'x'));
    await expect.poll(() => store.count('part'), { timeout: 20_000 }).toBeGreaterThanOrEqual(1);
    socket.destroy();
  }

  it('that breaks off in the middle leaves nothing, and its parts are given up', async () => {
    const before = await store.keys();
    await breakOff(20 * MIB);
    await expect.poll(() => store.count('aborted'), { timeout: 20_000 }).toBe(1);
    await expect.poll(phases).toEqual([]);
    expect(store.count('completed')).toBe(0);
    expect(await store.keys()).toEqual(before);
  });

  it('that turns out too large leaves nothing either', async () => {
    const before = await store.keys();
    const answer = await post('big', Buffer.alloc(64 * MIB + 1));
    expect([answer.status, answer.body.code]).toEqual([413, 'body-too-large']);
    expect([store.count('begun'), store.count('aborted'), store.count('completed')]).toEqual([1, 1, 0]);
    expect(await store.keys()).toEqual(before);
  });

  it('of 64 MiB comes in parts and is read as it was sent', async () => {
    const bytes = randomBytes(64 * MIB);
    const file = await upload('big', bytes);
    expect([store.count('begun'), store.count('part'), store.count('completed')]).toEqual([1, 8, 1]);
    expect(sha256(await bytesOf(await content(file.id)))).toBe(file.sha256);
    expect(file.sha256).toBe(sha256(bytes));
    await app.client.request('DELETE', `/v1/files/${file.id}`);
  });
});

describe('An object store that is away', () => {
  it('makes uploads and downloads a 503 that may be repeated, and readiness red, until it is back', async () => {
    const file = await upload('data.bin', Buffer.from('12345'));
    const before = await store.keys();
    store.goAway();
    try {
      for (const bytes of [Buffer.from('x'), Buffer.alloc(30 * MIB)]) {
        const answer = await post('new', bytes);
        expect([answer.status, answer.body.code]).toEqual([503, 'storage-unavailable']);
        expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
      }
      const read = await app.client.get(`/v1/files/${file.id}/content`);
      expect([read.status, read.body.code]).toEqual([503, 'storage-unavailable']);
      await expect
        .poll(async () => (await app.client.get('/health/ready')).body, { timeout: 10_000 })
        .toMatchObject({ status: 'unavailable', checks: { files: 'the object store cannot be reached' } });
      // Known to nobody from now on; its bytes go when they can.
      expect((await app.client.request('DELETE', `/v1/files/${file.id}`)).status).toBe(204);
      expect((await app.client.get(`/v1/files/${file.id}`)).status).toBe(404);
    } finally {
      store.comeBack();
    }
    await upload('new', Buffer.from('x'));
    await expect
      .poll(async () => (await app.client.get('/health/ready')).body, { timeout: 10_000 })
      .toMatchObject({ status: 'ok', checks: { files: 'ok' } });
    await rowsOf(app.databaseUrl, 'UPDATE chore SET due_at = now()');
    await expect.poll(phases, { timeout: 20_000 }).toEqual([]);
    expect(before).toContain(keyOf(file.id));
    expect(await store.keys()).not.toContain(keyOf(file.id));
  });

  it('makes an operation try again to store its result, which is served in parts afterwards', async () => {
    await using upstream = await UpstreamApi.answering((response) => response.end('0123456789'));
    store.goAway();
    const { id } = await app.client.submit({
      type: 'http.request',
      input: { method: 'GET', url: upstream.url },
    });
    const history = async (): Promise<string[]> =>
      (await app.client.get(`/v1/operations/${id}/history`)).body.data.map(
        ({ text }: { text: string }) => text,
      );
    try {
      await expect
        .poll(history, { timeout: 20_000 })
        .toContainEqual(expect.stringMatching(/^Attempt 1 failed \(storage_unavailable\)/));
    } finally {
      store.comeBack();
    }
    expect(await app.client.ended(id)).toMatchObject({ status: 'Finished' });
    const part = await app.client.get(`/v1/operations/${id}/result`, { range: 'bytes=2-4' });
    expect([part.status, part.text]).toEqual([206, '234']);
  });

  it('for a moment is not noticed by who reads a file meanwhile', async () => {
    const bytes = randomBytes(48 * MIB);
    const file = await upload('big', bytes);
    const reader = (await content(file.id)).body!.getReader();
    const chunks = [(await reader.read()).value!];
    store.goAway();
    store.comeBack();
    for (let read = await reader.read(); !read.done; read = await reader.read()) chunks.push(read.value);
    expect(sha256(Buffer.concat(chunks))).toBe(sha256(bytes));
    expect(store.count('read')).toBe(2);
    await app.client.request('DELETE', `/v1/files/${file.id}`);
  });

  it('for longer breaks a download off, and keeps nobody hanging', async () => {
    const file = await upload('big', Buffer.alloc(48 * MIB));
    const reader = (await content(file.id)).body!.getReader();
    await reader.read();
    store.goAway();
    try {
      const rest = async (): Promise<void> => {
        while (!(await reader.read()).done);
      };
      await expect(rest()).rejects.toThrow();
    } finally {
      store.comeBack();
    }
  });

  it('and takes requests without a word is given up, when writing, reading and asked for its health', async () => {
    const storage = await S3FileStorage.at(store.place(), 100);
    await storage.write('file_a', Readable.from([Buffer.from('a')]));
    store.holdUntil(Infinity);
    try {
      const unavailable = { name: 'StorageUnavailableError', code: 'storage-unavailable' };
      await expect(storage.write('file_b', Readable.from([Buffer.from('b')]))).rejects.toMatchObject(
        unavailable,
      );
      await expect(storage.read('file_a')).rejects.toMatchObject(unavailable);
      await expect(storage.remove('file_a')).rejects.toMatchObject(unavailable);
      expect(await storage.trouble()).toBe('the object store cannot be reached');
    } finally {
      store.holdUntil(1);
    }
    expect((await buffer(await storage.read('file_a'))).toString()).toBe('a');
    storage.onApplicationShutdown();
  });
});

describe('A storage on an object store', () => {
  it('removes what is not there without complaint', async () => {
    const storage = await S3FileStorage.at(store.place('gone'));
    await storage.remove('file_never');
    await expect(storage.read('file_never')).rejects.toMatchObject({ name: 'FileMissingError' });
    storage.onApplicationShutdown();
  });

  it('says that its bucket is not there', async () => {
    const storage = await S3FileStorage.at({ ...store.place(), bucket: 'no-such-bucket' });
    expect(await storage.trouble()).toMatch(
      /no bucket "no-such-bucket": make it, or mend RINGBACK_FILES_URL/,
    );
    storage.onApplicationShutdown();
  });

  it.each([
    [{ $metadata: { httpStatusCode: 403 } }, /refuses the bucket "b": check credentials, policy and clock$/],
    [{ $metadata: { httpStatusCode: 301 } }, /in another region: set AWS_REGION$/],
    [{ name: 'CredentialsProviderError' }, /no credentials .* set AWS_ACCESS_KEY_ID/],
    [{ $metadata: { httpStatusCode: 500 } }, /^the object store cannot be reached$/],
    [new Error('connect ECONNREFUSED'), /^the object store cannot be reached$/],
  ])('names the remedy of what keeps it from its bucket: %j', (error, message) => {
    expect(troubleOf(error, 'b')).toMatch(message);
  });

  it('whose file nobody reads yet does no harm when the connection breaks', async () => {
    const storage = await S3FileStorage.at(store.place(), 100);
    await storage.write('file_c', Readable.from([Buffer.alloc(4 * MIB)]));
    const unread = await storage.read('file_c');
    store.goAway();
    store.comeBack();
    expect((await buffer(unread)).length).toBe(4 * MIB);
    await storage.remove('file_c');
    storage.onApplicationShutdown();
  });
});

/** An API that answers with as many MiB as its path says; what comes is never in memory at once. */
async function mebibytes(): Promise<AsyncDisposable & { url: string; sha256: (count: number) => string }> {
  const chunk = randomBytes(MIB);
  function* chunks(count: number): Generator<Buffer> {
    for (let sent = 0; sent < count; sent++) yield chunk;
  }
  const server = createServer(({ url }, response) => {
    const count = Number(url!.slice(1));
    Readable.from(chunks(count), { objectMode: true, highWaterMark: 1 }).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sha256: (count) => {
      const hash = createHash('sha256');
      for (const part of chunks(count)) hash.update(part);
      return hash.digest('hex');
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('The service on an object store', { timeout: 120_000 }, () => {
  it('needs no more memory for a large result than for a small one', async () => {
    await using upstream = await mebibytes();
    await using service = await Service.start({
      ...sharedBy(await newDatabase()),
      ...store.environment('service'),
      RINGBACK_HTTP_BYTES: String(256 * MIB),
    });
    const memory = async (): Promise<number> =>
      Number(/^process_resident_memory_bytes (\d+)/m.exec((await service.client.get('/metrics')).text)![1]);
    /** Has so many MiB stored as a result; the most memory that was seen meanwhile. */
    const keep = async (count: number): Promise<number> => {
      const input = { method: 'GET', url: `${upstream.url}/${count}` };
      const { id } = await service.client.submit({ type: 'http.request', input });
      let most = 0;
      let operation: any;
      do {
        most = Math.max(most, await memory());
        operation = (await service.client.get(`/v1/operations/${id}`)).body;
      } while (operation.finished_at === null);
      expect(operation.status).toBe('Finished');
      const file = (await service.client.get(`/v1/files/${operation.file}`)).body;
      expect(file).toMatchObject({ size: count * MIB, sha256: upstream.sha256(count) });
      return most;
    };
    // What the first one loads and warms up is no part of either.
    await keep(40);
    const small = await keep(40);
    store.requests.length = 0;
    const large = await keep(160);
    expect([store.count('part'), store.count('completed')]).toEqual([20, 1]);
    expect(large - small).toBeLessThan(64 * MIB);
  });

  it('leaves no object behind when it is killed in the middle of an upload', async () => {
    await using service = await Service.start({
      ...sharedBy(await newDatabase()),
      ...store.environment('killed'),
    });
    const socket = connect(Number(service.port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(uploadHead(service.client.key));
    socket.write(Buffer.alloc(20 * MIB));
    await expect.poll(() => store.count('part'), { timeout: 20_000 }).toBeGreaterThanOrEqual(1);
    await service.end('SIGKILL');
    expect((await store.keys()).filter((key) => key.startsWith('killed'))).toEqual([]);
    expect(store.count('completed')).toBe(0);
  });

  it('loads nothing of its SDK where files are in a folder', async () => {
    const serve = new URL('../../dist/src/serve.js', import.meta.url);
    const code = `
      await import('reflect-metadata');
      await import('${serve.href}');
      const { Module } = await import('node:module');
      console.log(JSON.stringify(Object.keys(Module._cache)));`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code]);
    const loaded = JSON.parse(stdout) as string[];
    expect(loaded.filter((path) => path.includes('pg'))).not.toEqual([]);
    expect(loaded.filter((path) => /@(aws-sdk|smithy)/.test(path))).toEqual([]);
  });
});
