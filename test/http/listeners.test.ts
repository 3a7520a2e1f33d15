import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllowedPrivate } from '../../src/config/allowed-private.js';
import { GatewayServer } from '../../src/gateway/gateway.server.js';
import { App, freePort, TEST_KEY } from '../support/app.js';
import { UpstreamApi } from '../support/upstream.js';

let app: App;
let upstream: UpstreamApi;
let [toMain, toGateway] = [0, 0];

beforeAll(async () => {
  upstream = await UpstreamApi.answering((response) => response.end('upstream'));
  toGateway = await freePort();
  app = await App.start({
    http: { bodyIdleS: 0.3 },
    gateway: { upstream: upstream.url, port: toGateway, publicUrl: `http://127.0.0.1:${toGateway}` },
  });
  toMain = Number(new URL(app.client.url).port);
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

/** All that is answered on a connection until the server ends it. */
async function say(port: number, text: string): Promise<{ status: number; type: string; body: any }> {
  const socket = connect(port, '127.0.0.1');
  let said = '';
  socket.on('error', () => undefined).on('data', (chunk: Buffer) => (said += chunk.toString()));
  socket.write(text.replaceAll('\n', '\r\n'));
  await once(socket, 'end');
  socket.destroy();
  const [head = '', body = ''] = said.split('\r\n\r\n');
  return {
    status: Number(head.split(' ')[1]),
    type: /^content-type: ([^;\r]*)/im.exec(head)?.[1] ?? '',
    body: body.startsWith('{') ? JSON.parse(body) : body,
  };
}

const PROBLEM = 'application/problem+json';
const listeners = (): [string, number][] => [
  ['main', toMain],
  ['gateway', toGateway],
];

describe('both listeners', () => {
  it('have the same settings', () => {
    const gateway = (app.nest.get(GatewayServer, { strict: false }) as unknown as { server: Server }).server;
    const main = app.nest.getHttpServer() as Server;
    const settings = (server: Server) =>
      Object.fromEntries(
        Object.entries(server).filter(
          ([name, value]) => !name.startsWith('_') && ['number', 'boolean'].includes(typeof value),
        ),
      );
    expect(settings(main)).toMatchObject({ keepAliveTimeout: 72_000, headersTimeout: 10_000 });
    expect(settings(gateway)).toEqual(settings(main));
  });

  it('refuse a request of two hosts, or of none', async () => {
    for (const [name, port] of listeners()) {
      for (const [hosts, message] of [
        ['Host: a\nHost: b\n', 'Host is given more than once'],
        ['Host: a\nhOST: a\n', 'Host is given more than once'],
        ['', 'Host is missing'],
      ]) {
        const { status, type, body } = await say(port, `GET /x HTTP/1.1\n${hosts}Connection: close\n\n`);
        expect([name, status, type, body.detail]).toEqual([name, 400, PROBLEM, message]);
        const upgrade = 'Connection: Upgrade\nUpgrade: websocket\n';
        const upgraded = await say(port, `GET /x HTTP/1.1\n${hosts}${upgrade}\n`);
        expect([name, upgraded.status]).toEqual([name, 400]);
      }
    }
    expect(upstream.seen).toEqual([]);
    expect((await say(toGateway, 'GET /x HTTP/1.0\n\n')).body).toBe('upstream');
  });

  it('say why they refuse what a request expects', async () => {
    for (const [name, port] of listeners()) {
      const asked = 'GET /x HTTP/1.1\nHost: x\nConnection: close\nExpect: tea\n\n';
      const { status, type, body } = await say(port, asked);
      expect([name, status, type, body.code]).toEqual([name, 417, PROBLEM, 'expectation-failed']);
    }
  });
});

describe('a refusal before any route is found', () => {
  it.each<[what: string, head: string]>([
    ['two hosts', 'GET /api/trm/list HTTP/1.1\nHost: a\nHost: b\nConnection: close\n\n'],
    ['an expectation', 'GET /api/trm/list HTTP/1.1\nHost: a\nExpect: tea\nConnection: close\n\n'],
    [
      'a body that stands still',
      `POST /%61pi/echo HTTP/1.1\nHost: a\nAuthorization: Bearer ${TEST_KEY}\nContent-Type: application/json\nContent-Length: 9\n\n{`,
    ],
  ])("is said in the trm face's own words below its path: %s", async (_what, head) => {
    const { type, body } = await say(toMain, head);
    expect([type, Object.keys(body)]).toEqual(['application/json', ['error', 'reason']]);
  });
});

describe('a request without a credential', () => {
  const ask = (target: string, more = '') =>
    say(
      toMain,
      `POST ${target} HTTP/1.1\nHost: x\nContent-Type: application/json\n${more}Content-Length: 1000000\n\n[`,
    );

  it.each([
    ['/v1/operations', 401],
    ['/v1/operations/batch', 401],
    ['/v1/signing-secret/rotate', 401],
    ['/v1/callback-check', 401],
    ['/api/anything', 401],
    ['/api/trm/status', 401],
    ['/v1/nothing', 404],
    ['/nothing', 404],
  ])('is refused before its body is read: %s', async (target, status) => {
    // The rest of the body never comes; what waits for it would be cut after 0.3 s with 408.
    expect((await ask(target)).status).toBe(status);
  });

  it('waits no longer than others where the first character of its body says whose it is', async () => {
    const head = 'POST /batch HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: 9\n\n ';
    const { status, body } = await say(toGateway, head);
    expect([status, body.code]).toEqual([408, 'request-timeout']);
    expect(upstream.seen.map(({ url }) => url)).not.toContain('/batch');
  });

  it('that logs in, or reports progress, has a small body', async () => {
    const login = await ask('/api/auth/token');
    expect([login.status, login.type]).toEqual([413, 'application/json']);
    expect((await ask(`/bgrs/${'0'.repeat(32)}/progress?token=x`)).status).toBe(413);
  });

  it('of a scope that its key lacks is refused likewise', async () => {
    const reader = await app.account('reads alone', 20, ['operations:read']);
    expect((await ask('/v1/operations', `Authorization: Bearer ${reader.key}\n`)).status).toBe(403);
  });
});

describe('what anybody may ask for', () => {
  it('says nothing of TLS, which is for whatever speaks it', async () => {
    const { headers } = await app.client.get('/health/live');
    expect(headers.get('strict-transport-security')).toBeNull();
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('has the documentation, unless RINGBACK_DOCS is false', async () => {
    await using closed = await App.start({ http: { docs: false } });
    for (const path of ['/docs', '/docs/', '/openapi.json', '/openapi.yaml', '/docs/swagger-ui.css']) {
      expect([path, (await app.client.get(path)).status]).toEqual([path, 200]);
      expect([path, (await closed.client.get(path)).status]).toEqual([path, 404]);
    }
  });
});

it.each([
  ['0.0.0.0/0', ['0.0.0.0/0']],
  ['10.0.0.0/8,169.254.0.0/16:80,127.0.0.1', ['169.254.0.0/16']],
  ['::/0', ['::/0']],
  ['10.0.0.0/8,192.168.0.0/16,[fd12::/16]:80,fe80::/10', []],
])('ranges that open the metadata service of a cloud are told at the start: %s', (text, opened) => {
  expect(parseAllowedPrivate(text).opensMetadata()).toEqual(opened);
});
