import { Readable } from 'node:stream';
import { Module } from '@nestjs/common';
import { type OperationContext, type OperationHandler, OperationError, OperationType } from 'ringback';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { beginning, visibleText } from '../../console/src/text-pieces.js';
import { App } from '../support/app.js';
import type { Client } from '../support/client.js';
import { Browser, hasBrowser } from '../support/browser.js';
import { Receiver } from '../support/receiver.js';
import { HOSTILE_TEXTS } from './hostile-texts.js';

/** So much of a text is looked for: screens show the beginning of long ones. */
const LOOKED_FOR = 300;
const TITLE = HOSTILE_TEXTS[0]!;

/** What no screen has, so that one is there only where a text became it. */
const MADE = [
  ...[
    'script',
    'iframe',
    'object',
    'embed',
    'img',
    'video',
    'style',
    'link',
    'meta',
    'base',
    'marquee',
    'math',
  ],
  ...['[onerror]', '[onload]', 'a[href^="javascript:" i]', 'a[href^="data:" i]'],
]
  .map((selector) => `main ${selector}`)
  .join(', ');

/** Tells what it was given wherever a handler can, and ends in both ways. */
@OperationType({ name: 'test.hostile', title: TITLE, tries: 1 })
class HostileHandler implements OperationHandler {
  async run(input: { n: number }, context: OperationContext) {
    const text = HOSTILE_TEXTS[input.n]!;
    context.progress(50, text.slice(0, 500));
    context.log(text);
    if (input.n % 2 === 0) throw new OperationError('hostile', text);
    const file = await context.saveFile(Readable.from([text]), {
      name: text.slice(0, 100),
      contentType: 'text/html',
    });
    return { result: { text }, custom: { text: text.slice(0, 1000) }, file: file.id };
  }
}

@Module({ providers: [HostileHandler] })
class HostileModule {}

describe.skipIf(!hasBrowser)('texts of others', () => {
  let app: App;
  let client: Client;
  let receiver: Receiver;
  let browser: Browser;
  let page: Page;
  /** What ran, was asked for elsewhere, or was refused by the page's policy. */
  const faults: string[] = [];
  const ids: string[] = [];

  beforeAll(async () => {
    app = await App.start({ deliveries: { schedule: [] } }, [HostileModule]);
    receiver = await Receiver.answering((response, { path }) => {
      const text = HOSTILE_TEXTS[Number(path.split('/').at(-1))]!;
      // Header values are bytes of ISO 8859-1 without controls.
      const header = text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 4_000);
      response
        .writeHead(Number(path.at(-1)) % 2 === 0 ? 200 : 500, {
          'content-type': 'text/html',
          'x-hostile': header,
        })
        .end(text);
    });
    client = await app.account('hostile', 50);
    const { body: endpoint } = await client.post('/v1/endpoints', {
      url: `${receiver.url}/0`,
      description: TITLE,
    });
    // Its first 2xx: a receiver that nobody has proven is asked slowly.
    await client.post(`/v1/endpoints/${endpoint.id}/test`);
    for (const [n, text] of HOSTILE_TEXTS.entries()) {
      const { id } = await client.submit({
        type: 'test.hostile',
        input: { n, text: text.slice(0, 10_000) },
        correlation: correlationOf(n),
        callback: { url: `${receiver.url}/${n}` },
      });
      ids.push(id);
    }
    for (const id of ids) await client.ended(id);
    browser = await Browser.start();
    page = await browser.console(app, { key: client.key });
    await watch(page, app.config.http.publicUrl, faults);
  }, 120_000);
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await receiver?.[Symbol.asyncDispose]();
    await app?.[Symbol.asyncDispose]();
  });

  const open = async (path: string): Promise<void> => {
    await page.goto(`${app.config.http.publicUrl}/console${path}`);
    await page.locator('main h1').first().waitFor();
  };
  const shows = (text: string): Promise<void> =>
    expect
      .poll(async () => (await page.locator('main').textContent())!.replaceAll(/\s+/g, ' '), {
        timeout: 15_000,
      })
      .toContain(visibleText(beginning(text, LOOKED_FOR)).replaceAll(/\s+/g, ' ').trim());

  it('are correlations, logs, errors and results, and shown as text', { timeout: 240_000 }, async () => {
    for (const [n, id] of ids.entries()) {
      await open(`/operations/${id}`);
      await shows(HOSTILE_TEXTS[n]!);
      await shows(correlationOf(n));
      await expectNoElements(page, n);
    }
    await open('/operations');
    await shows(correlationOf(0));
    await expectNoElements(page, -1);
    expect(faults).toEqual([]);
  });

  it('are answers of receivers, and shown as text, JSON or bytes', { timeout: 240_000 }, async () => {
    await expect
      .poll(async () => (await client.get('/v1/deliveries?status=Pending')).body.data.length)
      .toBe(0);
    for (const [n, id] of ids.entries()) {
      const { data } = (await client.get(`/v1/operations/${id}/deliveries`)).body;
      const own = data.find(({ endpoint_id }: { endpoint_id: string | null }) => endpoint_id === null);
      await open(`/deliveries/${own.id}`);
      await shows(HOSTILE_TEXTS[n]!);
      for (const button of await page.getByRole('button', { name: 'Hex' }).all()) await button.click();
      for (const button of await page.getByRole('button', { name: 'Text' }).all()) await button.click();
      await shows(HOSTILE_TEXTS[n]!);
      await expectNoElements(page, n);
    }
    expect(faults).toEqual([]);
  });

  it('are titles of types and descriptions of endpoints, and shown as text', async () => {
    await open('/try?type=test.hostile');
    await shows(TITLE);
    await open('/endpoints');
    await shows(TITLE);
    await open('/deliveries');
    await open('/');
    await expectNoElements(page, -1);
    expect(faults).toEqual([]);
  });
});

function correlationOf(n: number): string {
  return `${n} ${beginning(HOSTILE_TEXTS[n]!, 200)}`;
}

/** Notes whatever shows that a text did more than stand there. */
async function watch(page: Page, origin: string, faults: string[]): Promise<void> {
  page.on('dialog', (dialog) => {
    faults.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('pageerror', (error) => faults.push(`error ${error.message}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith('data:'))
      faults.push(`request ${request.url()}`);
  });
  page.on('console', (message) => {
    if (/Content Security Policy|violates|Trusted/i.test(message.text())) faults.push(message.text());
    if (message.text().startsWith('violated ')) faults.push(message.text());
  });
  await page.addInitScript({
    content: `document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      console.log('violated ' + violatedDirective + ' ' + blockedURI));`,
  });
}

/** Nothing of the text became an element, or ran. */
async function expectNoElements(page: Page, n: number): Promise<void> {
  const made = await page.evaluate(`({
    ran: window.ran ?? null,
    polluted: {}.ran ?? null,
    elements: document.querySelectorAll(${JSON.stringify(MADE)}).length,
    scripts: [...document.scripts].filter(({ src }) => !src.startsWith(location.origin)).length,
  })`);
  expect(made, HOSTILE_TEXTS[n]?.slice(0, 80)).toEqual({
    ran: null,
    polluted: null,
    elements: 0,
    scripts: 0,
  });
}
