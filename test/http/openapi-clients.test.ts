import { execFile, type ExecFileOptions } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import openapiTS, { astToString } from 'openapi-typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TEST_KEY } from '../support/app.js';
import { newDatabase, redisUrls } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy } from '../support/service.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DRIVERS = join(ROOT, 'test/openapi-clients');
/** A Python environment with both generators: see CONTRIBUTING.md. */
const GENERATORS = process.env.RINGBACK_TEST_GENERATORS;
if (!GENERATORS)
  console.info('Clients in Python, Go and by Java are left out: CONTRIBUTING.md says how to run them.');

/** What the client is given, and what must arrive as it was given. */
const INPUTS = [
  {
    nested: { list: [1, 2.5, -3, 9007199254740991, null, true, 'Zoë Привет 日本 💩'], empty: {}, none: null },
    'snake_case and Spaces': { camelCase: [[], [[null]]] },
  },
  [1, null, { a: null }],
  'text',
  0,
  false,
];
const FILE = 'id,source\n1,Zoë 💩\n';

let service: Service;
let receiver: Receiver;
/** Inside of the checkout, for the packages in node_modules; not in there, where TypeScript compiles nothing. */
let folder: string;
beforeAll(async () => {
  receiver = await Receiver.answering();
  service = await Service.start(sharedBy(await newDatabase()));
  folder = await mkdtemp(join(ROOT, 'dist/clients-'));
  await writeFile(join(folder, 'openapi.json'), (await service.client.get('/openapi.json')).text);
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Runs a program to its end; what it said, where that is a failure. */
async function run(command: string, args: string[], options: ExecFileOptions = {}): Promise<string> {
  const ended = promisify(execFile)(command, args, { ...options, encoding: 'utf8' });
  const { stdout } = await ended.catch((error: Error & { stdout: string }) => {
    throw new Error(`${error.message}${error.stdout}`);
  });
  return stdout;
}

/** Runs a program that drives a client, and checks what it saw. */
async function expectDriven(command: string, args: string[], cwd: string, env: object = {}): Promise<void> {
  const task = {
    url: service.client.url,
    key: TEST_KEY,
    callback: receiver.url,
    inputs: INPUTS,
    file: FILE,
  };
  const stdout = await run(command, args, {
    cwd,
    env: { ...process.env, TASK: JSON.stringify(task), ...env },
  });
  const seen = JSON.parse(stdout);
  expect(seen).toMatchObject({
    results: INPUTS,
    statuses: INPUTS.map(() => 'Finished'),
    delivery: { event: 'operation.finished', attempts: [200] },
    file: FILE,
    problem: { code: 'unknown-operation-type', path: 'type' },
  });
  expect(JSON.parse(seen.stored)).toEqual(INPUTS[0]);
  expect(seen.listed).toEqual(expect.arrayContaining(seen.ids));
  // Not only as the client reads it.
  for (const [index, id] of seen.ids.entries()) {
    const { result, correlation } = (await service.client.get(`/v1/operations/${id}`)).body;
    expect(result).toEqual(INPUTS[index]);
    expect(correlation).toBe('order 17');
  }
  expect(receiver.all.at(-1)!.headers.authorization).toBe('Bearer ours');
}

/** Compiles a driver in TypeScript, strictly, with the client beside it, and runs it. */
async function expectTypeScriptDriven(driver: string, cwd: string): Promise<void> {
  await cp(join(DRIVERS, driver), join(cwd, driver));
  const compilerOptions = {
    ...{ module: 'nodenext', target: 'es2023', strict: true, skipLibCheck: true, rootDir: '.' },
    types: ['node'],
  };
  await writeFile(join(cwd, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [driver] }));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  await run(process.execPath, [tsc, '-p', cwd]);
  await expectDriven(process.execPath, [driver.replace(/ts$/, 'js')], cwd);
}

async function generate(generator: string, properties: string, into: string): Promise<void> {
  await run(join(GENERATORS!, 'bin/openapi-generator-cli'), [
    ...['generate', '-g', generator, '-i', join(folder, 'openapi.json'), '-o', into],
    ...['--additional-properties', properties, '--global-property', 'apiTests=false,modelTests=false'],
  ]);
}

// What a generator makes has nothing to do with the queue.
describe.skipIf(redisUrls().length > 0)('A client that is generated from the document', () => {
  it('by openapi-typescript sends what it is given and reads what is answered', async () => {
    const cwd = join(folder, 'openapi-typescript');
    await mkdir(cwd);
    const types = astToString(await openapiTS((await service.client.get('/openapi.json')).body));
    await writeFile(join(cwd, 'client.ts'), types);
    await expectTypeScriptDriven('openapi-typescript.ts', cwd);
  });

  describe.skipIf(!GENERATORS)('where Java, Python and Go are there', { timeout: 240_000 }, () => {
    it('by openapi-generator for Python does too', async () => {
      const cwd = join(folder, 'python');
      await generate('python', 'packageName=ringback_client', cwd);
      const driver = join(DRIVERS, 'openapi_generator.py');
      await expectDriven(join(GENERATORS!, 'bin/python'), [driver], cwd, { PYTHONPATH: cwd });
    });

    it('by openapi-generator for TypeScript does too', async () => {
      const cwd = join(folder, 'typescript-fetch');
      await generate('typescript-fetch', 'importFileExtension=.js', join(cwd, 'client'));
      await expectTypeScriptDriven('typescript-fetch.ts', cwd);
    });

    it('by openapi-generator for Go does too', async () => {
      const cwd = join(folder, 'go');
      await generate('go', 'packageName=client', join(cwd, 'client'));
      await rm(join(cwd, 'client/go.mod'), { force: true });
      await writeFile(join(cwd, 'go.mod'), 'module ringback\n\ngo 1.19\n');
      await cp(join(DRIVERS, 'openapi_generator.go'), join(cwd, 'main.go'));
      await expectDriven('go', ['run', '.'], cwd, { GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local' });
    });

    it('by openapi-python-client does too', async () => {
      const cwd = join(folder, 'openapi-python-client');
      const path = `${join(GENERATORS!, 'bin')}:${process.env.PATH}`;
      await run(
        join(GENERATORS!, 'bin/openapi-python-client'),
        [
          'generate',
          '--path',
          join(folder, 'openapi.json'),
          '--meta',
          'none',
          '--output-path',
          join(cwd, 'ringback_client'),
        ],
        { env: { ...process.env, PATH: path } },
      );
      const driver = join(DRIVERS, 'openapi_python_client.py');
      await expectDriven(join(GENERATORS!, 'bin/python'), [driver], cwd, { PYTHONPATH: cwd });
    });
  });
});
