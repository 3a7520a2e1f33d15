import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App, freePort } from '../support/app.js';
import type { Client } from '../support/client.js';
import { served } from '../support/routes.js';

let app: App;
let anybody: Client;

beforeAll(async () => {
  app = await App.start();
  anybody = app.client.withKey('none');
});
afterAll(() => app[Symbol.asyncDispose]());

/** What the server says to these bytes before it hangs up. */
const said = async (bytes: string): Promise<string> => {
  const socket = connect(app.config.http.port, '127.0.0.1');
  socket.write(bytes);
  return text(socket);
};

describe('a running Ringback', () => {
  it('is live and ready, and says so to anybody', async () => {
    const live = await anybody.get('/health/live');
    expect([live.status, live.body]).toEqual([200, { status: 'ok' }]);
    const ready = await anybody.get('/health/ready');
    expect([ready.status, ready.body]).toEqual([
      200,
      { status: 'ok', checks: { postgresql: 'ok', queue: 'ok' } },
    ]);
    for (const { headers } of [live, ready]) expect(headers.get('cache-control')).toBe('no-store');
  });

  it('is asked whether it accepts, and for nothing that it does not know', async () => {
    const { status, body } = await anybody.get('/health/ready?for=accepting');
    expect([status, body.status]).toEqual([200, 'ok']);
    const refused = await anybody.get('/health/ready?for=fun');
    expect([refused.status, refused.body.detail]).toEqual([400, 'for: must be "accepting", or left out']);
  });

  it('serves an OpenAPI document that names every route under /v1', async () => {
    const answer = await anybody.get('/openapi.json');
    expect(answer.status).toBe(200);
    expect(answer.body.openapi).toMatch(/^3\./);
    const named = Object.entries<object>(answer.body.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const routes = served(app).filter((route) => route.split(' ')[1]!.startsWith('/v1'));
    expect(routes.length).toBeGreaterThan(20);
    expect(named.filter((route) => route.split(' ')[1]!.startsWith('/v1')).sort()).toEqual(routes.sort());
  });

  it('names in it the URL that it is reached by, with its path', async () => {
    expect((await anybody.get('/openapi.json')).body.servers).toEqual([{ url: app.client.url }]);
    const port = await freePort();
    const publicUrl = 'https://api.example.com/ringback';
    await using behind = await App.start({ http: { port, publicUrl } });
    const served = await fetch(`http://127.0.0.1:${behind.config.http.port}/openapi.json`);
    expect(await served.json()).toMatchObject({ servers: [{ url: publicUrl }] });
    const page = await fetch(`http://127.0.0.1:${behind.config.http.port}/docs/swagger-ui-init.js`);
    expect(await page.text()).toContain(`"url": "${publicUrl}"`);
  });

  it('says in it that every route under /v1 needs a key, but for the one whose address is the credential', async () => {
    const { body } = await anybody.get('/openapi.json');
    expect(body.components.securitySchemes.bearer).toMatchObject({ type: 'http', scheme: 'bearer' });
    for (const [path, methods] of Object.entries<Record<string, { security?: unknown }>>(body.paths)) {
      if (!path.startsWith('/v1') || path === '/v1/completions/{token}') continue;
      for (const [method, route] of Object.entries(methods))
        expect(route.security, `${method} ${path}`).toEqual([{ bearer: expect.any(Array) }]);
    }
  });

  it('serves its documentation as a page', async () => {
    const answer = await anybody.get('/docs');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^text\/html/);
    expect(answer.text).toContain('Ringback API');
  });

  it('gives every answer a request id, the caller’s own where it is harmless', async () => {
    const given = randomUUID();
    for (const path of [
      '/health/live',
      '/v1/operations',
      '/v1/nothing',
      '/openapi.json',
      '/v1/operations/%zz',
    ]) {
      expect((await app.client.get(path, { 'x-request-id': given })).headers.get('x-request-id'), path).toBe(
        given,
      );
      const made = (await app.client.get(path)).headers.get('x-request-id');
      expect(made, path).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
      expect(made).not.toBe((await app.client.get(path)).headers.get('x-request-id'));
    }
    const broken = await app.client.post('/v1/operations', '{', { 'x-request-id': given });
    expect([broken.status, broken.headers.get('x-request-id')]).toEqual([400, given]);
    for (const harmful of ['a b', '<script>', 'x'.repeat(129), '"}']) {
      const answer = await app.client.get('/health/live', { 'x-request-id': harmful });
      expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it.each([
    ['headers over 16 KiB', `GET /health/live HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['what is no HTTP', 'HELO example.com\r\n\r\n', 400],
  ])('answers %s with a problem and hangs up', async (_, bytes, status) => {
    const answer = await said(bytes);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toMatch(/content-type: application\/problem\+json/i);
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({
      status,
      code: expect.any(String),
    });
  });

  it('lets one connection carry any number of requests without piling up listeners', async () => {
    const warnings: string[] = [];
    const warned = ({ name }: Error): void => void warnings.push(name);
    process.on('warning', warned);
    const { id } = await app.client.submit({ type: 'echo' });
    for (let count = 0; count < 30; count++) await app.client.ended(id, 0.001);
    process.off('warning', warned);
    expect(warnings).not.toContain('MaxListenersExceededWarning');
  });
});
