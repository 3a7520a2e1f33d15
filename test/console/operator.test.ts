import { Module } from '@nestjs/common';
import type { Page } from 'playwright-core';
import { type OperationContext, type OperationHandler, OperationType } from 'ringback';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import { Browser, hasBrowser } from '../support/browser.js';
import type { Client } from '../support/client.js';
import { Receiver } from '../support/receiver.js';

/** What the handler is told to do next, by the test. */
const steps: ((step: 'progress' | 'log' | 'end') => void)[] = [];

/** Does one thing whenever the test says so. */
@OperationType({ name: 'test.stepwise', title: 'One thing at a time' })
class StepwiseHandler implements OperationHandler {
  async run(_input: unknown, context: OperationContext): Promise<object> {
    for (;;) {
      const step = await new Promise<'progress' | 'log' | 'end'>((resolve) => steps.push(resolve));
      if (step === 'end') return { result: 'done' };
      if (step === 'log') context.log('a line of the log');
      else context.progress(40, 'Exporting 4 of 10');
    }
  }
}

@Module({ providers: [StepwiseHandler] })
class StepwiseModule {}

async function step(what: 'progress' | 'log' | 'end'): Promise<void> {
  await expect.poll(() => steps.length).toBe(1);
  steps.pop()!(what);
}

describe.skipIf(!hasBrowser)('the console, to an operator', () => {
  let app: App;
  let browser: Browser;
  let integrator: Client;

  beforeAll(async () => {
    app = await App.start({ deliveries: { schedule: [0.05] } }, [StepwiseModule]);
    browser = await Browser.start();
    integrator = await app.account('acme');
  }, 90_000);
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await app?.[Symbol.asyncDispose]();
  });

  it('tells from the start page why the callback of order 17 never came, and sends it again, within five keys and clicks', async () => {
    let isBack = false;
    await using receiver = await Receiver.answering((response) => {
      response.writeHead(isBack ? 200 : 503).end();
    });
    const { id } = await integrator.submit({
      type: 'echo',
      input: { order: 17 },
      correlation: 'order 17',
      callback: { url: receiver.url },
    });
    await expect
      .poll(async () => (await integrator.deliveries(id))[0]?.status, { timeout: 20_000 })
      .toBe('Exhausted');
    const page = await browser.console(app);
    await page.getByRole('heading', { name: 'Overview' }).waitFor();

    await page.keyboard.press('/');
    await page.keyboard.insertText('order 17');
    await page.keyboard.press('Enter');
    const callbacks = page.getByRole('region', { name: 'Callbacks' });
    await callbacks.getByText('Given up after 2 attempts').waitFor();
    expect(await callbacks.textContent()).toContain('HTTP 503');
    isBack = true;
    await callbacks.getByRole('button', { name: 'Send again' }).click();

    // By itself, without a reload.
    await callbacks.getByText('the receiver answered 200').waitFor();
    expect((await integrator.deliveries(id))[0]).toMatchObject({ status: 'Delivered', attempt_count: 3 });
    await page.context().close();
  });

  it('shows progress, log lines and the end of a running operation within a second, without a reload', async () => {
    const { id } = await integrator.submit({ type: 'test.stepwise', correlation: 'watched' });
    const page = await browser.console(app);
    await page.goto(`${app.client.url}/console/operations/${id}`);
    await page.getByRole('log').getByText('Executing').waitFor();
    const within = async (what: 'progress' | 'log' | 'end', seen: () => Promise<void>): Promise<number> => {
      await step(what);
      const begin = performance.now();
      await seen();
      return performance.now() - begin;
    };
    const log = page.getByRole('log');
    expect(await within('progress', () => log.getByText('Exporting 4 of 10').waitFor())).toBeLessThan(1_000);
    expect(await page.getByRole('progressbar').getAttribute('value')).toBe('40');
    expect(await within('log', () => log.getByText('a line of the log').waitFor())).toBeLessThan(1_000);
    expect(
      await within('end', () => page.locator('.screen-head').getByText('Finished').waitFor()),
    ).toBeLessThan(1_000);
    await page.context().close();
  });

  it('lists what was accepted meanwhile, and asks nothing while its tab is hidden', async () => {
    const page = await browser.console(app);
    await page.clock.install();
    await page.goto(`${app.client.url}/console/operations`);
    await page.getByRole('table').waitFor();
    const { id } = await integrator.submit({ type: 'echo', correlation: 'came later' });
    await integrator.ended(id);
    // Its end is told by the feed.
    await page.getByText('came later').waitFor();

    await hide(page, true);
    let asked = 0;
    page.on('request', () => asked++);
    await page.clock.fastForward('05:00');
    expect(asked).toBe(0);
    await integrator.submit({ type: 'echo', correlation: 'while nobody looked' });
    await hide(page, false);
    await page.getByText('while nobody looked').waitFor();
    await page.context().close();
  });

  it('does all of it by keys: moves along rows, opens one, selects some, and shows the keys', async () => {
    const page = await browser.console(app);
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('o');
    await page.getByRole('table').waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('x');
    await page.getByText('1 operation selected').waitFor();
    await page.keyboard.press('x');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    const first = await page.locator('tbody tr').first().locator('a').first().getAttribute('href');
    await page.keyboard.press('Enter');
    await page.waitForURL((url) => url.pathname === first);
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await page.keyboard.press('Escape');
    await page.context().close();
  });

  it('does something with all that a filter finds, with their number first, as an operation to watch', async () => {
    for (let n = 0; n < 3; n++)
      await integrator.submit({
        type: 'sleep',
        input: { seconds: 600 },
        correlation: 'many',
        run_at: new Date(Date.now() + 3_600_000).toISOString(),
      });
    const page = await browser.console(app);
    await page.goto(`${app.client.url}/console/operations?correlation=many`);
    await page.getByRole('checkbox', { name: 'Select all that are shown' }).check();
    await page.getByRole('button', { name: 'Select all that match' }).click();
    await page.getByRole('region', { name: 'Selected' }).getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('heading', { name: 'Cancel 3 operations?' }).waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('heading', { name: 'ringback.bulk' }).waitFor();
    await page.locator('.screen-head').getByText('Finished').waitFor();
    const { body } = await integrator.get('/v1/operations?correlation=many');
    expect(body.data.map(({ status }: { status: string }) => status)).toEqual([
      'Canceled',
      'Canceled',
      'Canceled',
    ]);
    await page.context().close();
  });

  it('runs an operation again with another input', async () => {
    const { id } = await integrator.submit({
      type: 'echo',
      input: { wrong: 1 },
      correlation: 'to be mended',
    });
    const page = await browser.console(app);
    await page.goto(`${app.client.url}/console/operations/${id}`);
    await page.getByRole('button', { name: 'Rerun with changes' }).click();
    const input = page.getByRole('textbox', { name: 'Input, JSON' });
    await input.fill('{"right":');
    await page.getByRole('dialog').getByRole('button', { name: 'Rerun' }).click();
    await page.getByText('The input is no JSON').waitFor();
    await input.fill('{"right":2}');
    await page.getByRole('dialog').getByRole('button', { name: 'Rerun' }).click();
    await page.getByText('Rerun of').waitFor();
    const rerun = new URL(page.url()).pathname.split('/').at(-1)!;
    expect(await integrator.ended(rerun)).toMatchObject({ rerun_of: id, result: { right: 2 } });
    await page.context().close();
  });
});

/** As if another tab were in front. */
async function hide(page: Page, isHidden: boolean): Promise<void> {
  await page.evaluate(`
    Object.defineProperty(document, 'visibilityState', { configurable: true, value: '${isHidden ? 'hidden' : 'visible'}' });
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
  `);
}
