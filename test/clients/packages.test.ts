import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App, freePort, TEST_KEY } from '../support/app.js';
import { redisUrls } from '../support/database.js';
import { CLIENTS, CONFORMANCE, PYTHON } from './drivers.js';
import { ended } from './programs.js';

const run = promisify(execFile);

/** What a program said to its end; with what it said, where it failed. */
async function said(command: string, args: string[], cwd: string, env: object = {}): Promise<string> {
  const options = { cwd, env: { ...process.env, ...env } };
  const failed = (error: Error & { stdout?: string }): never => {
    throw new Error(`${error.message}\n${error.stdout}`);
  };
  return (await run(command, args, options).catch(failed)).stdout;
}

let folder: string;
/** How the examples of each language are started: in Python with what its wheel has, in Go as they are built. */
let examples: Record<string, { command: (name: string) => string[]; env: Record<string, string> }>;

// How a package is made has nothing to do with the queue.
describe.skipIf(!PYTHON || redisUrls().length > 0)('The packages', { timeout: 120_000 }, () => {
  let app: App;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ringback-packages-'));
    const python = join(PYTHON!, 'bin/python');
    examples = {
      Python: {
        command: (name) => [python, join(CLIENTS, `python/examples/${name}.py`)],
        env: { PYTHONPATH: join(folder, 'site'), PYTHONUNBUFFERED: '1', PYTHONDONTWRITEBYTECODE: '1' },
      },
      Go: { command: (name) => [join(folder, 'bin', name)], env: {} },
    };
    const pip = ['-m', 'pip', '--quiet', '--disable-pip-version-check'];
    await Promise.all([
      (async () => {
        const build = ['wheel', '--no-deps', '--no-build-isolation', '--no-index', '-w', folder];
        await said(python, [...pip, ...build, join(CLIENTS, 'python')], folder);
        const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'))!;
        await said(python, [...pip, 'install', '--no-deps', '--no-index', '-t', 'site', wheel], folder);
      })(),
      said('go', ['build', '-o', join(folder, 'bin/'), './...'], join(CLIENTS, 'go/examples')),
      App.start().then((started) => (app = started)),
    ]);
  }, 300_000);
  afterAll(async () => {
    await app[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it('for Python is a typed wheel, and strict types hold in it, its examples and drivers', async () => {
    const site = await readdir(join(folder, 'site/ringback'));
    expect(site).toEqual(expect.arrayContaining(['__init__.py', 'py.typed', 'worker.py']));
    const cache = ['--cache-dir', join(folder, 'mypy')];
    await said(join(PYTHON!, 'bin/mypy'), cache, join(CLIENTS, 'python'));
  });

  it('for Go is formatted, has no complaint of vet, and needs nothing but the standard library', async () => {
    expect(await said('gofmt', ['-l', 'go', 'conformance'], CLIENTS)).toBe('');
    for (const module of [join(CLIENTS, 'go'), join(CLIENTS, 'go/examples'), join(CONFORMANCE, 'drivers/go')])
      await said('go', ['vet', './...'], module);
    expect(await readFile(join(CLIENTS, 'go/go.mod'), 'utf8')).not.toContain('require');
  });

  it.for(['Python', 'Go'])('in %s have examples that submit, work and receive', async (language) => {
    const { command, env } = examples[language]!;
    const port = String(await freePort());
    const { secret } = (await app.client.get('/v1/signing-secret')).body as { secret: string };
    const all = {
      ...env,
      RB: app.client.url,
      KEY: TEST_KEY,
      PORT: port,
      RINGBACK_SIGNING_SECRET: secret,
      CALLBACK: `http://127.0.0.1:${port}/`,
    };
    const started: ChildProcess[] = [];
    const start = (name: string): ChildProcess => {
      const [program, ...args] = command(name);
      const child = spawn(program!, args, {
        cwd: join(folder, language === 'Go' ? 'bin' : 'site'),
        env: { ...process.env, ...all },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      started.push(child);
      return child;
    };
    try {
      const heard = once(createInterface({ input: start('receive').stdout! }), 'line') as Promise<[string]>;
      const worker = start('work');
      // It declares the type that is submitted.
      const declared = async (): Promise<number> =>
        (await app.client.get('/v1/operation-types/report.build')).status;
      await expect.poll(declared, { timeout: 30_000 }).toBe(200);
      // Before it listens, the callback would be exhausted, and be found a minute later.
      const listening = (): Promise<number> =>
        fetch(all.CALLBACK).then(
          ({ status }) => status,
          () => 0,
        );
      await expect.poll(listening, { timeout: 30_000 }).toBe(405);
      const [program, ...args] = command('submit');
      const shown = await said(program!, args, folder, all);
      expect(shown).toMatch(/Finished \{["']pages["']: ?3\}\s*$/);
      expect((await heard)[0]).toMatch(/^operation\.finished [0-9a-f]{32}$/);
      expect(await ended(worker, 'SIGTERM')).toBe(0);
    } finally {
      for (const child of started) await ended(child, 'SIGKILL');
    }
  });
});
