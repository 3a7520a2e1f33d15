import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createProxy, type ProxyServer } from 'proxy';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AllowedPrivate, parseAllowedPrivate } from '../../src/config/allowed-private.js';
import { httpProxy } from '../../src/config/settings.js';
import { WebhookClient } from '../../src/deliveries/webhook.client.js';
import { Egress } from '../../src/egress/egress.js';
import { EgressProxy } from '../../src/egress/egress-proxy.js';
import { UrlPolicy } from '../../src/egress/url-policy.js';
import { App } from '../support/app.js';
import { Authority } from '../support/certificates.js';
import { newDatabase } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy } from '../support/service.js';

const PASSWORD = 's3cret%40word';
const CREDENTIALS = `Basic ${Buffer.from('me:s3cret@word').toString('base64')}`;
const loopback = parseAllowedPrivate('127.0.0.0/8');

/** A real proxy that wants a password, and what it was asked for. */
class WatchedProxy implements AsyncDisposable {
  readonly asked: string[] = [];
  private constructor(private readonly server: ProxyServer) {}

  static async listening(credentials = CREDENTIALS): Promise<WatchedProxy> {
    const server = createProxy(createServer());
    server.authenticate = ({ headers }) => headers['proxy-authorization'] === credentials;
    const proxy = new WatchedProxy(server);
    const note = ({ method, url }: IncomingMessage): void => void proxy.asked.push(`${method} ${url}`);
    server.prependListener('connect', note).prependListener('request', note);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://me:${PASSWORD}@127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

let proxy: WatchedProxy;
const egresses: Egress[] = [];
beforeEach(async () => {
  proxy = await WatchedProxy.listening();
});
afterEach(async () => {
  for (const egress of egresses.splice(0)) egress.close();
  await proxy[Symbol.asyncDispose]();
});

function clientOf(
  addresses: string[],
  { allowedPrivate = loopback, resolves = false, url = proxy.url, roots = [] as string[] } = {},
): WebhookClient {
  const egress = new Egress({
    policy: new UrlPolicy({ allowedPrivate, allowHttp: true }),
    allowedPrivate,
    resolver: {
      resolve4: async () => addresses.filter((address) => !address.includes(':')),
      resolve6: async () => addresses.filter((address) => address.includes(':')),
    },
    proxy: new EgressProxy(url, resolves),
    roots,
  });
  egresses.push(egress);
  return new WebhookClient(egress, { timeoutMs: 5_000, userAgent: 'Ringback/test' });
}
const to = (url: string) => ({ url, headers: {}, body: '{}' });

describe('behind RINGBACK_EGRESS_PROXY a callback', () => {
  it('by http: asks the proxy for the address that was judged, and keeps the tunnel for the next', async () => {
    await using receiver = await Receiver.answering(200);
    const client = clientOf(['127.0.0.1']);
    const url = `http://hooks.example.com:${receiver.port}/hook?a=1`;
    const first = await client.attempt(to(url));
    expect(first).toMatchObject({ kind: 'response', status: 200 });
    expect(Object.values(first.phasesMs).slice(0, 2)).toEqual([expect.any(Number), expect.any(Number)]);
    await client.attempt(to(url));
    expect(proxy.asked).toEqual([`CONNECT 127.0.0.1:${receiver.port}`]);
    const [{ path, headers }] = (await receiver.received(2)) as [(typeof receiver.all)[number]];
    expect([path, headers.host]).toEqual(['/hook?a=1', `hooks.example.com:${receiver.port}`]);
    expect(headers['proxy-authorization']).toBeUndefined();
  });

  it('by https: has TLS with the receiver itself, for its name', async () => {
    using authority = new Authority();
    const server = createHttpsServer(authority.issue('DNS:hooks.example.com'), (_request, response) => {
      response.end('ok');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = clientOf(['127.0.0.1'], { roots: [authority.ca] });
    const result = await client.attempt(to(`https://hooks.example.com:${port}/`));
    expect(result).toMatchObject({ kind: 'response', status: 200, body: 'ok' });
    expect(result.phasesMs.tls).toEqual(expect.any(Number));
    expect(await client.attempt(to(`https://other.example.com:${port}/`))).toMatchObject({
      code: 'tls_error',
      libraryCode: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    expect(new Set(proxy.asked)).toEqual(new Set([`CONNECT 127.0.0.1:${port}`]));
    server.closeAllConnections();
    server.close();
  });

  it('that may not be sent is not told to the proxy either', async () => {
    const client = clientOf(['10.0.0.1'], { allowedPrivate: AllowedPrivate.none });
    expect(await client.attempt(to('http://hooks.example.com/'))).toMatchObject({ code: 'dns_error' });
    expect(await client.attempt(to('http://127.0.0.1/'))).toMatchObject({ code: 'blocked_destination' });
    expect(proxy.asked).toEqual([]);
  });

  it('goes to the next address where the proxy reaches one of them only', async () => {
    await using receiver = await Receiver.answering(200);
    const client = clientOf(['127.0.0.9', '127.0.0.1']);
    const result = await client.attempt(to(`http://hooks.example.com:${receiver.port}/`));
    expect(result).toMatchObject({ kind: 'response', status: 200 });
    expect(proxy.asked).toHaveLength(2);
  });

  it('leaves the name to a proxy that resolves, but no address and no localhost', async () => {
    const client = clientOf(['127.0.0.1'], { allowedPrivate: AllowedPrivate.none, resolves: true });
    expect(await client.attempt(to('https://hooks.invalid:8443/'))).toMatchObject({ code: 'proxy_error' });
    for (const host of ['127.0.0.1', 'localhost', '169.254.169.254', 'db.internal'])
      expect(await client.attempt(to(`http://${host}/`))).toMatchObject({ code: 'blocked_destination' });
    expect(proxy.asked).toEqual(['CONNECT hooks.invalid:8443']);
  });

  it('fails with proxy_error where the proxy refuses or is away, and only an operator is told how', async () => {
    const refused = await clientOf(['127.0.0.1'], { url: proxy.url.replace(PASSWORD, 'wrong') }).attempt(
      to('http://hooks.example.com/'),
    );
    const away = await clientOf(['127.0.0.1'], { url: 'http://me:wrong@127.0.0.1:1' }).attempt(
      to('http://hooks.example.com/'),
    );
    expect([refused, away]).toMatchObject([
      { code: 'proxy_error', detail: expect.stringContaining(' 407 ') as string },
      { code: 'proxy_error', detail: expect.stringContaining('ECONNREFUSED') as string },
    ]);
    expect(JSON.stringify([refused, away])).not.toContain('wrong');
  });
});

describe('a service', () => {
  it('sends callbacks, handshakes and http.request through its proxy', async () => {
    await using app = await App.start({ egress: { proxy: proxy.url } });
    await using receiver = await Receiver.answering((response) => {
      response.writeHead(200, { 'webhook-allowed-origin': '*' }).end();
    });
    const asked = `CONNECT 127.0.0.1:${receiver.port}`;
    await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
    await receiver.received(1);
    expect(proxy.asked).toEqual([asked]);
    const input = { method: 'POST', url: receiver.url };
    await app.client.ended((await app.client.submit({ type: 'http.request', input })).id);
    expect(proxy.asked).toEqual([asked, asked]);
    const { status } = await app.client.post('/v1/endpoints', { url: receiver.url, handshake: true });
    expect(status).toBe(201);
  });

  it('takes no proxy from HTTP_PROXY, and writes no password of its own into its log', async () => {
    await using receiver = await Receiver.answering(200);
    await using other = await WatchedProxy.listening();
    const environment = {
      HTTP_PROXY: other.url,
      http_proxy: other.url,
      NODE_USE_ENV_PROXY: '1',
      NO_PROXY: '',
    };
    const shared = sharedBy(await newDatabase());
    await using direct = await Service.start({ ...shared, ...environment });
    await direct.client.submit({ type: 'http.request', input: { method: 'GET', url: receiver.url } });
    await direct.client.submit({ type: 'http.request', input: { method: 'GET', url: receiver.url } });
    await receiver.received(2);
    await direct[Symbol.asyncDispose]();
    expect(other.asked).toEqual([]);
    await using proxied = await Service.start({
      ...shared,
      ...environment,
      RINGBACK_EGRESS_PROXY: proxy.url,
      RINGBACK_LOG_LEVEL: 'info',
    });
    await proxied.client.submit({ type: 'http.request', input: { method: 'GET', url: receiver.url } });
    await receiver.received(3);
    expect([other.asked, proxy.asked.length]).toEqual([[], 1]);
    expect(proxied.output()).toContain('leave through a proxy');
    expect(proxied.output()).not.toMatch(/s3cret|me:/);
  });
});

describe('RINGBACK_EGRESS_PROXY', () => {
  it.each([
    'proxy:3128',
    'https://proxy:3128',
    'socks5://proxy',
    'http://me:pass@proxy/x',
    'http://me:pa%ss@proxy',
  ])('is refused as %s without repeating a password', (value) => {
    expect(() => httpProxy(value)).toThrow(/^(?!.*me:pa)/);
  });
});
