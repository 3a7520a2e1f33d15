import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { ServerResponse } from 'node:http';
import { App, freePort, TEST_KEY } from '../support/app.js';
import { Receiver, verify } from '../support/receiver.js';
import { type SeenRequest, UpstreamApi } from '../support/upstream.js';

type Answer = (response: ServerResponse, seen: SeenRequest, count: number) => void;

let app: App;
let upstream: UpstreamApi;
let gateway: string;
/** What the upstream answers, by path. */
const answers = new Map<string, Answer>();

async function start(upstreamUrl: string, more: object = {}): Promise<[App, string]> {
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${port}`;
  const started = await App.start({ gateway: { upstream: upstreamUrl, port, publicUrl, ...more } });
  return [started, publicUrl];
}

beforeAll(async () => {
  upstream = await UpstreamApi.answering((response, seen, count) => {
    const answer = answers.get(seen.url.split('?')[0]!);
    if (answer) answer(response, seen, count);
    else
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ url: seen.url }));
  });
  [app, gateway] = await start(upstream.url);
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

const KEY = { 'x-ringback-key': TEST_KEY };
const call = (path: string, init: RequestInit = {}, base = gateway) =>
  fetch(`${base}${path}`, { ...init, headers: { ...KEY, ...(init.headers as object) } });

async function background(path: string, init: RequestInit = {}, base = gateway): Promise<string> {
  const answer = await call(path, init, base);
  expect(answer.status).toBe(200);
  const body = await answer.text();
  expect(body).toMatch(/^\{"request":"[0-9a-f]{32}"\}$/);
  return (JSON.parse(body) as { request: string }).request;
}

const read = async (rid: string, base = gateway): Promise<any> =>
  ((await (await call(`/bgrs/${rid}`, {}, base)).json()) as any[])[0];

const detailsOf = async (rid: string, query = ''): Promise<any[]> =>
  (await (await call(`/bgrs/${rid}/details${query}`)).json()) as any[];

const linesOf = async (rid: string, query = ''): Promise<string[]> =>
  (await detailsOf(rid, query)).map(({ details }) => details as string);

async function ended(rid: string, base = gateway): Promise<any> {
  await expect
    .poll(async () => (await read(rid, base)).finished_dt, { timeout: 30_000, interval: 30 })
    .toBeTruthy();
  return read(rid, base);
}

/** A result as its bytes are sent: `fetch` would ask for codings, and take them off. */
async function resultOf(rid: string, headers: Record<string, string>) {
  const request = httpRequest(`${gateway}/bgrs/${rid}/result`, { headers: { ...KEY, ...headers } }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const { 'content-encoding': coding, 'content-length': length } = response.headers;
  return { status: response.statusCode, coding, length, bytes: Buffer.concat(await response.toArray()) };
}

describe('a background request', () => {
  it('is kept by no cache on the way, at any of its paths, and in no error', async () => {
    const taken = await call('/export.csv?bgrs=yes');
    const { request: rid } = (await taken.json()) as { request: string };
    const { result } = await ended(rid);
    const paths = [`/bgrs/${rid}`, `/bgrs/${rid}/details`, `/bgrs/${rid}/result`, `/${result}`, '/bgrs/none'];
    const answered = await Promise.all(paths.map((path) => call(path)));
    const refused = await Promise.all([call('/x?bgrs=perhaps'), fetch(`${gateway}/x?bgrs=yes`)]);
    for (const answer of [taken, ...answered, ...refused])
      expect([answer.url, answer.headers.get('cache-control')]).toEqual([answer.url, 'no-store']);
  });

  it('gives its result in clear to who takes no coding, and in its coding to all others', async () => {
    answers.set('/zipped', (response) => {
      const head = { 'content-type': 'text/csv', 'content-encoding': 'gzip' };
      response.writeHead(200, head).end(gzipSync('a;b\n1;2\n'));
    });
    const rid = await background('/zipped?bgrs=yes');
    await ended(rid);
    for (const accepted of ['identity', 'br', 'gzip;q=0, *;q=0.5', '']) {
      const { coding, length, bytes } = await resultOf(rid, {
        'accept-encoding': accepted,
        range: 'bytes=0-2',
      });
      expect([accepted, coding, length, bytes.toString()]).toEqual([
        accepted,
        undefined,
        undefined,
        'a;b\n1;2\n',
      ]);
    }
    const head = await call(`/bgrs/${rid}/result`, {
      method: 'HEAD',
      headers: { 'accept-encoding': 'identity' },
    });
    expect([head.status, head.headers.get('content-encoding'), head.headers.get('content-length')]).toEqual([
      ...[200, null, null],
    ]);
    for (const accepted of [{}, { 'accept-encoding': 'deflate, gzip;q=0.1' }, { 'accept-encoding': '*' }]) {
      const { coding, length, bytes } = await resultOf(rid, accepted as Record<string, string>);
      expect([coding, length]).toEqual(['gzip', String(bytes.length)]);
      expect(gunzipSync(bytes).toString()).toBe('a;b\n1;2\n');
    }
  });

  it('gives a result as it came where that is not coded as it says, or is a part', async () => {
    const coded = { 'content-type': 'text/csv', 'content-encoding': 'gzip' };
    const bytes = gzipSync('a;b\n1;2\n');
    answers.set('/lies', (response) => response.writeHead(200, coded).end('not gzip at all'));
    answers.set('/part', (response) =>
      response
        .writeHead(206, { ...coded, 'content-range': `bytes 4-9/${bytes.length}` })
        .end(bytes.subarray(4, 10)),
    );
    answers.set('/broken', (response) => response.writeHead(200, coded).end(bytes.subarray(0, -4)));
    const readOf = async (path: string) => {
      const rid = await background(`${path}?bgrs=yes`);
      await ended(rid);
      return resultOf(rid, { 'accept-encoding': 'identity' });
    };
    expect(await readOf('/lies')).toMatchObject({
      status: 200,
      coding: 'gzip',
      bytes: Buffer.from('not gzip at all'),
    });
    expect(await readOf('/part')).toMatchObject({
      status: 206,
      coding: 'gzip',
      bytes: bytes.subarray(4, 10),
    });
    await expect(readOf('/broken')).rejects.toThrow('aborted');
  });

  it('has a result whose relative Location leads to where the API meant it', async () => {
    const locations = {
      'jobs/7': '/v2/jobs/7',
      '?page=2': '/v2/moved?page=2',
      '/up': '/up',
      'http://x/y': 'http://x/y',
    };
    answers.set('/v2/moved', (response, { url }) => {
      response.writeHead(302, { location: new URL(url, 'http://x').searchParams.get('to')! }).end();
    });
    for (const [to, leads] of Object.entries(locations)) {
      const rid = await background(`/v2/moved?to=${encodeURIComponent(to)}&bgrs=yes`);
      await ended(rid);
      const result = await call(`/bgrs/${rid}/result`, { redirect: 'manual' });
      expect([result.status, result.headers.get('location')]).toEqual([302, leads]);
    }
    // A path that begins with two slashes is no host.
    answers.set('//v2/moved', answers.get('/v2/moved')!);
    const rid = await background('//v2/moved?to=login&bgrs=yes');
    await ended(rid);
    const result = await call(`/bgrs/${rid}/result`, { redirect: 'manual' });
    expect(result.headers.get('location')).toBe('/.//v2/login');
  });

  it('names its result by its content type, and is read with a slash at the end of a path', async () => {
    const extensions = {
      'application/problem+json': 'json',
      'text/json; charset=utf-8': 'json',
      'application/csv': 'csv',
      'image/svg+xml': 'svg',
      'application/x-nobody-knows': 'bin',
      '': 'bin',
    };
    answers.set('/kind', (response, { url }) => {
      response.writeHead(200, ['Content-Type', new URL(url, 'http://x').searchParams.get('is')!]).end('1');
    });
    for (const [type, extension] of Object.entries(extensions)) {
      const rid = await background(`/kind?is=${encodeURIComponent(type)}&bgrs=yes`);
      const { result } = await ended(rid);
      expect([type, result]).toEqual([type, `media/keep1m.bgrs.${rid}.result.${extension}`]);
      const named = (await call(`/bgrs/${rid}/result/`)).headers.get('content-disposition');
      expect(named).toContain(`filename="keep1m.bgrs.${rid}.result.${extension}"`);
      for (const path of [`/bgrs/${rid}/`, `/v2.5/bgrs/${rid}/details/?limit=5`])
        expect([path, (await call(path)).status]).toEqual([path, 200]);
    }
  });

  it('shows the content type as the text that it is', async () => {
    const type = 'text/csv; header="č"';
    answers.set('/typed', (response) => {
      response.writeHead(200, ['Content-Type', Buffer.from(type).toString('latin1')]).end('a');
    });
    const rid = await background('/typed?bgrs=yes');
    expect((await ended(rid)).content_type).toBe(type);
    const result = await call(`/bgrs/${rid}/result`);
    expect(Buffer.from(result.headers.get('content-type')!, 'latin1').toString()).toBe(type);
  });

  it('is answered at once with its rid, and is read with exactly these keys, in order, as strings', async () => {
    let finish!: () => void;
    answers.set('/slow', (response) => {
      finish = () => response.writeHead(200, { 'content-type': 'text/csv; charset=utf-8' }).end('a;b\n1;2\n');
    });
    const rid = await background('/slow?x=1&bgrs=yes');
    await expect.poll(async () => (await read(rid)).status_name, { timeout: 10_000 }).toBe('executing');
    expect(await read(rid)).toMatchObject({ status_id: '2', finished_dt: null, status: null, result: null });
    const early = await call(`/bgrs/${rid}/result`);
    expect([early.status, early.headers.get('retry-after')]).toEqual([404, '1']);
    await expect.poll(() => typeof finish).toBe('function');
    finish();
    const row = await ended(rid);
    expect(Object.keys(row)).toEqual(
      'id rid user_id name created_dt status_id status_name progress finished_dt status content_type result'.split(
        ' ',
      ),
    );
    expect(row).toEqual({
      id: expect.stringMatching(/^\d+$/),
      rid,
      user_id: '1',
      name: '/slow?x=1&bgrs=yes',
      created_dt: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
      status_id: '4',
      status_name: 'finished',
      progress: '100.00',
      finished_dt: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
      status: '200',
      content_type: 'text/csv; charset=utf-8',
      result: `media/keep1m.bgrs.${rid}.result.csv`,
    });
    const result = await call(`/v3.1/bgrs/${rid}/result`);
    expect(result.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(await result.text()).toBe('a;b\n1;2\n');
    for (const path of [`/${row.result}`, `/v2.5/${row.result}`]) {
      const shown = await call(path);
      expect([shown.headers.get('content-type'), await shown.text()]).toEqual([
        row.content_type,
        'a;b\n1;2\n',
      ]);
      expect((await fetch(`${gateway}${path}`)).status).toBe(401);
    }
    const other = await call(`/media/keep1m.bgrs.${'0'.repeat(32)}.result.csv`);
    expect([other.status, other.headers.get('content-type')]).toEqual([
      404,
      'application/problem+json; charset=utf-8',
    ]);
    const before = upstream.seen.length;
    await call(`/media/${rid}.csv`);
    expect(upstream.seen.slice(before).map(({ url }) => url)).toEqual([`/media/${rid}.csv`]);
    const part = await call(`/bgrs/${rid}/result`, { headers: { range: 'bytes=4-6' } });
    expect([part.status, await part.text()]).toEqual([206, '1;2']);
    expect((await call(`/bgrs/${rid}/result`, { headers: { range: 'bytes=99-' } })).status).toBe(416);
  });

  it('is the same request for the upstream: method, path, query, headers, credentials and bytes', async () => {
    const body = randomBytes(300_000);
    const before = upstream.seen.length;
    const target = '/a%20b//c?q=%7E+x&bgrs=1&callbackurl=&&r';
    const rid = await new Promise<string>((resolve, reject) => {
      const url = new URL(gateway);
      const outgoing = httpRequest({
        port: url.port,
        host: url.hostname,
        method: 'PATCH',
        path: target.replace('&callbackurl=', ''),
        headers: [
          ...[
            'Host',
            'api.example.com',
            'X-Ringback-Key',
            TEST_KEY,
            'X-Twice',
            '1',
            'Authorization',
            'Basic eDp5',
          ],
          ...[
            'x-twice',
            '2',
            'Content-Type',
            'application/x-odd',
            'Connection',
            'close, X-Hop',
            'X-Hop',
            '1',
          ],
          ...['Content-Length', String(body.length), 'Cookie', 'c=1'],
        ],
      });
      outgoing.on('error', reject).on('response', (response) => {
        void response
          .toArray()
          .then((chunks) => resolve(JSON.parse(Buffer.concat(chunks).toString()).request));
      });
      outgoing.end(body);
    });
    expect((await ended(rid)).status).toBe('200');
    const [seen] = upstream.seen.slice(before);
    expect(seen).toMatchObject({ method: 'PATCH', url: '/a%20b//c?q=%7E+x&&r' });
    expect(seen!.body.equals(body)).toBe(true);
    expect(seen!.rawHeaders.slice(0, 12)).toEqual([
      ...['Host', 'api.example.com', 'X-Twice', '1', 'Authorization', 'Basic eDp5', 'x-twice', '2'],
      ...['Content-Type', 'application/x-odd', 'Cookie', 'c=1'],
    ]);
    expect(seen!.headers).not.toHaveProperty('x-ringback-key');
    expect(seen!.headers).not.toHaveProperty('x-hop');
    expect(seen!.headers['x-ringback-operation']).toBe(rid);
  });

  it('of an upstream that answers 4xx or 5xx is finished with that status, and /result answers it', async () => {
    answers.set('/gone', (response) =>
      response.writeHead(503, { 'content-type': 'text/plain' }).end('later'),
    );
    const rid = await background('/gone?bgrs=yes', { method: 'POST' });
    expect(await ended(rid)).toMatchObject({ status_id: '4', status: '503', content_type: 'text/plain' });
    const result = await call(`/bgrs/${rid}/result`);
    expect([result.status, await result.text()]).toEqual([503, 'later']);
  });

  it('of an upstream whose status is above 599, or that answers a part, has that status and that part as its result', async () => {
    answers.set('/odd', (response) => response.writeHead(999).end('odd'));
    answers.set('/part', (response) =>
      response.writeHead(206, { 'content-range': 'bytes 2-4/9' }).end('cde'),
    );
    for (const [path, status, text, range] of [
      ['/odd', 999, 'odd', null],
      ['/part', 206, 'cde', 'bytes 2-4/9'],
    ] as const) {
      const rid = await background(`${path}?bgrs=1`);
      expect((await ended(rid)).status).toBe(String(status));
      const got = await new Promise<any>((resolve, reject) =>
        httpRequest(`${gateway}/bgrs/${rid}/result`, { headers: KEY }, (response) => {
          const { statusCode, headers } = response;
          void response
            .toArray()
            .then((chunks) =>
              resolve([statusCode, Buffer.concat(chunks).toString(), headers['content-range'] ?? null]),
            );
        })
          .on('error', reject)
          .end(),
      );
      expect(got).toEqual([status, text, range]);
    }
  });

  it('without a body is made without one, whatever its method, and with a Host where HTTP/1.0 gave none', async () => {
    for (const [head, length] of [
      ['POST /plain?bgrs=1 HTTP/1.1\r\nHost: x', '0'],
      ['PATCH /plain?bgrs=1 HTTP/1.0', '0'],
      ['GET /plain?bgrs=1 HTTP/1.0', undefined],
    ] as const) {
      const before = upstream.seen.length;
      const socket = connect(Number(new URL(gateway).port), '127.0.0.1');
      socket.write(`${head}\r\nX-Ringback-Key: ${TEST_KEY}\r\nConnection: close\r\n\r\n`);
      const taken = Buffer.concat((await socket.toArray()) as Buffer[]).toString();
      await ended(/"request":"(\w+)"/.exec(taken)![1]!);
      const { headers } = upstream.seen[before]!;
      expect(headers['content-length']).toBe(length);
      expect(headers).not.toHaveProperty('transfer-encoding');
      expect(headers.host).toBe(head.endsWith('1.0') ? new URL(upstream.url).host : 'x');
    }
  });

  it('whose connection is cut is tried 3 times when idempotent, once when not, and fails readably', async () => {
    answers.set('/cut', (response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half', () => response.destroy());
    });
    const before = upstream.seen.length;
    const [get, post] = [
      await background('/cut?bgrs=1'),
      await background('/cut?bgrs=1', { method: 'POST' }),
    ];
    for (const rid of [get, post])
      expect(await ended(rid)).toMatchObject({ status_name: 'failed', status: null });
    const asked = upstream.seen.slice(before).map(({ method }) => method);
    expect(asked.filter((method) => method === 'GET')).toHaveLength(3);
    expect(asked.filter((method) => method === 'POST')).toHaveLength(1);
    const closed = 'the connection was closed before the response was complete';
    expect(await linesOf(post)).toEqual([closed, 'done']);
    expect(await linesOf(get)).toEqual([
      expect.stringMatching(/^Attempt 1 failed .*closed before/),
      expect.stringMatching(/^Attempt 2 failed .*closed before/),
      closed,
      'done',
    ]);
    expect((await call(`/bgrs/${post}/result`)).status).toBe(404);
  });

  it('is asked for by Prefer: respond-async too, and answered 202 with its Location', async () => {
    const answer = await call('/x', { headers: { prefer: 'respond-async' } });
    const { request } = (await answer.json()) as { request: string };
    expect(answer.status).toBe(202);
    expect(answer.headers.get('location')).toBe(`${gateway}/bgrs/${request}`);
    await ended(request);
  });

  it('calls back with the poll body, signed', async () => {
    await using receiver = await Receiver.answering(500, 200);
    const rid = await background(`/x?bgrs=1&callbackurl=${encodeURIComponent(receiver.url)}`);
    const [first, second] = await receiver.received(2);
    expect(second!.body).toBe(first!.body);
    verify(await app.client.signingSecret(), second!);
    expect(JSON.parse(second!.body)).toEqual([await read(rid)]);
    const other = await background('/x?bgrs=1', { headers: { 'x-callback-url': receiver.url } });
    expect(JSON.parse((await receiver.received(3))[2]!.body)).toEqual([await read(other)]);
    expect(upstream.seen.at(-1)!.headers).not.toHaveProperty('x-callback-url');
    const refused = await call('/x?bgrs=1', { headers: { 'x-callback-url': 'http://10.0.0.1/' } });
    expect(refused.status).toBe(422);
    expect(await refused.json()).toMatchObject({ errors: [{ path: 'callback.url' }] });
  });

  it('shows the upstream’s own progress, told with the token of its URL only', async () => {
    let url = '';
    let finish!: () => void;
    answers.set('/reports', (response, seen) => {
      url = seen.headers['x-ringback-progress-url'] as string;
      finish = () => response.end('ok');
    });
    const rid = await background('/reports?bgrs=1');
    await expect.poll(() => url, { timeout: 10_000 }).not.toBe('');
    const tell = (to: string, body: object) =>
      fetch(to, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    expect((await tell(url, { progress: 40, text: 'two fifths' })).status).toBe(204);
    expect((await read(rid)).progress).toBe('40.00');
    expect((await tell(url, { progress: 45.5 })).status).toBe(204);
    expect((await tell(`${url}x`, { progress: 50 })).status).toBe(401);
    expect((await tell(url, { progress: 101 })).status).toBe(400);
    finish();
    await ended(rid);
    expect((await tell(url, { progress: 50 })).status).toBe(409);
    expect(await linesOf(rid)).toEqual(['two fifths', '45.5 %', 'done']);
    expect(await linesOf(rid, '?verbose=1')).toEqual([
      'Accepted',
      'Attempt 1 of 3',
      'GET to the upstream',
      'two fifths',
      '45.5 %',
      'The upstream answers 200',
      'GET answered 200',
      'done',
    ]);
    for (const verbose of ['', '&verbose=1']) {
      const all = await detailsOf(rid, `?limit=5000${verbose}`);
      const paged: any[] = [];
      for (let after = '0'; ;) {
        const page = await detailsOf(rid, `?limit=2&after=${after}${verbose}`);
        if (page.length === 0) break;
        paged.push(...page);
        after = page.at(-1).id;
      }
      expect(paged).toEqual(all);
    }
    expect((await call(`/bgrs/${rid}/details?verbose=perhaps`)).status).toBe(400);
  });

  it('is read by anybody with a valid credential, also of another account, that may read at all', async () => {
    const rid = await background('/x?bgrs=1');
    await ended(rid);
    const as = async (name: string, scope: string) => {
      const { key } = await app.account(name, 1, [scope]);
      return (await fetch(`${gateway}/bgrs/${rid}`, { headers: { 'x-ringback-key': key } })).status;
    };
    expect([await as('reader', 'operations:read'), await as('writer', 'operations:write')]).toEqual([
      200, 403,
    ]);
  });

  it('keeps secrets sealed, and no other face can submit or list its type', async () => {
    const rid = await background(`/x?bgrs=1&_token=${TEST_KEY}`, {
      headers: { authorization: 'Basic c2VjcmV0' },
    });
    const row = await ended(rid);
    expect(row.name).toBe('/x?bgrs=1&_token=***');
    const native = await app.client.get(`/v1/operations/${rid}`);
    expect(native.text).not.toContain('c2VjcmV0');
    expect(native.text).not.toContain(TEST_KEY);
    expect((await app.client.post('/v1/operations', { type: 'bgrs.request', input: {} })).status).toBe(422);
    expect((await app.client.get('/v1/operation-types')).text).not.toContain('bgrs.request');
  });
});

describe('a batch', () => {
  const submit = (items: unknown) =>
    call('/batch', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(items),
    });

  it('answers in input order, one failing item stops no other, and details grow per item', async () => {
    answers.set('/item/bad', (response) => response.destroy());
    answers.set('/item/404', (response) => response.writeHead(404).end('nothing'));
    answers.set('/item/echo', (response, seen) =>
      response.end(`${String(seen.headers['x-a'])} ${seen.body.toString()}`),
    );
    const accepted = await submit([
      { method: 'POST', path: '/item/bad', body: 'x' },
      { method: 'GET', path: '/item/404' },
      { method: 'POST', path: '/item/echo', headers: { 'x-a': '1' }, body: { ä: 1 } },
    ]);
    expect(accepted.status).toBe(200);
    const { request: rid } = (await accepted.json()) as { request: string };
    expect(await ended(rid)).toMatchObject({ status: '200', progress: '100.00' });
    expect(await (await call(`/bgrs/${rid}/result`)).json()).toEqual([
      { status: 502, body: expect.stringContaining('connection was closed') },
      { status: 404, body: 'nothing' },
      { status: 200, body: '1 {"ä":1}' },
    ]);
    const lines = await linesOf(rid);
    expect(lines).toHaveLength(4);
    expect(lines.map((line) => line.slice(0, 7))).toEqual(['1 of 3:', '2 of 3:', '3 of 3:', 'done']);
    expect(lines).toContainEqual(expect.stringMatching(/^\d of 3: GET \/item\/404 404$/));
  });

  it('passes no key of Ringback’s on, nor what else is Ringback’s own in an item’s headers', async () => {
    const before = upstream.seen.length;
    const headers = { 'X-Ringback-Key': TEST_KEY, 'X-Ringback-Operation': 'forged', 'X-A': '1' };
    const accepted = await submit([{ method: 'GET', path: '/item/own', headers }]);
    const { request: rid } = (await accepted.json()) as { request: string };
    await ended(rid);
    const seen = upstream.seen[before]!;
    expect(seen.headers).toMatchObject({ 'x-a': '1', 'x-ringback-operation': rid });
    expect(seen.rawHeaders.join()).not.toContain(TEST_KEY);
  });

  it('of the 500 requests that are allowed shows a line for each, and `done` to callers that do not page', async () => {
    const items = Array.from({ length: 500 }, (_, at) => ({ method: 'GET', path: `/many/${at}` }));
    const { request: rid } = (await (await submit(items)).json()) as { request: string };
    expect(await ended(rid)).toMatchObject({ status: '200', progress: '100.00' });
    const result = (await (await call(`/bgrs/${rid}/result`)).json()) as { body: string }[];
    expect(result.map(({ body }) => (JSON.parse(body) as { url: string }).url)).toEqual(
      items.map(({ path }) => path),
    );
    const lines = await linesOf(rid);
    expect(lines.filter((line) => /^\d+ of 500: GET/.test(line))).toHaveLength(500);
    expect([lines.length, lines.at(-1)]).toEqual([501, 'done']);
  });

  it.each([
    [Array.from({ length: 501 }, () => ({ method: 'GET', path: '/' })), 'body'],
    [
      [
        { method: 'GET', path: '/' },
        { method: 'GET', path: 'http://x/' },
      ],
      'body.1.path',
    ],
    [[{ method: 'CONNECT', path: '/' }], 'body.0.method'],
    [[7], 'body.0'],
    [[{ method: 'POST', path: '/', body: JSON.parse('['.repeat(40) + ']'.repeat(40)) as unknown }], 'body'],
    [[{ method: 'POST', path: '/', body: Array.from({ length: 1_000_001 }, () => 1) }], 'body'],
  ])('that is wrong is refused by name (%#)', async (items, path) => {
    const answer = await submit(items);
    expect(answer.status).toBe(422);
    expect(await answer.json()).toMatchObject({ errors: [{ path }] });
  });
});

it('a batch over 64 MiB whose length is not announced is refused with 413 too', async () => {
  const outgoing = httpRequest(`${gateway}/batch`, {
    method: 'POST',
    headers: { ...KEY, 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
  });
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
  // Not ended: more of it may be on its way.
  outgoing.write(Buffer.alloc(64 * 1024 * 1024 + 1, '['));
  const [answer] = await answered;
  const [body] = (await answer.toArray()) as Buffer[];
  expect([answer.statusCode, JSON.parse(body!.toString())]).toMatchObject([413, { code: 'body-too-large' }]);
  outgoing.destroy();
});

describe('what is no array on a path of batches', () => {
  const JSON_TYPE = { 'content-type': 'application/json' };
  /** All that is answered on a connection of its own; `rest` is sent once the caller is told to go on. */
  async function said(head: string, rest = ''): Promise<string> {
    const socket = connect(Number(new URL(gateway).port), '127.0.0.1');
    socket.write(
      `${head}\nHost: x\nConnection: close\nContent-Type: application/json\n\n`.replaceAll('\n', '\r\n'),
    );
    let all = '';
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      all += chunk.toString();
      if (all === 'HTTP/1.1 100 Continue\r\n\r\n') socket.write(rest);
    }
    return all;
  }

  it.each([
    ['an object', 'POST', '{"urls":["/a"]}'],
    ['an object behind blanks', 'PUT', '\ufeff \r\n\t{"a":1}'],
    ['a text', 'POST', '"[]"'],
    ['1 MiB', 'POST', JSON.stringify({ a: 'x'.repeat(1024 * 1024) })],
    ['blanks alone', 'POST', ' \n'],
    ['more blanks than anybody writes', 'POST', `${' '.repeat(100_000)}[]`],
    ['no body', 'DELETE', undefined],
    ['an empty body', 'POST', ''],
  ])('is passed without a credential, as it is: %s', async (_, method, body) => {
    const before = upstream.seen.length;
    const answer = await fetch(`${gateway}/batch?x=1`, {
      method,
      headers: JSON_TYPE,
      ...(body === undefined ? {} : { body }),
    });
    expect([answer.status, await answer.json()]).toEqual([200, { url: '/batch?x=1' }]);
    expect(upstream.seen.slice(before)).toMatchObject([{ method, url: '/batch?x=1' }]);
    expect(upstream.seen[before]!.body.toString() === (body ?? '')).toBe(true);
  });

  const PIECES = [[' ', '\n', '{"a"', ':1}'], [' ', '\n'], []];
  it.each(PIECES.flatMap((pieces) => ['', '?bgrs=1'].map((query) => [pieces, query] as const)))(
    'comes whole with its trailers, in whichever pieces: %j %s',
    async (pieces, query) => {
      const before = upstream.seen.length;
      const outgoing = httpRequest(`${gateway}/batch${query}`, {
        method: 'POST',
        headers: { ...KEY, ...JSON_TYPE, 'transfer-encoding': 'chunked', trailer: 'X-Sum' },
      });
      const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
      outgoing.flushHeaders();
      for (const piece of pieces) await new Promise((resolve) => outgoing.write(piece, resolve));
      outgoing.addTrailers([['X-Sum', '841a']]);
      outgoing.end();
      const [answer] = await answered;
      await answer.toArray();
      expect(answer.statusCode).toBe(200);
      await expect.poll(() => upstream.seen.length, { timeout: 10_000 }).toBe(before + 1);
      const seen = upstream.seen.slice(before);
      expect(seen).toMatchObject([{ url: '/batch', rawTrailers: ['X-Sum', '841a'] }]);
      expect(seen[0]!.body.toString()).toBe(pieces.join(''));
    },
  );

  it('is a request like any other with bgrs=yes or Prefer: respond-async', async () => {
    const before = upstream.seen.length;
    const sent = { method: 'POST', headers: JSON_TYPE, body: ' {"a":[1]}' };
    await ended(await background('/batch?bgrs=yes', sent));
    const preferred = await call('/batch', { ...sent, headers: { ...JSON_TYPE, prefer: 'respond-async' } });
    expect(preferred.status).toBe(202);
    await ended(((await preferred.json()) as { request: string }).request);
    await ended(await background('/batch?bgrs=1', { method: 'DELETE', headers: JSON_TYPE }));
    const seen = upstream.seen.slice(before).map(({ method, url, body }) => [method, url, body.toString()]);
    expect(seen).toEqual([
      ['POST', '/batch', sent.body],
      ['POST', '/batch', sent.body],
      ['DELETE', '/batch', ''],
    ]);
  });

  it('is asked for once, as an array is', async () => {
    const batch = JSON.stringify([{ method: 'GET', path: '/item/asked' }]);
    for (const [target, key, body] of [
      ['/batch', '', '{"a":1}'],
      ['/batch', `\nX-Ringback-Key: ${TEST_KEY}`, batch],
      ['/batch?bgrs=1', `\nX-Ringback-Key: ${TEST_KEY}`, batch],
    ] as const) {
      const head = `POST ${target} HTTP/1.1${key}\nExpect: 100-continue\nContent-Length: ${body.length}`;
      const answer = await said(head, body);
      const statuses = answer.match(/^HTTP\/1.1 \d+/gm);
      expect([target, statuses]).toEqual([target, ['HTTP/1.1 100', 'HTTP/1.1 200']]);
      if (body === batch) await ended(/"request":"(\w+)"/.exec(answer)![1]!);
    }
  });

  it('and what is one, or is to be made in the background, needs a credential', async () => {
    const before = upstream.seen.length;
    const post = async (path: string, body: string): Promise<number> =>
      (await fetch(`${gateway}${path}`, { method: 'POST', headers: JSON_TYPE, body })).status;
    expect(await post('/batch', '\ufeff [{"method":"GET","path":"/"}]')).toBe(401);
    expect(await post('/batch?bgrs=1', '{}')).toBe(401);
    expect(upstream.seen).toHaveLength(before);
  });

  it('is not passed by a caller who breaks off before it has begun', async () => {
    const before = upstream.seen.length;
    const caller = connect(Number(new URL(gateway).port), '127.0.0.1').on('error', () => undefined);
    caller.write(
      'POST /batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n ',
    );
    await once(caller, 'data');
    caller.resetAndDestroy();
    expect((await fetch(`${gateway}/x`)).status).toBe(200);
    expect(upstream.seen.slice(before).map(({ url }) => url)).toEqual(['/x']);
  });
});

describe('passed through', () => {
  it('a request and its response stay as they are, with no credential of Ringback’s', async () => {
    answers.set('/pass', (response) => {
      response.writeHead(418, 'Teapot', { 'Set-Cookie': ['a=1', 'b=2'], trailer: 'X-End' }).write('x');
      response.addTrailers({ 'X-End': 'yes' });
      response.end();
    });
    const before = upstream.seen.length;
    const got = await new Promise<any>((resolve, reject) => {
      const outgoing = httpRequest(`${gateway}/pass?a=%7e&bgrs=no&callbackurl=x`, {
        method: 'DELETE',
        headers: { 'transfer-encoding': 'chunked' },
      });
      outgoing.on('error', reject).on('response', (response) => {
        void response.toArray().then((chunks) =>
          resolve({
            status: response.statusCode,
            message: response.statusMessage,
            cookies: response.headers['set-cookie'],
            body: Buffer.concat(chunks).toString(),
            trailers: response.trailers,
          }),
        );
      });
      outgoing.write('chunked');
      outgoing.end();
    });
    expect(got).toEqual({
      status: 418,
      message: 'Teapot',
      cookies: ['a=1', 'b=2'],
      body: 'x',
      trailers: { 'x-end': 'yes' },
    });
    expect(upstream.seen[before]).toMatchObject({
      method: 'DELETE',
      url: '/pass?a=%7e&bgrs=no&callbackurl=x',
    });
    expect(upstream.seen[before]!.body.toString()).toBe('chunked');
  });

  it('Expect: 100-continue is answered, and HEAD has no body', async () => {
    const text = await new Promise<string>((resolve, reject) => {
      const outgoing = httpRequest(`${gateway}/x`, {
        method: 'POST',
        headers: { expect: '100-continue', 'content-length': 2 },
      });
      outgoing.on('continue', () => outgoing.end('ok')).on('error', reject);
      outgoing.on(
        'response',
        (response) => void response.toArray().then(() => resolve(String(response.statusCode))),
      );
      outgoing.flushHeaders();
    });
    expect(text).toBe('200');
    const head = await fetch(`${gateway}/x`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it('a response cut in the middle is cut for the caller, who doesn’t hang', async () => {
    answers.set('/half', (response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half', () => response.destroy());
    });
    await expect(fetch(`${gateway}/half`).then((response) => response.text())).rejects.toThrow();
  });

  it('a WebSocket works', async () => {
    const sockets = new WebSocketServer({ server: upstream.server });
    sockets.on('connection', (socket) =>
      socket.on('message', (data: Buffer) => socket.send(`got ${data.toString()}`)),
    );
    const socket = new WebSocket(`${gateway.replace('http', 'ws')}/socket`);
    const said = await new Promise<string>((resolve, reject) => {
      socket.on('error', reject).on('open', () => socket.send('hello'));
      socket.on('message', (data: Buffer) => resolve(data.toString()));
    });
    expect(said).toBe('got hello');
    socket.terminate();
    sockets.close();
  });
});

describe('bad input:', () => {
  it('no credential 401, unknown rid 404, odd bgrs 400, odd paging 400, unknown path under /bgrs 404', async () => {
    const before = upstream.seen.length;
    expect((await fetch(`${gateway}/x?bgrs=1`, { method: 'POST', body: 'x' })).status).toBe(401);
    expect((await fetch(`${gateway}/bgrs/${'0'.repeat(32)}`)).status).toBe(401);
    expect((await call(`/bgrs/${'0'.repeat(32)}`)).status).toBe(404);
    expect((await call('/x?bgrs=perhaps')).status).toBe(400);
    expect((await call('/bgrs')).status).toBe(404);
    const rid = await background('/x?bgrs=1');
    expect((await call(`/bgrs/${rid}/details?limit=x`)).status).toBe(400);
    await ended(rid);
    expect(upstream.seen.length).toBe(before + 1);
  });

  it('a body over 64 MiB is refused before it is sent, by that name', async () => {
    const port = Number(new URL(gateway).port);
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () =>
        socket.write(
          `POST /x?bgrs=1 HTTP/1.1\r\nHost: x\r\nX-Ringback-Key: ${TEST_KEY}\r\nContent-Length: 99999999\r\n\r\nx`,
        ),
      );
      socket.once('data', (data) => {
        socket.destroy();
        resolve(data.toString());
      });
      socket.on('error', reject);
    });
    expect(text).toMatch(/^HTTP\/1.1 413 /);
    expect(text).toContain('the body may have at most 67108864 bytes in the background');
  });
});
