import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import { Browser, hasBrowser } from '../support/browser.js';
import type { Client } from '../support/client.js';
import { Receiver } from '../support/receiver.js';

describe.skipIf(!hasBrowser)('in the console', { timeout: 60_000 }, () => {
  let app: App;
  let browser: Browser;
  let receiver: Receiver;
  let integrator: Client;

  beforeAll(async () => {
    app = await App.start({ deliveries: { schedule: [] }, console: { inbox: true } });
    receiver = await Receiver.answering(200);
    browser = await Browser.start();
    integrator = await app.account('acme');
  }, 90_000);
  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]();
    await receiver?.[Symbol.asyncDispose]();
    await app?.[Symbol.asyncDispose]();
  });

  const open = async (page: Page, path: string): Promise<void> => {
    await page.goto(`${app.client.url}/console/${path}`);
    await page.locator('main').locator('h1, .empty-title').first().waitFor();
  };
  const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

  it('an endpoint is registered, tested, paused and changed; its secret is shown this once', async () => {
    const page = await browser.console(app, { key: integrator.key });
    await open(page, 'endpoints');
    await expect.poll(() => page.title()).toBe('Endpoints · Ringback');
    await button(page, 'New endpoint …').click();
    await page.getByLabel('URL', { exact: true }).fill('nonsense');
    await button(page, 'Create').click();
    await page.getByRole('alert').getByText('url', { exact: true }).waitFor();
    await page.getByLabel('URL', { exact: true }).fill(receiver.url);
    await button(page, 'Create').click();
    const secret = await page.locator('[data-secret]').textContent();
    await button(page, 'Done').click();
    await page.getByRole('heading', { name: receiver.url }).waitFor();
    const id = new URL(page.url()).pathname.split('/').at(-1);
    expect((await integrator.get(`/v1/endpoints/${id}/secret`)).body.secret).toBe(secret);
    await button(page, 'Send a test').click();
    await page.getByRole('dialog').getByText('delivered').waitFor();
    await button(page, 'Done').click();
    expect(receiver.all.map(({ body }) => JSON.parse(body).type)).toContain('endpoint.test');
    await button(page, 'Disable').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Disable' }).click();
    await page.getByText('somebody disabled it').waitFor();
    await button(page, 'Enable').click();
    await button(page, 'Change …').click();
    await page.getByLabel('Description', { exact: true }).fill('Billing');
    await button(page, 'Change').click();
    await page.getByText('Billing').first().waitFor();
    expect((await integrator.get(`/v1/endpoints/${id}`)).body).toMatchObject({
      description: 'Billing',
      disabled_at: null,
    });
    expect(await page.content()).not.toContain(secret);
    await page.context().close();
  });

  it('a pasted secret is said to sign a delivery or not, and is sent nowhere', async () => {
    const operation = await integrator.submit({ type: 'echo', callback: { url: receiver.url } });
    await integrator.ended(operation.id);
    const [delivery] = await integrator.deliveries(operation.id);
    await expect.poll(async () => (await integrator.delivery(delivery.id)).status).toBe('Delivered');
    const { secret } = (await integrator.get('/v1/signing-secret')).body;
    const page = await browser.console(app, { key: integrator.key });
    const sent: string[] = [];
    page.on('request', (request) => sent.push(`${request.url()} ${request.postData() ?? ''}`));
    await open(page, `deliveries/${delivery.id}`);
    const check = page.getByRole('region', { name: 'Signature check' });
    await check.getByLabel('Signing secret, or public key').fill(secret);
    await check.getByText('Matches: this is a secret that signs this delivery.').waitFor();
    const [received] = receiver.all.filter(({ headers }) => headers['webhook-id'] === delivery.id);
    await check.getByLabel('Signature header').fill(String(received!.headers['webhook-signature']));
    await check.getByText('Matches: this made the signature that the receiver got.').waitFor();
    await check.getByLabel('Signing secret, or public key').fill(`whsec_${'A'.repeat(43)}=`);
    await check.getByText('No match').waitFor();
    expect(sent.some((text) => text.includes(secret) || text.includes(encodeURIComponent(secret)))).toBe(
      false,
    );
    await page.context().close();
  });

  it('an administrator makes an account with a key, which is shown this once', async () => {
    const page = await browser.console(app);
    await open(page, 'accounts');
    await button(page, 'New account …').click();
    await page.getByLabel('Name', { exact: true }).fill('globex');
    await page.getByLabel('Slots', { exact: true }).fill('3');
    await button(page, 'Create').click();
    await page.getByRole('heading', { name: 'globex' }).waitFor();
    await button(page, 'New key …').click();
    await page.getByLabel('Name', { exact: true }).fill('globex backend');
    await button(page, 'Create').click();
    const key = (await page.locator('[data-secret]').textContent())!;
    await button(page, 'Done').click();
    expect((await app.client.withKey(key).get('/v1/account')).body).toMatchObject({
      name: 'globex',
      slots: 3,
    });
    expect(await page.content()).not.toContain(key);
    await open(page, 'audit');
    await page.getByText('key.created').first().waitFor();
    await page.context().close();
  });

  it('an operation is submitted by a form of its type, watched live, and its callback comes to the inbox', async () => {
    const page = await browser.console(app);
    await open(page, 'try?type=sleep');
    await button(page, 'Submit').click();
    await page.getByText('must be given').waitFor();
    await page.getByLabel('seconds').fill('0.5');
    expect(await page.getByLabel('Callback URL').inputValue()).toMatch(/\/inbox$/);
    await button(page, 'Submit').click();
    const watched = page.getByRole('region', { name: 'What becomes of it' });
    await watched.getByText('Finished').first().waitFor();
    await watched.getByText('"slept_s"').waitFor();
    await page.getByRole('link', { name: 'Inbox' }).click();
    await page.getByRole('link', { name: 'operation.finished' }).first().waitFor();
    const signature = page.getByRole('region', { name: 'Signature', exact: true });
    await signature.getByText('verified', { exact: true }).waitFor();
    await signature.getByText('came, matches').waitFor();
    await page.context().close();
  });

  it('a key of one account finds nothing of another, and does nothing that its scopes lack', async () => {
    receiver.answer(500);
    const theirs = await app.account('theirs', 20, ['operations:write', 'operations:read']);
    const mine = await theirs.submit({ type: 'echo', correlation: 'mine', callback: { url: receiver.url } });
    const hidden = await integrator.submit({ type: 'echo', correlation: 'hidden order' });
    const { body: endpoint } = await integrator.post('/v1/endpoints', { url: `${receiver.url}/hidden` });
    await theirs.ended(mine.id);
    await integrator.ended(hidden.id);
    const [delivery] = await theirs.deliveries(mine.id);
    await expect.poll(async () => (await theirs.delivery(delivery.id)).status).toBe('Exhausted');
    const page = await browser.console(app, { key: theirs.key });
    await open(page, 'operations?account=*');
    await page.getByText('mine').first().waitFor();
    expect(await page.locator('main').textContent()).not.toContain('hidden order');
    await open(page, `operations/${hidden.id}`);
    await page.getByText(`No operation ${hidden.id}`).waitFor();
    await open(page, `endpoints/${endpoint.id}`);
    await page.getByText('endpoint-not-found').waitFor();
    for (const screen of ['accounts', 'audit']) {
      await open(page, screen);
      await page.getByRole('alert').getByText('403').waitFor();
    }
    await open(page, `deliveries/${delivery.id}`);
    expect(await button(page, 'Send again').isDisabled()).toBe(true);
    const asked = await page.evaluate(`fetch('../api/v1/deliveries/${delivery.id}/redeliver', {
      method: 'POST', headers: { 'x-ringback-console': '1' } }).then(({ status }) => status)`);
    expect(asked).toBe(403);
    receiver.answer(200);
    await page.context().close();
  });
});
