import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { parseAllowedPrivate } from '../../src/config/allowed-private.js';
import {
  WebhookClient,
  type AttemptRequest,
  type AttemptResult,
} from '../../src/deliveries/webhook.client.js';
import { Egress } from '../../src/egress/egress.js';
import { UrlPolicy } from '../../src/egress/url-policy.js';

const allowedPrivate = parseAllowedPrivate('127.0.0.0/8');
const policy = new UrlPolicy({ allowedPrivate, allowHttp: false });
const egress = new Egress({ policy, allowedPrivate });
const patient = new WebhookClient(egress, { timeoutMs: 10_000, userAgent: 'Ringback/test' });
const hasty = new WebhookClient(egress, { timeoutMs: 600, userAgent: 'Ringback/test' });

/** One receiver of the zoo: it sees raw requests and answers with raw bytes. */
class Receiver {
  readonly requests: string[] = [];
  connections = 0;
  /** Settles when the client has left. */
  readonly left: Promise<unknown>;
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {
    // Not `once` of the socket: that rejects where the client left by a reset.
    this.left = once(server, 'connection').then(
      ([socket]) => new Promise((resolve) => (socket as Socket).once('close', resolve)),
    );
  }

  /** Speaks first, and hangs up. */
  static async greeting(words: string): Promise<Receiver> {
    const receiver = await Receiver.answering(() => undefined);
    receiver.server.on('connection', (socket: Socket) => socket.end(words));
    return receiver;
  }

  static async answering(answer: (socket: Socket, requests: number) => void): Promise<Receiver> {
    const receiver = new Receiver(createServer());
    receiver.server.on('connection', (socket: Socket) => {
      receiver.connections += 1;
      receiver.sockets.add(socket);
      let text = '';
      socket
        .on('error', () => undefined)
        .on('data', (chunk) => {
          text += chunk.toString();
          if (!text.endsWith('}')) return;
          receiver.requests.push(text);
          text = '';
          answer(socket, receiver.requests.length);
        });
    });
    receiver.server.listen(0, '127.0.0.1');
    await once(receiver.server, 'listening');
    receivers.push(receiver);
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hook?a=1`;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }
}

const receivers: Receiver[] = [];
afterEach(() => {
  for (const receiver of receivers.splice(0)) receiver.close();
});

const to = (url: string): AttemptRequest => ({ url, headers: { 'Webhook-Id': 'msg_1' }, body: '{"a":"ü"}' });
const answer = (head: string, body: string | Buffer = '') =>
  Buffer.concat([Buffer.from(`HTTP/1.1 ${head}\r\n\r\n`), Buffer.from(body)]);
const complete = (status: string, body: string | Buffer, headers = '') =>
  answer(`${status}\r\ncontent-length: ${Buffer.byteLength(body)}${headers}`, body);

/** Writes again and again until the client leaves. */
function drip(socket: Socket, chunk: string | Buffer): void {
  const timer = setInterval(() => socket.write(chunk), 5);
  socket.once('close', () => {
    clearInterval(timer);
  });
}

/** Writes one piece after the other, each in a packet of its own. */
function dole(socket: Socket, pieces: readonly string[]): void {
  const [first, ...left] = pieces;
  if (first !== undefined) socket.write(first, () => setImmediate(dole, socket, left));
}

async function attemptAt(client: WebhookClient, answers: (socket: Socket) => void): Promise<AttemptResult> {
  const receiver = await Receiver.answering(answers);
  return client.attempt(to(receiver.url));
}

describe('a webhook attempt', () => {
  it('posts the body once and tells what came back, and how long each phase took', async () => {
    const receiver = await Receiver.answering((socket) =>
      socket.write(complete('200 OK', 'thanks', '\r\nx-a: 1')),
    );
    const result = await patient.attempt(to(receiver.url));
    expect(result).toMatchObject({ kind: 'response', status: 200, body: 'thanks', truncated: false });
    expect(result).toMatchObject({ headers: { 'x-a': '1' }, durationMs: expect.any(Number) as number });
    const phasesMs = {
      dns: 0,
      connect: expect.any(Number) as number,
      tls: null,
      first_byte: expect.any(Number) as number,
    };
    expect(result.phasesMs).toEqual(phasesMs);
    const [head = '', body] = receiver.requests[0]?.split('\r\n\r\n') ?? [];
    expect([receiver.requests.length, body]).toEqual([1, '{"a":"ü"}']);
    expect(head.split('\r\n')[0]).toBe('POST /hook?a=1 HTTP/1.1');
    for (const line of [
      'content-type: application/json',
      'user-agent: Ringback/test',
      'accept-encoding: identity',
    ]) {
      expect(head).toContain(line);
    }
    expect(head).toContain('webhook-id: msg_1');
    expect(head).toContain('content-length: 10');
  });

  it.each([
    [`/hook?q='a"b<c>d\`e{f}|g^h[i]\\j%zz%41&&=;+`, undefined],
    ['/hook?', undefined],
    ['/hook??#'.slice(0, -1), undefined],
    ['/hook', undefined],
    ['/ho ok/../a"b?x=\u00fc y\ud83d', '/a%22b?x=%C3%BC%20y%EF%BF%BD'],
    ['/hook?a\tb\nc  ', '/hook?abc'],
  ])('asks for the query as it was given: %s', async (path, sent = path) => {
    const receiver = await Receiver.answering((socket) => socket.write(complete('200 OK', '')));
    const given = new URL(receiver.url).origin + path;
    const checked = policy.check(given);
    expect(checked).toMatchObject({ accepted: true, href: new URL(receiver.url).origin + sent });
    // Once stored, it is judged and sent again.
    for (const url of [given, checked.accepted ? checked.href : '']) {
      expect(await patient.attempt(to(url))).toMatchObject({ kind: 'response', status: 200 });
      expect(receiver.requests.at(-1)!.split('\r\n')[0]).toBe(`POST ${sent} HTTP/1.1`);
    }
  });

  it('keeps its connection for the next one, whose phases then cost nothing', async () => {
    const receiver = await Receiver.answering((socket) => socket.write(complete('200 OK', '')));
    await patient.attempt(to(receiver.url));
    const second = await patient.attempt(to(receiver.url));
    expect(second.phasesMs).toMatchObject({ dns: null, connect: null, tls: null });
    expect([receiver.connections, receiver.requests.length]).toEqual([1, 2]);
  });

  it('is no failure when the receiver drops a kept connection just as it is used', async () => {
    const receiver = await Receiver.answering((socket, requests) => {
      if (requests === 3) socket.resetAndDestroy();
      else socket.write(complete('200 OK', ''));
    });
    await patient.attempt(to(receiver.url));
    expect((await patient.attempt(to(receiver.url))).resent).toBeUndefined();
    const told = { kind: 'response', status: 200, resent: true };
    expect(await patient.attempt(to(receiver.url))).toMatchObject(told);
    expect(receiver.connections).toBe(2);
  });

  it('follows a change of DNS although its connection is never idle', async () => {
    const seen: string[] = [];
    const server = createServer((socket) => {
      socket
        .on('error', () => undefined)
        .on('data', () => {
          seen.push(socket.localAddress!);
          socket.write(complete('200 OK', ''));
        });
    }).listen(0, '0.0.0.0');
    await once(server, 'listening');
    let address = '127.0.0.1';
    const moving = new Egress({
      policy: new UrlPolicy({ allowedPrivate, allowHttp: true }),
      allowedPrivate,
      resolver: { resolve4: async () => [address], resolve6: async () => [] },
      mostAgeMs: 300,
    });
    const client = new WebhookClient(moving, { timeoutMs: 10_000, userAgent: 'Ringback/test' });
    const url = `http://hooks.example.com:${(server.address() as AddressInfo).port}/`;
    for (let count = 0; count < 3; count++) await client.attempt(to(url));
    address = '127.0.0.2';
    await expect
      .poll(() => client.attempt(to(url)).then(() => seen.at(-1)), { interval: 10, timeout: 5_000 })
      .toBe('127.0.0.2');
    expect(seen.slice(0, 3)).toEqual(['127.0.0.1', '127.0.0.1', '127.0.0.1']);
    moving.close();
    server.close();
  });

  it.each(['400 No', '404 Not Found', '500 Oops', '503 Later'])('tells of a %s', async (status) => {
    const result = await attemptAt(patient, (socket) => socket.write(complete(status, 'why')));
    expect(result).toMatchObject({ kind: 'response', status: Number.parseInt(status, 10), body: 'why' });
  });

  it('never follows a redirect', async () => {
    const canary = await Receiver.answering(() => undefined);
    for (const status of [301, 302, 303, 307, 308]) {
      const head = `${status} Moved\r\ncontent-length: 0\r\nlocation: ${canary.url}`;
      const result = await attemptAt(patient, (socket) => socket.write(answer(head)));
      expect(result).toMatchObject({ kind: 'response', status, headers: { location: canary.url } });
    }
    expect(canary.connections).toBe(0);
  });

  it('succeeds by a 2xx head although its body drips for ever', async () => {
    const result = await attemptAt(hasty, (socket) => {
      socket.write(answer('200 OK\r\ntransfer-encoding: chunked', '5\r\nfirst\r\n'));
      drip(socket, '1\r\n.\r\n');
    });
    expect(result).toMatchObject({ kind: 'response', status: 200, truncated: true });
    expect(result).toMatchObject({ body: expect.stringMatching(/^first\.*$/) as string });
    expect(result.durationMs).toBeLessThan(2_000);
  });

  it('succeeds by a 2xx head whose body is cut off', async () => {
    const result = await attemptAt(patient, (socket) =>
      socket.end(answer('201 Created\r\ncontent-length: 99', 'part')),
    );
    expect(result).toMatchObject({ kind: 'response', status: 201, body: 'part', truncated: true });
  });

  it.each<[kind: string, head: string, headers: Record<string, unknown>]>([
    ['tells its length and chunks', '200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked', {}],
    ['tells its length twice', '200 OK\r\ncontent-length: 2\r\ncontent-length: 2', {}],
    ['tells two lengths', '200 OK\r\ncontent-length: 2, 3', {}],
    ['folds a line', '200 OK\r\nx-a: one\r\n  two\r\nx-b: 3', { 'x-a': 'one two', 'x-b': '3' }],
    ['puts a space before a colon', '200 OK\r\nx-a : 1', { 'x-a': '1' }],
    ['has a line that is no field', '200 OK\r\nnonsense\r\nx-a: 1', { 'x-a': '1' }],
    ['says 103 before', '103 Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: x', { 'content-length': 'x' }],
    ['has 17 KB of headers', `200 OK\r\na: ${'x'.repeat(17_000)}`, {}],
    [
      'sets 40 cookies of 500 bytes',
      `200 OK${`\r\nset-cookie: a=${'x'.repeat(498)}`.repeat(40)}`,
      { 'set-cookie': Array.from({ length: 40 }, () => `a=${'x'.repeat(498)}`) },
    ],
  ])(
    'is over with the complete head of an answer that %s, in whatever pieces and by whatever line ends it comes',
    async (_kind, head, headers) => {
      for (const [status, eol, pieces] of [
        ['200', '\r\n', /^/],
        ['200', '\n', /^/],
        ['503', '\r\n', /(?<=\n)/],
        ['201', '\n', /(?<=\n)/],
      ] as const) {
        const text = answer(head.replace('200', status)).toString().replaceAll('\r\n', eol);
        const receiver = await Receiver.answering((socket) => dole(socket.setNoDelay(), text.split(pieces)));
        const result = await hasty.attempt(to(receiver.url));
        expect(result).toMatchObject({ kind: 'response', status: Number(status), headers });
        await receiver.left;
      }
    },
  );

  it('leaves after 64 KiB of endless chunks and keeps 16 KiB', async () => {
    const receiver = await Receiver.answering((socket) => {
      socket.write(answer('200 OK\r\ntransfer-encoding: chunked'));
      drip(socket, `4000\r\n${'x'.repeat(0x4000)}\r\n`);
    });
    const result = await patient.attempt(to(receiver.url));
    expect(result).toMatchObject({
      kind: 'response',
      status: 200,
      truncated: true,
      body: 'x'.repeat(16_384),
    });
    await receiver.left;
  });

  it('reads a body of 16 KiB whole, and cuts no character of a longer one in two', async () => {
    const whole = await attemptAt(patient, (socket) => socket.write(complete('200 OK', 'x'.repeat(16_384))));
    expect(whole).toMatchObject({ body: 'x'.repeat(16_384), truncated: false });
    const longer = await attemptAt(patient, (socket) =>
      socket.write(complete('200 OK', 'x' + 'ü'.repeat(8_192))),
    );
    expect(longer).toMatchObject({ body: 'x' + 'ü'.repeat(8_191), truncated: true });
  });

  it.each([
    ['gzip', gzipSync],
    ['X-GZIP', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ])(
    'shows in clear what a receiver compressed by %s, whole, cut off or long',
    async (encoding, compress) => {
      const answered = (text: string, bytes = compress(Buffer.from(text)), from = bytes.length) =>
        attemptAt(patient, (socket) => {
          const head = `500 Oops\r\ncontent-length: ${from}\r\ncontent-encoding: ${encoding}`;
          socket.end(answer(head, bytes));
        });
      const why = 'why it failed: ü';
      expect(await answered(why)).toMatchObject({ status: 500, body: why, truncated: false });
      expect(await answered(`x${'ü'.repeat(9_000)}`)).toMatchObject({
        body: `x${'ü'.repeat(8_191)}`,
        truncated: true,
      });
      const noise = Array.from({ length: 8_000 }, (_, at) => `${at * 7919} `).join('');
      const whole = compress(Buffer.from(noise));
      const cut = await answered('', whole.subarray(0, 8_000), whole.length);
      expect(cut).toMatchObject({ truncated: true });
      expect(cut.kind === 'response' && noise.startsWith(cut.body) && cut.body.length).toBeGreaterThan(1_000);
      expect(await answered('', Buffer.from('plain after all'))).toMatchObject({ body: 'plain after all' });
    },
  );

  it('does not inflate a gzip bomb beyond what it keeps', async () => {
    const bomb = gzipSync(Buffer.alloc(1_000_000));
    const head = '\r\ncontent-encoding: gzip';
    const result = await attemptAt(patient, (socket) => socket.write(complete('200 OK', bomb, head)));
    expect(result).toMatchObject({ kind: 'response', status: 200, truncated: true });
    expect(result.kind === 'response' && result.body.length).toBe(16_384);
  });

  it('makes text of NUL and invalid UTF-8 that PostgreSQL can store', async () => {
    const bytes = Buffer.from([0x61, 0x00, 0x62, 0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80, 0x63]);
    const result = await attemptAt(patient, (socket) => socket.write(complete('200 OK', bytes)));
    const body = result.kind === 'response' ? result.body : '';
    expect(body).toMatch(/^a\uFFFDb\uFFFD+\(\uFFFD+c$/);
    expect(body.isWellFormed()).toBe(true);
  });
});

describe('a webhook attempt fails with', () => {
  it.each<[code: string, kind: string, client: WebhookClient, answers: (socket: Socket) => void]>([
    ['response_timeout', 'hangs', hasty, () => undefined],
    [
      'response_timeout',
      'drips headers',
      hasty,
      (socket) => (socket.write('HTTP/1.1 200 OK\r\n'), drip(socket, 'a: b\r\n')),
    ],
    [
      'response_timeout',
      'sends 100 Continue for ever',
      hasty,
      (socket) => drip(socket, 'HTTP/1.1 100 Continue\r\n\r\n'),
    ],
    ['connection_reset', 'resets', patient, (socket) => void socket.resetAndDestroy()],
    ['connection_reset', 'closes', patient, (socket) => void socket.end()],
    [
      'response_invalid',
      'sends 40 KB of headers',
      patient,
      (socket) => socket.write(answer(`200 OK\r\na: ${'x'.repeat(40_000)}`)),
    ],
    [
      'response_invalid',
      'breaks off within a head of lines that end in LF',
      patient,
      (socket) => socket.end('HTTP/1.1 200 OK\ncontent-length: 2\n'),
    ],
    [
      'response_invalid',
      'has a head of no status',
      patient,
      (socket) => socket.write('HTTP/1.1 OK\r\ncontent-length: 2\r\n\r\n'),
    ],
    [
      'response_invalid',
      'speaks no HTTP',
      patient,
      (socket) => socket.write('220 smtp.example.com ESMTP\r\n'),
    ],
    [
      'response_invalid',
      'switches protocols',
      patient,
      (socket) => socket.write(answer('101 Switching\r\nupgrade: x\r\nconnection: upgrade')),
    ],
  ])('%s from a receiver that %s', async (code, _kind, client, answers) => {
    const receiver = await Receiver.answering(answers);
    const result = await client.attempt(to(receiver.url));
    expect(result).toMatchObject({ kind: 'error', code });
    await receiver.left;
  });

  it('connect_refused where nobody listens', async () => {
    const receiver = await Receiver.answering(() => undefined);
    const { url } = receiver;
    receiver.close();
    expect(await patient.attempt(to(url))).toMatchObject({ kind: 'error', code: 'connect_refused' });
  });

  it('tls_error from a receiver that speaks no TLS, or with a certificate that nobody signed', async () => {
    const plain = await Receiver.greeting('220 no TLS here\r\n');
    expect(await patient.attempt(to(plain.url.replace('http:', 'https:')))).toMatchObject({
      code: 'tls_error',
    });

    const server = createHttpsServer(selfSigned(), () => undefined).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    expect(await patient.attempt(to(url))).toMatchObject({ kind: 'error', code: 'tls_error' });
    server.close();
  });

  it.each([
    'http://10.0.0.1/',
    'https://169.254.169.254/',
    'http://example.com/',
    'nonsense',
    'https://[::1]/',
  ])('blocked_destination for %s', async (url) => {
    expect(await patient.attempt(to(url))).toMatchObject({ kind: 'error', code: 'blocked_destination' });
  });

  it('aborted when its signal fires, before or during the attempt', async () => {
    const receiver = await Receiver.answering(() => undefined);
    const stop = new AbortController();
    const attempt = patient.attempt(to(receiver.url), stop.signal);
    await expect.poll(() => receiver.requests.length).toBe(1);
    stop.abort();
    expect(await attempt).toMatchObject({ kind: 'error', code: 'aborted' });
    expect(await patient.attempt(to(receiver.url), stop.signal)).toMatchObject({
      kind: 'error',
      code: 'aborted',
    });
    await receiver.left;
  });
});

/** A key and a certificate for localhost, signed by itself. */
function selfSigned(): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'ringback-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const args = ['req', '-x509', '-nodes', '-days', '2', ...curve, '-keyout', key, '-out', cert, ...subject];
  execFileSync('openssl', args, { stdio: 'ignore' });
  const pair = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  rmSync(folder, { recursive: true });
  return pair;
}
