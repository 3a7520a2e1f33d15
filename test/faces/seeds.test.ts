import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Module } from '@nestjs/common';
import { type OperationContext, type OperationHandler, OperationType } from 'ringback';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import ExampleHandlersModule from '../../examples/handlers.js';
import { App, freePort, TEST_KEY } from '../support/app.js';
import { Receiver } from '../support/receiver.js';
import { UpstreamApi } from '../support/upstream.js';

/** A JSON sample of the pages that describe the two APIs, word for word. */
const sample = async (name: string): Promise<any> =>
  JSON.parse(await readFile(new URL(`../data/seeds/${name}.json`, import.meta.url), 'utf8'));

@OperationType({ name: 'sample.export', title: 'Sample', path: 'sample/export' })
class SampleExportHandler implements OperationHandler {
  async run(_: unknown, context: OperationContext) {
    const name = 'export_wm-1180_en_fr.xlf';
    const file = await context.saveFile(Readable.from(['<xliff/>']), { name, contentType: 'text/xml' });
    return { custom: { fileref: file.id, filename: file.name, segments: 10 } };
  }
}

@OperationType({ name: 'sample.failing', title: 'Sample', path: 'sample/failing' })
class SampleFailingHandler implements OperationHandler {
  run(_: unknown, context: OperationContext): Promise<void> {
    return context.fail('xy', 'The parameter xy was not properly supplied');
  }
}

@Module({ providers: [SampleExportHandler, SampleFailingHandler] })
class SamplesModule {}

let app: App;
let upstream: UpstreamApi;
let gateway: string;

beforeAll(async () => {
  upstream = await UpstreamApi.answering((response, { url }) => {
    const [type, body] = url.includes('t=csv')
      ? ['text/csv; charset=utf-8', 'id;name\n1;me\n']
      : ['application/json; charset=utf-8', '{"id":"1"}'];
    response.writeHead(200, { 'content-type': type }).end(body);
  });
  const port = await freePort();
  gateway = `http://127.0.0.1:${port}`;
  app = await App.start({ gateway: { upstream: upstream.url, port, publicUrl: gateway } }, [
    ExampleHandlersModule,
    SamplesModule,
  ]);
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

/** The text of a poll that shows an end. */
async function polled(requestid: number): Promise<string> {
  let text = '';
  await expect
    .poll(
      async () => {
        ({ text } = await app.client.get(`/api/trm/status?requestid=${requestid}`));
        return text;
      },
      { timeout: 20_000 },
    )
    .toMatch(/"(Finished|Failed)"/);
  return text;
}

describe('a sample of the trm face’s page is what is answered, member for member:', () => {
  /** The sample's text with what is another one each time. */
  const asSample = async (name: string, body: any, requestid: number): Promise<string> => {
    const expected = await sample(name);
    expected.trm.requestid = requestid;
    if (expected.custom) {
      expect(body.custom.fileref).toMatch(/^[0-9a-f]{32}$/);
      expected.custom.fileref = body.custom.fileref;
    }
    return JSON.stringify(expected);
  };

  it.each([
    ['finished', 'sample/export', 'trm-finished'],
    ['failed', 'sample/failing', 'trm-failed'],
  ])('submitted, polled and called back when it has %s', async (_, path, name) => {
    await using receiver = await Receiver.answering(200);
    const submitted = await app.client.post(`/api/${path}`, { callbackurl: receiver.url });
    const { requestid } = submitted.body.trm;
    expect(requestid).toBeGreaterThan(0);
    expect(submitted.text).toBe(await asSample('trm-waiting', submitted.body, requestid));
    const poll = await polled(requestid);
    expect(poll).toBe(await asSample(name, JSON.parse(poll), requestid));
    const [received] = await receiver.received(1);
    expect(received!.body).toBe(poll);
  });

  it.each([
    ['finished', 'sample/export', 'trm-finished'],
    ['failed', 'sample/failing', 'trm-failed'],
  ])('inline, and called back, when it has %s within the submit', async (_, path, name) => {
    await using receiver = await Receiver.answering(200);
    const { text, body, headers } = await app.client.post(`/api/${path}?inlinems=20000`, {
      callback: { url: receiver.url, headers: [] },
    });
    expect(text).toBe(await asSample(name, body, 0));
    const { request_id } = await app.client.ended(headers.get('operation-id')!);
    const [received] = await receiver.received(1);
    expect(received!.body).toBe(await asSample(name, body, request_id));
    expect(await polled(request_id)).toBe(received!.body);
  });
});

describe('a sample of the bgrs face’s page is what is answered, member for member:', () => {
  const read = async (path: string): Promise<string> => {
    const answer = await fetch(gateway + path, { headers: { 'x-ringback-key': TEST_KEY } });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      200,
      expect.stringMatching(/^application\/json/),
    ]);
    return answer.text();
  };

  /** The sample's text with the rid, id and times of what was answered, which are of the sample's form. */
  const asSample = async (name: string, text: string, rid: string): Promise<string> => {
    const [expected] = await sample(name);
    const [answered] = JSON.parse(text) as Record<string, string>[];
    for (const [field, value] of Object.entries(expected as Record<string, string>)) {
      if (/^id$|^dt$|_dt$/.test(field)) {
        const form = value.replaceAll(/\d+/g, (digits) =>
          field === 'id' ? '\\d+' : `\\d{${digits.length}}`,
        );
        expect(answered![field]).toMatch(new RegExp(`^${form}$`));
        expected[field] = answered![field];
      } else expected[field] = value.replace(/[0-9a-f]{32}/, rid);
    }
    return JSON.stringify([expected]);
  };

  it('submitted, read, in detail, and called back', async () => {
    await using receiver = await Receiver.answering(200);
    const headers = { 'x-ringback-key': TEST_KEY, 'x-callback-url': receiver.url };
    const submitted = await fetch(`${gateway}/v2.5/users/me?bgrs=yes`, { headers });
    const taken = (await submitted.json()) as { request: string };
    expect(Object.keys(taken)).toEqual(Object.keys(await sample('bgrs-submit')));
    const { request: rid } = taken;
    expect(rid).toMatch(/^[0-9a-f]{32}$/);
    const [received] = await receiver.received(1);
    const row = await read(`/bgrs/${rid}`);
    expect(row).toBe(await asSample('bgrs-request', row, rid));
    expect(received!.body).toBe(row);
    expect(await read(`/v2.5/bgrs/${rid}`)).toBe(row);
    const details = await read(`/bgrs/${rid}/details`);
    expect(details).toBe(await asSample('bgrs-details', details, rid));
    const [{ result }] = JSON.parse(row) as [{ result: string }];
    for (const path of [`/bgrs/${rid}/result`, `/${result}`, `/v2.5/${result}`])
      expect(await read(path)).toBe('{"id":"1"}');
  });
});

it.each([
  ['trm', ['trm-waiting', 'trm-failed', 'trm-finished']],
  ['bgrs', ['bgrs-request']],
])('docs/%s.md shows what is answered', async (page, names) => {
  const text = await readFile(new URL(`../../docs/${page}.md`, import.meta.url), 'utf8');
  const shown = [...text.matchAll(/^```json\n(.*?)^```$/gms)].map(([, json]) => JSON.parse(json!) as unknown);
  expect(shown).toEqual(await Promise.all(names.map(sample)));
});

describe('a client that was written from the page alone', () => {
  const example = (name: string): string =>
    fileURLToPath(new URL(`../../examples/clients/${name}`, import.meta.url));

  const hasPython = spawnSync('python3', ['--version']).error === undefined;

  /** What a Python program prints, and what it tells besides. */
  async function python(test: TestContext, cwd: string, ...args: string[]): Promise<[string, string]> {
    test.skip(!hasPython, 'python3 is not installed');
    const { stdout, stderr } = await promisify(execFile)('python3', args, { cwd, timeout: 30_000 });
    return [stdout, stderr];
  }

  it('of the trm face submits, polls, reads custom.fileref and downloads', async (test) => {
    const form = new FormData();
    form.append('file', new Blob(['[{"id":"1","source":"one","target":"un"}]']), 'one.json');
    const { result } = (await app.client.post('/api/media/upload', form)).body;
    const folder = await mkdtemp(join(tmpdir(), 'ringback-client-'));
    try {
      const input = JSON.stringify({ file: result.token, source_language: 'en', target_language: 'fr' });
      const [printed] = await python(
        test,
        folder,
        ...[example('trm.py'), app.client.url, 'default', TEST_KEY, 'resources/segments/view/export', input],
      );
      expect(printed).toBe('one.fr.xlf\n');
      expect(await readFile(join(folder, 'one.fr.xlf'), 'utf8')).toMatch(/<xliff /);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('of the bgrs face adds bgrs=yes, polls status_name, and reads the details and the result', async (test) => {
    const target = '/v2.5/users/me?t=csv';
    const [printed, told] = await python(test, tmpdir(), example('bgrs.py'), gateway, TEST_KEY, target);
    expect(printed).toBe('id;name\n1;me\n');
    expect(told).toMatch(/^[\d-]{10} [\d:]{8} done\n1 200 media\/keep1m\.bgrs\.[0-9a-f]{32}\.result\.csv\n$/);
  });
});
