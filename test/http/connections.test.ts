import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { App, freePort, TEST_KEY } from '../support/app.js';
import { UpstreamApi } from '../support/upstream.js';

const IDLE_S = 0.5;
const WINDOW_S = 1.5;
const RATE = 1_000;
/** By when a connection must have gone whose caller is too slow, or was refused: far more than its limit, far less than none. */
const GONE_MS = 9_000;

let app: App;
let api: UpstreamApi;
let [toMain, toGateway] = [0, 0];

beforeAll(async () => {
  api = await UpstreamApi.answering((response, { url, body }) => {
    if (url.startsWith('/slow')) setTimeout(() => response.end('slow'), 4 * IDLE_S * 1000);
    else response.end(String(body.length));
  });
  toGateway = await freePort();
  app = await App.start({
    http: {
      bodyIdleS: IDLE_S,
      bodyMinRate: RATE,
      bodyRateWindowS: WINDOW_S,
      answerIdleS: 1,
    },
    gateway: { upstream: api.url, port: toGateway, publicUrl: `http://127.0.0.1:${toGateway}` },
  });
  toMain = Number(new URL(app.client.url).port);
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

/** The servers' ends of connections, by the port of the other end. */
const accepted = new Map<number, Socket>();
channel('net.server.socket').subscribe((message) => {
  const { socket } = message as { socket: Socket };
  accepted.set(socket.remotePort!, socket);
});

/** A connection of its own that never closes by itself, and what came on it. */
class Caller {
  readonly socket: Socket;
  said = '';
  private port = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(port: number, head: string) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.on('error', () => undefined).on('data', (chunk: Buffer) => (this.said += chunk.toString()));
    this.socket.on('connect', () => (this.port = this.socket.localPort!));
    this.socket.on('close', () => clearInterval(this.timer));
    this.socket.write(head.replaceAll('\n', '\r\n'));
  }

  /** Goes on sending so many bytes every so often, until it has sent so many. */
  sending(bytes: number, everyMs: number, most = Infinity): this {
    let left = most;
    this.timer = setInterval(() => {
      this.socket.write('x'.repeat(Math.min(bytes, left)));
      left -= bytes;
      if (left <= 0) clearInterval(this.timer);
    }, everyMs);
    return this;
  }

  /** Whether the server has let go of it. */
  get closed(): boolean {
    return accepted.get(this.port)?.destroyed ?? false;
  }

  end(): void {
    this.socket.destroy();
  }
}

const post = (target: string, more = '', length = 1_000_000, type = 'application/json') =>
  `POST ${target} HTTP/1.1\nHost: x\nContent-Type: ${type}\nContent-Length: ${length}\n${more}\n`;
const UNKNOWN = 'Authorization: Bearer rb_unknown_0123456789abcdefghijklmnop\n';
const KEYED = `Authorization: Bearer ${TEST_KEY}\n`;

describe('A body that nobody will read', () => {
  it.each([
    ['an upload without a key', () => toMain, '/v1/files?name=a', 401],
    ['an upload of the trm face without a token', () => toMain, '/api/media/upload', 401],
    ['a type that is taken nowhere', () => toMain, '/v1/operations', 415, KEYED],
    ['a malformed URL', () => toMain, '/v1/%zz', 400],
    ['a background request without a key', () => toGateway, '/x?bgrs=yes', 401],
    ['a background request with a wrong parameter', () => toGateway, '/x?bgrs=maybe', 400],
  ])('is refused with Connection: close, and closed: %s', async (_, port, target, status, key = '') => {
    const form = 'multipart/form-data; boundary=b';
    const head = post(target, key, undefined, target.startsWith('/api') ? form : 'text/odd');
    const silent = new Caller(port(), head);
    const dripping = new Caller(port(), head).sending(1, 50);
    for (const caller of [silent, dripping]) {
      await expect.poll(() => caller.said, { timeout: GONE_MS }).toMatch(/^HTTP\/1.1 4\d\d [^]*\r\n\r\n/);
      expect(caller.said).toContain(`HTTP/1.1 ${status} `);
      expect(caller.said).toMatch(/\r\nconnection: close\r\n/i);
      await expect.poll(() => caller.closed, { timeout: GONE_MS }).toBe(true);
    }
  });

  it('does not cost a caller its answer who reads it only after sending', async () => {
    const size = 30_000_000;
    const caller = new Caller(toMain, post('/v1/files?name=a', '', size));
    caller.socket.pause();
    await new Promise((resolve) => caller.socket.write(Buffer.alloc(size), resolve));
    caller.socket.resume();
    await expect.poll(() => caller.said).toMatch(/^HTTP\/1.1 401 [^]*\}$/);
    caller.end();
  });

  it('nor one who sends it bit by bit, for longer than it may stand still', async () => {
    const caller = new Caller(toMain, post('/v1/files?name=a')).sending(16_000, 100, 400_000);
    caller.socket.pause();
    await expect.poll(() => caller.socket.bytesWritten).toBeGreaterThan(400_000);
    caller.socket.resume();
    await expect.poll(() => caller.said).toMatch(/^HTTP\/1.1 401 [^]*\}$/);
    caller.end();
  });

  it('is not taken for the next request', async () => {
    const before = (await app.client.get('/v1/operations')).body.data.length;
    const inner = `POST /v1/operations HTTP/1.1\nHost: x\n${KEYED}Content-Type: application/json\nContent-Length: 15\n\n{"type":"echo"}`;
    const caller = new Caller(toMain, post('/v1/files?name=a', '', 10));
    await expect.poll(() => caller.said).toContain('401');
    caller.socket.write(`0123456789${inner.replaceAll('\n', '\r\n')}`);
    await expect.poll(() => caller.closed, { timeout: GONE_MS }).toBe(true);
    expect(caller.said.match(/HTTP\/1.1 /g)).toHaveLength(1);
    expect((await app.client.get('/v1/operations')).body.data).toHaveLength(before);
  });

  it('is asked for where its caller waits to be asked', async () => {
    const expecting = `${KEYED}Expect: 100-continue\n`;
    const caller = new Caller(toMain, post('/v1/files?name=a', expecting, 3, 'text/odd'));
    await expect.poll(() => caller.said).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    caller.socket.write('abc');
    await expect.poll(() => caller.said).toContain('HTTP/1.1 201 ');
    caller.end();
  });

  it('leaves the connection to an error whose body had come', async () => {
    const caller = new Caller(toMain, `${post('/v1/files?name=a', UNKNOWN, 3)}abc`);
    await expect.poll(() => caller.said).toContain('HTTP/1.1 401 ');
    caller.socket.write('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
    await expect.poll(() => caller.said).toContain('HTTP/1.1 200 ');
    caller.end();
  });
});

describe.each<[where: string, port: () => number, target: string, more: string]>([
  ['of an upload', () => toMain, '/v1/files?name=a', KEYED],
  ['of a JSON request', () => toMain, '/v1/operations', KEYED],
  ['that is passed through', () => toGateway, '/passed', ''],
  ['of a background request', () => toGateway, '/kept?bgrs=1', KEYED],
  ['that came after its answer', () => toMain, '/health/live', ''],
])('A body %s', (_, port, target, more) => {
  const head = (length?: number) =>
    target === '/health/live'
      ? post(target, more, length).replace('POST', 'GET')
      : post(target, more, length);

  it('that stands still is cut, with an answer where none has begun', async () => {
    const caller = new Caller(port(), `${head()}begun`);
    await expect.poll(() => caller.closed, { timeout: GONE_MS }).toBe(true);
    // Closed on the server's side, its answer is still on its way.
    if (target !== '/health/live') await expect.poll(() => caller.said).toMatch(/^HTTP\/1.1 408 /);
  });

  it('that drips is cut', async () => {
    const caller = new Caller(port(), `${head()}begun`).sending(1, 50);
    await expect.poll(() => caller.closed, { timeout: GONE_MS }).toBe(true);
    // Closed on the server's side, its answer is still on its way.
    if (target !== '/health/live') await expect.poll(() => caller.said).toMatch(/^HTTP\/1.1 408 /);
  });
});

describe('A slow caller', () => {
  it.each([
    ['an upload', () => toMain, '/v1/files?name=slow', KEYED, 'HTTP/1.1 201 '],
    ['a body that is passed through', () => toGateway, '/slow', '', 'HTTP/1.1 200 '],
  ])('above the least rate is waited for: %s', async (_, port, target, more, answer) => {
    const caller = new Caller(port(), post(target, more, 12_000)).sending(200, 75, 12_000);
    await expect.poll(() => caller.said, { timeout: 20_000 }).toContain(answer);
    caller.end();
  });

  it('is not slow where it is the upstream that does not read', async () => {
    const sockets: Socket[] = [];
    const stuck = createServer((socket) => sockets.push(socket.pause()));
    await new Promise<void>((resolve) => stuck.listen(0, '127.0.0.1', resolve));
    const port = await freePort();
    await using _other = await App.start({
      http: { bodyIdleS: IDLE_S, bodyMinRate: RATE, bodyRateWindowS: WINDOW_S },
      gateway: {
        upstream: `http://127.0.0.1:${(stuck.address() as AddressInfo).port}`,
        port,
        publicUrl: `http://127.0.0.1:${port}`,
      },
    });
    const length = 30_000_000;
    const caller = new Caller(port, post('/x', '', length));
    caller.socket.write(Buffer.alloc(length));
    // Until all buffers on the way are full; then for longer than both limits.
    await expect.poll(() => sockets.length).toBe(1);
    const until = performance.now() + (IDLE_S + WINDOW_S) * 2_000;
    await expect.poll(() => performance.now(), { timeout: 20_000 }).toBeGreaterThan(until);
    expect([caller.closed, caller.said]).toEqual([false, '']);
    let [received, answered] = [0, false];
    sockets[0]!.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received >= length && !answered)
        answered = sockets[0]!.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
    sockets[0]!.resume();
    await expect.poll(() => caller.said, { timeout: 20_000 }).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*ok$/);
    caller.end();
    for (const socket of sockets) socket.destroy();
    stuck.close();
  });

  it('may wait: a held poll, a stream of events, an upstream that thinks, a WebSocket', async () => {
    const { id } = await app.client.submit({ type: 'echo', run_at: new Date(Date.now() + 3_600_000) });
    const from = performance.now();
    const held = app.client.get(`/v1/operations/${id}?wait=3`);
    const thinking = fetch(`http://127.0.0.1:${toGateway}/slow`, { method: 'POST', body: 'x' });
    const events = await fetch(`${app.client.url}/v1/operations/${id}/history`, {
      headers: { authorization: `Bearer ${TEST_KEY}`, accept: 'text/event-stream' },
    });
    const sockets = new WebSocketServer({ server: api.server });
    sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
    const socket = new WebSocket(`ws://127.0.0.1:${toGateway}/ws`);
    await once(socket, 'open');
    expect((await held).status).toBe(200);
    expect(performance.now() - from).toBeGreaterThan(2_900);
    expect(await (await thinking).text()).toBe('slow');
    socket.send('still there');
    expect(String((await once(socket, 'message'))[0])).toBe('still there');
    socket.terminate();
    await app.client.post(`/v1/operations/${id}/cancel`);
    expect(await events.text()).toContain('Canceled');
  });
});

it('A caller that does not take its answer is cut', async () => {
  const bytes = Buffer.alloc(30_000_000);
  const { body } = await app.client.request('POST', '/v1/files?name=large', bytes, {
    'content-type': 'application/octet-stream',
  });
  const outgoing = get(`${app.client.url}/v1/files/${body.id}/content`, {
    headers: { authorization: `Bearer ${TEST_KEY}` },
  });
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  answer.pause().on('error', () => undefined);
  const { localPort } = answer.socket;
  await expect.poll(() => accepted.get(localPort!)?.destroyed, { timeout: GONE_MS }).toBe(true);
  outgoing.destroy();
});

it('A connection that never says anything is closed', async () => {
  const callers = [toMain, toGateway].map((port) => new Caller(port, ''));
  await expect.poll(() => callers.every(({ closed }) => closed), { timeout: 20_000 }).toBe(true);
}, 30_000);

it('Both listeners keep an idle connection for as long, and answer what is no HTTP alike', async () => {
  for (const port of [toMain, toGateway]) {
    const caller = new Caller(port, 'GET /bgrs/x HTTP/1.1\nHost: x\n\n');
    await expect.poll(() => caller.said).toMatch(/\r\nkeep-alive: timeout=72\r\n/i);
    caller.end();
    const odd = new Caller(port, 'no HTTP\n\n');
    await expect.poll(() => odd.said).toMatch(/^HTTP\/1.1 400 [^]*"code":"malformed-request"/);
    await expect.poll(() => odd.closed).toBe(true);
  }
});

describe('Connections over a cap', () => {
  const limits = { bodyIdleS: 15, bodyMinRate: 0, bodyRateWindowS: 30, answerIdleS: 60 };

  it.each([
    ['of a client address', { connections: 10, connectionsPerAddress: 2 }, 429, 'PER_ADDRESS'],
    ['in all', { connections: 2, connectionsPerAddress: 10 }, 503, 'RINGBACK_CONNECTIONS'],
  ])(
    '%s are answered, or closed, and free again with the next that ends',
    async (_, caps, status, setting) => {
      const gateway = await freePort();
      await using small = await App.start({
        http: { ...limits, ...caps },
        gateway: { upstream: api.url, port: gateway, publicUrl: `http://127.0.0.1:${gateway}` },
      });
      for (const at of [Number(new URL(small.client.url).port), gateway]) {
        const ask = (): Caller => new Caller(at, 'GET /bgrs/x HTTP/1.1\nHost: x\n\n');
        const kept = [ask(), ask()];
        for (const caller of kept) await expect.poll(() => caller.said).toContain('HTTP/1.1 401 ');
        const refused = ask();
        await expect.poll(() => refused.said).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*${setting}`));
        expect(refused.said).toMatch(/connection: close\r\n/);
        expect(refused.said).toMatch(/retry-after: \d+\r\n/);
        await expect.poll(() => refused.closed, { timeout: GONE_MS }).toBe(true);
        const silent = new Caller(at, '');
        await expect.poll(() => silent.closed, { timeout: GONE_MS }).toBe(true);
        const crowd = Array.from({ length: 200 }, ask);
        await expect.poll(() => crowd.every(({ closed }) => closed), { timeout: GONE_MS }).toBe(true);
        kept.shift()!.end();
        await expect
          .poll(async () => {
            const next = ask();
            await expect.poll(() => next.said !== '' || next.closed).toBe(true);
            next.end();
            return next.said;
          })
          .toContain('HTTP/1.1 401 ');
        kept.shift()!.end();
      }
    },
  );
});
