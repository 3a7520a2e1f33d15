import { createHash, randomBytes } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App, freePort } from '../support/app.js';
import { rowsOf } from '../support/database.js';
import { Receiver, verify } from '../support/receiver.js';

let app: App;

beforeAll(async () => {
  // A short lease: what cancels an operation is seen by its worker when the lease is renewed, each third of it.
  app = await App.start({ operations: { leaseS: 1.5 } });
});
afterAll(() => app[Symbol.asyncDispose]());

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A provider's API on loopback: it notes every request and answers as the test says. */
class Upstream implements AsyncDisposable {
  readonly seen: Seen[] = [];
  /** How many requests were hung up on before their answer was complete. */
  broken = 0;

  private constructor(private readonly server: Server) {}

  static async answering(
    answer: (response: ServerResponse, seen: Seen, count: number) => void,
  ): Promise<Upstream> {
    const server = createServer();
    const upstream = new Upstream(server);
    server.on('request', (request, response) => {
      response.on('close', () => (upstream.broken += response.writableFinished ? 0 : 1));
      void request.toArray().then((chunks: Buffer[]) => {
        const { method, url, headers } = request;
        const body = Buffer.concat(chunks).toString();
        upstream.seen.push({ method: method!, path: url!, headers, body });
        answer(response, upstream.seen.at(-1)!, upstream.seen.length);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return upstream;
  }

  static sending(type: string | null, body: string | Buffer, status = 200): Promise<Upstream> {
    return Upstream.answering((response) => {
      response.writeHead(status, type === null ? {} : { 'content-type': type }).end(body);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

const submit = (input: Record<string, unknown>, more: Record<string, unknown> = {}) =>
  app.client.submit({ type: 'http.request', input, ...more });

async function run(input: Record<string, unknown>, more: Record<string, unknown> = {}) {
  return app.client.ended((await submit(input, more)).id, 30);
}

/** The stored bytes of an operation's result. */
async function resultOf(id: string) {
  const response = await fetch(`${app.client.url}/v1/operations/${id}/result`, {
    headers: { authorization: `Bearer ${app.client.key}` },
  });
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    disposition: response.headers.get('content-disposition'),
    bytes: Buffer.from(await response.arrayBuffer()),
  };
}

describe('http.request keeps the response:', () => {
  it.each([
    ['JSON', 'application/json', '{"a":[1,"ü"]}', { a: [1, 'ü'] }],
    ['JSON of a kind of its own', 'application/problem+json; charset=utf-8', '{"a":1}', { a: 1 }],
    ['JSON null', 'application/json', 'null', null],
    ['what calls itself JSON and is not', 'application/json', '<html>', '<html>'],
    ['text', 'text/plain; charset=utf-8', 'zwölf\n', 'zwölf\n'],
    ['XML', 'application/xml', '<a/>', '<a/>'],
    ['empty text', 'text/plain', '', ''],
    ['text of 64 KiB', 'text/csv', 'x'.repeat(65_536), 'x'.repeat(65_536)],
    ['text of more than 64 KiB', 'text/csv', 'x'.repeat(65_537), undefined],
    ['text that is not UTF-8', 'text/plain', Buffer.from([0x61, 0xfc]), undefined],
    ['a picture', 'image/png', Buffer.from([0x89, 0x50, 0x4e, 0x47]), undefined],
    ['bytes without a type', null, Buffer.from([0, 1, 2]), undefined],
  ])('%s', async (_, type, body, inline) => {
    await using upstream = await Upstream.sending(type, body);
    const ended = await run({ method: 'GET', url: `${upstream.url}/files/a%20b.txt?x=1` });
    const stored = type ?? 'application/octet-stream';
    expect(ended).toMatchObject({ status: 'Finished', attempt: 1, status_text: 'GET answered 200' });
    expect(ended.result).toEqual({
      status: 200,
      content_type: stored,
      file: ended.file,
      ...(inline === undefined ? {} : { body: inline }),
    });
    const result = await resultOf(ended.id);
    expect(result).toMatchObject({ status: 200, type: stored });
    expect(result.bytes.equals(Buffer.from(body))).toBe(true);
    expect(upstream.seen).toMatchObject([{ method: 'GET', path: '/files/a%20b.txt?x=1', body: '' }]);
  });

  it('5 MB, byte for byte', async () => {
    const bytes = randomBytes(5_000_000);
    await using upstream = await Upstream.answering((response) => {
      response.writeHead(200, { 'content-type': 'application/zip' });
      for (let at = 0; at < bytes.length; at += 100_000) response.write(bytes.subarray(at, at + 100_000));
      response.end();
    });
    const ended = await run({ method: 'GET', url: `${upstream.url}/big.zip` });
    const { bytes: stored, disposition } = await resultOf(ended.id);
    expect(createHash('sha256').update(stored).digest('hex')).toBe(
      createHash('sha256').update(bytes).digest('hex'),
    );
    expect(disposition).toContain('big.zip');
    const file = (await app.client.get(`/v1/files/${ended.file}`)).body;
    expect(file).toMatchObject({ size: bytes.length, name: 'big.zip', content_type: 'application/zip' });
  });

  it.each([
    [500, 'text/plain', 'oops'],
    [404, 'application/json', 'null'],
    [204, null, ''],
  ])('a %d is a response like any other', async (status, type, body) => {
    await using upstream = await Upstream.sending(type, body, status);
    const ended = await run({ method: 'GET', url: upstream.url });
    expect(ended).toMatchObject({ status: 'Finished', attempt: 1, result: { status }, error: null });
    expect(upstream.seen).toHaveLength(1);
  });

  it('a redirect is not followed', async () => {
    await using target = await Upstream.sending('text/plain', 'secret');
    await using upstream = await Upstream.answering((response) => {
      response.writeHead(302, { location: target.url, 'content-type': 'text/plain' }).end('moved');
    });
    const ended = await run({ method: 'GET', url: upstream.url });
    expect(ended.result).toMatchObject({ status: 302, body: 'moved' });
    expect(target.seen).toEqual([]);
  });

  it('of HEAD there is a head only', async () => {
    await using upstream = await Upstream.answering((response) => {
      response.writeHead(200, { 'content-type': 'image/png', 'content-length': '5000' }).end();
    });
    const ended = await run({ method: 'HEAD', url: upstream.url });
    expect(ended).toMatchObject({ status: 'Finished', result: { status: 200, content_type: 'image/png' } });
    expect((await resultOf(ended.id)).bytes).toHaveLength(0);
    expect(upstream.seen[0]!.method).toBe('HEAD');
  });

  it('is told in the callback', async () => {
    await using upstream = await Upstream.sending('application/json', '{"done":true}', 201);
    await using receiver = await Receiver.answering(200);
    const { id } = await submit({ method: 'PUT', url: upstream.url }, { callback: { url: receiver.url } });
    const event = verify(await app.client.signingSecret(), (await receiver.received(1))[0]!);
    expect(event).toMatchObject({
      type: 'operation.finished',
      data: { id, result: { status: 201, body: { done: true } } },
    });
  });
});

describe('http.request sends', () => {
  it('what it was given: headers, and text as it is', async () => {
    await using upstream = await Upstream.sending(null, '');
    const headers = { Authorization: 'Bearer mine', 'X-Mine': 'a b', 'content-type': 'text/csv' };
    await run({ method: 'POST', url: upstream.url, headers, body: 'a,b\nü' });
    const [seen] = upstream.seen;
    expect(seen).toMatchObject({ method: 'POST', body: 'a,b\nü' });
    expect(seen!.headers).toMatchObject({
      authorization: 'Bearer mine',
      'x-mine': 'a b',
      'content-type': 'text/csv',
      'content-length': '6',
    });
    expect(seen!.headers['user-agent']).toMatch(/^Ringback\/\d/);
    expect(seen!.headers['ringback-operation']).toBeUndefined();
  });

  it('objects and arrays as JSON, with the type of JSON unless another is given', async () => {
    await using upstream = await Upstream.sending(null, '');
    const body = { a: [1, { b: 'ü' }], c: null, toString: 'kept', valueOf: 1 };
    await run({ method: 'POST', url: upstream.url, body });
    await run({
      method: 'PATCH',
      url: upstream.url,
      body: [1, 'x'],
      headers: { 'Content-Type': 'application/x+json' },
    });
    const [object, array] = upstream.seen;
    expect(JSON.parse(object!.body)).toEqual(body);
    expect(object!.headers['content-type']).toBe('application/json');
    expect([array!.method, array!.body, array!.headers['content-type']]).toEqual([
      'PATCH',
      '[1,"x"]',
      'application/x+json',
    ]);
  });
});

describe('http.request, when the transport fails,', () => {
  it('tries a POST once, a GET three times, and either as often as asked', async () => {
    const url = `http://127.0.0.1:${await freePort()}/`;
    const [post, get, twice] = await Promise.all([
      run({ method: 'POST', url, body: 'x' }),
      run({ method: 'GET', url }),
      run({ method: 'POST', url, body: 'x', tries: 2 }),
    ]);
    for (const [ended, attempts] of [
      [post, 1],
      [get, 3],
      [twice, 2],
    ]) {
      expect(ended).toMatchObject({
        status: 'Failed',
        attempt: attempts,
        result: null,
        file: null,
        error: { code: 'connect_refused' },
      });
      expect(ended.error.message).not.toContain('127.0.0.1');
      const { data } = (await app.client.get(`/v1/operations/${ended.id}/history`)).body;
      expect(data.filter(({ status }: { status: string }) => status === 'Executing')).toHaveLength(attempts);
    }
  });

  it('keeps nothing of a response that breaks off, and the next try may succeed', async () => {
    await using upstream = await Upstream.answering((response, _, count) => {
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': '10' });
      if (count > 1) response.end('0123456789');
      else response.write('01234', () => response.destroy());
    });
    const ended = await run({ method: 'GET', url: upstream.url, tries: 2 });
    expect(ended).toMatchObject({ status: 'Finished', attempt: 2, result: { body: '0123456789' } });
    const { data } = (await app.client.get(`/v1/operations/${ended.id}/history`)).body;
    expect(data.map(({ text }: { text: string }) => text)).toContainEqual(
      expect.stringMatching(/^Attempt 1 failed \(connection_reset\)/),
    );
  });

  it('fails for good on a POST whose response breaks off', async () => {
    await using upstream = await Upstream.answering((response) => response.destroy());
    const ended = await run({ method: 'POST', url: upstream.url });
    expect(ended).toMatchObject({ status: 'Failed', attempt: 1, error: { code: 'connection_reset' } });
    expect(upstream.seen).toHaveLength(1);
  });
});

describe('http.request, when the response cannot be stored,', () => {
  it('lets go of the connection', async () => {
    await using upstream = await Upstream.answering((response) => {
      const timer = setInterval(() => response.write('x'.repeat(100_000)), 5);
      response.on('close', () => clearInterval(timer));
    });
    const { folder } = app.config.files;
    await mkdir(folder, { recursive: true });
    await rename(folder, `${folder}.away`);
    await writeFile(folder, 'a file where the folder should be');
    try {
      const ended = await run({ method: 'POST', url: upstream.url });
      expect(ended).toMatchObject({ status: 'Failed', attempt: 1 });
      expect(ended.error.message).not.toContain(folder);
      await expect.poll(() => upstream.broken, { timeout: 5000 }).toBe(1);
    } finally {
      await rm(folder);
      await rename(`${folder}.away`, folder);
    }
  });
});

describe('http.request is refused at submit', () => {
  it.each([
    'http://10.0.0.1/',
    'https://192.168.1.1:8443/x',
    'http://169.254.169.254/latest/meta-data/',
    'http://[fd00::1]/',
    'https://intranet/',
    'https://db.internal/',
    'ftp://example.com/',
    'http://example.com/',
    'https://user:pass@example.com/',
    'not a url',
  ])('where the URL may not be called: %s', async (url) => {
    const answer = await app.client.post('/v1/operations', {
      type: 'http.request',
      input: { method: 'GET', url },
    });
    expect(answer.status).toBe(422);
    expect(answer.body.errors).toEqual([{ path: 'input.url', message: expect.any(String) }]);
  });

  it.each([
    [{ method: 'TRACE' }, 'input.method'],
    [{ headers: { 'a b': 'x' } }, 'input.headers.a b'],
    [{ headers: { a: 'x\r\ny: z' } }, 'input.headers.a'],
    [{ headers: { a: 1 } }, 'input.headers.a'],
    [{ headers: ['a'] }, 'input.headers'],
    [{ body: 1 }, 'input.body'],
    [{ tries: 11 }, 'input.tries'],
    [{ timeout: 1 }, 'input.timeout'],
  ])('where the input is wrong: %j', async (wrong, path) => {
    const input = { method: 'GET', url: 'https://example.com/', ...wrong };
    const answer = await app.client.post('/v1/operations', { type: 'http.request', input });
    expect([answer.status, answer.body.errors?.[0]?.path]).toEqual([422, path]);
  });

  it('where RINGBACK_HTTP_HOSTS does not name the host, also on loopback', async () => {
    await using upstream = await Upstream.sending('text/plain', 'ok');
    await using narrow = await App.start({
      // No worker: on a shared Redis it would take the other app's hints.
      process: { roles: new Set(['api']) },
      egress: { httpHosts: ['*.example.com', '127.0.0.1'] },
    });
    const post = (url: string) =>
      narrow.client.post('/v1/operations', { type: 'http.request', input: { method: 'GET', url } });
    expect((await post('https://example.org/')).body.errors[0].path).toBe('input.url');
    expect((await post(upstream.url.replace('127.0.0.1', 'localhost'))).status).toBe(422);
    expect((await post(upstream.url)).status).toBe(202);
  });
});

describe('The courtesy towards a host that accounts call', () => {
  /** Answers each request after a moment, and notes how many were under way at once. */
  async function slow(status: number) {
    const seen = { now: 0, most: 0, all: 0 };
    const upstream = await Upstream.answering((response) => {
      seen.most = Math.max(seen.most, ++seen.now);
      seen.all++;
      setTimeout(() => {
        seen.now--;
        response.writeHead(status).end();
      }, 100);
    });
    return { seen, upstream, [Symbol.asyncDispose]: () => upstream[Symbol.asyncDispose]() };
  }
  const batch = (url: string, count: number) => ({
    operations: Array.from({ length: count }, (_, at) => ({
      type: 'http.request',
      input: { method: 'POST', url: `${url}/${at}`, body: 'x' },
    })),
  });

  it('is one request at a time until it has answered 2xx, over all processes', async () => {
    await using other = await App.start({ database: { url: app.databaseUrl } });
    await using host = await slow(404);
    const { body } = await app.client.post('/v1/operations/batch', batch(host.upstream.url, 6));
    for (const { operation } of body.data)
      expect((await other.client.ended(operation.id)).result).toMatchObject({ status: 404 });
    expect(host.seen).toEqual({ now: 0, most: 1, all: 6 });
  });

  it('is as many at once as callbacks may be, when it has', async () => {
    await using few = await App.start({ deliveries: { originInFlight: 3 } });
    await using host = await slow(200);
    const { body } = await few.client.post('/v1/operations/batch', batch(host.upstream.url, 12));
    for (const { operation } of body.data)
      expect((await few.client.ended(operation.id)).status).toBe('Finished');
    expect(host.seen).toMatchObject({ now: 0, most: 3, all: 12 });
    expect(await rowsOf(few.databaseUrl, 'SELECT FROM origin_call')).toEqual([]);
  });

  it('outlives nobody: a place is given back where its run has ended, however it did', async () => {
    await using host = await Upstream.answering((response, { path }) => {
      if (path === '/answered') response.end('ok');
    });
    const hanging = await submit({ method: 'GET', url: `${host.url}/hanging` });
    await expect.poll(() => host.seen.length).toBe(1);
    const next = await submit({ method: 'GET', url: `${host.url}/answered` });
    // As a worker that died leaves it.
    const orphan = 'UPDATE origin_call SET lease_token = gen_random_uuid() WHERE request_id = $1';
    await rowsOf(app.databaseUrl, orphan, [hanging.request_id]);
    expect((await app.client.ended(next.id)).status).toBe('Finished');
    expect((await app.client.post(`/v1/operations/${hanging.id}/cancel`)).status).toBe(200);
  });

  it('counts new hosts, as those of callbacks', async () => {
    await using wary = await App.start({
      process: { roles: new Set(['api']) },
      egress: { newHostsPerMinute: 2 },
    });
    const post = (name: string) =>
      wary.client.post('/v1/operations', {
        type: 'http.request',
        input: { method: 'GET', url: `https://${name}.example.com/` },
      });
    for (const [name, status] of [
      ['a', 202],
      ['b', 202],
      ['a', 202],
      ['c', 429],
    ] as const)
      expect([name, (await post(name)).status]).toEqual([name, status]);
    expect((await post('c')).body).toMatchObject({
      code: 'too-many-new-hosts',
      errors: [{ path: 'input.url' }],
    });
  });

  it.each([
    'Host',
    'Connection',
    'Content-Length',
    'Transfer-Encoding',
    'Via',
    'Forwarded',
    'X_Forwarded_For',
    'X-Real-IP',
    'Webhook-Signature',
    'ringback-operation',
    'Stripe-Signature',
    'X-HTTP-Method-Override',
  ])('forbids the header %s', async (name) => {
    const input = { method: 'GET', url: 'https://example.com/', headers: { [name]: 'x' } };
    const { status, body } = await app.client.post('/v1/operations', { type: 'http.request', input });
    expect([status, body.errors]).toEqual([
      422,
      [
        {
          path: `input.headers.${name}`,
          message: 'is set by Ringback or the connection: leave it out',
        },
      ],
    ]);
  });

  it('keeps no more of a response than the setting says', async () => {
    await using small = await App.start({ egress: { httpBytes: 1_000 } });
    await using host = await Upstream.answering((response, { path }) => {
      if (path === '/streamed') response.writeHead(200).write('x');
      response.end('x'.repeat(path === '/fits' ? 1_000 : 1_001));
    });
    const ends = ['fits', 'told', 'streamed'].map(async (path) => {
      const input = { method: 'GET', url: `${host.url}/${path}` };
      const { id } = await small.client.submit({ type: 'http.request', input });
      const { status, error } = await small.client.ended(id);
      return [status, error?.code];
    });
    expect(await Promise.all(ends)).toEqual([
      ['Finished', undefined],
      ['Failed', 'response_too_large'],
      ['Failed', 'response_too_large'],
    ]);
  });

  it('is that nobody is called at all where it is disabled, as in production', async () => {
    await using closed = await App.start({ egress: { httpHosts: null } });
    const input = { method: 'GET', url: 'https://example.com/' };
    const { status, body } = await closed.client.post('/v1/operations', { type: 'http.request', input });
    expect([status, body.code, body.errors[0].path]).toEqual([422, 'type-disabled', 'type']);
    expect(body.detail).toContain('RINGBACK_HTTP_HOSTS');
    const listed = (await closed.client.get('/v1/operation-types')).body.data;
    expect(listed.map(({ name }: { name: string }) => name)).not.toContain('http.request');
  });
});

describe('A request in flight', () => {
  it.each([
    ['before its head', (response: ServerResponse) => void response],
    ['in its body', (response: ServerResponse) => void response.writeHead(200).write('x'.repeat(100_000))],
  ])('is aborted when its operation is canceled, %s', async (_, answer) => {
    await using upstream = await Upstream.answering(answer);
    const { id } = await submit({ method: 'GET', url: upstream.url });
    await expect.poll(() => upstream.seen.length).toBe(1);
    const canceled = await app.client.post(`/v1/operations/${id}/cancel`);
    expect(canceled.body.status).toBe('Canceled');
    await expect.poll(() => upstream.broken, { timeout: 5000 }).toBe(1);
    expect((await app.client.ended(id)).status).toBe('Canceled');
    expect((await app.client.get(`/v1/operations/${id}/result`)).status).toBe(404);
    expect(upstream.seen).toHaveLength(1);
  });

  it('is aborted when its time is over', async () => {
    await using upstream = await Upstream.answering(() => undefined);
    const ended = await run({ method: 'GET', url: upstream.url }, { timeout_s: 0.3 });
    expect(ended).toMatchObject({ status: 'Failed', attempt: 1, error: { code: 'timeout' } });
    await expect.poll(() => upstream.broken).toBe(1);
  });
});
