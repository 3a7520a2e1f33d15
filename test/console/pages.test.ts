import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import { ConsoleClient } from '../support/console-client.js';

const INDEX = `<!doctype html>
<html><head><link rel="icon" href="./icon.svg"><link rel="stylesheet" crossorigin href="./assets/index-Ab12Cd34.css">
<script type="module" crossorigin src="./assets/index-Ab12Cd34.js"></script></head><body></body></html>`;
const SCRIPT = `document.title = '${'x'.repeat(2000)}';`;

let folder: string;
let app: App;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-console-'));
  await mkdir(join(folder, 'assets'));
  await writeFile(join(folder, 'index.html'), INDEX);
  await writeFile(join(folder, 'icon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
  await writeFile(join(folder, 'assets/index-Ab12Cd34.js'), SCRIPT);
  await writeFile(join(folder, 'assets/index-Ab12Cd34.js.br'), brotliCompressSync(SCRIPT));
  await writeFile(join(folder, 'assets/index-Ab12Cd34.css'), 'body {}');
  await writeFile(join(folder, '.hidden'), 'hidden');
  app = await App.start({ console: { folder } });
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const get = (path: string, init: RequestInit = {}) =>
  fetch(app.client.url + path, { redirect: 'manual', ...init });

describe('the console', () => {
  it('is a page that nobody keeps, wherever in it one begins', async () => {
    for (const path of [
      '/console/',
      '/console/operations',
      '/console/operations/x.y',
      '/console/?status=Failed',
    ]) {
      const answer = await get(path);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(await answer.text()).toContain('<!doctype html>');
    }
  });

  it.each([
    ['/console/', './'],
    ['/console/operations', './'],
    ['/console/operations/', '../'],
    ['/console/operations/a%2Fb', '../'],
    ['/console/a/b/c?x=/y/z', '../../'],
    ['/%63onsole/a/b', '../'],
  ])('finds its files from %s', async (path, to) => {
    const html = await (await get(path)).text();
    expect(html).toContain(`src="${to}assets/index-Ab12Cd34.js"`);
    expect(html).toContain(`href="${to}icon.svg"`);
    const url = new URL(`${to}assets/index-Ab12Cd34.js`, app.client.url + path);
    expect(await (await fetch(url)).text()).toBe(SCRIPT);
  });

  it('without its slash is one redirect away, below any path', async () => {
    const answer = await get('/console');
    expect([answer.status, answer.headers.get('location')]).toEqual([302, 'console/']);
  });

  it('has files that browsers keep for ever where their name tells what is in them', async () => {
    const script = await get('/console/assets/index-Ab12Cd34.js', {
      headers: { 'accept-encoding': 'identity' },
    });
    expect(script.headers.get('content-type')).toMatch(/^(text|application)\/javascript/);
    expect(script.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(script.headers.get('etag')).toBeTruthy();
    expect(await script.text()).toBe(SCRIPT);
    const icon = await get('/console/icon.svg');
    expect([icon.status, icon.headers.get('cache-control')]).toEqual([200, 'no-cache']);
    // Node's fetch would ask for an answer that no cache has.
    const known = { 'if-none-match': icon.headers.get('etag')!, 'cache-control': 'max-age=0' };
    expect((await get('/console/icon.svg', { headers: known })).status).toBe(304);
    const head = await get('/console/icon.svg', { method: 'HEAD' });
    expect([head.status, head.headers.get('etag')]).toEqual([200, icon.headers.get('etag')]);
    expect((await get('/console/', { method: 'HEAD' })).status).toBe(200);
  });

  it('has them packed for who can unpack them', async () => {
    const script = await get('/console/assets/index-Ab12Cd34.js', { headers: { 'accept-encoding': 'br' } });
    expect(script.headers.get('content-encoding')).toBe('br');
    expect(script.headers.get('content-type')).toMatch(/javascript/);
    expect(script.headers.get('vary')).toContain('accept-encoding');
    expect(script.headers.get('cache-control')).toContain('immutable');
    expect(await script.text()).toBe(SCRIPT);
  });

  it.each([
    '/console/assets/',
    '/console/assets',
    '/console/assets/index-gone1234.js',
    '/console/assets/index-Ab12Cd34.js.br',
    '/console/assets/..%2f..%2fpackage.json',
    '/console/api',
    '/console/api/sessions',
    `/console/${'a/'.repeat(50)}`,
  ])('lists nothing and makes nothing up: %s', async (path) => {
    const answer = await get(path, { headers: { accept: 'text/html' } });
    expect(answer.status).toBe(404);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
  });

  it('shows no file of its folder that is not for browsers', async () => {
    expect(await (await get('/console/.hidden')).text()).not.toBe('hidden');
  });

  it('has a policy by which nothing runs that stands in a page', async () => {
    for (const path of ['/console', '/console/', '/console/x', '/console/assets/index-Ab12Cd34.js']) {
      const { headers } = await get(path);
      expect(headers.get('content-security-policy')).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
          "font-src 'self'; form-action 'self'; base-uri 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'",
      );
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('strict-transport-security')).toBeNull();
    }
  });

  it('leaves it to the API how errors are told', async () => {
    const refused = await app.client.withKey('rb_wrong').get('/v1/operations');
    expect([refused.status, refused.body.code]).toEqual([401, 'unauthorized']);
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
    const ofTrm = await app.client.withKey('').get('/api/trm/list');
    expect(Object.keys(ofTrm.body)).toEqual(['error', 'reason']);
  });

  it('puts nothing of its policy on the API', async () => {
    const { headers } = await app.client.get('/v1/operations');
    expect(headers.get('content-security-policy')).toBeNull();
    expect(headers.get('x-frame-options')).toBeNull();
  });

  it('takes only what asks', async () => {
    for (const method of ['POST', 'PUT', 'DELETE'])
      expect((await get('/console/operations', { method })).status).toBe(404);
  });

  it('is linked from the start page', async () => {
    const page = await get('/', { headers: { accept: 'text/html' } });
    expect(await page.text()).toContain('href="console/"');
  });
});

describe('a service without a console', () => {
  it('serves nothing of it where RINGBACK_CONSOLE=false', async () => {
    await using app = await App.start({ console: { folder, isOn: false } });
    for (const path of [
      '/console',
      '/console/',
      '/console/assets/index-Ab12Cd34.js',
      '/console/api/session',
    ]) {
      const answer = await app.client.get(path);
      expect([answer.status, answer.body.code]).toEqual([404, 'not-found']);
    }
    const login = await new ConsoleClient(app.client.url).login({ key: app.client.key });
    expect(login.status).toBe(404);
    expect((await app.client.get('/console/api/v1/operations')).status).toBe(404);
    const page = await fetch(app.client.url, { headers: { accept: 'text/html' } });
    expect(await page.text()).not.toContain('console');
  });

  it('serves none where its role is not api', async () => {
    await using app = await App.start({ console: { folder }, process: { roles: new Set(['worker']) } });
    expect((await app.client.get('/console/')).status).toBe(404);
  });

  it('starts all the same where it was not built, and serves the rest', async () => {
    await using app = await App.start({ console: { folder: join(folder, 'none') } });
    expect((await app.client.get('/console/')).status).toBe(404);
    expect((await app.client.get('/v1/operations')).status).toBe(200);
  });
});
