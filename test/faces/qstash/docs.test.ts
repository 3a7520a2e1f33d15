import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PYTHON } from '../../clients/drivers.js';
import { App, TEST_KEY } from '../../support/app.js';
import { Receiver } from '../../support/receiver.js';
import { HAS_PYTHON, upstash } from './clients.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'docs/qstash.md'), 'utf8');
// Within the project, so that the snippets find its packages.
const cache = join(ROOT, 'node_modules/.cache');
mkdirSync(cache, { recursive: true });
const folder = mkdtempSync(join(cache, 'qstash-docs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());

/** All snippets of a language as one program, which talks to this service, and sends to a receiver. */
function program(language: string, receiver: Receiver): string {
  const all = [...PAGE.matchAll(new RegExp(`^ *\`\`\`${language}\n(.*?)^ *\`\`\``, 'gms'))];
  return all
    .map(([, code]) => code!)
    .join('\n')
    .replaceAll('http://localhost:8083', app.client.url)
    .replaceAll('https://example.com', `http://127.0.0.1:${receiver.port}`);
}

async function run(command: string, file: string, code: string, env: object = {}): Promise<string> {
  const path = join(folder, file);
  writeFileSync(path, code);
  const { stdout } = await promisify(execFile)(command, [path], {
    env: { ...process.env, QSTASH_TOKEN: TEST_KEY, PYTHONDONTWRITEBYTECODE: '1', ...env },
  });
  return stdout;
}

const javascript = (code: string): string =>
  ts.transpileModule(code, {
    compilerOptions: { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext },
  }).outputText;

/** What arrives of each language's snippets at once: the first is delayed. */
async function expectArrived(receiver: Receiver): Promise<void> {
  const paths = () => receiver.all.map(({ path }) => path);
  await expect.poll(paths).toEqual(expect.arrayContaining(['/orders', '/mail', '/stock', '/tenants/7']));
  const { schedules } = upstash(app.client.url, TEST_KEY);
  expect(await schedules.get('nightly-report')).toMatchObject({ cron: 'CRON_TZ=Europe/Paris 0 3 * * *' });
  await schedules.delete('nightly-report');
}

describe('The page about QStash', { timeout: 60_000 }, () => {
  it('has snippets in TypeScript that run, and send what they say', async () => {
    await using receiver = await Receiver.answering(200);
    await run(process.execPath, 'snippets.mjs', javascript(program('ts', receiver)));
    await expectArrived(receiver);
  });

  it.skipIf(!HAS_PYTHON)('has snippets in Python that run, and send what they say', async () => {
    await using receiver = await Receiver.answering(200);
    await run(join(PYTHON!, 'bin/python'), 'snippets.py', program('python', receiver));
    await expectArrived(receiver);
  });

  it('moves queues, URL groups and schedules from one QStash to another', async () => {
    await using receiver = await Receiver.answering(200);
    const [from, to] = [await app.account('from'), await app.account('to')];
    const [before, after] = [upstash(app.client.url, from.key), upstash(app.client.url, to.key)];
    await before.queue({ queueName: 'orders' }).upsert({ parallelism: 3, paused: true });
    await before.urlGroups.addEndpoints({ name: 'both', endpoints: [{ name: 'a', url: receiver.url }] });
    const scheduled = {
      ...{
        scheduleId: 'report',
        destination: receiver.url,
        cron: '0 3 * * *',
        body: 'x',
        method: 'PUT' as const,
      },
      ...{ headers: { 'X-Of': 'mine' }, retries: 7, label: ['one', 'two'], queueName: 'orders' },
    };
    await before.schedules.create(scheduled);
    await before.schedules.pause({ schedule: 'report' });

    await run(process.execPath, 'move.mjs', program('js', receiver), {
      ...{ FROM_URL: `${app.client.url}/qstash`, FROM_TOKEN: from.key },
      ...{ QSTASH_URL: `${app.client.url}/qstash`, QSTASH_TOKEN: to.key },
    });
    expect(await after.queue({ queueName: 'orders' }).get()).toMatchObject({ parallelism: 3, paused: true });
    expect((await after.urlGroups.get('both')).endpoints).toEqual([{ name: 'a', url: receiver.url }]);
    const { createdAt: _, ...moved } = await after.schedules.get('report');
    expect(await before.schedules.get('report')).toMatchObject(moved);
    expect(moved).toMatchObject({ isPaused: true, labels: ['one', 'two'], header: { 'X-Of': ['mine'] } });
  });
});

describe('compose.yaml', () => {
  it('asks for nothing but the token where the profile qstash is started alone', () => {
    const compose = readFileSync(join(ROOT, 'compose.yaml'), 'utf8');
    const required = [...compose.matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name);
    expect(new Set(required)).toEqual(new Set(['QSTASH_TOKEN']));
  });
});
