import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OperationContext } from '../../../src/operations/run/operation-context.js';
import { OperationType } from '../../../src/operations/run/operation-type.js';
import { App, freePort, TEST_KEY } from '../../support/app.js';
import { JobApi } from '../../support/job-api.js';

/** Until it is resolved, exports don't end. */
let holding: PromiseWithResolvers<void> | undefined;

/** What the other Ringback is asked for: some progress, and a result. */
@OperationType({ name: 'test.export', title: 'Export', path: 'resources/segments/view/export' })
class ExportHandler {
  async run(_: unknown, context: OperationContext) {
    context.progress(50, 'half of it');
    if (holding) await holding.promise;
    return { result: { segments: 10 }, custom: { fileref: 'ea9c' } };
  }
}

@Module({ providers: [ExportHandler] })
class ExportModule {}

const run = promisify(execFile);
const PAGE = readFileSync(new URL('../../../docs/polling.md', import.meta.url), 'utf8');

let app: App;
let api: JobApi;
/** A Ringback whose gateway is in front of an API with jobs of its own. */
let other: App;
let gateway: string;

beforeAll(async () => {
  api = await JobApi.start();
  app = await App.start({ operations: { pollMinS: 0.01 } });
  const port = await freePort();
  gateway = `http://127.0.0.1:${port}`;
  const more = { upstream: api.url, port, publicUrl: gateway, poll: 'replicate' as const };
  other = await App.start({ gateway: more, operations: { pollMinS: 0.01 } }, [ExportModule]);
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

const OFTEN = { every_s: 0.1 };
const BEARER = { authorization: `Bearer ${TEST_KEY}` };

async function ended(input: Record<string, unknown>): Promise<any> {
  return app.client.ended((await app.client.submit({ type: 'http.request', input })).id);
}

describe("An operation of another Ringback is polled through each of its faces' own words:", () => {
  it('lro, by its Operation-Location', async () => {
    const operation = await ended({
      ...{ method: 'POST', url: `${other.client.url}/v1/operations`, headers: BEARER },
      body: { type: 'test.export' },
      poll: { preset: 'azure', ...OFTEN },
    });
    expect(operation).toMatchObject({
      status: 'Finished',
      result: { body: { status: 'Succeeded', result: { segments: 10 } } },
    });
  });

  it('trm, by its requestid', async () => {
    holding = Promise.withResolvers<void>();
    const { id } = await app.client.submit({
      type: 'http.request',
      input: {
        ...{ method: 'POST', url: `${other.client.url}/api/resources/segments/view/export`, headers: BEARER },
        body: {},
        poll: { preset: 'wordbee', ...OFTEN },
      },
    });
    const shown = async (): Promise<string> =>
      (await app.client.get(`/v1/operations/${id}`)).body.status_text;
    await expect.poll(shown, { timeout: 10_000 }).toBe('half of it');
    holding.resolve();
    holding = undefined;
    const operation = await app.client.ended(id);
    expect(operation).toMatchObject({
      status: 'Finished',
      result: { body: { trm: { status: 'Finished' }, custom: { fileref: 'ea9c' } } },
    });
  });

  it('bgrs, by its request', async () => {
    const operation = await ended({
      ...{ method: 'GET', url: `${gateway}/v1/nowhere?bgrs=yes`, headers: { 'x-ringback-key': TEST_KEY } },
      poll: { preset: 'bear', ...OFTEN },
    });
    // As the API behind that gateway answered.
    expect(operation).toMatchObject({
      status: 'Finished',
      result: { status: 404, body: { error: { message: 'nothing at /v1/nowhere' } } },
    });
  });
});

describe('The gateway follows the jobs of its upstream:', () => {
  const background = async (path: string, method = 'POST'): Promise<string> => {
    const response = await fetch(gateway + path, {
      method,
      headers: { 'x-ringback-key': TEST_KEY, authorization: 'Bearer of-the-caller' },
    });
    return ((await response.json()) as { request: string }).request;
  };
  const read = async (rid: string): Promise<any> => {
    const response = await fetch(`${gateway}/bgrs/${rid}`, { headers: { 'x-ringback-key': TEST_KEY } });
    return ((await response.json()) as any[])[0];
  };

  it('the result of a request is that of the job', async () => {
    const rid = await background('/v1/predictions?bgrs=yes&polls=1');
    await expect.poll(async () => (await read(rid)).status_name, { timeout: 10_000 }).toBe('finished');
    expect(await read(rid)).toMatchObject({ status: '200', progress: '100.00' });
    const result = await fetch(`${gateway}/bgrs/${rid}/result`, { headers: { 'x-ringback-key': TEST_KEY } });
    expect([result.status, await result.json()]).toEqual([
      200,
      expect.objectContaining({ status: 'succeeded', output: ['https://x/out.png'] }),
    ]);
    const job = [...api.jobs.values()].at(-1)!;
    expect(job.polls[0]!.headers).toMatchObject({ authorization: 'Bearer of-the-caller' });
    expect(job.polls[0]!.headers).not.toHaveProperty('x-ringback-key');
  });

  it('a job that fails is a request that failed', async () => {
    const rid = await background('/v1/predictions?bgrs=yes&polls=1&fail=1');
    await expect.poll(async () => (await read(rid)).status_name, { timeout: 10_000 }).toBe('failed');
  });

  it('and what names none is the result itself', async () => {
    const rid = await background('/v1/files/file-999/content?bgrs=yes', 'GET');
    await expect.poll(async () => (await read(rid)).status_name).toBe('finished');
    expect((await read(rid)).status).toBe('404');
  });
});

describe('The page on polling', () => {
  const snippets = [...PAGE.matchAll(/^```sh\n(.*?)^```/gms)]
    .map(([, code]) => code!)
    .filter((code) => code.startsWith('curl'));

  it.each(snippets.map((code) => [/"poll": (?:\{ "preset": )?"([\w-]+)"/.exec(code)?.[1] ?? 'own', code]))(
    'gives a request that works: %s',
    async (way, code) => {
      const isOwn = code.includes('http://127.0.0.1:8080');
      const base = way === 'wordbee' || isOwn ? other.client.url : way === 'bear' ? gateway : api.url;
      const here = code
        .replace(/https:\/\/example\.com\/hooks\/export/, `${other.client.url}/hook`)
        .replace(/"url": "https?:\/\/[^/"]+/, `"url": "${base}`)
        .replaceAll('Bearer YOUR_TOKEN', `Bearer ${TEST_KEY}`)
        .replace('rb_YOUR_KEY', TEST_KEY)
        .replace(/"X-Auth-Token": .* "YOUR_ACCOUNT"/, `"Authorization": "Bearer ${TEST_KEY}"`)
        // As it is, but for the time that it takes.
        .replace(/"every_s": \d+/, '"every_s": 0.05')
        .replace(/"poll": "([\w-]+)"/, '"poll": { "preset": "$1", "every_s": 0.05 }');
      const { stdout } = await run('sh', ['-c', here], {
        env: { PATH: process.env.PATH, RB: app.client.url, KEY: TEST_KEY },
      });
      const { id } = JSON.parse(stdout) as { id: string };
      expect(id, stdout).toMatch(/^[0-9a-f]{32}$/);
      expect(await app.client.ended(id)).toMatchObject({ status: 'Finished', error: null });
    },
  );

  it('has one for every preset', () => {
    const shown = snippets.map((code) => /"poll": (?:\{ "preset": )?"([\w-]+)"/.exec(code)?.[1]);
    expect(new Set(shown)).toEqual(
      new Set([
        'http-202',
        'azure',
        'google-lro',
        'fhir',
        'replicate',
        'openai-batch',
        'wordbee',
        'bear',
        undefined,
      ]),
    );
  });
});
