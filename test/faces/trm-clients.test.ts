import { Module } from '@nestjs/common';
import { IsInt, Min } from 'class-validator';
import { type OperationContext, type OperationHandler, OperationType } from 'ringback';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EditSegmentsHandler } from '../../examples/segments/edit-segments.js';
import { App } from '../support/app.js';
import type { Answer } from '../support/client.js';
import { rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';

class CountInput {
  @IsInt()
  @Min(1)
  count: number;
}

@OperationType<CountInput>({ name: 'test.count', title: 'Count', path: 'test/count', input: CountInput })
class CountHandler implements OperationHandler<CountInput> {
  run = ({ count }: CountInput) => Promise.resolve({ result: count, custom: { fileref: `${count}` } });
}

@OperationType({ name: 'test.shown', title: 'Show', path: 'test/shown', inlineMs: 20_000 })
class ShownHandler implements OperationHandler {
  run = (input: unknown) => Promise.resolve({ custom: input });
}

@OperationType({ name: 'test.fails', title: 'Fail', path: 'test/fails' })
class FailsHandler implements OperationHandler {
  run = (_: unknown, context: OperationContext): Promise<void> =>
    context.fail('broken', 'The file is broken');
}

let goOn: (() => void) | undefined;

@OperationType({ name: 'test.stands', title: 'Stand still', path: 'test/stands' })
class StandsHandler implements OperationHandler {
  run = () => new Promise<void>((resolve) => (goOn = resolve));
}

@OperationType({
  name: 'test.job',
  title: 'Job',
  path: 'projects/{id}/jobs/{code}',
  inlineMs: 20_000,
})
class JobHandler implements OperationHandler {
  run = (input: unknown) => Promise.resolve({ custom: { job: input } });
}

@OperationType({
  name: 'test.job.part',
  title: 'Part of a job',
  path: 'projects/{id}/jobs/{code}/{part}',
  inlineMs: 20_000,
})
class JobPartHandler implements OperationHandler {
  run = (input: unknown) => Promise.resolve({ custom: { part: input } });
}

@Module({
  providers: [
    CountHandler,
    StandsHandler,
    ShownHandler,
    FailsHandler,
    JobHandler,
    JobPartHandler,
    EditSegmentsHandler,
  ],
})
class HandlersModule {}

let app: App;
beforeAll(async () => {
  app = await App.start({ housekeeping: { everyS: 0.1 } }, [HandlersModule]);
});
afterAll(() => app[Symbol.asyncDispose]());

const submit = (path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> =>
  app.client.post(`/api/${path}`, body, headers);
const status = (id: number): Promise<Answer> => app.client.get(`/api/trm/status?requestid=${id}`);

/** Id of an operation of `path`, once it has ended. */
async function ended(path: string, body: unknown): Promise<{ id: number; rid: string }> {
  const rid = (await submit(path, body)).headers.get('operation-id')!;
  return { id: (await app.client.ended(rid)).request_id, rid };
}

function expectError(answer: Answer, title: RegExp): void {
  expect(answer.status, answer.text).toBe(400);
  expect(answer.body).toMatchObject({ error: { operation: null, title: answer.body.reason } });
  expect(answer.body.reason).toMatch(title);
}

describe('a poll of an operation whose result is gone', () => {
  const change = (rid: string, set: string): Promise<unknown> =>
    rowsOf(
      app.databaseUrl,
      `UPDATE operation_end SET ${set} WHERE request_id = (SELECT request_id FROM operation WHERE rid = '${rid}')`,
    );
  const emptied = async (rid: string): Promise<boolean> =>
    (
      await rowsOf<{ emptied: boolean }>(
        app.databaseUrl,
        `SELECT emptied_at IS NOT NULL AS emptied FROM operation_view WHERE rid = '${rid}'`,
      )
    )[0]!.emptied;
  const listed = async (id: number): Promise<any> =>
    (await app.client.get('/api/trm/list?take=500')).body.items.find((item: any) => item.requestid === id);

  it('is a 400 that says until when it was kept, before housekeeping has come and after', async () => {
    const { id, rid } = await ended('test/count', { count: 1 });
    expect((await status(id)).body).toMatchObject({ result: 1, custom: { fileref: '1' } });
    const before = await listed(id);
    const gone =
      /^operation \d+ is Finished, but its result was kept until 2026-01-02T03:04:05.000Z and is gone$/;
    await change(rid, `expires_at = '2026-01-02T03:04:05Z', sweep_at = now() + interval '1 day'`);
    expectError(await status(id), gone);
    expectError(await app.client.post('/api/trm/status', { requestid: id }), gone);
    expect(await emptied(rid)).toBe(false);
    await change(rid, 'sweep_at = now()');
    await rowsOf(app.databaseUrl, 'UPDATE chore SET due_at = now()');
    await expect.poll(() => emptied(rid), { timeout: 20_000 }).toBe(true);
    expectError(await status(id), gone);
    expect(await listed(id)).toEqual(before);
  });

  it('says that it was erased', async () => {
    const { id, rid } = await ended('test/count', { count: 2 });
    expect((await app.client.request('DELETE', `/v1/operations/${rid}`)).status).toBe(204);
    expectError(
      await status(id),
      /^operation \d+ is Finished, but its result was erased at 20.*Z and is gone$/,
    );
  });

  it('still says why it failed', async () => {
    const { id, rid } = await ended('test/fails', {});
    const { text } = await status(id);
    expect((await app.client.request('DELETE', `/v1/operations/${rid}`)).status).toBe(204);
    await change(rid, `expires_at = now() - interval '1 day'`);
    expect(await status(id)).toMatchObject({ status: 200, text });
    expect(JSON.parse(text).trm).toMatchObject({ status: 'Failed', statusInfo: 'The file is broken' });
  });
});

describe('a parameter in the path', () => {
  it.each([
    ['c%2Fd', { job: { id: '7', code: 'c/d' } }],
    ['c%2fd%2F', { job: { id: '7', code: 'c/d/' } }],
    ['c/d', { part: { id: '7', code: 'c', part: 'd' } }],
    ['c/%64%3Fe', { part: { id: '7', code: 'c', part: 'd?e' } }],
    ['c%252Fd', { job: { id: '7', code: 'c%2Fd' } }],
    ['100%25', { job: { id: '7', code: '100%' } }],
    ['%C3%A9+%20', { job: { id: '7', code: 'é+ ' } }],
    ['x?inlinems=20000#a/b', { job: { id: '7', code: 'x' } }],
  ])('is what its segment says: %s', async (code, custom) => {
    expect((await submit(`projects/7/jobs/${code}`, {})).body).toMatchObject({ custom });
  });

  it.each(['100%', 'caf%E9', '%2', 'a%2F%E9', '%zz'])('that is escaped badly is a 400: %s', async (code) => {
    expectError(await submit(`projects/7/jobs/${code}`, {}), /./);
  });

  it('is given once more in the body as the same, or as null, which is none', async () => {
    const custom = { job: { id: '7', code: 'c' } };
    expect((await submit('projects/7/jobs/c', { id: null, code: 'c' })).body).toMatchObject({ custom });
    expectError(await submit('projects/7/jobs/c', { id: '8' }), /^id: the path gives another one/);
  });
});

describe("the face's own names", () => {
  it.each<[string, (url: string) => [query: string, body: object]]>([
    ['callbackUrl in the query', (url) => [`?callbackUrl=${encodeURIComponent(url)}`, {}]],
    ['CALLBACKURL in the query', (url) => [`?CALLBACKURL=${encodeURIComponent(url)}`, {}]],
    ['callbackUrl in the body', (url) => ['', { callbackUrl: url }]],
    ['CallbackURL beside null', (url) => ['', { callbackurl: null, CallbackURL: url }]],
    ['Callback', (url) => ['', { Callback: { Url: url, Headers: [{ Key: 'auth', Value: 'x' }] } }]],
    [
      'all of them, where they agree',
      (url) => [`?callbackUrl=${url}&callbackurl=${url}`, { callbackUrl: url }],
    ],
  ])('are taken in any case: %s', async (how, asked) => {
    await using receiver = await Receiver.answering(200);
    const [query, body] = asked(receiver.url);
    const answer = await submit(`test/shown${query}`, { ...body, kept: 'x' });
    // None of them is a field of the input.
    expect(answer.body.custom).toEqual({ kept: 'x' });
    const [received] = await receiver.received(1);
    if (how === 'Callback') expect(received!.headers['auth']).toBe('x');
  });

  it('that name a callback which the answer makes needless are taken in any case', async () => {
    await using receiver = await Receiver.answering(200);
    const { headers, body } = await submit('test/shown', {
      callback: { url: receiver.url, oninline: false },
    });
    expect(body.trm).toMatchObject({ requestid: 0, status: 'Finished' });
    await expect.poll(() => app.client.deliveries(headers.get('operation-id')!)).toEqual([]);
    expect(receiver.all).toEqual([]);
  });

  it('that are given twice, otherwise, are a 400', async () => {
    const url = 'http://127.0.0.1:9000/a';
    const other = 'http://127.0.0.1:9000/b';
    for (const [query, body] of [
      ['', { callbackurl: url, callbackUrl: other }],
      ['', { callback: { url }, Callback: { url: other } }],
      ['', { callback: { url, URL: other } }],
      ['', { callbackUrl: url, Callback: { Url: other } }],
      [`?callbackUrl=${url}&callbackurl=${other}`, {}],
      [`?callbackUrl=${url}`, { callbackurl: other }],
    ] as const)
      expectError(await submit(`test/shown${query}`, body), /name different URLs|is given twice/);
  });

  it('that ask for a window are taken in any case', async () => {
    const { body } = await submit('test/shown?inlineMs=0', {});
    expect(body.trm).toMatchObject({ requestid: expect.any(Number), status: 'Waiting' });
    expectError(await submit('test/shown?inlinems=0&InlineMs=1', {}), /^inlinems/);
  });
});

describe('a slash at the end of a path', () => {
  it('is ignored', async () => {
    const login = { accountid: 'default', key: app.client.key };
    const token = await app.client.withKey('').post('/api/auth/token/', login);
    expect([token.status, token.text]).toEqual([200, expect.stringMatching(/^"[\w-]{43}"$/)]);
    const end = await app.client
      .withKey('')
      .request('DELETE', '/api/auth/token/', undefined, { 'x-auth-token': JSON.parse(token.text) as string });
    expect(end.status).toBe(200);
    const form = new FormData();
    form.append('file', new Blob(['x']), 'a.txt');
    const upload = await app.client.post('/api/media/upload/', form);
    expect(upload.status, upload.text).toBe(200);
    const { token: file } = upload.body.result;
    for (const path of [`media/get/${file}/`, `media/get/${file}/stream/?rangemaxmb=1`])
      expect((await app.client.get(`/api/${path}`)).text).toBe('x');
    const submitted = await submit('test/shown/?callbackurl=', { a: 1 });
    expectError(submitted, /callback/);
    expect((await submit('test/shown/', { a: 1 })).body.custom).toEqual({ a: 1 });
    expect((await app.client.get('/%61pi/trm/list/?take=1')).body.items).toHaveLength(1);
    const { id } = await ended('test/count', { count: 1 });
    expect((await app.client.get(`/api/trm/status/?requestid=${id}`)).body.result).toBe(1);
  });

  it('is one, and is none of another face', async () => {
    expectError(await submit('test/shown//', {}), /no route/);
    expectError(await submit('projects/7/jobs/', {}), /no route/);
    expect((await app.client.get('/v1/operations/')).status).toBe(404);
  });
});

describe('what the face counts', () => {
  it('is told in the answers of requests that carry a credential of their scope', async () => {
    const counted = async (answer: Promise<Answer>): Promise<boolean> =>
      (await answer).headers.get('ratelimit-limit') !== null;
    expect(await counted(app.client.get('/api/trm/list'))).toBe(true);
    expect(await counted(submit('no/such/path', {}))).toBe(true);
    expect(await counted(submit('test/shown', '{'))).toBe(true);
    expect(await counted(app.client.get('/api/media/get/none'))).toBe(true);
    expect(await counted(app.client.post('/api/auth/token', { accountid: 'x', key: 'y' }))).toBe(false);
    expect(await counted(app.client.withKey('').get('/api/trm/list'))).toBe(false);
    expect(await counted(app.client.get('/api/no/such/path'))).toBe(false);
    const reader = await app.account('trm-reader', 1, ['operations:read']);
    expect(await counted(reader.post('/api/test/shown', {}))).toBe(false);
  });
});

describe('a submit with an Idempotency-Key', () => {
  const rid = ({ headers }: Answer): string => headers.get('operation-id')!;
  const replayed = ({ headers }: Answer): boolean => headers.get('idempotent-replayed') === 'true';

  it('that comes again answers the first operation as a poll does', async () => {
    const key = { 'idempotency-key': 'once' };
    await using receiver = await Receiver.answering(200);
    const first = await submit(`test/count?callbackurl=${receiver.url}`, { count: 3 }, key);
    expect([first.body.trm.status, replayed(first)]).toEqual(['Waiting', false]);
    await app.client.ended(rid(first));
    const again = await submit(`test/count?callbackurl=${receiver.url}`, { count: 3 }, key);
    expect([rid(again), replayed(again)]).toEqual([rid(first), true]);
    expect(again.text).toBe((await status(first.body.trm.requestid)).text);
    expect(again.body).toMatchObject({ trm: { status: 'Finished' }, result: 3 });
  });

  it('with an inline window is held for the end of the first, and told it with its id', async () => {
    const key = { 'idempotency-key': 'inline' };
    const first = await submit('test/shown', { a: 1 }, key);
    expect(first.body.trm.requestid).toBe(0);
    const again = await submit('test/shown', { a: 1 }, key);
    const { request_id: requestid } = await app.client.ended(rid(first));
    expect(again.body).toEqual({ ...first.body, trm: { ...first.body.trm, requestid } });
  });

  it('that came with another body, path or callback before is a 400', async () => {
    const key = { 'idempotency-key': 'other' };
    expect((await submit('projects/7/jobs/c', { a: 1 }, key)).status).toBe(200);
    for (const [path, body] of [
      ['projects/7/jobs/c', { a: 2 }],
      ['projects/8/jobs/c', { a: 1 }],
      ['projects/7/jobs/c?callbackurl=http://127.0.0.1:9000/', { a: 1 }],
      ['test/shown', { a: 1 }],
      ['test/count', { a: 1 }],
    ] as const)
      expectError(await submit(path, body, key), /^this Idempotency-Key came with another body before/);
    expect((await submit('test/shown', {}, { 'idempotency-key': 'x'.repeat(256) })).body.reason).toMatch(
      /^Idempotency-Key must have 1 to 255 characters/,
    );
  });

  it('whose input is refused is one operation, however often and fast it comes', async () => {
    await using receiver = await Receiver.answering(200);
    const body = { count: 0, callbackurl: receiver.url };
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => submit('test/count', body, { 'idempotency-key': 'refused' })),
    );
    answers.push(await submit('test/count', body, { 'idempotency-key': 'refused' }));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(new Set(answers.map(rid)).size).toBe(1);
    expect(answers.filter((answer) => !replayed(answer))).toHaveLength(1);
    expect(answers.at(-1)!.body.trm).toMatchObject({
      status: 'Failed',
      requestid: (await app.client.ended(rid(answers[0]!))).request_id,
      statusInfo: 'count: count must not be less than 1',
    });
    await receiver.received(1);
    await rowsOf(app.databaseUrl, `UPDATE idempotency_key SET expires_at = now() WHERE key = 'refused'`);
    const later = await submit('test/count', body, { 'idempotency-key': 'refused' });
    expect([later.body.trm.status, replayed(later), rid(later) === rid(answers[0]!)]).toEqual([
      'Failed',
      false,
      false,
    ]);
  });

  it('and an end that the first answer is to tell leaves that to it', async () => {
    await using receiver = await Receiver.answering(200);
    const body = { callback: { url: receiver.url, onInline: false } };
    const key = { 'idempotency-key': 'quiet' };
    const first = submit('test/stands?inlinems=20000', body, key);
    await expect.poll(() => goOn).toBeDefined();
    const again = await submit('test/stands?inlinems=1', body, key);
    expect([again.body.trm.status, replayed(again)]).toEqual(['Executing', true]);
    goOn!();
    expect((await first).body.trm).toMatchObject({ requestid: 0, status: 'Finished' });
    await expect.poll(() => app.client.deliveries(rid(again))).toEqual([]);
    expect(receiver.all).toEqual([]);
  });

  it('whose result is gone by now is a 400 that says so', async () => {
    const key = { 'idempotency-key': 'gone' };
    const first = await submit('test/shown', {}, key);
    await app.client.request('DELETE', `/v1/operations/${rid(first)}`);
    expectError(await submit('test/shown', {}, key), /its result was erased/);
  });
});

describe('an edit of segments', () => {
  const edits = (length: number): object[] =>
    Array.from({ length }, (_, index) => ({ id: String(index), target: 'x' }));

  it('takes as many as the type says, with all that a submit may have besides', async () => {
    await using receiver = await Receiver.answering(200);
    const callback = {
      url: receiver.url,
      headers: Array.from({ length: 20 }, (_, index) => ({ key: `x-${index}`, value: 'x' })),
    };
    const most = { file: 'none', edits: edits(3000), callback };
    const taken = await submit('resources/segments/textedits', most);
    expect([taken.status, taken.body.trm?.status]).toEqual([200, 'Waiting']);
    const over = await submit('resources/segments/textedits', { ...most, edits: edits(3001) });
    expect(over.body.trm).toMatchObject({
      status: 'Failed',
      statusInfo: 'edits: edits must contain no more than 3000 elements',
    });
  });

  it('is refused as a body where it has more than a body may have', async () => {
    const answer = await submit('resources/segments/textedits', { file: 'none', edits: edits(4000) });
    expectError(answer, /more than 10000 keys and items/);
  });
});
