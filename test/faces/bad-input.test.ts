import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App, TEST_KEY } from '../support/app.js';
import { rowsOf } from '../support/database.js';
import { rowCounts } from '../support/rows.js';

let app: App;

beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());

/** A request that must be refused, and how. */
interface Refusal {
  readonly what: string;
  readonly status: number;
  readonly code: string;
  /** The path that one of `errors` names. */
  readonly path?: string;
  readonly method?: string;
  readonly route?: string;
  /** Sent as it is when a text, else as JSON. */
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

const ZEROS = '0'.repeat(32);
const PLAIN = 'application/problem+json';

/** A body of POST /v1/operations that differs from a good one in these fields. */
const submit = (
  what: string,
  fields: object,
  path: string,
  code = 'invalid-request',
  status = 422,
): Refusal => ({
  what,
  status,
  code,
  path,
  body: { type: 'echo', ...fields },
});
const callback = (what: string, fields: object, path: string, code?: string): Refusal =>
  submit(what, { callback: { url: 'http://127.0.0.1:40009/x', ...fields } }, path, code);
const header = (what: string, key: unknown, value: unknown, path: string): Refusal =>
  callback(
    what,
    {
      headers: [
        { key: 'Good', value: 'x' },
        { key, value },
      ],
    },
    path,
  );
const url = (what: string, text: unknown, code: string): Refusal =>
  callback(`a callback URL that ${what}`, { url: text }, 'callback.url', code);
const raw = (what: string, body: string, status: number, code: string, path = 'body'): Refusal => ({
  what,
  body,
  status,
  code,
  path,
});
const get = (what: string, route: string, status: number, code: string, path?: string): Refusal => ({
  what,
  route,
  status,
  code,
  ...(path === undefined ? {} : { path }),
  method: 'GET',
});
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

const BODIES: Refusal[] = [
  raw('JSON that ends too early', '{"type":"echo"', 400, 'malformed-body'),
  raw('text that is no JSON', 'type=echo', 400, 'malformed-body'),
  { what: 'no body at all', status: 422, code: 'invalid-request', path: 'type' },
  raw('an array as the body', '[{"type":"echo"}]', 422, 'invalid-request'),
  raw('a number as the body', '5', 422, 'invalid-request'),
  raw('a string as the body', '"echo"', 422, 'invalid-request'),
  raw('null as the body', 'null', 422, 'invalid-request'),
  raw('true as the body', 'true', 422, 'invalid-request'),
  raw(
    'nesting of 33 levels',
    `{"type":"echo","input":${nested(32)}}`,
    400,
    'malformed-body',
    `input${'.0'.repeat(31)}`,
  ),
  raw(
    'nesting of 100,000 levels',
    `{"type":"echo","input":${nested(100_000)}}`,
    400,
    'malformed-body',
    `input${'.0'.repeat(31)}`,
  ),
  raw(
    'more than 10,000 keys',
    JSON.stringify({
      type: 'echo',
      input: Object.fromEntries(Array.from({ length: 10_000 }, (_, key) => [`k${key}`, 1])),
    }),
    400,
    'malformed-body',
  ),
  raw(
    'more than 10,000 items',
    JSON.stringify({ type: 'echo', input: Array.from({ length: 10_000 }, () => 1) }),
    400,
    'malformed-body',
  ),
  raw(
    'a number beyond doubles',
    '{"type":"echo","input":[{"a":-1e999}]}',
    400,
    'malformed-body',
    'input.0.a',
  ),
  raw(
    'a number beyond doubles as the input',
    '{"type":"echo","input":1e400}',
    400,
    'malformed-body',
    'input',
  ),
  ...[
    ['', '{"__proto__":{"admin":true}}'],
    [' that is written with escapes', '{"\\u005f_proto__":{"admin":true}}'],
    [' whose value is no object', '{"__proto__":1}'],
  ].map(([how, input]) =>
    raw(
      `a key __proto__${how}`,
      `{"type":"echo","input":${input}}`,
      400,
      'malformed-body',
      'input.__proto__',
    ),
  ),
  raw(
    'a key constructor',
    '{"type":"echo","input":[{"constructor":1}]}',
    400,
    'malformed-body',
    'input.0.constructor',
  ),
  raw(
    'a key constructor with a prototype',
    '{"type":"echo","input":{"constructor":{"prototype":{"a":1}}}}',
    400,
    'malformed-body',
    'input.constructor',
  ),
  raw(
    'a body over 1 MiB',
    JSON.stringify({ type: 'echo', input: 'x'.repeat(1024 * 1024) }),
    413,
    'body-too-large',
  ),
  {
    what: 'XML',
    body: '<type>echo</type>',
    headers: { 'content-type': 'application/xml' },
    status: 415,
    code: 'unsupported-media-type',
    path: 'Content-Type',
  },
  {
    what: 'plain text',
    body: '{"type":"echo"}',
    headers: { 'content-type': 'text/plain' },
    status: 415,
    code: 'unsupported-media-type',
    path: 'Content-Type',
  },
  {
    what: 'an urlencoded form',
    body: 'type=echo',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    status: 415,
    code: 'unsupported-media-type',
    path: 'Content-Type',
  },
  {
    what: 'a multipart form where JSON is wanted',
    body: '--b\r\ncontent-disposition: form-data; name="type"\r\n\r\necho\r\n--b--\r\n',
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
    status: 415,
    code: 'unsupported-media-type',
    path: 'Content-Type',
  },
  {
    what: 'the content type that raw uploads have inside',
    body: '{"type":"echo"}',
    headers: { 'content-type': 'application/x-ringback-raw-upload' },
    status: 415,
    code: 'unsupported-media-type',
    path: 'Content-Type',
  },
  ...['latin1', 'ISO-8859-1', '"utf-16"', 'utf-8x', ''].map((charset) => ({
    what: `JSON whose charset is ${charset || 'nothing'}`,
    body: '{"type":"echo"}',
    headers: { 'content-type': `application/json; a=b;charset=${charset}` },
    status: 415,
    code: 'unsupported-media-type',
    path: 'Content-Type',
  })),
  ...['gzip', 'br', 'GZIP', 'identity, gzip', 'zstd', 'x'].map((coding) => ({
    what: `JSON whose content coding is ${coding}`,
    body: '{"type":"echo"}',
    headers: { 'content-encoding': coding },
    status: 415,
    code: 'unsupported-media-type',
    path: 'Content-Encoding',
  })),
  {
    what: 'a content type that is no content type',
    body: '{"type":"echo"}',
    headers: { 'content-type': 'json' },
    status: 415,
    code: 'unsupported-media-type',
    path: 'Content-Type',
  },
];

const FIELDS: Refusal[] = [
  submit('no type', { type: undefined }, 'type'),
  submit('a type that nobody runs', { type: 'no.such' }, 'type', 'unknown-operation-type'),
  submit('a type that every object has', { type: 'toString' }, 'type', 'unknown-operation-type'),
  submit('a type with NUL', { type: 'echo\u0000' }, 'type', 'unknown-operation-type'),
  submit('an empty type', { type: '' }, 'type'),
  submit('a type of 101 characters', { type: 'x'.repeat(101) }, 'type'),
  ...[5, true, null, [], {}].map((type) => submit(`${JSON.stringify(type)} as the type`, { type }, 'type')),
  submit('a field that does not exist', { typo: 1 }, 'typo'),
  submit('a field that only answers have', { id: ZEROS }, 'id'),
  ...[5, true, [], {}].map((correlation) =>
    submit(`${JSON.stringify(correlation)} as the correlation`, { correlation }, 'correlation'),
  ),
  submit('a correlation of 513 characters', { correlation: 'x'.repeat(513) }, 'correlation'),
  submit('a correlation with NUL', { correlation: 'a\u0000b' }, 'correlation'),
  submit('a correlation with half a surrogate pair', { correlation: 'a\ud800b' }, 'correlation'),
  ...['1', 1.5, true, [], {}, 101, -101, 1e300].map((priority) =>
    submit(`${JSON.stringify(priority)} as the priority`, { priority }, 'priority'),
  ),
  ...[
    5,
    true,
    [],
    {},
    '',
    'tomorrow',
    '2999-02-30T00:00:00Z',
    '2026-W50-1',
    '2026-345',
    '2999',
    '2999-01-01',
    '2999-01-01T00:00:00',
    '2999-01-01 00:00:00Z',
    '+275761-01-01T00:00:00Z',
    '2999-01-01T25:00:00Z',
  ].map((run_at) => submit(`${JSON.stringify(run_at)} as run_at`, { run_at }, 'run_at')),
  submit('a run_at two seconds ago', { run_at: new Date(Date.now() - 2_000).toISOString() }, 'run_at'),
  submit('a run_at in the past', { run_at: new Date(Date.now() - 3_600_000).toISOString() }, 'run_at'),
  submit(
    'a run_at an hour over 366 days ahead',
    { run_at: new Date(Date.now() + 366 * 86_400_000 + 3_600_000).toISOString() },
    'run_at',
  ),
  ...['60', true, [], {}, 0, -1, 1e300, 604_801].map((timeout_s) =>
    submit(`${JSON.stringify(timeout_s)} as timeout_s`, { timeout_s }, 'timeout_s'),
  ),
  raw(
    'a timeout_s beyond every number',
    '{"type":"echo","timeout_s":1e999}',
    400,
    'malformed-body',
    'timeout_s',
  ),
  ...[5, true, [], {}, '', 'keep9y', 'toString', 'x'.repeat(33)].map((retention) =>
    submit(`${JSON.stringify(retention)} as the retention`, { retention }, 'retention'),
  ),
  ...[5, true, [], 'http://127.0.0.1:40009/'].map((given) =>
    submit(`${JSON.stringify(given)} as the callback`, { callback: given }, 'callback'),
  ),
  submit('a callback without a URL', { callback: {} }, 'callback.url'),
  ...[5, true, null, [], {}].map((given) =>
    callback(`${JSON.stringify(given)} as the callback URL`, { url: given }, 'callback.url'),
  ),
  callback('a callback field that does not exist', { secret: 'x' }, 'callback.secret'),
  ...[5, true, 'a: b', {}].map((headers) =>
    callback(`${JSON.stringify(headers)} as the callback headers`, { headers }, 'callback.headers'),
  ),
  callback('an array as one callback header', { headers: [[]] }, 'callback.headers.0.key'),
  ...[5, null, 'a: b'].map((given) =>
    callback(`${JSON.stringify(given)} as one callback header`, { headers: [given] }, 'callback.headers.0'),
  ),
];

const URLS: Refusal[] = [
  url('is empty', '', 'invalid-request'),
  url('is longer than 2,048 characters', `https://example.com/${'x'.repeat(2048)}`, 'invalid-request'),
  url('is no URL', 'somewhere', 'invalid_url'),
  url('is relative', '/callback', 'invalid_url'),
  url('is http: to a public host', 'http://example.com/', 'invalid_url'),
  ...[
    'file:///etc/passwd',
    'ftp://example.com/',
    'javascript:alert(1)',
    'data:,x',
    'unix:/run/x.sock',
    'gopher://example.com/',
  ].map((text) => url(`is ${text}`, text, 'invalid_url')),
  url('holds a user and a password', 'https://user:password@example.com/', 'invalid_url'),
  url('holds a user', 'https://user@example.com/', 'invalid_url'),
  url('has a fragment', 'https://example.com/#x', 'invalid_url'),
  url('has an empty fragment', 'https://example.com/#', 'invalid_url'),
  ...[
    '10.0.0.1',
    '172.16.5.4',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '0xa9fea9fe',
    '2852039166',
    '[::ffff:10.0.0.1]',
    '[fd00::1]',
    '[fe80::1]',
    '[::]',
    '224.0.0.1',
    '255.255.255.255',
  ].map((host) => url(`goes to ${host}`, `https://${host}/`, 'blocked_destination')),
  ...[
    'intranet',
    'db.internal',
    'printer.local',
    'a.localhost',
    'kubernetes.default.svc.cluster.local',
    'localhost.',
  ].map((host) => url(`goes to ${host}`, `https://${host}/`, 'blocked_destination')),
  url('goes to the mail port', 'https://example.com:25/', 'blocked_destination'),
  url('goes to the mail port of an allowed host', 'http://127.0.0.1:25/', 'blocked_destination'),
];

const HEADERS: Refusal[] = [
  ...[
    'Host',
    'host',
    'Content-Type',
    'content-length',
    'Transfer-Encoding',
    'Connection',
    'TE',
    'Upgrade',
    'Trailer',
    'Expect',
    'Proxy-Authorization',
    'webhook-id',
    'Webhook-Signature',
    'Ringback-Attempt',
    'X-Forwarded-For',
    'x_forwarded_for',
    'Forwarded',
    'Stripe-Signature',
  ].map((key) => header(`the reserved callback header ${key}`, key, 'x', 'callback.headers.1.key')),
  ...['a b', 'a:b', 'ü', 'a\r\nb', 'a\u0000', '', '\ud800'].map((key) =>
    header(`${JSON.stringify(key)} as the name of a callback header`, key, 'x', 'callback.headers.1.key'),
  ),
  header('a callback header name of 65 characters', 'x'.repeat(65), 'x', 'callback.headers.1.key'),
  ...[5, null, {}, []].map((key) =>
    header(`${JSON.stringify(key)} as the name of a callback header`, key, 'x', 'callback.headers.1.key'),
  ),
  ...['a\r\nHost: evil', 'a\nb', 'a\rb', 'a\u0000b', 'ü', 'a\tb', '\u007f', '\ud800'].map((value) =>
    header(
      `${JSON.stringify(value)} as the value of a callback header`,
      'X',
      value,
      'callback.headers.1.value',
    ),
  ),
  callback(
    'callback headers of 8,193 characters in all',
    { headers: ['a', 'b', 'cd'].map((key, at) => ({ key, value: 'x'.repeat([4_096, 4_093, 0][at]!) })) },
    'callback.headers',
  ),
  header('a callback header value of 4,097 characters', 'X', 'x'.repeat(4097), 'callback.headers.1.value'),
  ...[5, null, {}, [], undefined].map((value) =>
    header(
      `${JSON.stringify(value) ?? 'nothing'} as the value of a callback header`,
      'X',
      value,
      'callback.headers.1.value',
    ),
  ),
  header('a callback header given twice', 'gOOD', 'y', 'callback.headers.1.key'),
  callback(
    'a field of a callback header that does not exist',
    { headers: [{ key: 'X', value: 'x', name: 'X' }] },
    'callback.headers.0.name',
  ),
  callback(
    '21 callback headers',
    { headers: Array.from({ length: 21 }, (_, index) => ({ key: `X-${index}`, value: 'x' })) },
    'callback.headers',
  ),
];

const INPUTS: Refusal[] = [
  ...[undefined, null, 5, 'x', true, [], [{ seconds: 1 }]].map((input) =>
    submit(
      `${JSON.stringify(input) ?? 'nothing'} as the input of sleep`,
      { type: 'sleep', input },
      'input',
      'invalid-input',
    ),
  ),
  submit('sleep without seconds', { type: 'sleep', input: {} }, 'input.seconds', 'invalid-input'),
  ...['1', null, -1, 86_401, [], {}].map((seconds) =>
    submit(
      `sleep for ${JSON.stringify(seconds)} seconds`,
      { type: 'sleep', input: { seconds } },
      'input.seconds',
      'invalid-input',
    ),
  ),
  submit(
    'sleep with a field that does not exist',
    { type: 'sleep', input: { seconds: 1, minutes: 1 } },
    'input.minutes',
    'invalid-input',
  ),
  submit(
    'http.request without a method',
    { type: 'http.request', input: { url: 'http://127.0.0.1:40009/' } },
    'input.method',
    'invalid-input',
  ),
  submit(
    'http.request without a URL',
    { type: 'http.request', input: { method: 'GET' } },
    'input.url',
    'invalid-input',
  ),
  ...(
    [
      ['method', ['get', 'CONNECT', 'TRACE', 5, null]],
      ['url', [5, null, '', 'x', 'http://10.0.0.1/', 'file:///etc/passwd', 'https://u:p@example.com/']],
      ['headers', [5, 'a', []]],
      ['headers.a b', [{ 'a b': 'x' }]],
      ['headers.a', [{ a: 5 }, { a: 'x\r\ny' }, { a: null }, { a: ['x'] }]],
      ['body', [5, true]],
      ['tries', [0, 11, 1.5, '3']],
      ['other', [1]],
    ] as [string, unknown[]][]
  ).flatMap(([path, values]) =>
    values.map((value) =>
      submit(
        `http.request with ${JSON.stringify(value)} as ${path}`,
        {
          type: 'http.request',
          input: { method: 'GET', url: 'http://127.0.0.1:40009/', [path.split('.')[0]!]: value },
        },
        `input.${path}`,
        'invalid-input',
      ),
    ),
  ),
];

const LISTS = ['/v1/operations', '/v1/deliveries', '/v1/accounts', '/v1/flows'];
const QUERIES: Refusal[] = LISTS.flatMap((route) => [
  ...['0', '251', '-1', '1.5', 'x', '', '1e2', '%00', '99999999999999999999'].map((limit) =>
    get(
      `${limit || 'nothing'} as limit of ${route}`,
      `${route}?limit=${limit}`,
      400,
      'invalid-query',
      'limit',
    ),
  ),
  get(`two limits of ${route}`, `${route}?limit=1&limit=2`, 400, 'invalid-query', 'limit'),
  ...[
    'x',
    '!!',
    '1',
    'YzEu',
    'YzEuJw',
    'YzEuMSBPUiAxPTE',
    'YzEuOTk5OTk5OTk5OTk5OTk5OTk5OTk5',
    'YzEuYQBi',
    'YzEuJQ',
    'YzEuJTAw',
    '%00',
    // Of a byte 0, where it may be one of a key of any text.
    ...(route === '/v1/flows' ? ['YzEuMDA', 'YzEuNjEwMDYy'] : []),
  ].map((cursor) =>
    get(`${cursor} as cursor of ${route}`, `${route}?cursor=${cursor}`, 400, 'bad-cursor', 'cursor'),
  ),
  get(`an empty cursor of ${route}`, `${route}?cursor=`, 400, 'invalid-query', 'cursor'),
  get(`two cursors of ${route}`, `${route}?cursor=a&cursor=b`, 400, 'invalid-query', 'cursor'),
  get(`an unknown query parameter of ${route}`, `${route}?colour=red`, 400, 'invalid-query', 'colour'),
]);

const FILTERS: Refusal[] = [
  ...['waiting', 'Done', '', '%00'].map((status) =>
    get(
      `${status || 'nothing'} as status of operations`,
      `/v1/operations?status=${status}`,
      400,
      'invalid-query',
      'status',
    ),
  ),
  get(
    'two statuses of operations',
    '/v1/operations?status=Waiting&status=Failed',
    400,
    'invalid-query',
    'status',
  ),
  get(
    'a status of operations among deliveries',
    '/v1/deliveries?status=Finished',
    400,
    'invalid-query',
    'status',
  ),
  ...[
    ['operations?status=Failed,', 'status'],
    ['operations?status=Failed,Done', 'status'],
    ['operations?order=newest', 'order'],
    ['operations?request_id=0', 'request_id'],
    ['operations?request_id=x', 'request_id'],
    ['operations?request_id=9999999999999999999', 'request_id'],
    ['operations?callback_state=Finished', 'callback_state'],
    ['operations?correlation=', 'correlation'],
    [`operations?correlation=${'x'.repeat(513)}`, 'correlation'],
    ['operations?error_code=', 'error_code'],
    ['operations?origin=example.com', 'origin'],
    ['operations?origin=https%3A%2F%2Fexample.com%2Fpath', 'origin'],
    ['operations?origin=https%3A%2F%2Fuser%40example.com', 'origin'],
    ['operations?origin=ftp%3A%2F%2Fexample.com', 'origin'],
    ['deliveries?origin=https%3A%2F%2Fexample.com%3A99999', 'origin'],
    ['deliveries?status=Delivered,Lost', 'status'],
    ['deliveries?event=operation.started', 'event'],
    ['deliveries?error=http_500', 'error'],
    ['deliveries?order=', 'order'],
    ['deliveries?correlation=x', 'correlation'],
  ].map(([route, path]) =>
    get(`${route!.slice(0, 60)} as a filter`, `/v1/${route}`, 400, 'invalid-query', path!),
  ),
  get('a type filter with NUL', '/v1/operations?type=a%00b', 400, 'invalid-query', 'type'),
  get('an empty type filter', '/v1/operations?type=', 400, 'invalid-query', 'type'),
  get('a doubtful undelivered', '/v1/operations?undelivered=maybe', 400, 'invalid-query', 'undelivered'),
  ...[
    'operations?created_after',
    'operations?created_before',
    'operations?finished_after',
    'operations?finished_before',
    'deliveries?since',
    'deliveries?until',
  ].flatMap((filter) =>
    [
      'yesterday',
      '',
      '2026-02-30T00:00:00Z',
      '2026-W10',
      '2026-200',
      '2026-01-01T00:00:00',
      '%00',
      '2026-13-01T00:00:00Z',
      '2026-01-01T00:00:00.1234567890123Z%00',
    ].map((date) =>
      get(
        `${date || 'nothing'} as ${filter}`,
        `/v1/${filter}=${date}`,
        400,
        'invalid-query',
        filter.split('?')[1]!,
      ),
    ),
  ),
  get('an operation filter that is no id', '/v1/deliveries?operation=1', 400, 'invalid-query', 'operation'),
  get('an endpoint filter that is no id', '/v1/deliveries?endpoint=1', 400, 'invalid-query', 'endpoint'),
  ...['x', '-1', '-0.5', '61', '1e1', 'Infinity', 'NaN', '', '0x10'].map((wait) =>
    get(`${wait || 'nothing'} as wait`, `/v1/operations/${ZEROS}?wait=${wait}`, 400, 'invalid-query', 'wait'),
  ),
  get('two waits', `/v1/operations/${ZEROS}?wait=1&wait=2`, 400, 'invalid-query', 'wait'),
];

const ODD_IDS = [
  'x',
  '0',
  ZEROS,
  'a%00b',
  '%27%3B--',
  '..%2F..%2Fetc%2Fpasswd',
  '%F0%9F%92%A9',
  'x'.repeat(200),
  `dlv_${ZEROS}`,
];
const IDS: Refusal[] = ODD_IDS.flatMap((id) => [
  ...['', '/history', '/deliveries', '/result'].map((rest) =>
    get(
      `the operation ${id.slice(0, 40)}${rest}`,
      `/v1/operations/${id}${rest}`,
      404,
      'operation-not-found',
      'id',
    ),
  ),
  {
    what: `cancel of the operation ${id.slice(0, 40)}`,
    route: `/v1/operations/${id}/cancel`,
    status: 404,
    code: 'operation-not-found',
    path: 'id',
  },
  get(`the delivery ${id.slice(0, 40)}`, `/v1/deliveries/${id}`, 404, 'delivery-not-found', 'id'),
  ...['redeliver', 'cancel'].map((verb) => ({
    what: `${verb} of the delivery ${id.slice(0, 40)}`,
    route: `/v1/deliveries/${id}/${verb}`,
    status: 404,
    code: 'delivery-not-found',
    path: 'id',
  })),
  ...['', '/content'].map((rest) =>
    get(`the file ${id.slice(0, 40)}${rest}`, `/v1/files/${id}${rest}`, 404, 'file-not-found', 'id'),
  ),
  {
    what: `deleting the file ${id.slice(0, 40)}`,
    method: 'DELETE',
    route: `/v1/files/${id}`,
    status: 404,
    code: 'file-not-found',
    path: 'id',
  },
  get(
    `the operation type ${id.slice(0, 40)}`,
    `/v1/operation-types/${id}`,
    404,
    'operation-type-not-found',
    'name',
  ),
  ...['', '/keys'].map((rest) =>
    get(`the account ${id.slice(0, 40)}${rest}`, `/v1/accounts/${id}${rest}`, 404, 'account-not-found', 'id'),
  ),
  {
    what: `changing the account ${id.slice(0, 40)}`,
    method: 'PATCH',
    route: `/v1/accounts/${id}`,
    body: { slots: 1 },
    status: 404,
    code: 'account-not-found',
    path: 'id',
  },
  {
    what: `a key for the account ${id.slice(0, 40)}`,
    route: `/v1/accounts/${id}/keys`,
    body: { name: 'k', scopes: ['admin'] },
    status: 404,
    code: 'account-not-found',
    path: 'id',
  },
  {
    what: `revoking the key ${id.slice(0, 40)}`,
    method: 'DELETE',
    route: `/v1/accounts/${id}/keys/${id}`,
    status: 404,
    code: 'key-not-found',
    path: 'id',
  },
]);

const ROUTES: Refusal[] = [
  get('an unknown route', '/v1/nothing', 404, 'not-found'),
  get('the root', '/', 404, 'not-found'),
  get('a route with a bad escape', '/v1/operations/%zz', 400, 'malformed-url', 'url'),
  get('a route that is no UTF-8', '/v1/operations/%ff', 400, 'malformed-url', 'url'),
  get('an id of 256 characters', `/v1/operations/${'x'.repeat(256)}`, 414, 'uri-too-long', 'url'),
  ...['PUT', 'DELETE', 'PATCH'].map((method) => ({
    what: `${method} of the operations`,
    method,
    route: '/v1/operations',
    status: 404,
    code: 'not-found',
  })),
  {
    what: 'POST of one operation',
    route: `/v1/operations/${ZEROS}`,
    body: {},
    status: 404,
    code: 'not-found',
  },
  get('GET of a cancel', `/v1/operations/${ZEROS}/cancel`, 404, 'not-found'),
];

const OTHERS: Refusal[] = [
  { ...submit('an empty Idempotency-Key', {}, 'Idempotency-Key'), headers: { 'idempotency-key': '' } },
  {
    ...submit('an Idempotency-Key of 256 characters', {}, 'Idempotency-Key'),
    headers: { 'idempotency-key': 'x'.repeat(256) },
  },
  ...[undefined, {}, [], { type: 'echo' }, 'x', Array.from({ length: 501 }, () => ({ type: 'echo' }))].map(
    (operations) => ({
      what: `${JSON.stringify(operations)?.slice(0, 40) ?? 'nothing'} as the operations of a batch`,
      route: '/v1/operations/batch',
      body: { operations },
      status: 422,
      code: 'invalid-request',
      path: 'operations',
    }),
  ),
  ...[{}, { url: 5 }, { url: '' }, { url: null }, { url: 'x'.repeat(4097) }].map((body) => ({
    what: `${JSON.stringify(body).slice(0, 40)} as a callback to check`,
    route: '/v1/callback-check',
    body,
    status: 422,
    code: 'invalid-request',
    path: 'url',
  })),
  ...[-1, 604_801, '1', [], true].map((overlap_s) => ({
    what: `${JSON.stringify(overlap_s)} as overlap_s`,
    route: '/v1/signing-secret/rotate',
    body: { overlap_s },
    status: 422,
    code: 'invalid-request',
    path: 'overlap_s',
  })),
  ...[undefined, 5, '', ' x', 'ü', 'a\u0000', 'x'.repeat(101)].map((name) => ({
    what: `${JSON.stringify(name) ?? 'nothing'} as the name of an account`,
    route: '/v1/accounts',
    body: { name },
    status: 422,
    code: 'invalid-request',
    path: 'name',
  })),
  ...(
    [
      ['POST', '', { url: 'http://127.0.0.1:40009/' }],
      ['POST', '', { mode: 'pull' }],
      ['PATCH', `/ep_${ZEROS}`, {}],
    ] as [string, string, object][]
  ).map(([method, id, body]) => ({
    what: `NUL in the description: ${method} of an endpoint ${JSON.stringify(body)}`,
    method,
    route: `/v1/endpoints${id}`,
    body: { ...body, description: 'a\u0000b' },
    status: 422,
    code: 'invalid-request',
    path: 'description',
  })),
  ...[0, -1, 1.5, '5', 100_001, true].map((slots) => ({
    what: `${JSON.stringify(slots)} as slots`,
    route: '/v1/accounts',
    body: { name: 'bad', slots },
    status: 422,
    code: 'invalid-request',
    path: 'slots',
  })),
  {
    what: 'an upload without a name',
    route: '/v1/files',
    body: 'bytes',
    headers: { 'content-type': 'text/csv' },
    status: 422,
    code: 'invalid-request',
    path: 'name',
  },
  {
    what: 'an upload with an empty name',
    route: '/v1/files?name=',
    body: 'bytes',
    headers: { 'content-type': 'text/csv' },
    status: 400,
    code: 'invalid-query',
    path: 'name',
  },
  {
    what: 'a form without a file',
    route: '/v1/files',
    body: '--b\r\ncontent-disposition: form-data; name="a"\r\n\r\nx\r\n--b--\r\n',
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
    status: 422,
    code: 'invalid-request',
    path: 'file',
  },
  {
    what: 'a form without a boundary',
    route: '/v1/files',
    body: 'x',
    headers: { 'content-type': 'multipart/form-data' },
    status: 400,
    code: 'malformed-body',
    path: 'body',
  },
  {
    what: 'a form that ends too early',
    route: '/v1/files',
    body: '--b\r\ncontent-disposition: form-data; name="a"; filename="a.csv"\r\n\r\nx',
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
    status: 400,
    code: 'malformed-body',
    path: 'body',
  },
];

describe.each([
  ['the body', BODIES],
  ['the fields of an operation', FIELDS],
  ['callback URLs', URLS],
  ['callback headers', HEADERS],
  ['inputs', INPUTS],
  ['pages', QUERIES],
  ['filters', FILTERS],
  ['ids', IDS],
  ['routes', ROUTES],
  ['other requests', OTHERS],
])('bad input in %s', (_, refusals) => {
  it.each(refusals.map((refusal) => [refusal.what, refusal] as const))(
    'is refused: %s',
    async (_what, refusal) => {
      await refused(refusal);
    },
  );
});

/** Refused before anything else is looked at. */
const NUL_IN_URL = { status: 400, code: 'malformed-url', path: 'url' };

async function refused(refusal: Refusal, key = TEST_KEY): Promise<void> {
  const { method = 'POST', route = '/v1/operations', body, headers = {} } = refusal;
  const { status, code, path } = route.includes('%00') ? NUL_IN_URL : refusal;
  const before = await rowCounts(app.databaseUrl);
  const response = await fetch(app.client.url + route, {
    method,
    headers: {
      ...(key === '' ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    // A socket that hangs is a failure of its own.
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  const told = `${response.status} ${text}`;
  expect(response.status, told).toBe(status);
  expect(response.headers.get('content-type'), told).toMatch(/^application\/problem\+json/);
  const problem = JSON.parse(text) as {
    status: number;
    code: string;
    title: string;
    detail: string;
    errors?: { path: string; message: string }[];
  };
  expect(problem, told).toMatchObject({
    type: 'about:blank',
    status,
    code,
    title: expect.any(String),
    detail: expect.any(String),
  });
  if (path !== undefined)
    expect(
      problem.errors?.map((error) => error.path),
      told,
    ).toContain(path);
  for (const error of problem.errors ?? []) expect(error.message).not.toBe('');
  expect(await rowCounts(app.databaseUrl)).toEqual(before);
}

describe('a body where none is taken', () => {
  const none = '0'.repeat(32);
  it.each([
    `/v1/operations/${none}/cancel`,
    `/v1/operations/${none}/rerun`,
    `/v1/deliveries/dlv_${none}/redeliver`,
    `/v1/deliveries/dlv_${none}/cancel`,
    `/v1/endpoints/ep_${none}/test`,
    `/v1/endpoints/ep_${none}/enable`,
    `/v1/endpoints/ep_${none}/disable`,
  ])('is refused: %s', async (route) => {
    for (const [body, path] of [
      ['{"typo":1}', 'typo'],
      ['[1]', 'body'],
      ['"x"', 'body'],
    ])
      await refused({ what: '', route, body, status: 422, code: 'invalid-request', path });
    // As many clients send it by habit.
    for (const body of ['', '{}']) expect((await app.client.post(route, body)).status).toBe(404);
  });
});

describe('the bytes of a body', () => {
  const post = (route: string, body: Uint8Array, headers: Record<string, string>): Promise<any> =>
    app.client.post(route, body, headers);
  const json = { 'content-type': 'application/json' };

  it.each([
    ['half a character', [0xc3]],
    ['latin1', [0xfc]],
    ['an overlong form', [0xc0, 0xaf]],
    ['half a surrogate pair', [0xed, 0xa0, 0x80]],
  ])('are refused where they are no UTF-8: %s', async (_, wrong) => {
    const body = Buffer.concat([
      Buffer.from('{"type":"echo","input":"'),
      Buffer.from(wrong),
      Buffer.from('"}'),
    ]);
    const { status, body: problem } = await post('/v1/operations', body, json);
    expect([status, problem.code, problem.detail]).toEqual([
      400,
      'malformed-body',
      'the body is not valid UTF-8',
    ]);
  });

  it.each([
    ['application/json;charset=UTF-8', 'identity'],
    ['application/json; charset="utf-8"; a=b', ''],
    ['Application/JSON; Charset=utf8', 'Identity'],
  ])('are text where the headers say so: %s, %s', async (type, coding) => {
    const body = Buffer.from('{"type":"echo","input":"ü€😀"}');
    const headers = { 'content-type': type, ...(coding === '' ? {} : { 'content-encoding': coding }) };
    const { status, body: operation } = await post('/v1/operations', body, headers);
    expect(status).toBe(202);
    expect((await app.client.ended(operation.id)).result).toBe('ü€😀');
  });

  it('are told to be sent as they are where they are encoded', async () => {
    const refused = await post('/v1/operations', Buffer.from('x'), { ...json, 'content-encoding': 'gzip' });
    expect([refused.status, refused.headers.get('accept-encoding'), refused.body.detail]).toEqual([
      415,
      'identity',
      'Content-Encoding: gzip is not understood here; send the body as it is',
    ]);
  });

  it('are kept in an upload, whatever its headers say', async () => {
    const bytes = Buffer.from([0x7b, 0xfc, 0xc3, 0x00]);
    const headers = { 'content-type': 'application/json; charset=latin1', 'content-encoding': 'gzip' };
    const { status, body } = await post('/v1/files?name=x', bytes, headers);
    expect([status, body.size]).toEqual([201, bytes.length]);
    const content = await fetch(`${app.client.url}/v1/files/${body.id}/content`, {
      headers: { authorization: `Bearer ${TEST_KEY}` },
    });
    expect(Buffer.from(await content.arrayBuffer())).toEqual(bytes);
  });
});

describe('the fault that is named', () => {
  const of = (fields: object): object => ({ type: 'echo', ...fields });
  const input = (type: string, fields: unknown): object => ({ type, input: fields });
  const number = 'must be a number';
  it.each<[route: string, body: unknown, path: string, message: string]>([
    ['operations', {}, 'type', 'type must be a string'],
    ['operations', { type: 5 }, 'type', 'type must be a string'],
    ['operations', { type: '' }, 'type', 'type must be longer than or equal to 1 characters'],
    ['operations', of({ priority: '5' }), 'priority', 'priority must be an integer number'],
    ['operations', of({ priority: true }), 'priority', 'priority must be an integer number'],
    ['operations', of({ priority: 1.5 }), 'priority', 'priority must be an integer number'],
    ['operations', of({ priority: 101 }), 'priority', 'priority must not be greater than 100'],
    ['operations', of({ priority: -101 }), 'priority', 'priority must not be less than -100'],
    ['operations', of({ correlation: 1 }), 'correlation', 'correlation must be a string'],
    [
      'operations',
      of({ correlation: 'a\u0000' }),
      'correlation',
      'correlation must be Unicode text without NUL',
    ],
    ['operations', of({ timeout_s: true }), 'timeout_s', `timeout_s ${number}`],
    ['operations', of({ timeout_s: 0 }), 'timeout_s', 'timeout_s must not be less than 0.001'],
    ['operations', of({ timeout_s: 3600.5 }), 'timeout_s', 'must be at most 3600: that is what echo allows'],
    ['operations', of({ ack_by_poll: 'yes' }), 'ack_by_poll', 'ack_by_poll must be a boolean value'],
    ['operations', of({ retention: 5 }), 'retention', 'retention must be a string'],
    [
      'operations',
      of({ run_at: new Date(Date.now() + 366 * 86_400_000 + 3_600_000).toISOString() }),
      'run_at',
      'must be at most 366 days ahead',
    ],
    ['operations', of({ callback: 5 }), 'callback', 'callback must be an object'],
    ['operations', of({ callback: [{ url: 5 }] }), 'callback', 'callback must be an object'],
    ['operations', of({ callback: {} }), 'callback.url', 'url must be a string'],
    [
      'operations',
      of({ callback: { url: 'x', headers: {} } }),
      'callback.headers',
      'headers must be an array of { key, value }',
    ],
    [
      'operations',
      of({ callback: { url: 'x', headers: [{ key: 'x', value: 'grün' }] } }),
      'callback.headers.0.value',
      'a header value is printable ASCII; this one has U+00FC',
    ],
    [
      'operations',
      input('http.request', { method: 'GET', url: 'http://127.0.0.1:40009/', headers: { x: 'a\tü' } }),
      'input.headers.x',
      'must be printable ASCII of at most 8 KiB; this one has U+00FC',
    ],
    [
      'operations',
      of({ callback: { url: 'x', headers: [{ key: 5, value: 'x' }] } }),
      'callback.headers.0.key',
      'key must be a string',
    ],
    [
      'operations',
      of({ callback: { url: 'x', headers: Array.from({ length: 21 }, () => ({ key: 5 })) } }),
      'callback.headers',
      'headers must contain no more than 20 elements',
    ],
    ['operations', input('sleep', { seconds: 'NaN' }), 'input.seconds', `seconds ${number}`],
    ['operations', input('sleep', { seconds: -1 }), 'input.seconds', 'seconds must not be less than 0'],
    [
      'operations',
      input('sleep', { seconds: 1e6 }),
      'input.seconds',
      'seconds must not be greater than 86400',
    ],
    ['operations', input('http.request', { method: 'GET' }), 'input.url', 'url must be a string'],
    [
      'operations',
      input('http.request', { method: 'GET', url: 'http://127.0.0.1:40009/', tries: '3' }),
      'input.tries',
      'tries must be an integer number',
    ],
    ['operations/batch', { operations: {} }, 'operations', 'operations must be an array'],
    ['operations/batch', {}, 'operations', 'operations must be an array'],
    ['operations/batch', { operations: [] }, 'operations', 'operations must contain at least 1 elements'],
    ['accounts', { name: 'bad', slots: '5' }, 'slots', 'slots must be an integer number'],
    ['accounts', { name: 'bad', slots: 0 }, 'slots', 'slots must not be less than 1'],
    ['signing-secret/rotate', { overlap_s: '1' }, 'overlap_s', `overlap_s ${number}`],
    ['endpoints', { url: 5 }, 'url', 'url must be a string'],
    ['endpoints', { url: 'x', events: 'all' }, 'events', 'events must be an array'],
    [
      'endpoints',
      { url: 'x', retry_schedule: ['1'] },
      'retry_schedule',
      `each value in retry_schedule ${number}`,
    ],
    ['callback-check', {}, 'url', 'url must be a string'],
  ])(
    'is the first that matters, and the only one of its field: %s %j',
    async (route, body, path, message) => {
      const { status, body: problem } = await app.client.post(`/v1/${route}`, body);
      expect([status, problem.errors]).toEqual([422, [{ path, message }]]);
    },
  );

  const UNKNOWN = 'is not a known field: remove it or check its spelling';
  const MEMBERS = [
    'toString',
    'valueOf',
    'hasOwnProperty',
    'isPrototypeOf',
    '__defineGetter__',
    'toLocaleString',
  ];

  it.each(MEMBERS)('is a field that every object has, where nobody declared it: %s', async (name) => {
    for (const value of [1, null, {}, [], 'x']) {
      const bodies: [object, string][] = [
        [of({ [name]: value }), name],
        [of({ callback: { url: 'http://127.0.0.1:40009/', [name]: value } }), `callback.${name}`],
        [
          of({
            callback: { url: 'http://127.0.0.1:40009/', headers: [{ key: 'X', value: 'x', [name]: value }] },
          }),
          `callback.headers.0.${name}`,
        ],
        [input('sleep', { seconds: 0, [name]: value }), `input.${name}`],
      ];
      const answers = await app.client.post('/v1/operations/batch', {
        operations: bodies.map(([body]) => body),
      });
      expect(
        answers.body.data.map(({ problem }: { problem?: { errors: unknown } }) => problem?.errors),
      ).toEqual(bodies.map(([, path]) => [{ path, message: UNKNOWN }]));
    }
    const kept = await app.client.submit({ type: 'echo', input: { [name]: [{ [name]: 1 }] } });
    expect((await app.client.ended(kept.id)).result).toEqual({ [name]: [{ [name]: 1 }] });
  });

  it.each([...MEMBERS, '__proto__', 'constructor'])(
    'is a parameter that every object has: ?%s=',
    async (name) => {
      for (const route of [
        'operations',
        'deliveries',
        'accounts',
        `operations/${ZEROS}`,
        `operations/${ZEROS}/history`,
      ]) {
        await refused({
          what: '',
          method: 'GET',
          route: `/v1/${route}?${name}=1`,
          status: 400,
          code: 'invalid-query',
          path: name,
        });
      }
    },
  );
});

it('whose header fields never end is cut off after 10 s', async () => {
  const socket = connect(Number(new URL(app.client.url).port), '127.0.0.1');
  socket.write('GET /v1/operations HTTP/1.1\r\nhost: x\r\n');
  const from = performance.now();
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
  await once(socket, 'close');
  expect(answer).toMatch(/^HTTP\/1.1 408 [^]*"code":"request-timeout"/);
  expect(performance.now() - from).toBeLessThan(20_000);
});

describe('a request without the right key', () => {
  const ROUTES_AND_SCOPES: [method: string, route: string, scope: string, body?: unknown][] = [
    ['POST', '/v1/operations', 'operations:write', { type: 'echo' }],
    ['GET', '/v1/operations', 'operations:read'],
    ['GET', `/v1/operations/${ZEROS}`, 'operations:read'],
    ['POST', `/v1/operations/${ZEROS}/cancel`, 'operations:write'],
    ['DELETE', `/v1/operations/${ZEROS}`, 'operations:write'],
    ['GET', `/v1/operations/${ZEROS}/history`, 'operations:read'],
    ['GET', `/v1/operations/${ZEROS}/deliveries`, 'operations:read'],
    ['GET', `/v1/operations/${ZEROS}/result`, 'operations:read'],
    ['GET', '/v1/operation-types', 'operations:read'],
    ['GET', '/v1/operation-types/echo', 'operations:read'],
    ['GET', '/v1/deliveries', 'operations:read'],
    ['GET', `/v1/deliveries/${ZEROS}`, 'operations:read'],
    ['POST', `/v1/deliveries/${ZEROS}/redeliver`, 'deliveries:redeliver'],
    ['POST', `/v1/deliveries/${ZEROS}/cancel`, 'deliveries:redeliver'],
    ['POST', '/v1/deliveries/recover', 'deliveries:redeliver', { since: '2026-01-31T12:00:00Z' }],
    ['GET', `/v1/recoveries/${ZEROS}`, 'operations:read'],
    ['POST', `/v1/recoveries/${ZEROS}/cancel`, 'deliveries:redeliver'],
    ['POST', '/v1/callback-check', 'operations:write', { url: 'https://example.com/' }],
    ['GET', '/v1/signing-secret', 'endpoints:write'],
    ['POST', '/v1/signing-secret/rotate', 'endpoints:write', {}],
    ['GET', '/v1/signing-secret/list', 'endpoints:write'],
    ['DELETE', `/v1/signing-secret/${ZEROS}`, 'endpoints:write'],
    ['GET', `/v1/endpoints/${ZEROS}/secrets`, 'endpoints:write'],
    ['DELETE', `/v1/endpoints/${ZEROS}/secrets/${ZEROS}`, 'endpoints:write'],
    ['POST', '/v1/files?name=x', 'operations:write', 'x'],
    ['GET', `/v1/files/${ZEROS}`, 'operations:read'],
    ['GET', `/v1/files/${ZEROS}/content`, 'operations:read'],
    ['DELETE', `/v1/files/${ZEROS}`, 'operations:write'],
    ['POST', '/v1/accounts', 'admin', { name: 'bad' }],
    ['GET', '/v1/accounts', 'admin'],
    ['GET', `/v1/accounts/${ZEROS}`, 'admin'],
    ['PATCH', `/v1/accounts/${ZEROS}`, 'admin', { slots: 1 }],
    ['DELETE', `/v1/accounts/${ZEROS}`, 'admin'],
    ['POST', `/v1/accounts/${ZEROS}/keys`, 'keys:write', { name: 'bad', scopes: ['admin'] }],
    ['GET', `/v1/accounts/${ZEROS}/keys`, 'keys:write'],
    ['DELETE', `/v1/accounts/${ZEROS}/keys/${ZEROS}`, 'keys:write'],
  ];
  const ALL = [
    'operations:write',
    'operations:read',
    'endpoints:write',
    'deliveries:redeliver',
    'keys:write',
  ];
  const keys = new Map<string, string>();

  beforeAll(async () => {
    const { body: account } = await app.client.post('/v1/accounts', { name: 'scoped' });
    for (const missing of [...ALL, 'admin']) {
      const scopes = ALL.filter((scope) => scope !== missing);
      keys.set(
        missing,
        (
          await app.client.post(`/v1/accounts/${account.id}/keys`, {
            name: missing.replace(':', ' '),
            scopes,
          })
        ).body.key,
      );
    }
  });

  it.each(ROUTES_AND_SCOPES)('is refused: %s %s has no key', async (method, route, _scope, body) => {
    await refused({ what: '', method, route, body, status: 401, code: 'unauthorized' }, '');
  });

  it.each(ROUTES_AND_SCOPES)('is refused: %s %s has a key without %s', async (method, route, scope, body) => {
    await refused({ what: '', method, route, body, status: 403, code: 'forbidden' }, keys.get(scope)!);
  });

  it.each([
    'rb_test',
    `${TEST_KEY}x`,
    TEST_KEY.toUpperCase(),
    'x',
    `rb_${'x'.repeat(400)}`,
    `${TEST_KEY} ${TEST_KEY}`,
  ])('is refused: its key is %s', async (key) => {
    await refused({ what: '', body: { type: 'echo' }, status: 401, code: 'unauthorized' }, key);
  });

  it.each([TEST_KEY, `Basic ${btoa(`${TEST_KEY}:`)}`, `Token ${TEST_KEY}`, 'Bearer', ''])(
    'is refused: its authorization is %s',
    async (authorization) => {
      await refused(
        { what: '', body: { type: 'echo' }, headers: { authorization }, status: 401, code: 'unauthorized' },
        '',
      );
    },
  );

  it('is refused: its key has expired', async () => {
    const account = (await app.client.post('/v1/accounts', { name: 'expired' })).body.id;
    const expires_at = new Date(Date.now() + 500).toISOString();
    const { body } = await app.client.post(`/v1/accounts/${account}/keys`, {
      name: 'short',
      scopes: ['operations:write'],
      expires_at,
    });
    expect(body.expires_at).toBe(expires_at);
    await expect.poll(() => Date.now()).toBeGreaterThan(Date.parse(expires_at));
    await refused({ what: '', body: { type: 'echo' }, status: 401, code: 'unauthorized' }, body.key);
  });

  it('is refused: its key was revoked', async () => {
    const account = (await app.client.post('/v1/accounts', { name: 'revoked' })).body.id;
    const { body } = await app.client.post(`/v1/accounts/${account}/keys`, {
      name: 'gone',
      scopes: ['operations:write'],
    });
    await app.client.request('DELETE', `/v1/accounts/${account}/keys/${body.id}`);
    await refused({ what: '', body: { type: 'echo' }, status: 401, code: 'unauthorized' }, body.key);
  });
});

describe('a bad key of an account', () => {
  const key = { name: 'k', scopes: ['operations:read'] };
  it.each<[string, unknown]>([
    ['name', { ...key, name: undefined }],
    ['name', { ...key, name: 'a\nb' }],
    ['scopes', { ...key, scopes: undefined }],
    ['scopes', { ...key, scopes: [] }],
    ['scopes', { ...key, scopes: 'admin' }],
    ['scopes', { ...key, scopes: ['root'] }],
    ['scopes', { ...key, scopes: ['admin', 'admin'] }],
    ['scopes', { ...key, scopes: [5] }],
    ['expires_at', { ...key, expires_at: 'soon' }],
    ['expires_at', { ...key, expires_at: '2999-W01-1' }],
    ['expires_at', { ...key, expires_at: '2999-001' }],
    ['expires_at', { ...key, expires_at: '2020-01-01T00:00:00Z' }],
    ['expires_at', { ...key, expires_at: 5 }],
    ['hash', { ...key, hash: 'x' }],
  ])('is refused: %s of %j', async (path, body) => {
    const [account] = await rowsOf<{ id: string }>(app.databaseUrl, 'SELECT id FROM account LIMIT 1');
    await refused({
      what: '',
      route: `/v1/accounts/${account!.id}/keys`,
      body,
      status: 422,
      code: 'invalid-request',
      path,
    });
  });
});

describe('NUL, which PostgreSQL has no character for,', () => {
  const text = 'a\u0000b';
  const lease = `lse_1_30_${ZEROS}${text}`;
  it.each<[method: string, route: string, body: object]>([
    ['POST', '/v1/schedules', { name: 'x', cron: `* * * * *${text}`, operation: { type: 'echo' } }],
    ['POST', '/v1/schedules', { name: 'x', cron: '* * * * *', time_zone: text, operation: { type: 'echo' } }],
    ['POST', '/v1/work/claim', { types: [text] }],
    ['POST', '/v1/work/batch', { actions: [{ lease, action: 'release' }] }],
    ['PUT', '/v1/operation-types/test.nul', { title: 'x', path: text }],
    [
      'PUT',
      '/v1/operation-types/test.nul',
      { title: 'x', retry: { retry_on: [text] }, input_schema: { title: text } },
    ],
    ['POST', '/v1/operations/bulk', { action: 'cancel', dry_run: true, filter: { correlation: text } }],
    ['POST', `/v1/endpoints/ep_${ZEROS}/acks`, { acks: [{ id: 'x', ok: false, error: text }] }],
    [
      'PATCH',
      `/v1/endpoints/ep_${ZEROS}`,
      { client_certificate: text, url: `http://127.0.0.1:40009/${text}` },
    ],
    ['POST', '/v1/callback-check', { url: `http://127.0.0.1:40009/${text}` }],
    ['POST', '/api/auth/token', { accountid: text, key: TEST_KEY }],
    ['POST', '/console/api/session', { key: text }],
  ])('is no 500 in a text of a body: %s %s %j', async (method, route, body) => {
    const answer = await app.client.request(method, route, body);
    expect(answer.status, answer.text).toBeLessThan(500);
  });
});

describe('an upload', () => {
  it.each(['text/pl\u0001ain', 'text/pl\u0000ain', 'text/plain\u0000', 'text/f\u00fcr', 'x'.repeat(300)])(
    'whose content type no header can carry is kept as bytes: %j',
    async (type) => {
      const form = `--b\r\ncontent-disposition: form-data; name="f"; filename="a"\r\ncontent-type: ${type}\r\n\r\nx\r\n--b--\r\n`;
      const headers = { 'content-type': 'multipart/form-data; boundary=b' };
      const { status, body } = await app.client.post('/v1/files', Buffer.from(form, 'latin1'), headers);
      expect([status, body.content_type]).toEqual([201, 'application/octet-stream']);
      const content = await app.client.get(`/v1/files/${body.id}/content`);
      expect([content.status, content.text]).toEqual([200, 'x']);
    },
  );
});

describe('whatever is sent', () => {
  const anything = fc.jsonValue({ maxDepth: 4 });
  const text = fc.string({ unit: 'binary', maxLength: 30 });
  // No URL here may name a public host: an accepted one would be called.
  const somewhere = fc.oneof(
    text,
    fc.constantFrom('http://127.0.0.1:40009/', 'http://localhost:40009/', 'https://10.0.0.1/'),
    anything,
  );
  const field = <T>(likely: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
    fc.oneof({ weight: 3, arbitrary: likely }, anything);
  const likelyBody = fc.record(
    {
      type: field(fc.constantFrom('echo', 'sleep', 'http.request')),
      input: field(
        fc.record(
          {
            seconds: field(fc.constant(0)),
            method: fc.constantFrom('GET', 'POST', 5),
            url: somewhere,
            headers: fc.dictionary(text, text),
          },
          { requiredKeys: [] },
        ),
      ),
      callback: field(
        fc.record(
          {
            url: somewhere,
            headers: field(
              fc.array(fc.record({ key: field(text), value: field(text) }, { requiredKeys: [] })),
            ),
          },
          { requiredKeys: [] },
        ),
      ),
      correlation: field(text),
      priority: field(fc.integer()),
      run_at: field(fc.date({ noInvalidDate: false }).map(String)),
      timeout_s: field(fc.double()),
      retention: field(fc.constantFrom('keep1d', 'keep1m', 'x')),
    },
    { requiredKeys: ['type'] },
  );

  it('an operation is answered, and never with a 500', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(likelyBody, anything), async (body) => {
        const answer = await app.client.post('/v1/operations', JSON.stringify(body));
        expect(answer.status, answer.text).toBeLessThan(500);
        if (answer.status >= 400) expect(answer.headers.get('content-type')).toContain(PLAIN);
      }),
      { numRuns: 300 },
    );
  });

  it('bytes that are no JSON are answered, and never with a 500', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const answer = await app.client.post('/v1/operations', bytes);
        expect(answer.status, answer.text).toBeLessThan(500);
        expect(answer.status).toBeGreaterThanOrEqual(400);
      }),
      { numRuns: 100 },
    );
  });

  it('a path or a query is answered, and never with a 500', async () => {
    const path = fc.constantFrom('operations', 'deliveries', 'files', 'accounts', 'operation-types', 'flows');
    const name = fc.constantFrom(
      'limit',
      'cursor',
      'status',
      'type',
      'created_after',
      'since',
      'operation',
      'wait',
      'x',
    );
    await fc.assert(
      fc.asyncProperty(path, fc.option(text), name, text, async (resource, id, parameter, value) => {
        const escaped = id === null ? '' : `/${encodeURIComponent(id.toWellFormed())}`;
        const answer = await app.client.get(
          `/v1/${resource}${escaped}?${parameter}=${encodeURIComponent(value.toWellFormed())}`,
        );
        expect(answer.status, answer.text).toBeLessThan(500);
      }),
      { numRuns: 300 },
    );
  });
});
