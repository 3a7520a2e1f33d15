import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UpstreamClient } from '../../src/gateway/upstream-client.js';
import { App, freePort, type Overrides, TEST_KEY } from '../support/app.js';
import { Authority } from '../support/certificates.js';
import { newDatabase, rowsOf } from '../support/database.js';
import { Service, sharedBy } from '../support/service.js';
import { UpstreamApi } from '../support/upstream.js';

/** An upstream that says what the request's path asks for, byte for byte; `/hang` gets no answer. */
const SAID: Record<string, string> = {
  '/announced': 'HTTP/1.1 200 OK\r\nTrailer: X-A\r\nContent-Length: 2\r\n\r\nok',
  '/head': 'HTTP/1.1 200 OK\r\nTrailer: X-A\r\nTransfer-Encoding: chunked\r\n\r\n',
  '/304': 'HTTP/1.1 304 Not Modified\r\nTrailer: X-A\r\n\r\n',
  '/reason': 'HTTP/1.1 200 O\u0001K\r\nContent-Length: 2\r\n\r\nok',
  '/coded': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nbytes\r\n0\r\n\r\n',
  '/coded-twice':
    'HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nTransfer-Encoding: Deflate\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbytes\r\n0\r\n\r\n',
  '/compressed': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: compress, chunked\r\n\r\n5\r\nbytes\r\n0\r\n\r\n',
  '/099': 'HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nok',
  '/101': 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
  '/garbage': 'hello\r\n\r\n',
  '/nothing': '',
  '/half': 'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf',
};
const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

let odd: Server;
let api: UpstreamApi;
let apps: App[];
let [toOdd, toApi] = ['', ''];
/** Connections to the odd upstream, newest last. */
const connections: Socket[] = [];

beforeAll(async () => {
  odd = createServer((socket) => {
    connections.push(socket);
    socket
      .on('error', () => undefined)
      .on('data', (data: Buffer) => {
        const path = /^[A-Z]+ (\S+) HTTP/.exec(data.toString())?.[1];
        if (path === undefined) return;
        if (path.startsWith('/switch')) socket.write(SWITCHED);
        else if (path === '/half') socket.write(SAID[path]!);
        else if (path in SAID) socket.end(SAID[path]!, 'latin1');
      });
  });
  await new Promise<void>((resolve) => odd.listen(0, '127.0.0.1', resolve));
  api = await UpstreamApi.answering((response, { url, headers, rawTrailers }) =>
    response.end(JSON.stringify({ url, headers, rawTrailers })),
  );
  const first = await start(oddUrl());
  const second = await start(api.url);
  apps = [first[0], second[0]];
  [toOdd, toApi] = [first[1], second[1]];
});
afterAll(async () => {
  for (const app of apps) await app[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
  for (const socket of connections) socket.destroy();
  odd.close();
});

const oddUrl = () => `http://127.0.0.1:${(odd.address() as AddressInfo).port}`;

async function start(upstream: string, gateway: object = {}, others: Overrides = {}): Promise<[App, string]> {
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${port}`;
  return [await App.start({ ...others, gateway: { upstream, port, publicUrl, ...gateway } }), publicUrl];
}

/** All that comes back on a connection of its own, once the gateway has closed it. */
async function said(base: string, head: string): Promise<string> {
  const socket = connect(Number(new URL(base).port), '127.0.0.1');
  socket.write(head.replaceAll('\n', '\r\n'));
  const chunks = await socket.toArray();
  return Buffer.concat(chunks as Buffer[]).toString('latin1');
}

/** A request by a connection of its own, seen from both ends, once it has arrived. */
async function connected(head: string): Promise<[upstream: Socket, caller: Socket]> {
  const arrival = once(odd, 'connection') as Promise<[Socket]>;
  const caller = connect(Number(new URL(toOdd).port), '127.0.0.1').on('error', () => undefined);
  caller.write(head.replaceAll('\n', '\r\n'));
  const [upstream] = await arrival;
  await once(upstream, 'data');
  return [upstream, caller];
}

const upgrade = (path: string, protocol = 'websocket', method = 'GET') =>
  `${method} ${path} HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: ${protocol}\n\n`;

/** A chunked request with a trailer and a key of Ringback's. */
function trailing(url: string): Promise<{ status: number; body: any }> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(url, {
      method: 'PUT',
      headers: { 'x-ringback-key': TEST_KEY, 'transfer-encoding': 'chunked', trailer: 'X-Sum' },
    });
    outgoing.on('error', reject).on('response', (response) => {
      void response
        .toArray()
        .then((chunks: Buffer[]) =>
          resolve({ status: response.statusCode!, body: JSON.parse(Buffer.concat(chunks).toString()) }),
        );
    });
    outgoing.write('body');
    outgoing.addTrailers([
      ['X-Sum', '841a'],
      ['X-Ringback-Key', TEST_KEY],
    ]);
    outgoing.end();
  });
}

describe('passed through,', () => {
  it('the trailers of a request arrive behind its body, and no key of Ringback’s with it', async () => {
    const { body } = await trailing(`${toApi}/x`);
    expect(body).toMatchObject({ url: '/x', rawTrailers: ['X-Sum', '841a'], headers: { trailer: 'X-Sum' } });
    expect(JSON.stringify(body)).not.toContain(TEST_KEY);
  });

  it('in the background, the trailers of a request are kept and sent behind its body too', async () => {
    const before = api.seen.length;
    expect((await trailing(`${toApi}/x?bgrs=1`)).status).toBe(200);
    await expect.poll(() => api.seen.length, { timeout: 10_000 }).toBe(before + 1);
    const { rawTrailers, headers, body } = api.seen[before]!;
    expect(rawTrailers).toEqual(['X-Sum', '841a']);
    expect(headers).toMatchObject({ trailer: 'X-Sum', 'transfer-encoding': 'chunked' });
    expect(body.toString()).toBe('body');
  });

  it('trailers that are announced where none can follow are no harm, in a request or in an answer', async () => {
    const asked = await said(toApi, 'GET /x HTTP/1.1\nHost: x\nTrailer: X-A\nConnection: close\n\n');
    expect(asked).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    for (const [method, path] of [
      ['GET', '/announced'],
      ['HEAD', '/head'],
      ['GET', '/304'],
    ])
      expect((await fetch(`${toOdd}${path}`, { method: method! })).status).toBe(path === '/304' ? 304 : 200);
    const old = await said(toOdd, 'GET /announced HTTP/1.0\n\n');
    expect(old).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*\r\n\r\nok$/);
  });

  it('an answer that is none is a 502, whatever is wrong with it, and odd words in it are left out', async () => {
    for (const path of ['/101', '/garbage', '/nothing']) {
      const answer = await fetch(`${toOdd}${path}`);
      expect([path, answer.status, await answer.json()]).toMatchObject([
        path,
        502,
        { code: 'upstream-unreachable' },
      ]);
    }
    expect((await fetch(`${toOdd}/099`)).status).toBe(502);
    const answer = await fetch(`${toOdd}/reason`);
    expect([answer.status, answer.statusText, await answer.text()]).toEqual([200, 'OK', 'ok']);
  });

  it('an upstream that never answers is a 502 in time, and one that falls silent is cut', async () => {
    const [impatient, base] = await start(oddUrl(), { idleS: 0.3 });
    await using _ = impatient;
    const answer = await fetch(`${base}/hang`, { method: 'POST', body: 'x' });
    expect([answer.status, await answer.json()]).toMatchObject([502, { code: 'upstream-unreachable' }]);
    const half = await fetch(`${base}/half`);
    expect(half.status).toBe(200);
    await expect(half.text()).rejects.toThrow();
    expect(await said(base, upgrade('/hang'))).toMatch(/^HTTP\/1.1 502 Bad Gateway\r\n[^]*upstream-unre/);
  });

  it('an upgrade to another protocol is left alone, and one that cannot be passed is refused clearly', async () => {
    const plain = await said(toApi, upgrade('/x', 'h2c'));
    expect(plain).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(api.seen.at(-1)!.headers).not.toHaveProperty('upgrade');
    for (const path of ['/x?bgrs=1', '/bgrs/1'])
      expect(await said(toApi, upgrade(path))).toMatch(
        /^HTTP\/1.1 400 Bad Request\r\n[^]*"upgrade-refused"[^]*}$/,
      );
    expect(await said(toApi, 'CONNECT x:1 HTTP/1.1\nHost: x\n\n')).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
  });

  it('a WebSocket whose upstream breaks off ends, with nothing of the gateway’s in it', async () => {
    const [upstream, caller] = await connected(upgrade('/switch'));
    const [head] = (await once(caller, 'data')) as [Buffer];
    expect(head.toString()).toMatch(/^HTTP\/1.1 101 Switching Protocols\r\n/);
    const rest = caller.toArray();
    upstream.resetAndDestroy();
    expect(Buffer.concat(await rest).toString()).toBe('');
  });

  it.each([
    ['waiting', 'GET /hang HTTP/1.1\nHost: x\n\n', false],
    ['sending', 'POST /hang HTTP/1.1\nHost: x\nContent-Length: 1000\n\nfirst', false],
    ['reading', 'GET /half HTTP/1.1\nHost: x\n\n', true],
    ['in a WebSocket', upgrade('/switch'), true],
    ['waiting for a WebSocket', upgrade('/hang'), false],
  ])('a caller who leaves while %s takes the upstream’s request along', async (_, head, answered) => {
    const [upstream, caller] = await connected(head);
    if (answered) await once(caller, 'data');
    const closed = once(upstream, 'close');
    caller.resetAndDestroy();
    await closed;
  });
});

it('an upstream by https is asked by its own name, whatever Host the caller names', async () => {
  using authority = new Authority();
  const folder = await mkdtemp(join(tmpdir(), 'ringback-ca-'));
  const ca = join(folder, 'ca.pem');
  await writeFile(ca, authority.ca);
  const server = createTlsServer(authority.issue('DNS:localhost'), (request, response) =>
    response.end(request.headers.host),
  );
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  const port = String(await freePort());
  {
    await using _ = await Service.start({
      ...sharedBy(await newDatabase()),
      NODE_EXTRA_CA_CERTS: ca,
      RINGBACK_UPSTREAM: `https://localhost:${(server.address() as AddressInfo).port}`,
      RINGBACK_GATEWAY_PORT: port,
    });
    const head = 'GET /x HTTP/1.1\nHost: api.example.com\nConnection: close\n\n';
    expect(await said(`http://127.0.0.1:${port}`, head)).toMatch(
      /^HTTP\/1.1 200 OK\r\n[^]*api\.example\.com/,
    );
  }
  server.close();
  await rm(folder, { recursive: true });
});

const unfinished = (path: string) =>
  `POST ${path} HTTP/1.1\nHost: x\nX-Ringback-Key: ${TEST_KEY}\nContent-Length: 9\n\nfirst`;

it('in the background, a body that stops arriving is a 408 in time', async () => {
  const [impatient, base] = await start(api.url, { idleS: 0.3 });
  await using _ = impatient;
  expect(await said(base, unfinished('/x?bgrs=1'))).toMatch(
    /^HTTP\/1.1 408 Request Timeout\r\n[^]*stopped arriving/,
  );
  expect(await rowsOf(impatient.databaseUrl, 'SELECT FROM operation')).toEqual([]);
});

it('in the background, a caller who breaks off in the middle of the body leaves nothing behind', async () => {
  const writing = () => rowsOf(apps[1]!.databaseUrl, `SELECT FROM file WHERE phase = 'writing'`);
  const caller = connect(Number(new URL(toApi).port), '127.0.0.1').on('error', () => undefined);
  caller.write(unfinished('/left?bgrs=1').replaceAll('\n', '\r\n'));
  await expect.poll(writing, { timeout: 10_000 }).toHaveLength(1);
  caller.resetAndDestroy();
  await expect.poll(writing, { timeout: 10_000 }).toEqual([]);
  expect(api.seen.map(({ url }) => url)).not.toContain('/left');
});

it.each(['/099', '/101', '/garbage', '/nothing', '/compressed'])(
  'in the background, an answer that is none (%s) is a readable failure',
  async (path) => {
    const headers = { 'x-ringback-key': TEST_KEY };
    const taken = await fetch(`${toOdd}${path}?bgrs=1`, { method: 'POST', headers });
    const { request: rid } = (await taken.json()) as { request: string };
    const details = async () =>
      ((await (await fetch(`${toOdd}/bgrs/${rid}/details`, { headers })).json()) as any[])
        .slice(-2)
        .map((line) => line.details);
    await expect
      .poll(details, { timeout: 20_000 })
      .toEqual([expect.stringMatching(/not valid HTTP|connection was closed/), 'done']);
    const [row] = (await (await fetch(`${toOdd}/bgrs/${rid}`, { headers })).json()) as any[];
    expect(row).toMatchObject({ status_name: 'failed', status: null, result: null });
  },
);

it.each([
  ['/coded', 'gzip'],
  ['/coded-twice', 'br, Deflate'],
])(
  'in the background, a transfer coding of an answer (%s) is kept as a content coding',
  async (path, coding) => {
    const headers = { 'x-ringback-key': TEST_KEY };
    const taken = await fetch(`${toOdd}${path}?bgrs=1`, { headers });
    const { request: rid } = (await taken.json()) as { request: string };
    const asked = `GET /bgrs/${rid}/result HTTP/1.1\nHost: x\nX-Ringback-Key: ${TEST_KEY}\nConnection: close\n\n`;
    await expect
      .poll(() => said(toOdd, asked), { timeout: 20_000 })
      .toMatch(/^HTTP\/1.1 200 [^]*\r\n\r\nbytes$/);
    expect(await said(toOdd, asked)).toContain(`\r\ncontent-encoding: ${coding}\r\n`);
  },
);

it('in the background, a request whose transfer coding is not understood is refused, and not stored', async () => {
  const stored = () => rowsOf(apps[1]!.databaseUrl, 'SELECT FROM file');
  const before = (await stored()).length;
  const head = `POST /coded?bgrs=1 HTTP/1.1\nHost: x\nX-Ringback-Key: ${TEST_KEY}\nConnection: close\n`;
  const answer = await said(toApi, `${head}Transfer-Encoding: gzip, chunked\n\n5\nbytes\n0\n\n`);
  expect(answer).toMatch(/^HTTP\/1.1 501 [^]*"path":"Transfer-Encoding"/);
  expect(await stored()).toHaveLength(before);
});

it('at shutdown, what is under way is passed to its end, and nothing new is taken', async () => {
  const finish: (() => void)[] = [];
  await using slow = await UpstreamApi.answering((response) => {
    response.write('first ');
    finish.push(() => response.end('last'));
  });
  const [app, base] = await start(slow.url, {}, { process: { shutdownGraceS: 10 } });
  const answer = await fetch(`${base}/x`);
  const closing = app[Symbol.asyncDispose]();
  await expect.poll(() => fetch(`${base}/y`).catch(() => 'refused'), { timeout: 10_000 }).toBe('refused');
  for (const end of finish) end();
  expect(await answer.text()).toBe('first last');
  await closing;
});

it('the body of a request whose upstream breaks off is closed, not left open', async () => {
  const upstream = createServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const client = new UpstreamClient(`http://127.0.0.1:${(upstream.address() as AddressInfo).port}`);
  const body = Readable.from(Array.from({ length: 1_000 }, () => Buffer.alloc(65_536)));
  const sent = client.send({
    method: 'POST',
    target: '/',
    headers: ['Host', 'x'],
    body,
    kept: false,
    signal: new AbortController().signal,
  });
  await expect(sent).rejects.toMatchObject({ code: expect.stringMatching(/^(?:ECONNRESET|EPIPE)$/) });
  await expect.poll(() => body.destroyed, { timeout: 10_000 }).toBe(true);
  client.close();
  upstream.close();
});
