import { describe, expect, it } from 'vitest';
import { TEST_KEY, TEST_KEY_ID } from '../support/app.js';
import { ConsoleClient } from '../support/console-client.js';
import { newDatabase } from '../support/database.js';
import { Service, sharedBy, temporaryFolder } from '../support/service.js';

const LINK = /^ {2}(http\S+)\/console\/#login=([\w-]{43})$/m;

async function printed(service: Service): Promise<{ url: string; login: string; callback: string }> {
  await expect.poll(() => service.output()).toMatch(/"callback":\{"url":"[^"]+"/);
  const [, url, login] = LINK.exec(service.output()) ?? [];
  const [, callback] = /"callback":\{"url":"([^"]+)"/.exec(service.output())!;
  return { url: url!, login: login!, callback: callback! };
}

describe('a start in development', { timeout: 60_000 }, () => {
  it('prints a link that logs in once, and what calls back to its own inbox, verified', async () => {
    await using folder = await temporaryFolder();
    const environment = { RINGBACK_DATA_DIR: folder.path, RINGBACK_API_KEY: '', RINGBACK_LOG_LEVEL: 'info' };
    const first = await Service.start(environment);
    const { url, login, callback } = await printed(first);
    const key = /shown this once: (\S+)/.exec(first.output())![1]!;
    expect(url).toBe(first.client.url);
    const console = new ConsoleClient(url);
    const session = await console.login({ login });
    expect([session.status, session.body.scopes]).toEqual([201, ['admin']]);
    expect((await new ConsoleClient(url).login({ login })).status).toBe(401);
    await first.client.withKey(key).submit({ type: 'echo', callback: { url: callback } });
    await expect
      .poll(async () => (await console.get('/inbox')).body.data)
      .toMatchObject([{ event: 'operation.finished', verified: true }]);
    await expect.poll(() => first.output()).toMatch(/"callback received".*"verified":true/);
    expect(await first.end('SIGTERM')).toBe(0);

    await using second = await Service.start(environment);
    const next = await printed(second);
    const again = await new ConsoleClient(next.url).login({ login: next.login });
    expect([again.status, again.body.key]).toEqual([201, session.body.key]);
  });

  it('prints one for the key that it was given, and says what its inbox needs', async () => {
    await using service = await Service.start({
      ...sharedBy(await newDatabase()),
      RINGBACK_ALLOWED_PRIVATE: '10.0.0.0/8',
    });
    const { url, login } = await printed(service);
    expect((await new ConsoleClient(url).login({ login })).body.key.id).toBe(TEST_KEY_ID);
    expect(service.output()).toContain(
      `RINGBACK_ALLOWED_PRIVATE=127.0.0.1:${service.port}, which is not set`,
    );
  });

  it('prints none without a console, nor an address of its inbox', async () => {
    await using service = await Service.start({
      ...sharedBy(await newDatabase()),
      RINGBACK_CONSOLE: 'false',
    });
    const { callback } = await printed(service);
    expect(service.output()).not.toContain('/console/');
    expect(callback).toBe('http://127.0.0.1:9000/');
    expect((await service.client.post('/inbox', {})).status).toBe(404);
  });
});

describe('a start in production', { timeout: 60_000 }, () => {
  it('prints no link, and has no inbox; the console is there', async () => {
    await using service = await Service.start({
      ...sharedBy(await newDatabase()),
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      RINGBACK_LOG_LEVEL: 'info',
    });
    await expect.poll(() => service.output()).toContain('"msg":"ready"');
    expect(service.output()).not.toContain('login=');
    expect((await service.client.post('/inbox', {})).status).toBe(404);
    const console = await ConsoleClient.of(service.client.url, TEST_KEY);
    expect((await console.get('/inbox')).status).toBe(404);
    expect((await console.get('/session')).body.inbox).toBe(false);
  });
});
