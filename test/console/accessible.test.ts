import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { App } from '../support/app.js';
import { Browser, hasBrowser } from '../support/browser.js';
import { Receiver } from '../support/receiver.js';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const PHONE = 390;

describe.skipIf(!hasBrowser)('every screen', () => {
  let app: App;
  let browser: Browser;
  let receiver: Receiver;
  /** Name of a screen → its path. */
  let screens: [name: string, path: string][];

  beforeAll(async () => {
    app = await App.start({ deliveries: { schedule: [3600] } });
    receiver = await Receiver.answering((response, { path }) => {
      response
        .writeHead(path.endsWith('/ok') ? 200 : 503, {
          'content-type': 'application/json',
          'retry-after': '120',
        })
        .end('{"error":"maintenance"}');
    });
    browser = await Browser.start();
    const submit = (body: object): Promise<{ id: string }> => app.client.submit({ type: 'echo', ...body });
    const fine = await submit({ correlation: 'order 17', callback: { url: `${receiver.url}/ok` } });
    const late = await submit({
      correlation: 'a customer’s own name for it, longer than any column is wide, as they are at times',
      callback: { url: `${receiver.url}/late` },
    });
    const failed = await submit({
      type: 'http.request',
      input: { method: 'GET', url: `${receiver.url}/ok` },
    });
    const running = await submit({ type: 'sleep', input: { seconds: 600 } });
    for (const { id } of [fine, late, failed]) await app.client.ended(id);
    await vi.waitFor(
      async () => expect((await app.client.get('/v1/deliveries?error=http_5xx')).body.data).toHaveLength(1),
      10_000,
    );
    const [delivery] = await app.client.deliveries(late.id);
    const { body: endpoint } = await app.client.post('/v1/endpoints', { url: `${receiver.url}/ok` });
    const { body: schedule } = await app.client.post('/v1/schedules', {
      name: 'Nightly',
      cron: '0 3 * * *',
      operation: { type: 'echo' },
    });
    const { body: account } = await app.client.get('/v1/account');
    screens = [
      ['overview', ''],
      ['operations', 'operations'],
      ['operations, none found', 'operations?correlation=nobody'],
      ['an operation that has ended', `operations/${late.id}`],
      ['an operation that runs', `operations/${running.id}`],
      ['an operation that is not there', `operations/${'f'.repeat(32)}`],
      ['deliveries', 'deliveries'],
      ['failures by origin', 'deliveries?view=groups'],
      ['a delivery', `deliveries/${delivery.id}`],
      ['endpoints', 'endpoints'],
      ['an endpoint', `endpoints/${endpoint.id}`],
      ['schedules', 'schedules'],
      ['a schedule', `schedules/${schedule.id}`],
      ['try it', 'try'],
      ['accounts', 'accounts'],
      ['an account', `accounts/${account.id}`],
      ['audit', 'audit'],
      ['inbox', 'inbox'],
    ];
  }, 90_000);
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await receiver?.[Symbol.asyncDispose]();
    await app?.[Symbol.asyncDispose]();
  });

  const open = async (page: Page, path: string): Promise<void> => {
    await page.goto(`${app.client.url}/console/${path}`);
    await page.locator('main').locator('h1, .empty-title').first().waitFor();
    await expect.poll(() => page.getByText('Loading …').count()).toBe(0);
  };

  for (const theme of ['light', 'dark'] as const)
    for (const width of [1280, PHONE])
      it(
        `has nothing serious to find for axe, ${theme} and ${width} px wide`,
        { timeout: 120_000 },
        async () => {
          const page = await browser.console(app, { theme, width, height: 844 });
          const found: string[] = [];
          for (const [name, path] of screens) {
            await open(page, path);
            found.push(...(await faultsOf(page)).map((fault) => `${name}: ${fault}`));
          }
          expect(found).toEqual([]);
          await page.context().close();
        },
      );

  it('is no wider than a phone', { timeout: 60_000 }, async () => {
    const page = await browser.console(app, { width: PHONE, height: 844 });
    const wide: string[] = [];
    for (const [name, path] of screens) {
      await open(page, path);
      const width = await page.evaluate('document.documentElement.scrollWidth');
      if (width !== PHONE) wide.push(`${name}: ${String(width)} px`);
    }
    expect(wide).toEqual([]);
    await page.context().close();
  });

  it('violates no policy of the page, and throws nothing', { timeout: 60_000 }, async () => {
    const page = await browser.console(app);
    const faults: string[] = [];
    page.on('pageerror', ({ message }) => faults.push(message));
    page.on('console', (message) => {
      if (message.type() === 'error' && !/status of 404/.test(message.text())) faults.push(message.text());
    });
    for (const [, path] of screens) await open(page, path);
    expect(faults).toEqual([]);
    await page.context().close();
  });
});

describe.skipIf(!hasBrowser)('the login', () => {
  it('takes a key, says what is wrong with one, and has nothing serious to find for axe', async () => {
    await using app = await App.start();
    await using browser = await Browser.start();
    const page = await browser.visitor({ theme: 'dark', width: PHONE });
    await page.goto(`${app.client.url}/console/operations?status=Failed`);
    await page.getByLabel('API key').fill('rb_nobody_has_this_key_at_all_0000');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('alert').getByText('no API key').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.getByLabel('API key').fill(app.client.key);
    await page.keyboard.press('Enter');
    // The link that was opened is still there.
    await page.getByRole('heading', { name: 'Operations' }).waitFor();
    expect(new URL(page.url()).search).toBe('?status=Failed');
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('API key').waitFor();
  });
});

/** What axe calls serious, or worse. */
async function faultsOf(page: Page): Promise<string[]> {
  // By its debugger: the page's own policy lets no script of others in.
  const session = await page.context().newCDPSession(page);
  const { readFile } = await import('node:fs/promises');
  const expression = `${await readFile(AXE, 'utf8')}; axe.run(document, { resultTypes: ['violations'] })`;
  const { result } = await session.send('Runtime.evaluate', {
    expression,
    awaitPromise: true,
    returnByValue: true,
  });
  await session.detach();
  const { violations } = result.value as AxeResults;
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id} ${html.slice(0, 160)} ${failureSummary ?? ''}`),
    );
}
