import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import jsonServer from 'json-server';
import { expect, it } from 'vitest';
import { App, freePort, TEST_KEY } from '../support/app.js';

interface Request {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly headers?: Record<string, string>;
}

/** A published API server with the same data each time: what a request changes is seen by the later ones. */
async function api(): Promise<AsyncDisposable & { url: string; server: Server }> {
  const posts = Array.from({ length: 30 }, (_, at) => ({
    id: at + 1,
    title: `Post ${at + 1}`,
    views: at * 7,
  }));
  const comments = posts.map(({ id }) => ({ id, postId: id, body: `Ünïcode ${id}` }));
  const app = jsonServer.create();
  app.use(jsonServer.defaults({ logger: false }));
  app.use(jsonServer.router({ posts, comments, profile: { name: 'x' } }));
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    server,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const json = { 'content-type': 'application/json' };
const requests: Request[] = [
  ...Array.from({ length: 10 }, (_, at) => ({ method: 'GET', path: `/posts/${at * 4 + 1}` })),
  ...Array.from({ length: 10 }, (_, at) => ({ method: 'GET', path: `/posts?_page=${at + 1}&_limit=4` })),
  ...['/posts?_sort=views&_order=desc', '/posts?q=Post%201', '/posts?views_gte=30&views_lte=90'],
  ...[
    '/posts/1/comments',
    '/posts?_embed=comments',
    '/comments?_expand=post',
    '/profile',
    '/db',
    '/',
    '/none',
  ],
  ...['/posts?title_like=2', '/posts?id=1&id=2', '/posts?_start=2&_end=5', '/comments/3', '/posts/999'],
].map((entry) => (typeof entry === 'string' ? { method: 'GET', path: entry } : entry));
for (let at = 0; at < 8; at++) {
  requests.push(
    { method: 'POST', path: '/posts', headers: json, body: JSON.stringify({ title: `New ü ${at}` }) },
    { method: 'PUT', path: `/posts/${at + 1}`, headers: json, body: JSON.stringify({ title: `Put ${at}` }) },
    { method: 'PATCH', path: `/posts/${at + 9}`, headers: json, body: '{"views":1}' },
    { method: 'DELETE', path: `/posts/${at + 17}` },
  );
}
requests.push(
  { method: 'HEAD', path: '/posts/1' },
  { method: 'OPTIONS', path: '/posts' },
  { method: 'POST', path: '/posts', headers: json, body: '{broken' },
  { method: 'GET', path: '/posts', headers: { 'accept-encoding': 'gzip' } },
);

/** Of one connection; and the date, which passes. */
const OF_THE_CONNECTION = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding']);

/** Status, end-to-end headers and bytes. */
function answerTo(base: string, { method, path, body, headers }: Request): Promise<[number, object, string]> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(base + path, {
      method,
      headers: {
        ...headers,
        host: 'api.example.com',
        ...(body ? { 'content-length': Buffer.byteLength(body) } : {}),
      },
    });
    outgoing.on('error', reject).on('response', (response) => {
      void response.toArray().then((chunks: Buffer[]) => {
        const kept = Object.fromEntries(
          Object.entries(response.headers).filter(([name]) => !OF_THE_CONNECTION.has(name)),
        );
        resolve([response.statusCode!, kept, Buffer.concat(chunks).toString('latin1')]);
      }, reject);
    });
    outgoing.end(body);
  });
}

it('an API that nobody here wrote answers the same directly, through the gateway and in the background', async () => {
  await using direct = await api();
  await using passed = await api();
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const [first, second]: [unknown[], unknown[]] = [[], []];
  for (const request of requests) first.push(await answerTo(direct.url, request));
  {
    await using _ = await App.start({ gateway: { upstream: passed.url, port, publicUrl: base } });
    for (const request of requests) second.push(await answerTo(base, request));
  }
  expect(requests.length).toBeGreaterThanOrEqual(50);
  expect(second).toEqual(first);

  await using third = await api();
  const at = await freePort();
  const gateway = `http://127.0.0.1:${at}`;
  await using _ = await App.start({ gateway: { upstream: third.url, port: at, publicUrl: gateway } });
  for (const [index, request] of requests.entries()) {
    const asked = { ...request, path: `${request.path}${request.path.includes('?') ? '&' : '?'}bgrs=yes` };
    const taken = await answerTo(gateway, {
      ...asked,
      headers: { ...request.headers, 'x-ringback-key': TEST_KEY },
    });
    // A HEAD's answer has no body, so nobody learns its rid: it is known from the list.
    if (request.method === 'HEAD') continue;
    const { request: rid } = JSON.parse(taken[2]) as { request: string };
    const read = { method: 'GET', headers: { 'x-ringback-key': TEST_KEY } };
    await expect
      .poll(async () => (await answerTo(gateway, { ...read, path: `/bgrs/${rid}` }))[2], {
        timeout: 20_000,
        interval: 15,
      })
      .toContain('"finished"');
    const result = await answerTo(gateway, { ...read, path: `/bgrs/${rid}/result` });
    const [status, headers, bytes] = first[index] as [number, Record<string, string>, string];
    expect([index, result[0], result[2]]).toEqual([index, status, bytes]);
    if (headers['content-type']) expect(result[1]).toMatchObject({ 'content-type': headers['content-type'] });
  }
}, 120_000);
