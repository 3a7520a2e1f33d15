import { existsSync } from 'node:fs';
import { type Browser as Chromium, type BrowserContext, chromium, type Page } from 'playwright-core';
import { type App, TEST_KEY } from './app.js';

/** Debian's, which .ci/run installs; or another one. */
const PATH = process.env['RINGBACK_TEST_CHROMIUM'] ?? '/usr/bin/chromium';

/** Whether there is a browser to test in. */
export const hasBrowser = existsSync(PATH);
if (!hasBrowser)
  console.warn(
    `No Chromium at ${PATH}: tests in a browser are skipped. RINGBACK_TEST_CHROMIUM names another.`,
  );

export interface PageOptions {
  /** Who logs in; the administrator by default. */
  readonly key?: string;
  readonly theme?: 'light' | 'dark';
  readonly width?: number;
  readonly height?: number;
}

/** A real Chromium. */
export class Browser implements AsyncDisposable {
  private constructor(private readonly chromium: Chromium) {}

  static async start(): Promise<Browser> {
    // Its sandbox needs a user other than root.
    const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
    return new Browser(await chromium.launch({ executablePath: PATH, args }));
  }

  /** A visitor of their own, with a page that is nowhere yet. */
  async visitor({ theme = 'light', width = 1280, height = 800 }: PageOptions = {}): Promise<Page> {
    const context = await this.chromium.newContext({ viewport: { width, height }, colorScheme: theme });
    return context.newPage();
  }

  /** The console of a service, logged in, at its start. */
  async console(app: App, options: PageOptions = {}): Promise<Page> {
    const page = await this.visitor(options);
    await login(page.context(), app.client.url, options.key ?? TEST_KEY);
    await page.goto(`${app.client.url}/console/`);
    return page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.chromium.close();
  }
}

/** As the page does: the cookie is the browser's from then on. */
async function login(context: BrowserContext, url: string, key: string): Promise<void> {
  const headers = { 'x-ringback-console': '1' };
  const answer = await context.request.post(`${url}/console/api/session`, { data: { key }, headers });
  if (!answer.ok()) throw new Error(`the login answered ${answer.status()}: ${await answer.text()}`);
}
