import { Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { malformedAt, wellFormedJson } from '../../src/config/well-formed.js';
import type { OperationContext } from '../../src/operations/run/operation-context.js';
import { OperationError } from '../../src/operations/run/operation-context.js';
import { type OperationOutcome, OperationType } from '../../src/operations/run/operation-type.js';
import { Readable } from 'node:stream';
import { App, freePort, TEST_KEY } from '../support/app.js';
import { Receiver } from '../support/receiver.js';
import { UpstreamApi } from '../support/upstream.js';

const HALF = 'Great news \ud83d';
const MENDED = 'Great news \ufffd';

@OperationType({ name: 'test.halves', title: 'Halves', path: 'halves', inlineMs: 10_000 })
class HalvesHandler {
  async run(input: { fails?: boolean }, context: OperationContext): Promise<OperationOutcome> {
    context.log(HALF);
    context.progress(50, HALF);
    if (input.fails) throw new OperationError(`x${HALF}`, HALF);
    const file = await context.saveFile(Readable.from([HALF]), { name: `${HALF}.txt`, contentType: HALF });
    const nested = { [HALF]: [HALF, '\\ud83d', '\\\ud83d', '\ude00\ud83d', '😀'] };
    return { result: nested, custom: nested, statusText: HALF, file: file.id };
  }
}
@Module({ providers: [HalvesHandler] })
class HalvesModule {}

let app: App;
let upstream: UpstreamApi;
let gateway: string;

beforeAll(async () => {
  upstream = await UpstreamApi.answering((response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"news":["Great news \\ud83d"]}');
  });
  const port = await freePort();
  gateway = `http://127.0.0.1:${port}`;
  app = await App.start({ gateway: { upstream: upstream.url, port, publicUrl: gateway } }, [HalvesModule]);
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

describe('half a surrogate pair that a caller sends', () => {
  it.each<[path: string, route: string, body: object]>([
    ['input', '/v1/operations', { type: 'echo', input: HALF }],
    ['input.a.1.b', '/v1/operations', { type: 'echo', input: { a: [1, { b: '\ude00' }] } }],
    ['input.Great news \ufffd', '/v1/operations', { type: 'echo', input: { [HALF]: 1 } }],
    ['callback.url', '/v1/operations', { type: 'echo', callback: { url: `https://example.com/${HALF}` } }],
    ['url', '/v1/callback-check', { url: `https://example.com/${HALF}` }],
  ])('is refused with 400 and its path: %s', async (path, route, body) => {
    const { status, body: problem } = await app.client.post(route, body);
    expect([status, problem.code, problem.errors]).toEqual([
      400,
      'malformed-body',
      [{ path, message: 'holds half a surrogate pair, which is no character: send whole characters' }],
    ]);
  });

  it("is refused by a field's own rule where it has one, and never repeated in the answer", async () => {
    const correlation = await app.client.post('/v1/operations', { type: 'echo', correlation: HALF });
    const unknown = await app.client.post('/v1/operations', { type: 'echo', [HALF]: 1 });
    for (const { status, text } of [correlation, unknown]) {
      expect(status).toBe(422);
      expect(malformedAt(JSON.parse(text))).toBeNull();
    }
  });

  it('stops none of the others in a batch', async () => {
    const operations = [
      { type: 'echo', input: HALF },
      { type: 'echo', input: '😀' },
    ];
    const { status, body } = await app.client.post('/v1/operations/batch', { operations });
    expect([status, ...body.data.map((item: { status: number }) => item.status)]).toEqual([200, 400, 202]);
  });

  it.each(['/api/halves', '/api/auth/token', '/api/trm/status'])(
    'is refused by the trm face: %s',
    async (route) => {
      const { status, body } = await app.client.post(route, { accountid: HALF, key: 'x' });
      expect([status, body.reason]).toEqual([
        400,
        expect.stringMatching(/^accountid holds half a surrogate/),
      ]);
    },
  );

  it('is refused in a batch of the gateway, as are bytes that are no UTF-8', async () => {
    const post = async (body: string | Uint8Array<ArrayBuffer>) => {
      const headers = { 'content-type': 'application/json', 'x-ringback-key': TEST_KEY };
      const answer = await fetch(`${gateway}/batch`, { method: 'POST', headers, body });
      return [answer.status, ((await answer.json()) as { detail: string }).detail];
    };
    const batch = JSON.stringify([{ method: 'POST', path: '/', body: { news: HALF } }]);
    expect(await post(batch)).toEqual([400, expect.stringMatching(/^0.body.news holds half/)]);
    const bytes = Buffer.from('[{"method":"POST","path":"/","body":"?"}]');
    bytes[bytes.indexOf('?')] = 0xff;
    expect(await post(new Uint8Array(bytes))).toEqual([400, expect.stringMatching(/^the body is not JSON/)]);
    expect(upstream.seen).toEqual([]);
  });
});

describe('half a surrogate pair that a handler or an upstream gives', () => {
  it('is U+FFFD in every text of the end, of the history and of the file', async () => {
    await using receiver = await Receiver.answering(200);
    const { id } = await app.client.submit({
      type: 'test.halves',
      input: {},
      callback: { url: receiver.url },
    });
    const [told] = await receiver.received(1);
    const nested = { [MENDED]: [MENDED, '\\ud83d', '\\\ufffd', '\ufffd\ufffd', '😀'] };
    const shown = { result: nested, custom: nested, status_text: MENDED };
    expect(await app.client.ended(id)).toMatchObject(shown);
    expect(JSON.parse(told!.body)).toMatchObject({ data: shown });
    // Read as PHP, Ruby and jq do: an escape that stands alone would be refused.
    expect(told!.body.replaceAll('\\\\', '')).not.toMatch(/\\ud/);
    const history = (await app.client.get(`/v1/operations/${id}/history`)).body;
    expect(history.data.filter(({ text }: { text: string }) => text === MENDED).length).toBeGreaterThan(1);
    expect(malformedAt(history)).toBeNull();
    const file = await app.client.get(`/v1/operations/${id}/result`);
    expect([file.text, file.headers.get('content-disposition')]).toEqual([
      MENDED,
      expect.stringContaining(encodeURIComponent(`${MENDED}.txt`)),
    ]);
  });

  it('is U+FFFD in how a run failed, on the native and on the trm face', async () => {
    const { id } = await app.client.submit({ type: 'test.halves', input: { fails: true } });
    expect((await app.client.ended(id)).error).toEqual({ code: `x${MENDED}`, message: MENDED });
    const { body } = await app.client.post('/api/halves', { fails: true });
    expect(body.trm).toMatchObject({ status: 'Failed', statusInfo: MENDED });
  });

  it('is U+FFFD in a response that http.request gives back', async () => {
    const input = { method: 'GET', url: `${upstream.url}/` };
    const { id } = await app.client.submit({ type: 'http.request', input });
    expect((await app.client.ended(id)).result).toMatchObject({ status: 200, body: { news: [MENDED] } });
  });
});

it.each([
  ['"\ud83d"', '"\ufffd"'],
  ['"\\\\ud83d"', '"\\\\ud83d"'],
  ['"\\\\\\ud83d\\n"', '"\\\\\ufffd\\n"'],
  ['"\\u001f\\""', '"\\u001f\\""'],
])('wellFormedJson replaces escapes of halves alone: %j', (json, mended) => {
  // The first is what JSON.stringify makes of the half itself.
  expect(wellFormedJson(json.isWellFormed() ? json : JSON.stringify(JSON.parse(json)))).toBe(mended);
});
