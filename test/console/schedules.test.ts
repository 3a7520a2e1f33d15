import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import { rowsOf } from '../support/database.js';
import { Browser, hasBrowser } from '../support/browser.js';
import type { Client } from '../support/client.js';

describe.skipIf(!hasBrowser)('in the console', { timeout: 60_000 }, () => {
  let app: App;
  let browser: Browser;
  let integrator: Client;

  beforeAll(async () => {
    app = await App.start();
    browser = await Browser.start();
    integrator = await app.account('acme');
  }, 90_000);
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await app?.[Symbol.asyncDispose]();
  });

  const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

  it('a schedule is made, run, paused, resumed, changed and deleted; what it submitted leads back to it', async () => {
    const page = await browser.console(app, { key: integrator.key });
    await page.goto(`${app.client.url}/console/schedules`);
    await page.getByText('No schedule yet').waitFor();
    await button(page, 'New schedule …').click();
    await page.getByLabel('Name', { exact: true }).fill('Nightly');
    await page.getByLabel('When', { exact: true }).fill('61 3 * * *');
    await button(page, 'Create').click();
    await page.getByRole('alert').getByText('cron', { exact: true }).waitFor();
    await page.getByLabel('When', { exact: true }).fill('0 3 * * *');
    await page.getByLabel('Time zone', { exact: true }).fill('Europe/Paris');
    await page.getByLabel('Operation, JSON').fill('{ "type": "echo", ');
    await button(page, 'Create').click();
    await page.getByRole('alert').getByText('The operation is no JSON').waitFor();
    await page.getByLabel('Operation, JSON').fill('{ "type": "echo", "input": { "secret": 4711 } }');
    await button(page, 'Create').click();
    await page.getByRole('heading', { name: 'Nightly' }).waitFor();
    await expect.poll(() => page.title()).toBe('Schedule · Ringback');
    const id = new URL(page.url()).pathname.split('/').at(-1)!;
    const made = (await integrator.get(`/v1/schedules/${id}`)).body;
    expect(made).toMatchObject({ cron: '0 3 * * *', time_zone: 'Europe/Paris', missed: 'once' });
    const times = page.getByRole('region', { name: 'Next times' }).locator('time');
    await expect
      .poll(async () => Promise.all((await times.all()).map((time) => time.getAttribute('datetime'))))
      .toEqual(made.next);
    expect(await page.content()).not.toContain('4711');

    await button(page, 'Run now').click();
    await page.waitForURL(/\/operations\//);
    await page.getByRole('heading', { name: 'echo' }).waitFor();
    await page.getByRole('region', { name: 'Facts' }).locator(`a[href$="/schedules/${id}"]`).click();
    await page.getByRole('region', { name: 'Last runs' }).getByText('Finished').waitFor();
    await page.getByRole('link', { name: 'All of them' }).click();
    await page.getByRole('link', { name: 'echo' }).waitFor();
    await expect.poll(() => page.getByLabel('Schedule', { exact: true }).inputValue()).toBe(id);
    await page.goBack();

    await button(page, 'Pause').click();
    await page.getByText('None until it is resumed.').waitFor();
    expect((await integrator.get(`/v1/schedules/${id}`)).body.paused_at).not.toBeNull();
    await button(page, 'Resume').click();
    await button(page, 'Pause').waitFor();
    await button(page, 'Change …').click();
    await page.getByLabel('Ticks by', { exact: true }).selectOption('every_s');
    await page.getByLabel('When', { exact: true }).fill('900');
    await button(page, 'Change').click();
    await page.getByText('every 15 min').waitFor();
    expect((await integrator.get(`/v1/schedules/${id}`)).body).toMatchObject({
      cron: null,
      every_s: 900,
      operation: { type: 'echo' },
    });
    await button(page, 'Delete').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('No schedule yet').waitFor();
    expect((await integrator.get(`/v1/schedules/${id}`)).status).toBe(404);
    await page.context().close();
  });

  it('an operation shows its flow key, and leads to all that have it', async () => {
    const flow = { key: 'tenant-7', parallelism: 3, rate: 10, period_s: 60 };
    const { id } = await integrator.submit({ type: 'echo', flow });
    await integrator.submit({ type: 'sleep', input: { seconds: 0 } });
    const page = await browser.console(app, { key: integrator.key });
    await page.goto(`${app.client.url}/console/operations/${id}`);
    const facts = page.getByRole('region', { name: 'Facts' });
    await facts.getByText('tenant-7: 3 at once, 10 in 1 min').waitFor();
    await facts.getByRole('link', { name: 'tenant-7' }).click();
    await page.getByRole('link', { name: 'echo' }).waitFor();
    await expect.poll(() => page.getByLabel('Flow key', { exact: true }).inputValue()).toBe('tenant-7');
    expect(await page.getByRole('link', { name: 'sleep' }).count()).toBe(0);
    await page.context().close();
  });

  it('a tick that was left out says why, and an administrator sees whose schedules there are', async () => {
    const { id } = (
      await integrator.post('/v1/schedules', {
        name: 'Hourly',
        cron: '@hourly',
        operation: { type: 'echo' },
      })
    ).body;
    await rowsOf(
      app.databaseUrl,
      `UPDATE schedule SET skipped_tick = '2026-03-01T01:00:00Z', skipped_reason = 'the operation before had not ended' WHERE id = $1`,
      [id],
    );
    const page = await browser.console(app);
    await page.goto(`${app.client.url}/console/schedules`);
    await page.getByRole('cell', { name: 'acme' }).waitFor();
    await page.getByRole('link', { name: 'Hourly' }).click();
    await page.getByText('2026-03-01 01:00:00.000 UTC').waitFor();
    await page.getByText('was left out: the operation before had not ended').waitFor();
    await page.context().close();
  });
});
