import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freePort, TEST_KEY_ID } from './support/app.js';
import { newDatabase, rowsOf } from './support/database.js';
import { Receiver } from './support/receiver.js';
import { Service, sharedBy, temporaryFolder } from './support/service.js';

const production = { NODE_ENV: 'production', HOST: '127.0.0.1' };

const linesOf = (service: Service): any[] =>
  service
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as object);

async function refusal(environment: Record<string, string>): Promise<string> {
  const service = await Service.spawn(environment);
  await using _ = service;
  await service.exited();
  expect(service.process.exitCode).toBe(1);
  expect(service.output()).not.toMatch(/^ +at /m);
  return service.output();
}

describe('a start', { timeout: 60_000 }, () => {
  it('in production says one line of JSON, with no key in it', async () => {
    const database = await newDatabase();
    await using service = await Service.start({
      ...sharedBy(database),
      ...production,
      RINGBACK_LOG_LEVEL: 'info',
      RINGBACK_ROLE: 'api,worker',
    });
    await expect.poll(() => linesOf(service).some(({ msg }) => msg === 'ready')).toBe(true);
    const { host, pathname } = new URL(database);
    expect(linesOf(service).find(({ msg }) => msg === 'ready')).toMatchObject({
      level: 30,
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      role: 'api,worker',
      port: Number(service.port),
      postgresql: host + pathname,
      queue: sharedBy(database)['REDIS_URL'] === undefined ? 'postgresql' : 'redis',
      handlers: expect.arrayContaining(['echo', 'sleep']),
      key_ids: [TEST_KEY_ID],
    });
    expect(service.output()).not.toContain(service.client.key);
    expect(service.output()).not.toContain('curl');
    expect(
      service
        .output()
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('{')),
    ).toEqual([]);
  });

  it('in production is refused without RINGBACK_API_KEY where the database has no other key, and stores none', async () => {
    const database = await newDatabase();
    const environment = { ...sharedBy(database), ...production, RINGBACK_API_KEY: '' };
    const missing = 'RINGBACK_API_KEY is missing, and this database has no other key';
    expect(await refusal(environment)).toContain(missing);
    expect(await rowsOf(database, 'SELECT id FROM api_key')).toEqual([]);
    const first = await Service.start({ ...sharedBy(database), ...production });
    // The variable's key ends with it.
    expect(await refusal(environment)).toContain(missing);
    const [account] = (await first.client.get('/v1/accounts')).body.data;
    const made = await first.client.post(`/v1/accounts/${account.id}/keys`, {
      name: 'own',
      scopes: ['admin'],
    });
    expect(made.status).toBe(201);
    expect(await first.end('SIGTERM')).toBe(0);
    await using later = await Service.start(environment);
    expect((await later.client.get('/v1/accounts')).status).toBe(401);
    expect((await later.client.withKey(made.body.key).get('/v1/accounts')).status).toBe(200);
  });

  it('in production names all settings that are missing, at once', async () => {
    const output = await refusal({ ...production, RINGBACK_SECRET_KEYS: '', RINGBACK_API_KEY: '' });
    expect(output.match(/^ {2}[A-Z_]+/gm)).toEqual([
      '  DATABASE_URL',
      '  RINGBACK_SECRET_KEYS',
      '  RINGBACK_API_KEY',
    ]);
  });

  it('says that Redis cannot be reached, where, and with no password', async () => {
    await using folder = await temporaryFolder();
    const port = await freePort();
    await using service = await Service.spawn({
      RINGBACK_DATA_DIR: folder.path,
      RINGBACK_LOG_LEVEL: 'warn',
      REDIS_URL: `redis://user:hush@127.0.0.1:${port}`,
    });
    await expect
      .poll(() => service.output(), { timeout: 20_000 })
      .toContain(
        `It is not ready: Redis cannot be reached at 127.0.0.1:${port}: start it, or mend REDIS_URL`,
      );
    expect(service.output()).not.toContain('is ready');
    await expect
      .poll(() => linesOf(service).map(({ msg }) => msg as string), { timeout: 10_000 })
      .toContainEqual(
        expect.stringContaining(`nothing is told to workers: Redis cannot be reached at 127.0.0.1:${port}`),
      );
    expect(service.output()).not.toMatch(/hush|^ +at |^Error/m);
    expect((await service.client.submit({ type: 'echo' })).status).toBe('Waiting');
  });

  it.each([
    ['RINGBACK_DATA_DIR', (path: string) => ({ RINGBACK_DATA_DIR: path })],
    ['RINGBACK_FILES_URL', (path: string) => ({ RINGBACK_FILES_URL: `file://${path}` })],
  ])('whose folder cannot be written names the setting: %s', async (setting, environment) => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, 'file'), '');
    const path = join(folder.path, 'file', 'data');
    const output = await refusal({ RINGBACK_DATA_DIR: folder.path, ...environment(path) });
    expect(output).toContain(`${setting}: the folder ${path} cannot be written (ENOTDIR)`);
  });

  it('that PostgreSQL refuses names DATABASE_URL at once', async () => {
    const url = new URL(await newDatabase());
    url.pathname = '/there_is_none';
    await using service = await Service.spawn({ DATABASE_URL: url.href, RINGBACK_LOG_LEVEL: 'warn' });
    await expect
      .poll(() => linesOf(service)[0]?.msg as string, { timeout: 20_000 })
      .toMatch(/^waiting for PostgreSQL: .*check the user, the password and the database in DATABASE_URL/);
  });
});

describe('a log', { timeout: 60_000 }, () => {
  it('is a line for people of each event, where that is asked for', async () => {
    await using service = await Service.start({
      ...sharedBy(await newDatabase()),
      RINGBACK_LOG_LEVEL: 'info',
      RINGBACK_LOG_FORMAT: 'pretty',
    });
    const { id } = await service.client.submit({ type: 'echo' });
    await expect
      .poll(() => service.output())
      .toContain(`Operations operation ended …${id.slice(-8)} #1 echo Finished attempt 1 of 3 `);
    expect(linesOf(service)).toEqual([]);
  });

  it('has dead letters as warnings, and what a shutdown gave back', async () => {
    await using receiver = await Receiver.answering(410);
    await using service = await Service.start({
      ...sharedBy(await newDatabase()),
      RINGBACK_LOG_LEVEL: 'info',
      RINGBACK_SHUTDOWN_GRACE_S: '0.2',
    });
    await service.client.submit({ type: 'echo', callback: { url: receiver.url } });
    await expect
      .poll(() => linesOf(service).find(({ state }) => state === 'Exhausted'), { timeout: 10_000 })
      .toMatchObject({ level: 40, msg: 'callback failed', status: 410 });
    const { id } = await service.client.submit({ type: 'sleep', input: { seconds: 60 } });
    await expect.poll(async () => (await service.client.ended(id, 0)).status).toBe('Executing');
    expect(await service.end('SIGTERM')).toBe(0);
    expect(linesOf(service)).toContainEqual(
      expect.objectContaining({
        level: 30,
        context: 'Operations',
        msg: 'drained',
        finished: 0,
        given_back: 1,
        leased: 0,
      }),
    );
  });
});
