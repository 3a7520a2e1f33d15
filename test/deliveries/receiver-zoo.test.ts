import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import { Authority, type Certificate } from '../support/certificates.js';
import type { Client } from '../support/client.js';
import { Receiver } from '../support/receiver.js';

const TIMEOUT_S = 1;
/** What a loaded machine may add to an attempt that is cut off. */
const MARGIN_MS = 1_500;
const MB = 1024 * 1024;

let app: App;
beforeAll(async () => {
  app = await App.start({ deliveries: { timeoutS: TIMEOUT_S, schedule: [], originInFlight: 100 } });
});
afterAll(() => app[Symbol.asyncDispose]());

/** A receiver that answers a whole request with raw bytes, or with none. */
class Beast {
  connections = 0;
  written = 0;
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {}

  static async answering(answer: (socket: Socket) => void): Promise<Beast> {
    const server = createServer();
    const beast = new Beast(server);
    server.on('connection', (socket: Socket) => {
      beast.connections++;
      beast.sockets.add(socket);
      let text = '';
      socket
        .on('error', () => undefined)
        .on('close', () => (beast.written += socket.bytesWritten))
        .on('data', (chunk) => {
          text += chunk.toString();
          if (!text.endsWith('}')) return;
          text = '';
          answer(socket);
        });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    beasts.push(beast);
    return beast;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/callback`;
  }

  /** Resolves once no connection is open. */
  async left(): Promise<void> {
    for (const socket of this.sockets)
      if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }
}

const beasts: Beast[] = [];
afterEach(() => {
  for (const beast of beasts.splice(0)) beast.close();
});

/** The delivery of an operation that calls back there, with its log, once it has ended. */
async function deliveredTo(url: string, client: Client = app.client): Promise<any> {
  const operation = await client.submit({ type: 'echo', callback: { url } });
  let delivery: any;
  await expect
    .poll(
      async () => {
        [delivery] = await client.deliveries(operation.id);
        return String(delivery?.status);
      },
      { timeout: 20_000, interval: 20 },
    )
    .toMatch(/^(Delivered|Exhausted)$/);
  return client.delivery(delivery.id);
}

const head = (status: string, ...headers: string[]): string =>
  [`HTTP/1.1 ${status}`, ...headers, '', ''].join('\r\n');

/** Writes again and again until the other side leaves. */
function drip(socket: Socket, chunk: string): void {
  const timer = setInterval(() => socket.write(chunk), 20);
  socket.once('close', () => clearInterval(timer));
}

/** Writes as fast as it is read until `bytes` are written or the other side leaves. */
function pour(socket: Socket, chunk: Buffer, bytes: number): void {
  let left = bytes;
  const more = (): void => {
    while (left > 0 && !socket.destroyed) {
      left -= chunk.length;
      if (!socket.write(chunk)) return;
    }
  };
  socket.on('drain', more);
  more();
}

function failed(error: RegExp, status: number | null = null): Record<string, unknown> {
  return {
    status: 'Exhausted',
    reason: 'schedule_spent',
    attempt_count: 1,
    attempts: [{ outcome: 'failed', http_status: status, error: expect.stringMatching(error) }],
  };
}

function delivered(status: number, rest: Record<string, unknown> = {}): Record<string, unknown> {
  const attempt = { outcome: 'delivered', http_status: status, error: null, ...rest };
  return { status: 'Delivered', reason: null, attempt_count: 1, attempts: [attempt] };
}

describe('every status from 200 to 599', () => {
  it('is judged: 2xx delivers, the others fail, and the log has it', { timeout: 90_000 }, async () => {
    await using receiver = await Receiver.answering((response, { path }) => {
      response.writeHead(Number(path.split('/').at(-1))).end();
    });
    const client = await app.account('statuses', 100);
    const to = (status: number): string => `${receiver.url}/status/${status}`;
    await deliveredTo(to(200), client);
    const statuses = Array.from({ length: 400 }, (_, index) => 200 + index);
    const seen = await Promise.all(
      Array.from({ length: 8 }, async (_, lane) => {
        const deliveries = [];
        for (const status of statuses.filter((one) => one % 8 === lane))
          deliveries.push(await deliveredTo(to(status), client));
        return deliveries;
      }),
    );
    const outcome = (delivery: any): unknown[] => [
      Number(delivery.url.split('/').at(-1)),
      delivery.status,
      delivery.reason,
      delivery.attempts.map((attempt: any) => [attempt.outcome, attempt.http_status]),
    ];
    const expected = statuses.map((status) => {
      if (status < 300) return [status, 'Delivered', null, [['delivered', status]]];
      return [status, 'Exhausted', status === 410 ? 'gone' : 'schedule_spent', [['failed', status]]];
    });
    expect(
      seen
        .flat()
        .map(outcome)
        .sort((a, b) => Number(a[0]) - Number(b[0])),
    ).toEqual(expected);
    for (const { attempts } of seen.flat()) {
      const [{ http_status: status, error }] = attempts;
      expect(String(error)).toMatch(status < 300 ? /^null$/ : new RegExp(`^HTTP ${status}`));
    }
    expect(receiver.all).toHaveLength(401);
  });
});

describe('a receiver that', () => {
  it.each<[kind: string, answer: (socket: Socket) => void, delivery: Record<string, unknown>]>([
    ['hangs', () => undefined, failed(/^response_timeout: /)],
    [
      'drips headers',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\n');
        drip(socket, 'a: b\r\n');
      },
      failed(/^response_timeout: /),
    ],
    [
      'drips the body of a 200',
      (socket) => {
        socket.write(head('200 OK', 'content-length: 100000') + 'first');
        drip(socket, '.');
      },
      delivered(200, { response_truncated: true, response_body: expect.stringMatching(/^first\.+$/) }),
    ],
    [
      'drips the body of a 500',
      (socket) => {
        socket.write(head('500 Oops', 'transfer-encoding: chunked'));
        drip(socket, '1\r\n.\r\n');
      },
      failed(/^HTTP 500$/, 500),
    ],
    ['resets at once', (socket) => socket.resetAndDestroy(), failed(/^connection_reset: /)],
    ['closes without a word', (socket) => socket.end(), failed(/^connection_reset: /)],
    [
      'resets within the headers',
      (socket) => socket.write('HTTP/1.1 200 OK\r\na: b\r\n', () => socket.resetAndDestroy()),
      failed(/^connection_reset: /),
    ],
    [
      'closes within the body of a 201',
      (socket) => socket.end(head('201 Created', 'content-length: 99') + 'part'),
      delivered(201, { response_truncated: true, response_body: 'part' }),
    ],
    [
      'closes within the body of a 502',
      (socket) => socket.end(head('502 Bad Gateway', 'content-length: 99') + 'part'),
      failed(/^HTTP 502$/, 502),
    ],
    [
      'sends 40 KB of headers',
      (socket) => socket.write(head('200 OK', `a: ${'x'.repeat(40_000)}`)),
      failed(/^response_invalid: /),
    ],
    [
      'tells its length and chunks too',
      (socket) => socket.write(head('200 OK', 'content-length: 2', 'transfer-encoding: chunked') + 'ok'),
      delivered(200, { response_truncated: true, response_body: '' }),
    ],
    [
      'ends its lines in LF alone and asks for later',
      (socket) => socket.write('HTTP/1.1 503 Later\nretry-after: 7\n\n'),
      failed(/^HTTP 503$/, 503),
    ],
    ['speaks no HTTP', (socket) => socket.write('220 smtp ESMTP\r\n'), failed(/^response_invalid: /)],
    [
      'sends a NUL in a header',
      (socket) => socket.write(head('200 OK', 'a: \0')),
      failed(/^response_invalid: /),
    ],
    [
      'says 100 Continue for ever',
      (socket) => drip(socket, head('100 Continue')),
      failed(/^response_timeout: /),
    ],
    [
      'gives early hints first',
      (socket) =>
        socket.write(
          head('103 Early Hints', 'link: </a>') + head('200 OK', 'content-length: 0', 'connection: close'),
        ),
      delivered(200, { response_truncated: false }),
    ],
    [
      'switches protocols',
      (socket) => socket.write(head('101 Switching Protocols', 'upgrade: x', 'connection: upgrade')),
      failed(/^response_invalid: /),
    ],
  ])('%s', async (_kind, answer, expected) => {
    const beast = await Beast.answering(answer);
    const delivery = await deliveredTo(beast.url);
    expect(delivery).toMatchObject(expected);
    expect(delivery.attempts[0].duration_ms).toBeLessThan(TIMEOUT_S * 1000 + MARGIN_MS);
    expect(beast.connections).toBe(1);
    await beast.left();
  });

  it('sends a gigabyte, or chunks without an end, or a gzip bomb, costs no memory', async () => {
    const chunk = Buffer.alloc(65_536, 'x');
    const framed = Buffer.concat([Buffer.from('10000\r\n'), chunk, Buffer.from('\r\n')]);
    const bomb = gzipSync(Buffer.alloc(60 * MB));
    const beasts = await Promise.all([
      Beast.answering((socket) => {
        socket.write(head('200 OK', `content-length: ${1024 * MB}`));
        pour(socket, chunk, 1024 * MB);
      }),
      Beast.answering((socket) => {
        socket.write(head('200 OK', 'transfer-encoding: chunked'));
        pour(socket, framed, Infinity);
      }),
      Beast.answering((socket) => {
        socket.write(head('200 OK', 'content-encoding: gzip', `content-length: ${bomb.length}`));
        socket.write(bomb);
      }),
      Beast.answering((socket) => {
        socket.write(head('500 Oops', `content-length: ${1024 * MB}`));
        pour(socket, chunk, 1024 * MB);
      }),
    ]);
    const before = process.memoryUsage().rss;
    let most = before;
    const watch = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 5);
    const seen = await Promise.all(beasts.map(({ url }) => deliveredTo(url)));
    await Promise.all(beasts.slice(0, 2).map((beast) => beast.left()));
    clearInterval(watch);
    const text = 'x'.repeat(16_384);
    expect(seen[0]).toMatchObject(delivered(200, { response_truncated: true, response_body: text }));
    expect(seen[1]).toMatchObject(delivered(200, { response_truncated: true, response_body: text }));
    expect(seen[2]).toMatchObject(delivered(200));
    expect(seen[2].attempts[0].response_body.length).toBeLessThanOrEqual(16_384);
    expect(seen[3]).toMatchObject(failed(/^HTTP 500$/, 500));
    expect(beasts[0]!.written, 'of the gigabyte').toBeLessThan(32 * MB);
    expect(most - before).toBeLessThan(100 * MB);
  });

  it.each([301, 302, 303, 307, 308])('redirects with %i is not followed', async (status) => {
    const canary = await Beast.answering(() => undefined);
    const beast = await Beast.answering((socket) =>
      socket.write(head(`${status} Moved`, 'content-length: 0', `location: ${canary.url}`)),
    );
    const delivery = await deliveredTo(beast.url);
    expect(delivery).toMatchObject(failed(new RegExp(`^HTTP ${status}: redirects are not followed`), status));
    expect(delivery.attempts[0].response_headers.location).toBe(canary.url);
    expect(canary.connections).toBe(0);
  });

  it('answers NUL and invalid UTF-8 leaves a log that can be read', async () => {
    const bytes = Buffer.from([0x61, 0x00, 0x62, 0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80, 0x63]);
    const beast = await Beast.answering((socket) => {
      socket.write(Buffer.from(head('500 Oops', 'content-length: 10', 'x-raw: \xff\xfe'), 'latin1'));
      socket.write(bytes);
    });
    const delivery = await deliveredTo(beast.url);
    expect(delivery).toMatchObject(failed(/^HTTP 500$/, 500));
    expect(delivery.attempts[0].response_body).toMatch(/^a\uFFFDb\uFFFD+\(\uFFFD+c$/);
    expect(delivery.attempts[0].response_headers['x-raw']).toBe('\xff\xfe');
  });

  it('asks for later in words that mean nothing is asked again by the schedule', async () => {
    const client = await app.account('garbage');
    const garbage = ['soon', '-5', '1.5', '1e3', 'Fri, 99 Foo 2999 99:99:99 GMT', '2999-01-01', '\xff'];
    let count = 0;
    await using receiver = await Receiver.answering((response) => {
      response.writeHead(503, { 'retry-after': garbage[count++]! }).end();
    });
    const { body: endpoint } = await client.post('/v1/endpoints', {
      url: receiver.url,
      retry_schedule: [3600],
    });
    for (const _ of garbage) await client.submit({ type: 'echo' });
    const list = async (): Promise<any[]> =>
      (await client.get(`/v1/deliveries?endpoint=${endpoint.id}`)).body.data;
    await expect
      .poll(async () => (await list()).map(({ attempt_count }) => attempt_count), { timeout: 20_000 })
      .toEqual(garbage.map(() => 1));
    await expect
      .poll(async () => (await list()).every((one) => Date.parse(one.next_attempt_at) > Date.now() + 60_000))
      .toBe(true);
    const deliveries = await Promise.all((await list()).map(({ id }) => client.delivery(id)));
    expect(deliveries.map(({ attempts }) => attempts[0].response_headers['retry-after']).sort()).toEqual(
      garbage.toSorted(),
    );
    for (const { status, attempts } of deliveries) {
      const [{ started_at, next_attempt_at, retry_after_s }] = attempts;
      expect([status, retry_after_s]).toEqual(['Pending', null]);
      const aheadS = (Date.parse(next_attempt_at) - Date.parse(started_at)) / 1000;
      expect(aheadS).toBeGreaterThan(3600 * 0.8 - 1);
      expect(aheadS).toBeLessThan(3600 * 1.2 + TIMEOUT_S + 1);
    }
  });
});

describe('a receiver whose certificate', () => {
  const trusted = getCACertificates('default');
  const authority = new Authority();
  beforeAll(() => setDefaultCACertificates([...trusted, authority.ca]));
  afterAll(() => {
    setDefaultCACertificates(trusted);
    authority[Symbol.dispose]();
  });

  it.each<[kind: string, certificate: () => Certificate, expected: Record<string, unknown>]>([
    ['is good gets its callback', () => authority.issue('IP:127.0.0.1'), delivered(200)],
    [
      'has expired does not',
      () => authority.issue('IP:127.0.0.1', -1),
      failed(/^tls_error: .* \(CERT_HAS_EXPIRED\)$/),
    ],
    [
      'is for another host does not',
      () => authority.issue('DNS:example.com'),
      failed(/^tls_error: .* \(ERR_TLS_CERT_ALTNAME_INVALID\)$/),
    ],
    [
      'nobody trusted has signed does not',
      () => {
        using stranger = new Authority();
        return stranger.issue('IP:127.0.0.1');
      },
      failed(/^tls_error: .* \(UNABLE_TO_[A-Z_]+\)$/),
    ],
  ])('%s', async (_kind, certificate, expected) => {
    let requests = 0;
    const server = createHttpsServer(certificate(), (request, response) => {
      requests++;
      request.resume().on('end', () => response.end());
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const delivery = await deliveredTo(`https://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      expect(delivery).toMatchObject(expected);
      expect(requests).toBe(delivery.status === 'Delivered' ? 1 : 0);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
