import { request } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App, freePort, TEST_KEY } from '../support/app.js';
import { UpstreamApi } from '../support/upstream.js';

/** Requests to each listener; more of them: RINGBACK_TEST_FUZZ=20000. */
const COUNT = Number(process.env.RINGBACK_TEST_FUZZ ?? 500);
const AT_ONCE = 20;
/** What docs/trm.md and docs/bgrs.md name, and what HTTP itself may be refused with. */
const KNOWN = new Set([
  200, 202, 204, 206, 304, 400, 401, 403, 404, 406, 408, 409, 410, 413, 414, 415, 416, 417, 422, 429, 431,
]);

let app: App;
let upstream: UpstreamApi;
let gateway = 0;

beforeAll(async () => {
  upstream = await UpstreamApi.answering((response) => response.end('{}'));
  gateway = await freePort();
  app = await App.start({
    gateway: { upstream: upstream.url, port: gateway, publicUrl: `http://127.0.0.1:${gateway}` },
    trm: { requestsPerHour: 10_000_000 },
    operations: { concurrency: 5 },
  });
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

interface Fuzzed {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}
interface Answered {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

const ID = fc.oneof(
  fc.constantFrom(
    '0',
    '1',
    '-1',
    '999999999999999999',
    '1e3',
    'file_0',
    '0'.repeat(32),
    'f'.repeat(201),
    '%00',
    '%',
    '..',
    '%2e%2e',
  ),
  fc.string({ maxLength: 12 }).map((text) => encodeURIComponent(text.toWellFormed())),
);
const VALUE = fc.oneof(
  fc.constantFrom(
    '',
    'yes',
    '1',
    'no',
    'null',
    '[]',
    '5000',
    'http://127.0.0.1:9/x',
    'http://10.0.0.1/',
    'https://example.com/?a=b',
    '%',
    '%ff',
    '%00',
    '\ud83d',
  ),
  fc.string({ unit: 'binary', maxLength: 20 }),
);
const pairsOf = (names: string[]) =>
  fc
    .array(fc.tuple(fc.constantFrom(...names), VALUE), { maxLength: 4 })
    .map((given) =>
      given
        .map(
          ([name, value]) =>
            `${name}=${value.startsWith('%') ? value : encodeURIComponent(value.toWellFormed())}`,
        )
        .join('&'),
    );
const JSON_TEXT = fc.oneof(
  fc.json({ maxDepth: 4 }),
  fc
    .record(
      {
        type: VALUE,
        input: fc.jsonValue(),
        callback: fc.oneof(
          VALUE,
          fc.jsonValue(),
          fc.record({ url: VALUE, headers: fc.jsonValue(), onInline: fc.jsonValue() }, { requiredKeys: [] }),
        ),
        callbackurl: VALUE,
        requestid: fc.oneof(VALUE, fc.double(), fc.integer()),
        accountid: VALUE,
        key: fc.oneof(VALUE, fc.constant(TEST_KEY)),
        progress: fc.oneof(fc.double(), VALUE),
        text: VALUE,
        seconds: fc.double(),
        file: ID,
      },
      { requiredKeys: [] },
    )
    .map((body) => JSON.stringify(body)),
  fc
    .array(
      fc.record(
        {
          method: fc.oneof(fc.constantFrom('GET', 'POST'), VALUE),
          path: fc.oneof(fc.constant('/x'), VALUE),
          headers: fc.jsonValue(),
          body: fc.jsonValue(),
        },
        { requiredKeys: [] },
      ),
      { maxLength: 4 },
    )
    .map((body) => JSON.stringify(body)),
  fc.constantFrom(
    '',
    '{',
    '[',
    '[[[[',
    '{"a":1e999}',
    '{"__proto__":1}',
    '\ufeff{}',
    'null',
    '"x"',
    '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--b--\r\n',
    '--b',
  ),
  fc.string({ unit: 'binary', maxLength: 50 }),
);
const HEADERS = fc.record(
  {
    'content-type': fc.constantFrom(
      'application/json',
      'application/json; charset=latin1',
      'text/plain',
      'multipart/form-data; boundary=b',
      'multipart/form-data',
      'application/x-www-form-urlencoded',
      ';',
      'application/json;;=',
    ),
    'x-auth-token': fc.constantFrom('', 'x', 'x'.repeat(300)),
    'x-auth-accountid': fc.constantFrom('default', ''),
    'x-ringback-key': fc.constantFrom(TEST_KEY, 'rb_x', ''),
    'x-callback-url': fc.constantFrom('', 'x', 'http://127.0.0.1:9/'),
    prefer: fc.constantFrom('respond-async', 'wait=1', ',;=', 'respond-async;x'),
    range: fc.constantFrom('bytes=0-', 'bytes=-1', 'bytes=9-1', 'items=1', 'bytes=0-1,2-3', '\u00fc'),
    traceparent: fc.constantFrom('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'x'),
    'if-none-match': fc.constantFrom('*', '"x"'),
    'content-encoding': fc.constantFrom('gzip', 'identity', 'x'),
    'idempotency-key': fc.constantFrom('', 'x'.repeat(300)),
    'x-http-method-override': fc.constant('DELETE'),
    accept: fc.constantFrom('text/event-stream', '*/*', 'x'),
  },
  { requiredKeys: [] },
);
const METHODS = fc.constantFrom('GET', 'POST', 'POST', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS');

const fuzzed = (paths: string[], names: string[]): fc.Arbitrary<Fuzzed> =>
  fc.record({
    method: METHODS,
    path: fc.tuple(fc.constantFrom(...paths), ID).map(([path, id]) => path.replace(':id', id)),
    query: pairsOf(names),
    headers: fc
      .tuple(HEADERS, fc.integer({ min: 0, max: 9 }))
      .map(([headers, no]) => (no < 8 ? { authorization: `Bearer ${TEST_KEY}`, ...headers } : headers)),
    body: JSON_TEXT,
  });

function ask(port: number, { method, path, query, headers, body }: Fuzzed): Promise<Answered> {
  const bytes = Buffer.from(body, 'utf8');
  return new Promise((resolve, reject) => {
    const bodied = method !== 'GET' && method !== 'HEAD';
    const outgoing = request({
      port,
      host: '127.0.0.1',
      method,
      path: query === '' ? path : `${path}?${query}`,
      headers: { ...headers, ...(bodied ? { 'content-length': bytes.length } : {}) },
      timeout: 20_000,
    });
    outgoing
      .on('response', (response) => {
        response.toArray().then((chunks: Buffer[]) => {
          const type = String(response.headers['content-type'] ?? '');
          resolve({ status: response.statusCode!, type, text: Buffer.concat(chunks).toString() });
        }, reject);
      })
      .on('timeout', () => outgoing.destroy(new Error('no answer within 20 s')))
      .on('error', reject)
      .end(bodied ? bytes : undefined);
  });
}

/** Asks them all, some at once; answers what nobody may be answered with, each with its request. */
async function faultsOf(
  port: number,
  requests: Fuzzed[],
  isRight: (answer: Answered) => boolean,
): Promise<unknown[]> {
  const faults: unknown[] = [];
  const left = [...requests];
  const worker = async (): Promise<void> => {
    for (let next = left.pop(); next; next = left.pop()) {
      const given = next;
      const answer = await ask(port, given).catch((error: unknown) => ({
        status: 0,
        type: '',
        text: String(error),
      }));
      if (!KNOWN.has(answer.status) || !isRight(answer)) faults.push({ given, answer });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return faults.slice(0, 10);
}

const seed = Number(process.env.RINGBACK_TEST_SEED ?? 20261128);

describe('whatever is asked', { timeout: 600_000 }, () => {
  it('of the trm face is answered with a status that is documented, and an error in its own words', async () => {
    const paths = [
      '/api/auth/token',
      '/api/trm/status',
      '/api/trm/list',
      '/api/media/upload',
      '/api/media/get/:id',
      '/api/media/get/:id/stream',
      '/api/:id',
      '/api/',
      '/%61pi/trm/status',
    ];
    const names = [
      'requestid',
      'skip',
      'take',
      'callbackurl',
      'inlinems',
      'rangemaxmb',
      'name',
      'x',
      '__proto__',
    ];
    const requests = fc.sample(fuzzed(paths, names), { numRuns: COUNT, seed });
    const isRight = ({ status, type, text }: Answered): boolean =>
      status < 400 ||
      text === '' ||
      (type.startsWith('application/json') && 'reason' in (JSON.parse(text) as object));
    expect(await faultsOf(Number(new URL(app.client.url).port), requests, isRight)).toEqual([]);
  });

  it('of the gateway is answered with a status that is documented, and a problem', async () => {
    const paths = [
      '/bgrs/:id',
      '/bgrs/:id/details',
      '/bgrs/:id/result',
      '/bgrs/:id/progress',
      '/v1.2/bgrs/:id',
      '/batch',
      '/x/:id',
      '/media/keep1m.bgrs.:id.result.json',
      '/bgrs',
      '//x',
    ];
    const names = ['bgrs', 'callbackurl', '_token', 'token', 'limit', 'after', 'verbose', 'x', '__proto__'];
    const requests = fc.sample(fuzzed(paths, names), { numRuns: COUNT, seed });
    const isRight = ({ status, type, text }: Answered): boolean =>
      status < 400 ||
      text === '' ||
      (type.startsWith('application/problem+json') && 'code' in (JSON.parse(text) as object));
    expect(await faultsOf(gateway, requests, isRight)).toEqual([]);
  });

  it('of every other route is no fault of ours', async () => {
    const paths = [
      '/v1/operations',
      '/v1/operations/batch',
      '/v1/operations/:id',
      '/v1/operations/:id/cancel',
      '/v1/operations/:id/rerun',
      '/v1/operations/:id/history',
      '/v1/operations/:id/result',
      '/v1/endpoints',
      '/v1/endpoints/:id',
      '/v1/endpoints/:id/recover',
      '/v1/endpoints/:id/secret',
      '/v1/deliveries',
      '/v1/deliveries/:id',
      '/v1/files',
      '/v1/files/:id/content',
      '/v1/accounts',
      '/v1/accounts/:id/keys',
      '/v1/callback-check',
      '/v1/signing-secret',
      '/v1/operation-types/:id',
      '/lro/operations/:id',
      '/.well-known/webhook-keys/:id',
      '/health/live',
      '/:id',
    ];
    const names = [
      'wait',
      'cursor',
      'limit',
      'status',
      'type',
      'created_after',
      'undelivered',
      'since',
      'name',
      'endpoint',
      'x',
      '__proto__',
    ];
    const requests = fc.sample(fuzzed(paths, names), { numRuns: COUNT, seed });
    const isRight = ({ status, type, text }: Answered): boolean =>
      status < 400 ||
      text === '' ||
      (type.startsWith('application/problem+json') && 'code' in (JSON.parse(text) as object));
    const port = Number(new URL(app.client.url).port);
    KNOWN.add(201);
    expect(await faultsOf(port, requests, isRight)).toEqual([]);
  });
});
