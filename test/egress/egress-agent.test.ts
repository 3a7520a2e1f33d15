import { once } from 'node:events';
import { createServer as createHttpServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseAllowedHosts } from '../../src/config/allowed-hosts.js';
import { AllowedPrivate, parseAllowedPrivate } from '../../src/config/allowed-private.js';
import { classifyEgressError, describeEgressError, Egress } from '../../src/egress/egress.js';
import {
  BlockedAnswerError,
  BlockedDestinationError,
  ConnectionGuard,
  type AddressResolver,
} from '../../src/egress/guarded-agent.js';
import { GuardedHttpAgent, GuardedHttpsAgent } from '../../src/egress/guarded-agent.js';
import { UrlPolicy } from '../../src/egress/url-policy.js';
import spellings from '../data/ssrf-spellings.json' with { type: 'json' };

/** A listener on loopback that must see nothing: not a connection, or where one is made, not a byte. */
class Canary {
  connections = 0;
  bytes = 0;
  private readonly sockets = new Set<Socket>();
  private constructor(private readonly server: Server) {
    server.on('connection', (socket) => {
      this.connections += 1;
      this.sockets.add(socket);
      socket.on('data', (chunk) => (this.bytes += chunk.length)).on('error', () => undefined);
    });
  }
  static async listening(): Promise<Canary> {
    const canary = new Canary(createServer());
    canary.server.listen(0, '127.0.0.1');
    await once(canary.server, 'listening');
    return canary;
  }
  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}

/** DNS in the test's hands; it counts what it was asked. */
class FakeDns implements AddressResolver {
  asked = 0;
  constructor(private readonly answer: (hostname: string, asked: number) => string[] | Promise<string[]>) {}
  resolve4 = async (hostname: string): Promise<string[]> => {
    this.asked += 1;
    return (await this.answer(hostname, this.asked)).filter((address) => !address.includes(':'));
  };
  resolve6 = async (hostname: string): Promise<string[]> =>
    (await this.answer(hostname, this.asked)).filter((address) => address.includes(':'));
}

const none = AllowedPrivate.none;
const loopback = parseAllowedPrivate('127.0.0.0/8,::1/128');

let canary: Canary;
beforeEach(async () => {
  canary = await Canary.listening();
});
afterEach(async () => {
  await canary[Symbol.asyncDispose]();
});

/** One request straight through an agent, with no URL policy before it. */
async function requestThrough(
  guard: ConnectionGuard,
  host: string,
  options: object = {},
): Promise<IncomingMessage> {
  const agent = new GuardedHttpAgent(guard);
  const outgoing = httpRequest({ agent, host, port: canary.port, ...options }).end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return response;
}

describe('the guarded agent alone', () => {
  // Asked as functions: were the guard broken, these tests must still not connect to anything outside this machine.
  it.each(spellings.refusedByAgent)('refuses $host when DNS answers $answers', async ({ host, answers }) => {
    const guard = new ConnectionGuard({ allowedPrivate: none, resolver: new FakeDns(() => answers) });
    // What localhost is, is said by its name.
    await expect(guard.resolve(host, 443)).rejects.toBeInstanceOf(
      host === 'localhost' ? BlockedDestinationError : BlockedAnswerError,
    );
  });

  it.each([
    '127.0.0.1',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '169.254.169.254',
    '10.0.0.1',
    '0.0.0.0',
    'fe80::1%lo',
  ])('refuses the literal %s before it dials', (host) => {
    const guard = new ConnectionGuard({ allowedPrivate: none });
    const [over, connected] = [vi.fn(), vi.fn()];
    expect(() => guard.connect({ host, port: 443 }, over, connected)).toThrow(BlockedDestinationError);
    expect([over, connected].flatMap(({ mock }) => mock.calls)).toEqual([]);
  });

  it.each([['127.0.0.1'], ['::1'], ['::ffff:127.0.0.1'], ['127.0.0.1', '::1']])(
    'shows a listener on loopback nothing when a public name leads there: %s %s',
    async (...answers) => {
      const guard = new ConnectionGuard({ allowedPrivate: none, resolver: new FakeDns(() => answers) });
      await expect(requestThrough(guard, 'localtest.me')).rejects.toBeInstanceOf(BlockedAnswerError);
      await expect(requestThrough(guard, answers[0] ?? '')).rejects.toBeInstanceOf(BlockedDestinationError);
      expect(canary.connections).toBe(0);
    },
  );

  it('refuses localhost, where loopback is not opened, without asking DNS', async () => {
    const resolver = new FakeDns(() => ['8.8.8.8']);
    const guard = new ConnectionGuard({ allowedPrivate: none, resolver });
    await expect(requestThrough(guard, 'localhost')).rejects.toBeInstanceOf(BlockedDestinationError);
    expect([resolver.asked, canary.connections]).toEqual([0, 0]);
  });

  it('refuses unix sockets', async () => {
    const guard = new ConnectionGuard({ allowedPrivate: loopback });
    const refused = requestThrough(guard, '127.0.0.1', { socketPath: '/var/run/docker.sock' });
    await expect(refused).rejects.toBeInstanceOf(BlockedDestinationError);
  });

  it('refuses by https as by http', async () => {
    const guard = new ConnectionGuard({ allowedPrivate: none, resolver: new FakeDns(() => ['127.0.0.1']) });
    for (const [host, error] of [
      ['127.0.0.1', BlockedDestinationError],
      ['www.example.com', BlockedAnswerError],
    ] as const) {
      const agent = new GuardedHttpsAgent(guard);
      const outgoing = httpsRequest({ agent, host, port: canary.port }).end();
      await expect(once(outgoing, 'response')).rejects.toBeInstanceOf(error);
    }
    expect(canary.connections).toBe(0);
  });

  it('judges every connection anew, so that a name cannot be rebound after its first use', async () => {
    const resolver = new FakeDns((_host, asked) => [asked === 1 ? '127.0.0.1' : '127.0.0.2']);
    const guard = new ConnectionGuard({ allowedPrivate: parseAllowedPrivate('127.0.0.1/32'), resolver });
    const server = createHttpServer((_request, response) => response.end('first')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await text(await requestThrough(guard, 'rebind.example.com', { port }))).toBe('first');
    const second = requestThrough(guard, 'rebind.example.com', { port });
    await expect(second).rejects.toBeInstanceOf(BlockedAnswerError);
    server.close();
  });

  it('uses one answer for the check and for the connection', async () => {
    const resolver = new FakeDns((_host, asked) => [asked === 1 ? '127.0.0.1' : '10.0.0.1']);
    const guard = new ConnectionGuard({ allowedPrivate: loopback, resolver });
    const server = createHttpServer((_request, response) => response.end('ok')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await text(await requestThrough(guard, 'rebind.example.com', { port }))).toBe('ok');
    expect(resolver.asked).toBe(1);
    server.close();
  });

  describe('with RINGBACK_ALLOWED_HOSTS', () => {
    const guardOf = (setting: string, machine: string[], dns: string[] = []): ConnectionGuard =>
      new ConnectionGuard({
        allowedPrivate: none,
        allowedHosts: parseAllowedHosts(setting),
        resolver: new FakeDns(() => dns),
        resolveAsMachine: async () => machine,
      });

    it('lets exactly its names lead to a private address, found as this machine does it', async () => {
      const server = createHttpServer((_request, response) => response.end('ok')).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const guard = guardOf(`receiver:${port},*.svc.cluster.local`, ['127.0.0.1'], ['127.0.0.1']);
      for (const host of ['receiver', 'a.b.svc.cluster.local'])
        expect(await text(await requestThrough(guard, host, { port }))).toBe('ok');
      for (const host of ['receiver', 'receiver.example.com', 'svc.cluster.local', 'www.example.com'])
        await expect(requestThrough(guard, host)).rejects.toBeInstanceOf(BlockedAnswerError);
      await expect(requestThrough(guard, '127.0.0.1', { port })).rejects.toBeInstanceOf(
        BlockedDestinationError,
      );
      expect(canary.connections).toBe(0);
      server.close();
    });

    it.each([
      ['0.0.0.0'],
      ['169.254.169.254'],
      ['168.63.129.16'],
      ['224.0.0.1'],
      ['::'],
      ['fe80::1%eth0'],
      ['fd00:ec2::254'],
      ['::ffff:169.254.169.254'],
    ])('lets none of them lead to %s', async (address) => {
      const led = guardOf('*.internal', [address]).resolve('metadata.google.internal', 80);
      await expect(led).rejects.toBeInstanceOf(BlockedAnswerError);
    });

    it('leaves out what a name may not lead to beside what it may', async () => {
      const guard = guardOf('nas.local', ['fe80::1%eth0', '192.168.1.9']);
      expect(await guard.resolve('nas.local', 80)).toEqual(['192.168.1.9']);
    });

    it('asks this machine once for many that wait for one name, and no longer than DNS', async () => {
      const machine = vi.fn(() => new Promise<string[]>(() => undefined));
      const guard = new ConnectionGuard({
        allowedPrivate: none,
        allowedHosts: parseAllowedHosts('receiver'),
        resolveAsMachine: machine,
        dnsTimeoutMs: 20,
      });
      const waiting = [1, 2, 3].map(() => requestThrough(guard, 'receiver'));
      for (const one of waiting) await expect(one).rejects.toMatchObject({ code: 'dns_timeout' });
      expect(machine).toHaveBeenCalledTimes(1);
    });

    it('finds names of the hosts file', async () => {
      const guard = new ConnectionGuard({
        allowedPrivate: none,
        allowedHosts: parseAllowedHosts('localhost'),
        resolver: new FakeDns(() => []),
      });
      expect(await guard.resolve('localhost', 80)).toContain('127.0.0.1');
    });
  });
});

describe('the check of the connected peer alone', () => {
  /** A guard whose checks before the connection are broken: it permits whatever it is asked first. */
  class BrokenGuard extends ConnectionGuard {
    private asked = 0;
    override permits(address: string, port: number): boolean {
      this.asked += 1;
      return this.asked === 1 || super.permits(address, port);
    }
  }

  it('closes a connection to loopback before one byte of HTTP is sent', async () => {
    const guard = new BrokenGuard({ allowedPrivate: none });
    await expect(requestThrough(guard, '127.0.0.1')).rejects.toBeInstanceOf(BlockedDestinationError);
    expect(canary.bytes).toBe(0);
  });

  it('closes a connection that a rebound lookup led to', async () => {
    const guard = new BrokenGuard({ allowedPrivate: none, resolver: new FakeDns(() => ['127.0.0.1']) });
    await expect(requestThrough(guard, 'www.example.com')).rejects.toBeInstanceOf(BlockedAnswerError);
    expect(canary.bytes).toBe(0);
  });

  it('closes a connection to loopback before one byte of TLS is sent', async () => {
    const agent = new GuardedHttpsAgent(new BrokenGuard({ allowedPrivate: none }));
    const outgoing = httpsRequest({ agent, host: '127.0.0.1', port: canary.port }).end();
    await expect(once(outgoing, 'response')).rejects.toBeInstanceOf(BlockedDestinationError);
    expect(canary.bytes).toBe(0);
  });

  it('closes any socket it is given', async () => {
    const socket = connect(canary.port, '127.0.0.1');
    new ConnectionGuard({ allowedPrivate: none }).watch(socket, '127.0.0.1', canary.port);
    socket.write('GET / HTTP/1.1\r\n\r\n');
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error).toBeInstanceOf(BlockedDestinationError);
    expect(canary.bytes).toBe(0);
  });
});

describe('a request that leaves', () => {
  const egressWith = (
    allowedPrivate: AllowedPrivate,
    answer: (host: string) => string[] | Promise<string[]>,
    times = {},
  ) =>
    new Egress({
      policy: new UrlPolicy({ allowedPrivate, allowHttp: true }),
      allowedPrivate,
      resolver: new FakeDns(answer),
      ...times,
    });
  const codeOf = async (egress: Egress, url: string, more: object = {}): Promise<string> =>
    egress
      .request({ url, method: 'GET', timeoutMs: 5_000, maxResponseBytes: 100, ...more })
      .then(
        async ({ body }) => text(body).then((whole) => `got "${whole}"`, classifyEgressError),
        classifyEgressError,
      );

  it('is stopped by the policy although the agent would let it through', async () => {
    const policy = new UrlPolicy({ allowedPrivate: none, allowHttp: true });
    const egress = new Egress({ policy, allowedPrivate: loopback });
    expect(await codeOf(egress, `http://127.0.0.1:${canary.port}/`)).toBe('blocked_destination');
    expect(canary.connections).toBe(0);
  });

  it('is stopped by the agent although the policy lets it through', async () => {
    const policy = new UrlPolicy({ allowedPrivate: loopback, allowHttp: true });
    const egress = new Egress({ policy, allowedPrivate: none, resolver: new FakeDns(() => ['127.0.0.1']) });
    for (const [host, code] of [
      ['127.0.0.1', 'blocked_destination'],
      ['localhost', 'blocked_destination'],
      ['www.example.com', 'dns_error'],
      ['[::1]', 'blocked_destination'],
    ]) {
      expect(await codeOf(egress, `http://${host}:${canary.port}/`)).toBe(code);
      expect(await codeOf(egress, `https://${host}:${canary.port}/`)).toBe(code);
    }
    expect(canary.connections).toBe(0);
  });

  it('never opens a tunnel', async () => {
    const egress = egressWith(loopback, () => []);
    const refused = codeOf(egress, `http://127.0.0.1:${canary.port}/`, { method: 'connect' });
    expect(await refused).toBe('blocked_destination');
  });

  it.each<[code: string, answer: () => Promise<string[]>]>([
    ['dns_error', async () => []],
    ['dns_error', async () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }))],
    ['dns_timeout', async () => Promise.reject(Object.assign(new Error('no'), { code: 'ETIMEOUT' }))],
    ['dns_timeout', async () => new Promise(() => undefined)],
  ])('fails with %s when DNS has no answer', async (code, answer) => {
    const egress = egressWith(loopback, answer, { dnsTimeoutMs: 20 });
    expect(await codeOf(egress, 'https://www.example.com/')).toBe(code);
  });

  it('goes on with one address family when the other never answers', async () => {
    const resolver: AddressResolver = {
      resolve4: async () => ['127.0.0.1'],
      resolve6: async () => new Promise(() => undefined),
    };
    const policy = new UrlPolicy({ allowedPrivate: loopback, allowHttp: true });
    const egress = new Egress({ policy, allowedPrivate: loopback, resolver, dnsTimeoutMs: 20 });
    const server = createHttpServer((_request, response) => response.end('ok')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await codeOf(egress, `http://www.example.com:${port}/`)).toBe('got "ok"');
    egress.close();
    server.close();
  });

  it('fails with connect_timeout when TLS is never answered', async () => {
    const egress = egressWith(loopback, () => [], { connectTimeoutMs: 20 });
    expect(await codeOf(egress, `https://127.0.0.1:${canary.port}/`)).toBe('connect_timeout');
    expect(canary.connections).toBe(1);
  });

  it('is canceled by its signal', async () => {
    const stop = new AbortController();
    const canceled = codeOf(
      egressWith(loopback, () => []),
      `http://127.0.0.1:${canary.port}/`,
      { signal: stop.signal },
    );
    await expect.poll(() => canary.bytes).toBeGreaterThan(0);
    stop.abort();
    expect(await canceled).toBe('aborted');
  });

  it('never tells an address', async () => {
    const egress = egressWith(loopback, () => ['127.0.0.1', '10.1.2.3']);
    const code = classifyEgressError(
      await egress
        .request({ url: 'https://www.example.com/', method: 'GET', timeoutMs: 1_000, maxResponseBytes: 1 })
        .catch((error: unknown) => error),
    );
    expect(code).toBe('dns_error');
    expect(describeEgressError(code)).not.toMatch(/\d+\.\d+/);
  });

  describe('to a server that answers', () => {
    const server = createHttpServer((request, response) => {
      const chunks: string[] = [];
      request.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
      request.on('end', () => {
        response.statusCode = 418;
        if (request.url === '/large') response.setHeader('content-length', 101);
        if (request.url?.startsWith('/large')) return response.end('x'.repeat(101));
        const { method, headers } = request;
        response.setHeader('x-saw', JSON.stringify({ method, headers }));
        return response.end(chunks.join(''));
      });
    });
    const egress = egressWith(loopback, () => []);
    let origin: string;
    beforeEach(async () => {
      if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening');
      origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });

    it.each<[method: string, body: string | Buffer | (() => Readable) | undefined, sent: string]>([
      ['GET', undefined, ''],
      ['GET', 'query', 'query'],
      ['HEAD', 'ignored', ''],
      ['POST', undefined, ''],
      ['POST', 'text', 'text'],
      ['PUT', Buffer.from('bytes'), 'bytes'],
      ['PATCH', () => Readable.from(['str', 'eam']), 'stream'],
      ['DELETE', undefined, ''],
      ['OPTIONS', undefined, ''],
      ['PURGE', 'own method', 'own method'],
    ])('sends %s with the body %s', async (method, body, sent) => {
      const response = await egress.request({
        url: `${origin}/echo`,
        method,
        headers: { 'X-A': '1', 'Accept-Encoding': 'gzip', Host: 'evil.example.com', Connection: 'upgrade' },
        body: typeof body === 'function' ? body() : body,
        timeoutMs: 5_000,
        maxResponseBytes: 100,
      });
      expect(response).toMatchObject({ status: 418, statusText: "I'm a Teapot" });
      expect(await text(response.body)).toBe(sent);
      const saw = JSON.parse(String(response.headers['x-saw'])) as {
        method: string;
        headers: Record<string, string>;
      };
      expect(saw.method).toBe(method);
      expect(saw.headers).toMatchObject({
        'x-a': '1',
        'accept-encoding': 'identity',
        'user-agent': 'Ringback',
      });
      expect(saw.headers.host).toBe(new URL(origin).host);
      expect(saw.headers.connection).not.toBe('upgrade');
    });

    it('refuses a response beyond its cap, announced or not', async () => {
      expect(await codeOf(egress, `${origin}/large`)).toBe('response_too_large');
      expect(await codeOf(egress, `${origin}/large-chunked`)).toBe('response_too_large');
      expect(await codeOf(egress, `${origin}/large`, { maxResponseBytes: 101 })).toBe(
        `got "${'x'.repeat(101)}"`,
      );
    });

    it('keeps connections for idempotent methods only, so that a POST never meets a stale one', async () => {
      const saw = async (method: string): Promise<string> => {
        const response = await egress.request({
          url: origin,
          method,
          timeoutMs: 5_000,
          maxResponseBytes: 100,
        });
        await text(response.body);
        return String(response.headers.connection);
      };
      expect([await saw('GET'), await saw('POST')]).toEqual(['keep-alive', 'close']);
      egress.close();
      server.close();
    });
  });
});
