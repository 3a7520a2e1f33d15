import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { App, freePort, TEST_KEY } from '../support/app.js';
import { UpstreamApi } from '../support/upstream.js';

/** Spellings that some server reads as `X-Ringback-…`, as CGI does: `HTTP_X_RINGBACK_OPERATION`. */
const FORGED = [
  'X-Ringback-Operation: forged',
  'x-ringback-progress-url: http://169.254.169.254/forged',
  'X_Ringback_Operation: forged',
  'X-RINGBACK_Progress-Url: http://169.254.169.254/forged',
  'x_ringback-key: forged',
  'X.Ringback.Operation: forged',
  'X-Ringback-Anything-New: forged',
];
const KEPT = ['X-Ringbacks: mine', 'X-My-Ringback-Id: mine'];
const lines = (headers: string[]) => headers.map((header) => `${header}\r\n`).join('');

let api: UpstreamApi;
let auth: Server;
let app: App;
let port: number;
const askedOfAuth: string[][] = [];

beforeAll(async () => {
  api = await UpstreamApi.answering((response) => response.end('ok'));
  api.server.on('upgrade', (request, socket) => {
    const { method, url, headers, rawHeaders } = request;
    api.seen.push({
      method: method!,
      url: url!,
      headers,
      rawHeaders,
      body: Buffer.alloc(0),
      rawTrailers: [],
    });
    socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
  });
  auth = createServer((request, response) => {
    askedOfAuth.push(request.rawHeaders);
    response.setHeader('X-User-Id', Buffer.from('Žofie').toString('latin1')).end();
  });
  await new Promise<void>((resolve) => auth.listen(0, '127.0.0.1', resolve));
  port = await freePort();
  app = await App.start({
    gateway: {
      upstream: api.url,
      port,
      publicUrl: `http://127.0.0.1:${port}`,
      authUrl: `http://127.0.0.1:${(auth.address() as AddressInfo).port}/`,
    },
  });
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
  auth.close();
});

/** What the upstream sees of a request that says all this. */
async function seenOf(message: string) {
  const before = api.seen.length;
  const socket = connect(port, '127.0.0.1');
  socket.write(message);
  await socket.toArray();
  await expect.poll(() => api.seen.length, { timeout: 20_000 }).toBe(before + 1);
  return api.seen[before]!;
}

const head = (start: string) =>
  `${start} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines([...FORGED, ...KEPT])}`;
const BATCH = JSON.stringify([
  {
    method: 'POST',
    path: '/item',
    body: 'x',
    headers: Object.fromEntries(
      ['Connection: X-Named', 'X-Named: forged', ...FORGED]
        .filter((header) => !header.includes('.'))
        .map((header) => header.split(': ')),
    ),
  },
]);

it.each([
  ['passed through, GET', `${head('GET /x')}\r\n`],
  ['passed through, POST', `${head('POST /x')}Content-Length: 1\r\n\r\nx`],
  [
    'of a WebSocket',
    `${head('GET /x').replace('close', 'Upgrade')}Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n`,
  ],
  ['in the background', `${head('POST /x?bgrs=1')}Content-Length: 1\r\n\r\nx`],
  [
    'of a batch',
    `${head('POST /batch')}Content-Type: application/json\r\nContent-Length: ${BATCH.length}\r\n\r\n${BATCH}`,
  ],
  [
    'in trailers',
    `${head('POST /x')}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n${lines([...FORGED, 'X-Sum: 1'])}\r\n`,
  ],
  [
    'in trailers, in the background',
    `${head('POST /x?bgrs=1')}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n${lines([...FORGED, 'X-Sum: 1'])}\r\n`,
  ],
])('nobody can speak for Ringback to the upstream: a request %s', async (what, message) => {
  const { rawHeaders, rawTrailers, headers } = await seenOf(message);
  expect(rawHeaders.join()).not.toMatch(/forged/);
  expect(rawHeaders).toEqual(expect.arrayContaining(KEPT.flatMap((header) => header.split(': '))));
  expect(rawTrailers).toEqual(what.startsWith('in trailers') ? ['X-Sum', '1'] : []);
  const isOurs = /background|batch/.test(what);
  expect(rawHeaders.filter((name) => /^x.ringback[^a-z]/i.test(name))).toEqual(
    isOurs ? ['X-Ringback-Operation', 'X-Ringback-Progress-Url'] : [],
  );
  if (isOurs) expect(headers['x-ringback-progress-url']).toMatch(`http://127.0.0.1:${port}/bgrs/`);
});

it('nor to the authorization service, which gets values as they are, and whose name for the user arrives', async () => {
  const before = askedOfAuth.length;
  const named = head('POST /x?bgrs=1').replace('close', 'close, X-User-Id');
  const seen = await seenOf(`${named}X-User-Id: admin\r\nX-Name: Žofie\r\nContent-Length: 1\r\n\r\nx`);
  const answer = await fetch(`http://127.0.0.1:${port}/bgrs/${String(seen.headers['x-ringback-operation'])}`);
  expect(await answer.json()).toMatchObject([{ user_id: 'Žofie' }]);
  const raw = askedOfAuth[before]!;
  expect(raw).toEqual(expect.arrayContaining(['x-name', Buffer.from('Žofie').toString('latin1')]));
  expect(raw.join()).not.toMatch(/forged/);
  // What `Connection` names is for the gateway alone: upstream and service see the same request.
  expect([raw, seen.rawHeaders].join()).not.toMatch(/x-user-id/i);
  expect(raw).toEqual(expect.arrayContaining(['x-ringbacks', 'mine']));
});

it('a key of Ringback’s is still a credential, by its own name only', async () => {
  const taken = await fetch(`http://127.0.0.1:${port}/y?bgrs=1`, {
    headers: { 'x-ringback-key': TEST_KEY },
  });
  expect(taken.status).toBe(200);
  await expect.poll(() => api.seen.at(-1)!.url, { timeout: 20_000 }).toBe('/y');
  expect(JSON.stringify(api.seen.at(-1))).not.toContain(TEST_KEY);
});
