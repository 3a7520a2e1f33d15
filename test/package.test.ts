import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import Replicate from 'replicate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RingbackClient } from '../src/client/index.js';
import { freePort, TEST_KEY } from './support/app.js';
import { newDatabase, redisUrls } from './support/database.js';
import { temporaryFolder } from './support/service.js';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TSC = createRequire(import.meta.url).resolve('typescript/bin/tsc');

interface Packed {
  filename: string;
  files: { path: string; size: number }[];
}

/** The packed package, installed in a folder of its own beside what it and its examples depend on, and nothing else. */
let folder: string;
let packed: Packed;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-package-'));
  // What is built: packing anew would take the build from under other tests.
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: ROOT,
  });
  const answer = JSON.parse(stdout.slice(stdout.search(/^[[{]/m))) as Packed[] | Record<string, Packed>;
  [packed] = Object.values(answer) as [Packed];
  const modules = join(folder, 'node_modules');
  await mkdir(join(modules, 'ringback'), { recursive: true });
  await run('tar', [
    '-xzf',
    join(folder, packed.filename),
    '--strip-components=1',
    '-C',
    join(modules, 'ringback'),
  ]);
  // Linked, not installed: the registry is no part of this test.
  const { packages } = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; link?: boolean; optional?: boolean }>;
  };
  const needed = await examplesNeed();
  for (const [path, { dev, link, optional }] of Object.entries(packages)) {
    const [, name] = /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path) ?? [];
    if (name === undefined || ((dev || link || optional) && !needed.includes(name))) continue;
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(ROOT, path), join(modules, name));
  }
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'host', type: 'module' }));
  await cp(join(ROOT, 'examples'), join(folder, 'examples'), { recursive: true });
  await mkdir(join(folder, 'docs'));
  for (const [name, code] of await snippets()) await writeFile(join(folder, 'docs', name), code);
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What the examples say that they need besides the package. */
async function examplesNeed(): Promise<string[]> {
  const text = await readFile(join(ROOT, 'examples/handlers.ts'), 'utf8');
  return /`npm install ([^`]+)`/.exec(text)![1]!.split(' ');
}

async function importers(name: string, under: string): Promise<string[]> {
  const files = (await readdir(under, { recursive: true })).filter((file) => /(?<!\.d)\.ts$/.test(file));
  const texts = await Promise.all(files.map((file) => readFile(join(under, file), 'utf8')));
  return files.filter((_, index) => new RegExp(`from '${name}['/]`).test(texts[index]!));
}

/** What the documents show of the package: each as a file, `embedding-1.ts` for the first one of docs/embedding.md. */
async function snippets(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const page of ['README', 'docs/clients', 'docs/handlers', 'docs/embedding']) {
    const text = await readFile(join(ROOT, `${page}.md`), 'utf8');
    const blocks = [...text.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code!);
    const whole = blocks.filter((code) => /from 'ringback/.test(code));
    for (const [index, code] of whole.entries())
      found.set(`${page.replace('docs/', '')}-${index + 1}.ts`, code);
  }
  return found;
}

/** What decorators need, and else nothing that a newcomer would have to know: this checkout's options are laxer. */
const STRICT = {
  strict: true,
  target: 'ES2023',
  module: 'nodenext',
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  skipLibCheck: true,
  types: ['node'],
  typeRoots: [join(ROOT, 'node_modules/@types')],
};

async function compile(include: string[], compilerOptions: object): Promise<void> {
  const project = join(folder, `tsconfig.${include[0]}.json`);
  const options = { ...compilerOptions, rootDir: '.', outDir: 'dist' };
  await writeFile(project, JSON.stringify({ compilerOptions: options, include }));
  await run(process.execPath, [TSC, '-p', project]).catch((error: { stdout: string }) => {
    throw new Error(error.stdout);
  });
}

describe('The packed package', () => {
  it('has what is run and its types, and neither sources nor tests', async () => {
    const paths = packed.files.map(({ path }) => path);
    const { exports } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
      exports: Record<string, string | { types: string; default: string }>;
    };
    expect(Object.keys(exports)).toEqual([
      '.',
      './verify',
      './client',
      './receiver',
      './testing',
      './package.json',
    ]);
    expect(paths).toContain('bin/ringback.js');
    for (const entry of Object.values(exports)) {
      const files = typeof entry === 'string' ? [entry] : [entry.types, entry.default];
      for (const file of files) expect(paths).toContain(file.replace('./', ''));
    }
    expect(paths.filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))).toEqual([]);
    expect(
      paths.filter((path) => /^(src|test|scripts|bench|tools|node_modules|migrations)\//.test(path)),
    ).toEqual([]);
    expect(paths.filter((path) => /^dist\/(test|scripts|bench)\//.test(path))).toEqual([]);
    expect(await readdir(join(folder, 'node_modules'))).not.toContain('vitest');
  });

  it('has the command, which runs as npm links it', async () => {
    const { name, version, bin } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
      name: string;
      version: string;
      bin: Record<string, string>;
    };
    const linked = join(folder, 'ringback');
    await symlink(join(folder, 'node_modules', name, bin['ringback']!), linked);
    expect((await run(linked, ['--version'])).stdout).toBe(`${version}\n`);
  });

  it('asks nobody to install what only its examples need, and they say what that is', async () => {
    const { dependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const needed = await examplesNeed();
    expect(needed.filter((name) => name in dependencies)).toEqual([]);
    for (const name of needed) expect(await importers(name, join(ROOT, 'src'))).toEqual([]);
    for (const name of needed) expect(await importers(name, join(ROOT, 'examples'))).not.toEqual([]);
  });

  it('has the documents that its README and its error messages send to', async () => {
    const paths = new Set(packed.files.map(({ path }) => path));
    const pages = [...paths].filter((path) => path === 'README.md' || path.startsWith('docs/'));
    const messages = [...paths].filter((path) => /^dist\/src\/.*\.js$/.test(path));
    const missing: string[] = [];
    const look = (from: string, to: string): void => void (paths.has(to) || missing.push(`${from}: ${to}`));
    for (const page of pages) {
      const text = await readFile(join(ROOT, page), 'utf8');
      for (const [, link] of text.matchAll(/\]\(([^):#]+\.md)(?:#[^)]*)?\)/g))
        look(page, join(dirname(page), link!));
    }
    for (const file of messages) {
      const text = await readFile(join(folder, 'node_modules/ringback', file), 'utf8');
      for (const [named] of text.matchAll(/\bdocs\/[\w/-]+\.md\b/g)) look(file, named);
    }
    expect(pages.length).toBeGreaterThan(12);
    // How to change it is for a checkout.
    expect(missing).toEqual(['README.md: CONTRIBUTING.md']);
  });

  it('has a client whose types need no more than a browser’s of 2020', async () => {
    const code = `export { RingbackClient } from 'ringback/client';\n`;
    await mkdir(join(folder, 'browser'), { recursive: true });
    await writeFile(join(folder, 'browser/page.ts'), code);
    const lib = ['ES2020', 'DOM', 'DOM.Iterable'];
    await compile(['browser'], { strict: true, target: 'ES2020', module: 'nodenext', lib, types: [] });
  });

  it('exports what docs/embedding.md names, and nothing else', async () => {
    const code = `const { default: _, ...all } = await import('ringback'); console.log(Object.keys(all).sort().join());`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code], { cwd: folder });
    expect(stdout.trim()).toBe(
      'OperationError,OperationType,Operations,RingbackError,RingbackModule,SettingError',
    );
  });
});

describe('A checkout', () => {
  it('that isn’t built yet has a command that says so, and need not be linked anew', async () => {
    await using checkout = await temporaryFolder();
    for (const path of ['bin', 'package.json'])
      await cp(join(ROOT, path), join(checkout.path, path), { recursive: true });
    const linked = join(checkout.path, 'ringback');
    await symlink('bin/ringback.js', linked);
    await expect(run(linked, ['list'])).rejects.toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'Ringback isn\'t built yet: run "npm start" first\n',
    });
    await mkdir(join(checkout.path, 'dist/src'), { recursive: true });
    await writeFile(join(checkout.path, 'dist/src/main.js'), 'console.log(...process.argv.slice(2))');
    expect(await run(linked, ['list'])).toEqual({ stdout: 'list\n', stderr: '' });
  });
});

/** A program of the compiled folder, once it has said a text. */
async function program(
  file: string,
  environment: Record<string, string>,
  said: string,
): Promise<ChildProcess> {
  const [redis] = redisUrls();
  const child = spawn(process.execPath, [file], {
    cwd: join(folder, 'dist'),
    env: {
      PATH: process.env['PATH'],
      DATABASE_URL: await newDatabase(),
      ...(redis === undefined ? {} : { REDIS_URL: redis }),
      SECRET_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
      API_KEY: TEST_KEY,
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes(said)) resolve();
      });
    }
    child.once('exit', () => reject(new Error(`it ended: ${output}`)));
  });
  return child;
}

describe('What the documents show', () => {
  it('compiles in a strict project, and what docs/embedding.md shows runs as it was pasted', async () => {
    const port = await freePort();
    const pasted = join(folder, 'docs/embedding-1.ts');
    await writeFile(pasted, (await readFile(pasted, 'utf8')).replaceAll('3000', String(port)));
    await compile(['docs'], STRICT);
    const child = await program('docs/embedding-1.js', {}, 'Finished { words: 2 }');
    const exit = once(child, 'exit');
    try {
      const client = new RingbackClient({ url: `http://127.0.0.1:${port}/ringback`, apiKey: TEST_KEY });
      const { id } = await client.submit({ type: 'acme.words', input: { text: 'three more words' } });
      expect(await client.wait(id)).toMatchObject({ result: { words: 3 } });
    } finally {
      child.kill('SIGTERM');
      await exit;
    }
  }, 60_000);
});

describe('The example of an embedding application, on the packed package,', () => {
  let child: ChildProcess;
  let url: string;
  beforeAll(async () => {
    await compile(['examples'], STRICT);
    const port = await freePort();
    child = await program('examples/embedded/main.js', { PORT: String(port) }, 'Listening on');
    url = `http://127.0.0.1:${port}`;
  }, 60_000);
  afterAll(() => void child?.kill('SIGKILL'));

  it('serves Ringback’s own API under its mount', async () => {
    const client = new RingbackClient({ url: `${url}/ringback`, apiKey: TEST_KEY });
    const { id } = await client.submit({ type: 'acme.words', input: { text: 'one two' } });
    expect(await client.wait(id)).toMatchObject({ status: 'Finished', result: { words: 2 } });
  });

  it('drives Replicate’s client, unmodified, by a face of its own: success, failure and cancel', async () => {
    const replicate = new Replicate({ auth: 'unused', baseUrl: `${url}/v1` });
    const model = 'acme/words';
    expect(await replicate.run(model, { input: { text: 'one two three' } })).toEqual({ words: 3 });
    await expect(replicate.run(model, { input: { text: ' ' } })).rejects.toThrow('the text has no words');
    const long = Array.from({ length: 1000 }, () => 'word').join(' ');
    const started = await replicate.predictions.create({ model, input: { text: long } });
    await replicate.predictions.cancel(started.id);
    expect(await replicate.wait(started, { interval: 20 })).toMatchObject({
      status: 'canceled',
      output: null,
    });
  });

  it('ends by itself on SIGTERM', async () => {
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    expect((await exit)[1]).toBe('SIGTERM');
  });
});
