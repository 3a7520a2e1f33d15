import { once } from 'node:events';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { asPortError } from '../src/ports.js';
import { freePort } from './support/app.js';
import { newDatabase, rowsOf } from './support/database.js';
import { Service, sharedBy, temporaryFolder } from './support/service.js';

const ANOTHER_KEY = 'For a new one, start with RINGBACK_API_KEY="rb_$(openssl rand -hex 24)".';

describe('the service', { timeout: 60_000 }, () => {
  it('prints its address, a key that works and a curl that submits, once', async () => {
    await using folder = await temporaryFolder();
    const environment = { RINGBACK_DATA_DIR: folder.path, RINGBACK_API_KEY: '', RINGBACK_SECRET_KEYS: '' };
    const first = await Service.start(environment);
    const key = /shown this once: (rb_\w+)/.exec(first.output())?.[1];
    const path = join(folder.path, 'first-key');
    expect(first.output()).toContain(`It is also in ${path}`);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, 'utf8')).toBe(`${key}\n`);
    expect(first.output()).toContain(`-H 'Authorization: Bearer ${key}'`);
    expect((await first.client.withKey(key!).submit({ type: 'echo' })).status).toBe('Waiting');
    expect(await first.end('SIGTERM')).toBe(0);
    await using second = await Service.start(environment);
    expect(second.output()).not.toContain('shown this once');
    expect(second.output()).toContain(`Your first API key is in ${path}. ${ANOTHER_KEY}`);
    expect(second.output()).toContain(`-H "Authorization: Bearer $(cat '${path}')"`);
    expect((await second.client.withKey(key!).get('/v1/operations')).body.data).toHaveLength(1);
  });

  it('says how to make a key where none is kept, and that the given one may be replaced', async () => {
    const shared = sharedBy(await newDatabase());
    await using folder = await temporaryFolder();
    const environment = { ...shared, RINGBACK_DATA_DIR: folder.path, RINGBACK_API_KEY: '' };
    const first = await Service.start(environment);
    expect(first.output()).toContain(`It is stored nowhere else. ${ANOTHER_KEY}`);
    expect(await first.end('SIGTERM')).toBe(0);
    const second = await Service.start(environment);
    expect(second.output()).toContain(`API keys are shown only when they are made. ${ANOTHER_KEY}`);
    expect(await second.end('SIGTERM')).toBe(0);
    await using third = await Service.start(shared);
    expect(third.output()).toContain('Your first API key is that of RINGBACK_API_KEY');
    expect(await readdir(folder.path)).not.toContain('first-key');
  });

  describe('whose port is taken', () => {
    it.each([
      ['PORT', {}],
      ['RINGBACK_GATEWAY_PORT', { RINGBACK_UPSTREAM: 'http://127.0.0.1:9' }],
    ])('says so in one line, with the remedy, and has stored nothing: %s', async (setting, more) => {
      const taken = createServer();
      await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
      await using _ = { [Symbol.asyncDispose]: () => new Promise<void>((done) => taken.close(() => done())) };
      const { port } = taken.address() as AddressInfo;
      await using folder = await temporaryFolder();
      const environment = { RINGBACK_DATA_DIR: join(folder.path, 'data'), RINGBACK_API_KEY: '', ...more };
      const service = await Service.spawn({
        ...environment,
        RINGBACK_SECRET_KEYS: '',
        [setting]: String(port),
      });
      await once(service.process, 'close');
      expect(service.process.exitCode).toBe(1);
      const [, free] = new RegExp(`^\\nport ${port} is taken: set ${setting}=(\\d+)\\n\\n$`).exec(
        service.output(),
      ) ?? [service.output()];
      expect(await readdir(folder.path)).toEqual([]);
      await using second = await Service.start({ ...environment, [setting]: free! });
      expect(second.output()).toMatch(/shown this once: rb_\w+/);
    });

    it('by the other listener of its own is told so too', async () => {
      const port = String(await freePort());
      const both = { PORT: port, RINGBACK_GATEWAY_PORT: port, RINGBACK_UPSTREAM: 'http://127.0.0.1:9' };
      expect(await refusal(both)).toMatch(
        new RegExp(`^\\nport ${port} is taken: set RINGBACK_GATEWAY_PORT=\\d+\\n\\n$`),
      );
    });

    it('by one that starts in the same moment loses no key', async () => {
      const database = await newDatabase();
      const shared = {
        ...sharedBy(database),
        PORT: String(await freePort()),
        RINGBACK_API_KEY: '',
      };
      const services = await Promise.all([Service.spawn(shared), Service.spawn(shared)]);
      await Promise.race(services.map(({ process }) => once(process, 'close')));
      const [loser, winner] = services.sort((one) => (one.process.exitCode === null ? 1 : -1));
      await using _ = winner!;
      // Beside what Nest logs where it was the listening that failed.
      expect(loser!.output()).toMatch(/^port \d+ is taken: set PORT=\d+$/m);
      expect(loser!.output()).not.toContain('    at ');
      await expect.poll(() => winner!.output(), { timeout: 30_000 }).toMatch(/shown this once: rb_\w+/);
      expect(await rowsOf(database, 'SELECT FROM api_key')).toHaveLength(1);
    });
  });

  it('names the address or the right that it lacks, with the remedy', async () => {
    expect(await refusal({ HOST: '192.0.2.1' })).toMatch(
      /^\nHOST 192.0.2.1 is no address of this machine, for PORT \d+: set HOST=127.0.0.1\n\n$/,
    );
    const wanted = { setting: 'PORT', host: '127.0.0.1', port: 80 } as const;
    const refused = await asPortError(Object.assign(new Error(), { code: 'EACCES', port: 80 }), [wanted]);
    expect(String(refused)).toMatch(/port 80 needs a right that this user lacks: set PORT=8\d+$/);
    const other = new Error('other');
    expect(await asPortError(other, [wanted])).toBe(other);
  });

  it('refuses a data folder that another one uses, and says so', async () => {
    await using folder = await temporaryFolder();
    await using first = await Service.start({ RINGBACK_DATA_DIR: folder.path });
    // Of its port, which is taken too, it would say what doesn't help.
    await using second = await Service.spawn({ RINGBACK_DATA_DIR: folder.path, PORT: first.port });
    await once(second.process, 'close');
    expect(second.output()).toBe(
      `\na Ringback runs here already (process ${first.pid}), on the data folder ${folder.path}: stop it first, or give this one a folder of its own with RINGBACK_DATA_DIR\n\n`,
    );
  });

  it('says which settings may be meant otherwise than they are taken', async () => {
    const doubtful = { NODE_ENV: 'prod', RINGBACK_SLOT: '5', RINGBACK_LOG_LEVEL: 'warn' };
    await using service = await Service.start({ ...sharedBy(await newDatabase()), ...doubtful });
    expect(service.output()).toContain("RINGBACK_SLOT is no setting of Ringback's: RINGBACK_SLOTS is");
    expect(service.output()).toContain('NODE_ENV \\"prod\\" counts as development');
  });

  it('refuses to start on a wrong setting, naming it', async () => {
    await expect(
      Service.start({ RINGBACK_CONCURRENCY: 'many', DATABASE_URL: 'postgres://nowhere/x' }),
    ).rejects.toThrow(/RINGBACK_CONCURRENCY/);
  });

  it('names all that is wrong in one message, without a stack', async () => {
    const output = await refusal({ PORT: 'abc', RINGBACK_SECRET_KEYS: 'y' });
    expect(output.trimEnd().split('\n')).toEqual([
      '',
      'The environment is wrong; mend it and start again.',
      expect.stringMatching(/^ {2}PORT: /),
      expect.stringMatching(/^ {2}RINGBACK_SECRET_KEYS: /),
    ]);
  });

  const noModule = 'has no Nest module as its default export: export one\n';
  it.each<[what: string, source: string, message: string, stack?: RegExp]>([
    [
      'with a syntax error',
      'const = 1;',
      `cannot be loaded: Unexpected token '=' ("node `,
      /wrong\.mjs" shows where\)\n/,
    ],
    [
      'that throws while it is loaded',
      'throw new Error("no licence");',
      'cannot be loaded: no licence\n',
      /Error: no licence\n +at .*wrong\.mjs:1:7/,
    ],
    [
      'that imports what is not there',
      'import "./gone.mjs";',
      'cannot be loaded: Cannot find module',
      /gone\.mjs/,
    ],
    ['without a default export', 'export class Module {}', noModule],
    ['that exports no module', 'export default [];', noModule],
    [
      'that exports a handler itself',
      `import { OperationType } from ${JSON.stringify(new URL('../dist/src/index.js', import.meta.url).href)};
       export default class Greet { run() {} }
       OperationType({ name: 'greet', title: 'Greet' })(Greet);`,
      noModule,
    ],
  ])('names a handler module %s', async (_, source, message, stack) => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'wrong.mjs');
    await writeFile(path, source);
    const output = await refusal({ RINGBACK_DATA_DIR: folder.path, RINGBACK_HANDLERS: path });
    expect(output).toMatch(/^\nRINGBACK_HANDLERS: /);
    expect(output).toContain(`RINGBACK_HANDLERS: "${path}" ${message}`);
    if (stack) expect(output).toMatch(stack);
    else expect(output).not.toMatch(/^ +at /m);
  });
});

/** What a service says that does not start. */
function refusal(environment: Record<string, string>): Promise<string> {
  return Service.start(environment).then(
    () => Promise.reject(new Error('the service has started')),
    (error: Error) => error.message.replace('the service ended: ', ''),
  );
}
