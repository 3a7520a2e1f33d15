import { readFile } from 'node:fs/promises';
import { unzipSync } from 'fflate';
import { Module } from '@nestjs/common';
import { IsInt, Min } from 'class-validator';
import { type OperationContext, type OperationHandler, OperationType } from 'ringback';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import ExampleHandlersModule from '../../examples/handlers.js';
import { OperationReads } from '../../src/operations/read/operation-reads.store.js';
import { App } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { rowsOf } from '../support/database.js';
import { Receiver, verify } from '../support/receiver.js';

class GateInput {
  @IsInt()
  @Min(1)
  gate: number;
}

/** Runs that stand still until the test lets them go on. */
const gates = new Map<number, () => void>();

@OperationType<GateInput>({ name: 'test.gate', title: 'Gate', path: 'test/gate', input: GateInput })
class GateHandler implements OperationHandler<GateInput> {
  async run({ gate }: GateInput, context: OperationContext) {
    context.progress(30, 'Standing at the gate');
    await new Promise<void>((resolve, reject) => {
      gates.set(gate, resolve);
      context.signal.addEventListener('abort', () => reject(context.signal.reason as Error));
    });
    return { result: { through: gate }, custom: { filetoken: 'abc' }, statusText: 'Through the gate' };
  }
}

@OperationType({ name: 'test.quick', title: 'Quick', path: 'test/quick', inlineMs: 20_000 })
class QuickHandler implements OperationHandler {
  run(input: unknown) {
    return Promise.resolve({ custom: input });
  }
}

@OperationType({ name: 'test.fails', title: 'Fails', path: 'test/fails' })
class FailsHandler implements OperationHandler {
  run(_: unknown, context: OperationContext): Promise<void> {
    return context.fail('broken', 'The file is broken');
  }
}

@Module({ providers: [GateHandler, QuickHandler, FailsHandler] })
class GatesModule {}

let app: App;
let gate = 0;
beforeAll(async () => {
  app = await App.start({}, [ExampleHandlersModule, GatesModule]);
});
afterAll(() => app[Symbol.asyncDispose]());

const submit = (path: string, body?: unknown, client: Client = app.client): Promise<Answer> =>
  client.post(`/api/${path}`, body);
const status = (id: number, client: Client = app.client): Promise<Answer> =>
  client.get(`/api/trm/status?requestid=${id}`);

/** Polls, as the real clients do, until the status is terminal. */
async function ended(id: number, client: Client = app.client): Promise<any> {
  let last: Answer | undefined;
  await expect
    .poll(
      async () => {
        last = await status(id, client);
        expect(last.status).toBe(200);
        return last.body.trm.status;
      },
      { timeout: 20_000 },
    )
    .toMatch(/^(Finished|Failed)$/);
  return last!.body;
}

function expectError(answer: Answer, code: number, title: RegExp): void {
  expect(answer.status, answer.text).toBe(code);
  expect(Object.keys(answer.body)).toEqual(['error', 'reason']);
  expect(Object.keys(answer.body.error)).toEqual([
    'operation',
    'date',
    'title',
    'details',
    'errorurl',
    'messages',
  ]);
  expect(answer.body).toMatchObject({
    error: { operation: null, details: null, errorurl: null, messages: [] },
    reason: answer.body.error.title,
  });
  expect(answer.body.reason).toMatch(title);
}

describe('an operation of the trm face', () => {
  it('is the same envelope on submit, on poll and in the callback', async () => {
    await using receiver = await Receiver.answering(200);
    const submitted = await submit('test/gate', { gate: ++gate, callbackurl: receiver.url });
    expect(submitted.status).toBe(200);
    const id = submitted.body.trm.requestid;
    expect(submitted.text).toBe(
      `{"trm":{"requestid":${id},"isbatch":false,"status":"Waiting","statusText":"Waiting..."}}`,
    );
    expect(id).toBeGreaterThan(0);
    expect(submitted.headers.get('operation-id')).toMatch(/^[0-9a-f]{32}$/);
    await expect
      .poll(async () => (await status(id)).body.trm)
      .toEqual({
        requestid: id,
        isbatch: false,
        status: 'Executing',
        statusText: 'Standing at the gate',
      });
    gates.get(gate)!();
    const polled = await ended(id);
    expect(JSON.stringify(polled)).toBe(
      `{"trm":{"requestid":${id},"isbatch":false,"status":"Finished","statusText":"Through the gate"},"result":{"through":${gate}},"custom":{"filetoken":"abc"}}`,
    );
    const [received] = await receiver.received(1);
    expect(received!.body).toBe(JSON.stringify(polled));
    expect(received!.headers['content-type']).toBe('application/json');
    verify(await app.client.signingSecret(), received!);
  });

  it('tells why it failed in statusInfo, and has no result then', async () => {
    await using receiver = await Receiver.answering(500, 200);
    const { body } = await submit('test/fails', { callback: { url: receiver.url } });
    expect(await ended(body.trm.requestid)).toEqual({
      trm: {
        requestid: body.trm.requestid,
        isbatch: false,
        status: 'Failed',
        statusText: 'Operation failed!',
        statusInfo: 'The file is broken',
      },
    });
    const [first, second] = await receiver.received(2);
    expect(second!.body).toBe(first!.body);
  });

  it('that is canceled has Failed, and statusInfo says so', async () => {
    const { body, headers } = await submit('test/gate', { gate: ++gate });
    await app.client.post(`/v1/operations/${headers.get('operation-id')}/cancel`);
    const { trm } = await ended(body.trm.requestid);
    expect(trm).toMatchObject({ status: 'Failed', statusText: 'Operation failed!' });
    expect(trm.statusInfo).toMatch(/^Canceled/);
    const { items } = (await app.client.get('/api/trm/list?take=1')).body;
    expect(items).toMatchObject([
      { status: 'Failed', statusText: 'Operation failed!', errorMessage: trm.statusInfo },
    ]);
  });

  it('that ends inside its inline window is answered Finished with requestid 0, and calls back with its real id', async () => {
    await using receiver = await Receiver.answering(200);
    const { body, headers } = await submit('test/quick', { a: 1, callback: { url: receiver.url } });
    expect(body).toEqual({
      trm: {
        requestid: 0,
        isbatch: false,
        status: 'Finished',
        statusText: 'Finished!',
      },
      custom: { a: 1 },
    });
    const [received] = await receiver.received(1);
    const operation = await app.client.ended(headers.get('operation-id')!);
    expect(received!.body).toBe(
      JSON.stringify({ ...body, trm: { ...body.trm, requestid: operation.request_id } }),
    );
    expect((await status(operation.request_id)).body.trm.requestid).toBe(operation.request_id);
  });

  it('waits inline as long as ?inlinems= says, and is Waiting when that was too short', async () => {
    const quick = await submit('documents/check?inlinems=20000', { files: ['none'] });
    expect(quick.body.trm).toMatchObject({ requestid: 0, status: 'Finished' });
    expect((await submit('test/quick?inlinems=0', {})).body.trm.requestid).toBeGreaterThan(0);
    expectError(await submit('test/quick?inlinems=-1', {}), 400, /^inlinems/);
    expectError(await submit('test/quick?inlinems=60001', {}), 400, /^inlinems/);
  });

  it('is Waiting within a window of 0, however soon it ends', async () => {
    const reads = app.nest.get(OperationReads);
    const find = reads.find.bind(reads);
    // Whoever reads the operation for the answer does it late.
    const late = vi.spyOn(reads, 'find').mockImplementation(async (...asked) => {
      await expect.poll(async () => (await find(...asked))!.operation.dueAt, { timeout: 10_000 }).toBeNull();
      return find(...asked);
    });
    try {
      const { body } = await submit('test/quick?inlinems=0', {});
      expect(body.trm).toMatchObject({ requestid: expect.any(Number), status: 'Waiting' });
      expect((await ended(body.trm.requestid)).trm.status).toBe('Finished');
    } finally {
      late.mockRestore();
    }
  });

  it('does not call back for an inline end when the caller opts out, and does for a later end', async () => {
    await using receiver = await Receiver.answering(200);
    const callback = { url: receiver.url, onInline: false };
    const inline = await submit('test/quick', { callback });
    expect(inline.body.trm).toMatchObject({ requestid: 0, status: 'Finished' });
    const refused = await submit('test/gate', { gate: 0, callback });
    expect(refused.body.trm).toMatchObject({ requestid: 0, status: 'Failed' });
    const later = await submit('test/gate?inlinems=1', { gate: ++gate, callback });
    expect(later.body.trm.requestid).toBeGreaterThan(0);
    await expect.poll(() => gates.has(gate)).toBe(true);
    gates.get(gate)!();
    const [received] = await receiver.received(1);
    expect(JSON.parse(received!.body).trm.requestid).toBe(later.body.trm.requestid);
    for (const { headers } of [inline, refused]) {
      const operation = await app.client.ended(headers.get('operation-id')!);
      // Taken back once the answer is out.
      await expect.poll(() => app.client.deliveries(operation.id)).toEqual([]);
      expect((await app.client.ended(operation.id)).callback.state).toBe('Canceled');
    }
    expect(receiver.all).toHaveLength(1);
    expect((await app.client.get('/v1/ledger')).body.balanced).toBe(true);
  });

  it('whose input its type refuses has Failed at once with requestid 0, is stored, and calls back', async () => {
    await using receiver = await Receiver.answering(200);
    const { status: http, body, headers } = await submit('test/gate', { gate: 0, callbackurl: receiver.url });
    expect(http).toBe(200);
    expect(body).toEqual({
      trm: {
        requestid: 0,
        isbatch: false,
        status: 'Failed',
        statusText: 'Operation failed!',
        statusInfo: expect.any(String) as string,
      },
    });
    expect(body.trm.statusInfo).toMatch(/gate must not be less than 1/);
    const operation = await app.client.ended(headers.get('operation-id')!);
    expect(operation).toMatchObject({ status: 'Failed', attempt: 0, error: { code: 'invalid_input' } });
    const [received] = await receiver.received(1);
    expect(JSON.parse(received!.body)).toEqual({ trm: { ...body.trm, requestid: operation.request_id } });
  });

  it('keeps its own endpoints’ events native', async () => {
    await using receiver = await Receiver.answering(200);
    const client = await app.account('trm-endpoint');
    await client.post('/v1/endpoints', { url: receiver.url });
    await submit('test/quick', {}, client);
    const [received] = await receiver.received(1);
    expect(JSON.parse(received!.body).type).toBe('operation.finished');
  });

  it('is listed in the operations log, newest first, by its account alone', async () => {
    const client = await app.account('trm-list');
    for (const name of ['a', 'b', 'c']) await submit('test/quick', { name }, client);
    await submit('test/gate', { gate: 0 }, client);
    const { body } = await client.get('/api/trm/list?skip=0&take=2');
    expect(body.total).toBe(4);
    expect(Object.keys(body.items[0])).toEqual([
      'requestid',
      'status',
      'statusText',
      'title',
      'errorMessage',
      'person',
      'created',
      'started',
      'finished',
      'progress',
    ]);
    expect(body.items).toMatchObject([
      { status: 'Failed', title: 'Gate', errorMessage: expect.stringContaining('gate') as string },
      { status: 'Finished', title: 'Quick', errorMessage: null, progress: 100 },
    ]);
    expect(body.items[0].requestid).toBeGreaterThan(body.items[1].requestid);
    expect((await client.get('/api/trm/list?skip=3')).body.items).toHaveLength(1);
    expectError(await client.get('/api/trm/list?take=501'), 400, /^take/);
    expectError(await client.get('/api/trm/list?skip=-1'), 400, /^skip/);
  });

  it('shows 0 on poll and in the callback too where RINGBACK_TRM_ZERO_ID asks for it', async () => {
    if (process.env.RINGBACK_TEST_REDIS_URL) await app[Symbol.asyncDispose]();
    {
      await using zero = await App.start({ trm: { zeroId: true } }, [GatesModule]);
      await using receiver = await Receiver.answering(200);
      const { headers } = await submit('test/quick', { callbackurl: receiver.url }, zero.client);
      const { request_id: id } = await zero.client.ended(headers.get('operation-id')!);
      expect((await status(id, zero.client)).body.trm.requestid).toBe(0);
      const [received] = await receiver.received(1);
      expect(JSON.parse(received!.body).trm.requestid).toBe(0);
    }
    if (process.env.RINGBACK_TEST_REDIS_URL) app = await App.start({}, [ExampleHandlersModule, GatesModule]);
  });
});

describe('a callback of the trm face', () => {
  it('is asked for in the body, as URL or with headers, or in the query', async () => {
    await using receiver = await Receiver.answering(200);
    const urls = [1, 2, 3].map((n) => `${receiver.url}/${n}?a=%2F+b&c=%C3%A9&d`);
    await submit('test/quick', { callbackurl: urls[0] });
    await submit('test/quick', {
      callback: { url: urls[1], headers: [{ key: 'auth', value: 'secret-x' }] },
    });
    await submit(`test/quick?callbackurl=${encodeURIComponent(urls[2]!)}`, {});
    const received = await receiver.received(3);
    expect(received.map(({ path }) => path).sort()).toEqual(
      [1, 2, 3].map((n) => `/callback/${n}?a=%2F+b&c=%C3%A9&d`),
    );
    expect(received.find(({ path }) => path.startsWith('/callback/2'))!.headers['auth']).toBe('secret-x');
  });

  it('in the query keeps its +, which is no space there', async () => {
    await using receiver = await Receiver.answering(200);
    await submit(`test/quick?callbackurl=${receiver.url}?a=b+c%2Bd`, {});
    const [received] = await receiver.received(1);
    expect(received!.path).toBe('/callback?a=b+c+d');
  });

  it('that is null is none, as serialisers write it', async () => {
    const answer = await submit('orders/1/files/all/zip', { callbackurl: null, callback: null });
    expect(answer.status, answer.text).toBe(200);
    expect((await ended(answer.body.trm.requestid)).trm.status).toBe('Finished');
    await using receiver = await Receiver.answering(200);
    const query = `?callbackurl=${encodeURIComponent(receiver.url)}`;
    expect((await submit(`test/quick${query}`, { callbackurl: null })).status).toBe(200);
    await receiver.received(1);
  });

  it('may be named in several places, if they agree', async () => {
    await using receiver = await Receiver.answering(200);
    const { url } = receiver;
    const query = `?callbackurl=${encodeURIComponent(url)}`;
    expect((await submit(`test/quick${query}`, { callbackurl: url, callback: { url } })).status).toBe(200);
    await receiver.received(1);
    for (const [path, body] of [
      ['test/quick', { callbackurl: `${url}/x`, callback: { url } }],
      [`test/quick${query}`, { callbackurl: `${url}/x` }],
      [`test/quick${query}&callbackurl=x`, {}],
    ] as const)
      expectError(await submit(path, body), 400, /callbackurl/);
    expect(receiver.all).toHaveLength(1);
  });

  it('to a refused address, or with bad headers, is a 400 that names it', async () => {
    expectError(await submit('test/quick', { callbackurl: 'http://10.0.0.1/' }), 400, /^callback\.url/);
    expectError(await submit('test/quick', { callback: { url: 'nonsense' } }), 400, /^callback\.url/);
    expectError(await submit('test/quick', { callback: 'https://example.com' }), 400, /^callback/);
    expectError(await submit('test/quick', { callback: {} }), 400, /^callback\.url/);
    expectError(
      await submit('test/quick', {
        callback: { url: 'http://127.0.0.1:9000/', headers: [{ key: 'host', value: 'x' }] },
      }),
      400,
      /^callback\.headers/,
    );
  });
});

describe('the trm face', () => {
  it('answers what it cannot take with 400 in its own error body', async () => {
    expectError(await submit('no/such/path', {}), 400, /no\/such\/path is no route/);
    expectError(await app.client.get('/api/no/such/path'), 400, /no\/such\/path/);
    expectError(await submit('test/gate', '{"gate":'), 400, /body/);
    expectError(await submit('test/gate', [1]), 400, /JSON object/);
    expectError(await submit('test/gate', '5'), 400, /JSON object/);
    expectError(
      await app.client.post('/api/test/gate', 'a=1', { 'content-type': 'text/csv' }),
      400,
      /content type/,
    );
    const other = (await submit('test/quick?inlinems=0', {})).body.trm.requestid;
    const stranger = await app.account('trm-stranger');
    for (const id of ['', '0', '-1', 'x', '1.5', '999999999', '99999999999999999999', `${other}`])
      expectError(await stranger.get(`/api/trm/status?requestid=${id}`), 400, /requestid|operation/);
    expectError(await stranger.get('/api/trm/status'), 400, /requestid/);
    expectError(await stranger.get('/api/trm/status?requestid=1&requestid=2'), 400, /requestid/);
  });

  it('ignores what is sent besides what it knows: its clients send more than is needed', async () => {
    const more = { gate: 0, gat: 2, toString: 'x' };
    const refused = await submit('test/gate', more);
    expect(refused.body.trm).toMatchObject({ requestid: 0, status: 'Failed' });
    expect(refused.body.trm.statusInfo).toBe('gate: gate must not be less than 1');
    await using receiver = await Receiver.answering(200);
    const callback = { url: receiver.url, retries: 3, headers: [{ key: 'a', value: 'b', kind: 'c' }] };
    const taken = await submit('test/gate', { ...more, gate: ++gate, callback });
    await expect.poll(() => gates.has(gate)).toBe(true);
    gates.get(gate)!();
    expect((await ended(taken.body.trm.requestid)).result).toEqual({ through: gate });
    expect((await receiver.received(1))[0]!.headers['a']).toBe('b');
    const login = { accountid: 'default', key: app.client.key, culture: 'en' };
    expect((await app.client.post('/api/auth/token', login)).status).toBe(200);
    expect((await app.client.get('/api/trm/list?take=1&sort=asc')).body.items).toHaveLength(1);
    // Where the path gives it too, the same is no contradiction.
    const doubled = await submit('orders/4711/files/all/zip', { id: 4711, note: { for: 'you' } });
    expect((await ended(doubled.body.trm.requestid)).trm.status).toBe('Finished');
    expectError(await submit('orders/4711/files/all/zip', { id: '4712' }), 400, /^id: the path/);
  });

  it('refuses what it does not know where RINGBACK_TRM_STRICT asks for it', async () => {
    if (process.env.RINGBACK_TEST_REDIS_URL) await app[Symbol.asyncDispose]();
    {
      await using strict = await App.start({ trm: { strict: true } }, [GatesModule]);
      expectError(
        await submit('test/gate', { gate: 1, gat: 2 }, strict.client),
        400,
        /^gat: is not a known field/,
      );
      const callback = { url: 'http://127.0.0.1:9/', retries: 3 };
      expectError(await submit('test/quick', { callback }, strict.client), 400, /^callback\.retries/);
      expectError(await strict.client.get('/api/trm/list?sort=asc'), 400, /^sort/);
    }
    if (process.env.RINGBACK_TEST_REDIS_URL) app = await App.start({}, [ExampleHandlersModule, GatesModule]);
  });

  it('tells the status by POST too, with the id in the query, in JSON or in a form', async () => {
    const client = await app.account('trm-post');
    const { headers } = await submit('test/quick', { a: 1 }, client);
    const { request_id: id } = await client.ended(headers.get('operation-id')!);
    const polled = await status(id, client);
    const post = (query: string, body?: unknown, type?: string): Promise<Answer> =>
      client.post(`/api/trm/status${query}`, body, type === undefined ? {} : { 'content-type': type });
    const form = 'application/x-www-form-urlencoded';
    for (const answer of [
      await post(`?requestid=${id}`),
      await post(`?requestid=${id}`, ''),
      await post(`?requestid=${id}`, {}),
      await post('', { requestid: id }),
      await post('', { requestid: String(id), verbose: true }),
      await post(`?requestid=${id}`, { requestid: id }),
      await post('', `requestid=${id}`, form),
    ]) {
      expect([answer.status, answer.text]).toEqual([200, polled.text]);
    }
    for (const answer of [
      await post(''),
      await post('', { requestid: 0 }),
      await post('', { requestid: null }),
      await post('', { requestid: [id] }),
      await post('', [id]),
      await post(`?requestid=${id}`, { requestid: id + 1 }),
      await post('', 'requestid=', form),
      await post(`?requestid=${id}`, '{'),
    ])
      expectError(answer, 400, /requestid|body/);
    expectError(await client.post('/api/test/quick', 'a=1', { 'content-type': form }), 400, /content type/);
    expect((await client.withKey('none').post('/api/trm/status', { requestid: id })).status).toBe(401);
  });

  it('lets in whoever has a token, until it ends', async () => {
    const client = await app.account('trm-auth');
    const { body: found } = await app.client.get('/v1/accounts?limit=250');
    const { id } = found.data.find(({ name }: { name: string }) => name === 'trm-auth');
    const anonymous = client.withKey('none');
    const login = (accountid: string, key: string): Promise<Answer> =>
      anonymous.post('/api/auth/token', { accountid, key });
    for (const [accountid, key] of [
      ['trm-auth', 'rb_wrong'],
      ['default', client.key],
      ['', client.key],
    ] as const)
      expectError(await login(accountid, key), 401, /./);
    expectError(await anonymous.post('/api/auth/token', { accountid: 'trm-auth' }), 400, /^key/);
    const { status: http, text } = await login('trm-auth', client.key);
    expect(http).toBe(200);
    const token = JSON.parse(text) as string;
    expect(token).toMatch(/^[\w-]{43}$/);
    const get = (headers: Record<string, string>): Promise<Response> =>
      fetch(`${client.url}/api/trm/list`, { headers });
    for (const account of ['trm-auth', id])
      expect((await get({ 'x-auth-token': token, 'x-auth-accountid': account })).status).toBe(200);
    for (const headers of [
      {},
      { 'x-auth-token': token },
      { 'x-auth-token': token, 'x-auth-accountid': 'default' },
      { 'x-auth-token': 'x', 'x-auth-accountid': 'trm-auth' },
    ] as Record<string, string>[])
      expect((await get(headers)).status).toBe(401);
    const end = (): Promise<Response> =>
      fetch(`${client.url}/api/auth/token`, { method: 'DELETE', headers: { 'x-auth-token': token } });
    expect((await end()).status).toBe(200);
    expect((await get({ 'x-auth-token': token, 'x-auth-accountid': id })).status).toBe(401);
    expect((await end()).status).toBe(401);
  });

  it('names the allowance when an account is throttled, and takes no account of logins', async () => {
    if (process.env.RINGBACK_TEST_REDIS_URL) await app[Symbol.asyncDispose]();
    {
      await using few = await App.start({ trm: { requestsPerHour: 2 } }, [GatesModule]);
      const other = await few.account('other');
      const login = { accountid: 'default', key: few.client.key };
      for (let count = 0; count < 3; count++)
        expect((await few.client.post('/api/auth/token', login)).status).toBe(200);
      const first = await few.client.get('/api/trm/list');
      expect(first.headers.get('ratelimit-limit')).toBe('2');
      expect(first.headers.get('ratelimit-remaining')).toBe('1');
      await few.client.get('/api/trm/list');
      const third = await few.client.get('/api/trm/list');
      expectError(third, 429, /2 requests per hour/);
      // One comes back every half an hour.
      expect(third.headers.get('retry-after')).toMatch(/^(1800|1799)$/);
      expect(third.headers.get('ratelimit-reset')).toBe(third.headers.get('retry-after'));
      expect(third.headers.get('ratelimit-remaining')).toBe('0');
      expect((await other.get('/api/trm/list')).status).toBe(200);
    }
    if (process.env.RINGBACK_TEST_REDIS_URL) app = await App.start({}, [ExampleHandlersModule, GatesModule]);
  });

  it('keeps files and gives them back, whole and in ranges', async () => {
    const bytes = Buffer.alloc(3 * 1024 * 1024, 'abcdefgh');
    const token = await upload(app.client, 'größe.bin', bytes);
    const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
      fetch(`${app.client.url}/api/media/get/${path}`, {
        headers: { authorization: `Bearer ${app.client.key}`, ...headers },
      });
    const whole = await get(token);
    expect(whole.headers.get('content-disposition')).toMatch(/^attachment; .*gr%C3%B6%C3%9Fe\.bin$/);
    expect(Buffer.from(await whole.arrayBuffer()).equals(bytes)).toBe(true);
    const shown = await get(`${token}/stream`);
    expect(shown.headers.get('content-disposition')).toMatch(/^inline/);
    const part = await get(`${token}/stream`, { range: 'bytes=8-15' });
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([
      206,
      `bytes 8-15/${bytes.length}`,
      'abcdefgh',
    ]);
    // Both forms of a token are taken.
    expect((await get(`file_${token}`)).headers.get('etag')).toBe(shown.headers.get('etag'));
    const etag = shown.headers.get('etag')!;
    for (const [known, status] of [
      [etag, 206],
      ['"other"', 200],
    ] as const) {
      const resumed = await get(token, { range: 'bytes=8-15', 'if-range': known });
      expect([known, resumed.status, (await resumed.arrayBuffer()).byteLength]).toEqual([
        known,
        status,
        status === 206 ? 8 : bytes.length,
      ]);
    }
    const capped = await get(`${token}/stream?rangemaxmb=1`, { range: 'bytes=0-' });
    expect(capped.headers.get('content-range')).toBe(`bytes 0-1048575/${bytes.length}`);
    expect((await capped.arrayBuffer()).byteLength).toBe(1024 * 1024);
    expect((await get(`${token}/stream`, { range: `bytes=${bytes.length}-` })).status).toBe(416);
    for (const most of ['0', '101', 'x', '1.5'])
      expect((await get(`${token}/stream?rangemaxmb=${most}`)).status).toBe(400);
    expectError(await app.client.get('/api/media/get/file_none'), 400, /no file/);
    const stranger = await app.account('trm-media');
    expectError(await stranger.get(`/api/media/get/${token}`), 400, /no file/);
    expectError(await app.client.post('/api/media/upload', {}), 400, /multipart/);
  });

  it.each([
    [
      'trm/status',
      /"test.hidden": the path "trm\/status" is also that of \/api\/trm\/status, .*: choose another path/,
    ],
    ['{what}/token', /the path "\{what\}\/token" is also that of \/api\/auth\/token/],
    ['trm/{what}', /the path "trm\/\{what\}" is also that of \/api\/trm\/status/],
    [
      'auth',
      /"test.hidden": the path "auth" is among the trm face's own, .*: let it begin with another word/,
    ],
    ['media/get/{token}', /among the trm face's own, below \/api\/media/],
  ])('stops the boot when a type has a path of its own: %s', async (path, message) => {
    @OperationType({ name: 'test.hidden', title: 'Hidden', path })
    class HiddenHandler implements OperationHandler {
      run = () => Promise.resolve();
    }
    @Module({ providers: [HiddenHandler] })
    class HiddenModule {}
    await expect(App.start({}, [HiddenModule])).rejects.toThrow(message);
  });

  it('stops the boot when two types have the same path', async () => {
    @OperationType({ name: 'test.other', title: 'Other', path: 'test/{what}/x' })
    class OneHandler implements OperationHandler {
      run = () => Promise.resolve();
    }
    @OperationType({ name: 'test.another', title: 'Another', path: 'test/{who}/x' })
    class OtherHandler implements OperationHandler {
      run = () => Promise.resolve();
    }
    @Module({ providers: [OneHandler, OtherHandler] })
    class DoubledModule {}
    await expect(App.start({}, [DoubledModule])).rejects.toThrow(/same path/);
  });
});

async function upload(client: Client, name: string, bytes: Uint8Array, part = 'file'): Promise<string> {
  const form = new FormData();
  form.append(part, new Blob([bytes as never]), name);
  const { status: http, body } = await client.post('/api/media/upload', form);
  expect(http).toBe(200);
  expect(body).toEqual({ result: { token: expect.stringMatching(/^[0-9a-f]{32}$/) as string, name } });
  return body.result.token;
}

/** What the real clients do: log in, poll until the end, read the body as it came, log in once more on a 401. */
class Connector {
  logins = 0;
  private token = '';

  constructor(private readonly client: Client) {}

  async call(method: string, path: string, body?: unknown): Promise<any> {
    if (this.token === '') await this.login();
    let response = await this.send(method, path, body);
    if (response.status === 401) {
      await this.login();
      response = await this.send(method, path, body);
    }
    if (response.status !== 200) throw new Error(`HTTP ${response.status}`);
    return response;
  }

  async run(path: string, body?: unknown): Promise<any> {
    let last = (await (await this.call('POST', path, body)).json()) as any;
    const { requestid } = last.trm;
    if (!(requestid > 0)) throw new Error('no requestid');
    await expect
      .poll(
        async () => {
          last = await (await this.call('GET', `trm/status?requestid=${requestid}`)).json();
          return last.trm.status;
        },
        { timeout: 20_000 },
      )
      .toBe('Finished');
    return last;
  }

  private async login(): Promise<void> {
    this.logins++;
    const answer = await this.client.withKey('none').post('/api/auth/token', {
      accountid: 'default',
      key: this.client.key,
    });
    this.token = JSON.parse(answer.text) as string;
  }

  private send(method: string, path: string, body: unknown): Promise<Response> {
    const form = body instanceof FormData;
    return fetch(`${this.client.url}/api/${path}`, {
      method,
      headers: {
        'x-auth-token': this.token,
        'x-auth-accountid': 'default',
        ...(body === undefined || form ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: form ? body : JSON.stringify(body) }),
    } as RequestInit);
  }
}

describe('a recorded sequence', () => {
  it('zips an order without a body, polls for custom.filetoken and downloads it', async () => {
    const connector = new Connector(app.client);
    const { custom } = await connector.run('orders/4711/files/all/zip');
    const answer = (await connector.call('GET', `media/get/${custom.filetoken}`)) as Response;
    const entries = unzipSync(new Uint8Array(await answer.arrayBuffer()));
    expect(JSON.parse(Buffer.from(entries['order.json']!).toString())).toEqual({ order: '4711', files: 0 });
  });

  it('takes an empty body of whatever type', async () => {
    const answer = await fetch(`${app.client.url}/api/orders/4711/files/all/zip`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${app.client.key}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: '',
    });
    expect(answer.status).toBe(200);
    expect(((await answer.json()) as any).trm.requestid).toBeGreaterThan(0);
  });

  it('uploads a part named file, submits its token and reads custom.files[0]', async () => {
    const connector = new Connector(app.client);
    const form = new FormData();
    form.append('file', new Blob(['[{"id":"1","source":"one","target":"un"}]']), 'one.json');
    const { result } = (await (await connector.call('POST', 'media/upload', form)).json()) as any;
    const broken = await upload(app.client, 'broken.json', Buffer.from('{'));
    const { custom } = await connector.run('documents/check', {
      files: [result.token, broken, 'file_none', '\u0000'],
    });
    expect(custom.files[0]).toEqual({
      name: 'one.json',
      success: true,
      fileref: result.token,
      segments: 1,
    });
    expect(custom.files[1]).toMatchObject({
      success: false,
      error: expect.stringContaining('broken.json') as string,
    });
    expect(custom.files.slice(2)).toEqual(
      ['file_none', '\u0000'].map((name) => ({
        name,
        success: false,
        error: `there is no file ${JSON.stringify(name)}: upload it first, or check its id`,
      })),
    );
  });

  it('names a file token that cannot be one, and tells nothing of the database', async () => {
    const { body } = await submit('orders/1/files/all/zip', { files: ['\u0000'] });
    expect((await ended(body.trm.requestid)).trm.statusInfo).toMatch(/^there is no file/);
  });

  it('edits segments: exactly 200, polls until Finished, downloads', async () => {
    const connector = new Connector(app.client);
    const file = await upload(
      app.client,
      'two.json',
      Buffer.from('[{"id":"1","source":"one","target":"un"},{"id":"2","source":"two","target":""}]'),
    );
    const edits = [{ id: '2', target: 'deux' }];
    const { custom } = await connector.run('resources/segments/textedits', { file, edits });
    const answer = (await connector.call('GET', `media/get/${custom.fileref}`)) as Response;
    expect(await answer.json()).toEqual([
      { id: '1', source: 'one', target: 'un' },
      { id: '2', source: 'two', target: 'deux' },
    ]);
  });

  it('logs in once more on a 401, and repeats', async () => {
    const connector = new Connector(app.client);
    await connector.call('GET', 'trm/list');
    await rowsOf(app.databaseUrl, `UPDATE auth_token SET used_at = now() - interval '31 minutes'`);
    await expect
      .poll(
        async () => {
          await connector.call('GET', 'trm/list');
          return connector.logins;
        },
        { timeout: 20_000 },
      )
      .toBe(2);
  });

  it('exports a real translation file', async () => {
    const connector = new Connector(app.client);
    const bytes = await readFile(new URL('../data/segments/django/pl.po', import.meta.url));
    const file = await upload(app.client, 'fr.po', bytes);
    const { custom } = await connector.run('resources/segments/view/export', {
      file,
      source_language: 'en',
      target_language: 'fr',
    });
    const answer = (await connector.call('GET', `media/get/${custom.fileref}`)) as Response;
    expect(await answer.text()).toMatch(/<xliff /);
  });
});
