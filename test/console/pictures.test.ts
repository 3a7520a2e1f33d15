import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import { Browser, hasBrowser } from '../support/browser.js';
import { Receiver } from '../support/receiver.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const IMAGES = join(ROOT, 'docs/images');
/** RINGBACK_TEST_PICTURES=true takes those of the documentation anew. */
const isForDocs = process.env['RINGBACK_TEST_PICTURES'] === 'true';
const MAX_BYTES = 200_000;

describe('the pictures of the documentation', () => {
  it('are small, and each is shown on a page', async () => {
    const names = await readdir(IMAGES);
    const pages = await Promise.all(
      ['docs/console.md', 'README.md'].map((page) => readFile(join(ROOT, page), 'utf8')),
    );
    for (const name of names) {
      expect((await stat(join(IMAGES, name))).size, name).toBeLessThanOrEqual(MAX_BYTES);
      expect(
        pages.some((page) => page.includes(`images/${name}`)),
        name,
      ).toBe(true);
    }
    const shown = pages.join('').matchAll(/images\/([\w-]+\.png)/g);
    expect(names).toEqual(expect.arrayContaining([...shown].map(([, name]) => name)));
  });
});

describe.skipIf(!hasBrowser)('the console', { timeout: 120_000 }, () => {
  let app: App;
  let browser: Browser;
  let receiver: Receiver;
  let folder: string;

  beforeAll(async () => {
    folder = isForDocs ? IMAGES : await mkdtemp(join(tmpdir(), 'ringback-pictures-'));
    await mkdir(folder, { recursive: true });
    app = await App.start({ deliveries: { schedule: [60, 300] }, console: { inbox: true } });
    receiver = await Receiver.answering((response, { path }) => {
      const isDown = path.startsWith('/down');
      response
        .writeHead(isDown ? 503 : 200, {
          'content-type': 'application/json',
          ...(isDown ? { 'retry-after': '120' } : {}),
        })
        .end(isDown ? '{"error":"database is locked"}' : '{"ok":true}');
    });
    browser = await Browser.start();
  }, 90_000);
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await receiver?.[Symbol.asyncDispose]();
    await app?.[Symbol.asyncDispose]();
    if (!isForDocs) await rm(folder, { recursive: true, force: true });
  });

  const take = async (page: Page, path: string, name: string, ready: string): Promise<void> => {
    await page.goto(`${app.client.url}/console/${path}`);
    await page.getByText(ready).first().waitFor();
    await expect.poll(() => page.getByText('Loading …').count()).toBe(0);
    const picture = await page.screenshot({ path: join(folder, name), animations: 'disabled' });
    expect(picture.length, name).toBeLessThanOrEqual(MAX_BYTES);
  };

  it('is shown in pictures', async () => {
    const at = (path: string) => ({ url: receiver.url.replace('/callback', path) });
    const { client } = app;
    const { body: endpoint } = await client.post('/v1/endpoints', {
      ...at('/hooks/billing'),
      description: 'Billing',
    });
    await client.post('/v1/endpoints', { ...at('/down/warehouse'), description: 'Warehouse' });
    const ids: string[] = [];
    for (let order = 1; order <= 40; order++) {
      const callback = at(order === 17 ? '/down/orders' : '/hooks/orders');
      const input = order % 9 === 0 ? { seconds: -1 } : { seconds: 0.01 };
      const type = order % 3 === 0 ? 'sleep' : 'echo';
      const { id } = await client
        .submit({ type, input, correlation: `order ${order}`, callback })
        .catch(() => ({ id: '' }));
      if (id !== '') ids.push(id);
    }
    const slow = await client.submit({ type: 'sleep', input: { seconds: 60 }, correlation: 'order 41' });
    for (const id of ids) await client.ended(id);
    await client.submit({
      type: 'echo',
      input: { hello: 'world' },
      callback: { url: `${client.url}/inbox` },
    });
    const failing = async (): Promise<any> =>
      (await client.get('/v1/deliveries?error=http_5xx&limit=250')).body.data.find(
        ({ url }: { url: string }) => url.endsWith('/orders'),
      );
    await expect.poll(failing).toBeDefined();
    const { id: delivery, operation_id: operation } = await failing();
    const page = await browser.console(app);
    await take(page, '', 'console-overview.png', 'Overview');
    await take(page, 'operations', 'console-operations.png', 'order 41');
    await take(page, `operations/${operation}`, 'console-operation.png', 'order 17');
    await take(page, `deliveries/${delivery}`, 'console-delivery.png', 'database is locked');
    await take(page, `endpoints/${endpoint.id}`, 'console-endpoint.png', 'Billing');
    await take(page, 'inbox', 'console-inbox.png', 'verified');
    await client.post(`/v1/operations/${slow.id}/cancel`);
  });
});
