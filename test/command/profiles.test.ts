import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App, TEST_KEY } from '../support/app.js';
import { commandOf, type Ended, ringback } from '../support/command.js';
import { newDatabase } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy, temporaryFolder } from '../support/service.js';

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());

/** Runs commands in an empty folder with profiles of its own. */
async function place() {
  const folder = await temporaryFolder();
  const env = { XDG_CONFIG_HOME: join(folder.path, 'config') };
  const run = (given: string[], more: Record<string, string> = {}, stdin = ''): Promise<Ended> =>
    ringback(given, { cwd: folder.path, env: { ...env, ...more }, stdin });
  const file = join(env.XDG_CONFIG_HOME, 'ringback', 'config.json');
  return { ...folder, run, file };
}

describe('A profile', () => {
  it('is stored for this user alone once its key works, and is taken from then on', async () => {
    await using at = await place();
    const login = ['login', '--url', app.client.url];
    const refused = await at.run(login, {}, 'rb_wrong\n');
    expect([refused.code, existsSync(at.file)]).toEqual([1, false]);
    const { code, stdout } = await at.run(login, {}, `${TEST_KEY}\n`);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^Logged in to http.* as the account default/)]);
    expect(stdout).not.toContain(TEST_KEY);
    expect((await stat(at.file)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(at.file, 'utf8'))).toEqual({
      current: 'default',
      profiles: { default: { url: app.client.url, key: TEST_KEY } },
    });
    expect((await at.run(['list'])).code).toBe(0);
  });

  it('is one of several, named by an option or the environment', async () => {
    await using at = await place();
    await at.run(['login', '--url', app.client.url, '--profile', 'production'], {}, TEST_KEY);
    await mkdir(join(at.path, 'other'));
    const stored = JSON.parse(await readFile(at.file, 'utf8')) as { profiles: Record<string, object> };
    stored.profiles['nowhere'] = { url: 'http://127.0.0.1:4', key: 'rb_nowhere' };
    await writeFile(at.file, JSON.stringify({ ...stored, current: 'nowhere' }));
    expect((await at.run(['list'])).code).toBe(3);
    expect((await at.run(['list', '--profile', 'production'])).code).toBe(0);
    // Whatever else the environment names.
    const others = { RINGBACK_URL: 'http://127.0.0.1:4', RINGBACK_KEY: 'rb_other' };
    expect((await at.run(['list', '--profile', 'production'], others)).code).toBe(0);
    expect((await at.run(['list'], { RINGBACK_PROFILE: 'production' })).code).toBe(0);
    const none = await at.run(['list', '--profile', 'prodution']);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('take one of production, nowhere')]);
    // A login without anything else says which one is taken.
    expect((await at.run(['login', '--profile', 'production'])).code).toBe(0);
    expect((await at.run(['list'])).code).toBe(0);
    expect((await at.run(['logout'])).code).toBe(0);
    expect((await at.run(['list'])).code).toBe(2);
  });

  it('has a key that no other address is told', async () => {
    await using at = await place();
    await at.run(['login', '--url', app.client.url], {}, TEST_KEY);
    await using other = await Receiver.answering(401);
    await at.run(['list', '--url', other.url.replace('/callback', '')]);
    await at.run(['list'], { RINGBACK_URL: other.url.replace('/callback', '') });
    const [one, two] = await other.received(2);
    expect([one!.headers.authorization, two!.headers.authorization]).toEqual([undefined, undefined]);
    // Its own, spelled otherwise, is.
    expect((await at.run(['list', '--url', `${app.client.url}/`])).code).toBe(0);
  });

  it('whose file is broken is named', async () => {
    await using at = await place();
    await mkdir(join(at.file, '..'), { recursive: true });
    await writeFile(at.file, '{');
    const { code, stderr } = await at.run(['list']);
    expect([code, stderr]).toEqual([
      1,
      `ringback: ${at.file} is no file of profiles: mend it, or move it away\n`,
    ]);
  });
});

describe('A service on this machine', () => {
  it('is found by its data folder, while it runs', async () => {
    await using at = await place();
    const data = join(at.path, '.ringback');
    await using service = await Service.start({ ...sharedBy(await newDatabase()), RINGBACK_DATA_DIR: data });
    await expect.poll(() => existsSync(join(data, 'address'))).toBe(true);
    await writeFile(join(data, 'first-key'), `${TEST_KEY}\n`);
    const { code, stdout } = await at.run(['submit', 'echo']);
    expect([code, stdout]).toEqual([0, expect.stringContaining(service.client.url)]);
    expect(await service.end('SIGTERM')).toBe(0);
    expect((await at.run(['list'])).code).toBe(2);
  });

  it('is no other: a folder that names an address elsewhere is not believed', async () => {
    await using at = await place();
    await mkdir(join(at.path, '.ringback'));
    await writeFile(join(at.path, '.ringback', 'address'), 'http://ringback.example.com\n');
    const { code, stderr } = await at.run(['list']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('no service is known here')]);
  });

  it('that is named by the environment or an option goes before all that is stored', async () => {
    await using at = await place();
    await mkdir(join(at.path, '.ringback'));
    await writeFile(join(at.path, '.ringback', 'address'), 'http://127.0.0.1:4\n');
    expect((await at.run(['list'])).code).toBe(3);
    const { run } = commandOf(app.client.url, TEST_KEY);
    expect((await run(['list'], { cwd: at.path })).code).toBe(0);
    const wrong = { RINGBACK_URL: 'http://127.0.0.1:4', RINGBACK_KEY: 'rb_wrong' };
    expect((await at.run(['list', '--url', app.client.url, '--key', TEST_KEY], wrong)).code).toBe(0);
  });
});
