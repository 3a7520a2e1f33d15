import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import { rowsOf } from '../support/database.js';
import { Receiver, verify } from '../support/receiver.js';

/** What a batch answers for one of its operations. */
interface BatchItem {
  readonly status: number;
  readonly problem?: { readonly code: string; readonly errors: readonly { readonly path: string }[] };
}

let app: App;

beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());

describe('an operation', () => {
  it('is accepted, run and polled to its end', async () => {
    const answer = await app.client.post('/v1/operations', {
      type: 'echo',
      input: { a: [1, 'ü\u0000'] },
      correlation: 'mine',
    });
    expect(answer.status).toBe(202);
    expect(answer.headers.get('location')).toBe(`${app.client.url}/v1/operations/${answer.body.id}`);
    expect(answer.headers.get('operation-id')).toBe(answer.body.id);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(answer.body).toMatchObject({
      status: 'Waiting',
      status_text: 'Waiting...',
      progress: 0,
      correlation: 'mine',
      result: null,
    });
    const ended = await app.client.ended(answer.body.id);
    expect(ended).toMatchObject({
      status: 'Finished',
      progress: 100,
      attempt: 1,
      result: { a: [1, 'ü\u0000'] },
      error: null,
      callback: null,
    });
  });

  it('shows a result without a file as a file: with a name, and in parts', async () => {
    const { id } = await app.client.submit({ type: 'echo', input: { a: 'ü' } });
    await app.client.ended(id);
    const path = `/v1/operations/${id}/result`;
    const whole = await app.client.get(path);
    const shown = {
      'content-type': 'application/json; charset=utf-8',
      'content-disposition': `attachment; filename="result.json"; filename*=UTF-8''result.json`,
      'accept-ranges': 'bytes',
      etag: expect.stringMatching(/^"[0-9a-f]{64}"$/),
    };
    expect([whole.status, whole.text]).toEqual([200, '{"a":"ü"}']);
    expect(Object.fromEntries(whole.headers)).toMatchObject({ ...shown, 'content-length': '10' });
    const part = await app.client.get(path, { range: 'bytes=5-8' });
    expect([part.status, part.text]).toEqual([206, '"ü"']);
    expect(Object.fromEntries(part.headers)).toMatchObject({ ...shown, 'content-range': 'bytes 5-8/10' });
    const behind = await app.client.get(path, { range: 'bytes=10-' });
    expect([behind.status, behind.headers.get('content-range')]).toEqual([416, 'bytes */10']);
    const head = await app.client.request('HEAD', path);
    expect([head.status, head.headers.get('content-length'), head.text]).toEqual([200, '10', '']);
  });

  it('calls back, signed, with exactly what polling shows', async () => {
    await using receiver = await Receiver.answering(200);
    const operation = await app.client.submit({
      type: 'echo',
      input: 1,
      callback: { url: `${receiver.url}?token=s%20cret`, headers: [{ key: 'Auth', value: 'x' }] },
    });
    const [received] = await receiver.received(1);
    const event = verify(await app.client.signingSecret(), received!);
    const shown = await app.client.ended(operation.id);
    expect(event.type).toBe('operation.finished');
    expect({ ...event.data, callback: null }).toEqual({ ...shown, callback: null });
    expect(event.data.callback).toEqual({ url: `${receiver.url}?[redacted]`, state: 'Pending' });
    expect(received!.path).toBe('/callback?token=s%20cret');
    expect(received!.headers).toMatchObject({
      auth: 'x',
      'content-type': 'application/json',
      'ringback-operation': operation.id,
      'ringback-attempt': '1',
    });
    await expect.poll(async () => (await app.client.deliveries(operation.id))[0].status).toBe('Delivered');
    expect((await app.client.ended(operation.id)).callback.state).toBe('Delivered');
  });

  it('is answered terminal when the caller prefers to wait', async () => {
    const answer = await app.client.post(
      '/v1/operations',
      { type: 'echo', input: 'x' },
      { prefer: 'wait=10' },
    );
    expect(answer.status).toBe(200);
    expect(answer.headers.get('preference-applied')).toBe('wait=10');
    expect(answer.body.status).toBe('Finished');
  });

  it.each(['wait=-1', 'wait=abc', 'wait=1.5', 'wait=', 'wait', 'wait=0x10', 'waiting=5', '=', ';;,,'])(
    'is accepted, and not waited for, with Prefer: %s, which is none: the RFC has such preferences ignored',
    async (prefer) => {
      const body = { type: 'sleep', input: { seconds: 30 } };
      const answer = await app.client.post('/v1/operations', body, { prefer });
      expect([answer.status, answer.headers.get('preference-applied')]).toEqual([202, null]);
      await app.client.post(`/v1/operations/${answer.body.id}/cancel`);
    },
  );

  it('is held by ?wait no longer than asked', async () => {
    const operation = await app.client.submit({ type: 'sleep', input: { seconds: 30 } });
    const answer = await app.client.get(`/v1/operations/${operation.id}?wait=0.2`);
    expect(['Waiting', 'Executing']).toContain(answer.body.status);
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
    await app.client.post(`/v1/operations/${operation.id}/cancel`);
  });

  it('can be canceled while it runs, and only once', async () => {
    const operation = await app.client.submit({ type: 'sleep', input: { seconds: 30 } });
    await expect.poll(async () => (await app.client.ended(operation.id, 0)).status).toBe('Executing');
    const canceled = await app.client.post(`/v1/operations/${operation.id}/cancel`);
    expect(canceled.body).toMatchObject({ status: 'Canceled', error: null, result: null });
    const again = await app.client.post(`/v1/operations/${operation.id}/cancel`);
    expect(again).toMatchObject({ status: 409, body: { code: 'operation-ended' } });
    expect(again.body.detail).toContain('Canceled');
  });

  it.each([
    ['Finished', { type: 'echo' }],
    ['Failed', { type: 'sleep', input: { seconds: 30 }, timeout_s: 0.05 }],
  ])('can not be canceled once it is %s, and is told so', async (status, given) => {
    const { id } = await app.client.submit(given);
    const ended = await app.client.ended(id);
    expect(ended.status).toBe(status);
    const refused = await app.client.post(`/v1/operations/${id}/cancel`);
    expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(refused).toMatchObject({
      status: 409,
      body: { code: 'operation-ended', status_of_operation: status },
    });
    expect(refused.body.detail).toContain(status);
    expect(await app.client.ended(id, 0)).toEqual(ended);
  });

  it('keeps a history of transitions and progress', async () => {
    const operation = await app.client.submit({ type: 'sleep', input: { seconds: 0.5 } });
    await app.client.ended(operation.id);
    const { body } = await app.client.get(`/v1/operations/${operation.id}/history`);
    const kinds = body.data.map((entry: { kind: string; status: string }) => entry.status ?? entry.kind);
    expect(kinds).toEqual(['Waiting', 'Executing', 'progress', 'Finished']);
  });

  it('fails with timeout when it runs longer than timeout_s', async () => {
    const operation = await app.client.submit({ type: 'sleep', input: { seconds: 30 }, timeout_s: 0.1 });
    expect(await app.client.ended(operation.id)).toMatchObject({
      status: 'Failed',
      error: { code: 'timeout' },
    });
  });

  it('waits until run_at', async () => {
    const run_at = new Date(Date.now() + 700).toISOString();
    const operation = await app.client.submit({ type: 'echo', run_at });
    const ended = await app.client.ended(operation.id);
    expect(ended.status).toBe('Finished');
    expect(Date.parse(ended.started_at)).toBeGreaterThanOrEqual(Date.parse(run_at));
  });

  it('may be put off for 366 days', async () => {
    const run_at = new Date(Date.now() + 366 * 86_400_000).toISOString();
    const { id, status } = await app.client.submit({ type: 'echo', run_at });
    expect(status).toBe('Waiting');
    await app.client.post(`/v1/operations/${id}/cancel`);
  });

  it('is made once for one Idempotency-Key, also by parallel submits', async () => {
    const submits = Array.from({ length: 50 }, () =>
      app.client.post('/v1/operations', { type: 'echo', input: 7 }, { 'idempotency-key': 'once' }),
    );
    const answers = await Promise.all(submits);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get('idempotent-replayed') === 'true')).toHaveLength(49);
    const other = await app.client.post(
      '/v1/operations',
      { type: 'echo', input: 8 },
      { 'idempotency-key': 'once' },
    );
    expect(other.status).toBe(422);
    expect(other.body.code).toBe('idempotency-key-reused');
  });

  it('can be submitted in a batch, in which one bad item stops no other', async () => {
    const operations = [
      { type: 'echo', input: 1 },
      { type: 'nothing' },
      5,
      { type: 'echo', input: 2, priority: 1000 },
      { type: 'echo', input: 3 },
    ];
    const { status, body } = await app.client.post('/v1/operations/batch', { operations });
    expect(status).toBe(200);
    expect(body.data.map((item: { status: number }) => item.status)).toEqual([202, 422, 422, 422, 202]);
    expect(body.data[1].problem).toMatchObject({
      code: 'unknown-operation-type',
      errors: [{ path: 'type' }],
    });
    expect((await app.client.ended(body.data[4].operation.id)).result).toBe(3);
    const many = await app.client.post('/v1/operations/batch', {
      operations: Array.from({ length: 501 }, () => ({ type: 'echo' })),
    });
    expect(many).toMatchObject({ status: 422, body: { errors: [{ path: 'operations' }] } });
    const full = await app.client.post('/v1/operations/batch', {
      operations: Array.from({ length: 500 }, (_, input) => ({ type: 'echo', input })),
    });
    const ids = full.body.data.map(
      ({ operation }: { operation: { request_id: number } }) => operation.request_id,
    );
    expect(ids).toEqual(ids.toSorted((a: number, b: number) => a - b));
  });

  it('can be run once more as a new operation that names it, with its callback', async () => {
    await using receiver = await Receiver.answering(200);
    const callback = { url: receiver.url, headers: [{ key: 'Auth', value: 'secret' }] };
    const first = await app.client.submit({ type: 'echo', input: { again: true }, callback });
    await receiver.received(1);
    const again = await app.client.post(`/v1/operations/${first.id}/rerun`);
    expect(again).toMatchObject({ status: 202, body: { rerun_of: first.id, type: 'echo' } });
    expect(again.body.id).not.toBe(first.id);
    const [, second] = await receiver.received(2);
    expect(second!.headers).toMatchObject({ auth: 'secret', 'ringback-operation': again.body.id });
    expect((await app.client.ended(again.body.id)).result).toEqual({ again: true });
  });

  it('shows what was submitted, but for what may be secret, until that is gone', async () => {
    const secret = { key: 'x-secret', value: 'hush-hush' };
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const submit = {
      type: 'http.request',
      input: {
        method: 'GET',
        url: 'http://127.0.0.1:9009/report?token=hush-hush',
        headers: { authorization: 'hush-hush' },
      },
      callback: { url: 'http://127.0.0.1:9009/?token=hush-hush', headers: [secret] },
      correlation: 'order 17',
    };
    const { id } = await app.client.submit(submit, { traceparent });
    const shown = await app.client.get(`/v1/operations/${id}/request`);
    expect(shown).toMatchObject({
      status: 200,
      body: {
        type: 'http.request',
        input: { method: 'GET', url: 'http://127.0.0.1:9009/report?' },
        withheld: ['url', 'headers'],
        callback: { headers: [{ key: 'x-secret', value: '[redacted]' }] },
        correlation: 'order 17',
        priority: 0,
        retention: 'keep1m',
        trace_id: '0af7651916cd43dd8448eb211c80319c',
      },
    });
    expect(shown.text).not.toContain('hush');
    const stranger = await app.account('stranger to requests');
    expect((await stranger.get(`/v1/operations/${id}/request`)).status).toBe(404);
    await app.client.post(`/v1/operations/${id}/cancel`);
    await app.client.request('DELETE', `/v1/operations/${id}`);
    expect(await app.client.get(`/v1/operations/${id}/request`)).toMatchObject({
      status: 410,
      body: { code: 'operation-erased' },
    });
  });

  it('may take as long as its type allows, which a rerun is cut to where that is less by then', async () => {
    const { id } = await app.client.submit({ type: 'echo', timeout_s: 3600 });
    await app.client.ended(id);
    await rowsOf(app.databaseUrl, `UPDATE operation SET timeout_s = 5000 WHERE rid = '${id}'`);
    const rerun = await app.client.post(`/v1/operations/${id}/rerun`);
    expect(rerun.status).toBe(202);
    const limit = `SELECT timeout_s FROM operation WHERE rid = '${rerun.body.id}'`;
    expect(await rowsOf(app.databaseUrl, limit)).toEqual([{ timeout_s: 3600 }]);
  });

  it('is found by its Idempotency-Key also once its run_at is so long ago that it would be refused', async () => {
    const body = { type: 'echo', run_at: new Date(Date.now() + 3_000).toISOString() };
    const keyed = { 'idempotency-key': 'in good time' };
    const first = await app.client.post('/v1/operations', body, keyed);
    expect(first.status).toBe(202);
    await expect
      .poll(async () => (await app.client.post('/v1/operations', body)).body, {
        timeout: 15_000,
        interval: 200,
      })
      .toMatchObject({ status: 422, errors: [{ path: 'run_at' }] });
    const repeated = await app.client.post('/v1/operations', body, keyed);
    expect(repeated.body.id).toBe(first.body.id);
    expect(repeated.headers.get('idempotent-replayed')).toBe('true');
    const other = await app.client.post('/v1/operations', { ...body, input: 1 }, keyed);
    expect(other.body.code).toBe('idempotency-key-reused');
  });

  it('of a batch is judged as if it had come alone, also by its size', async () => {
    const alone = await app.account('large batches', 1000);
    const keys = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, 1]));
    const many = Array.from({ length: 500 }, () => ({ type: 'echo', input: keys(90) }));
    const answer = await alone.post('/v1/operations/batch', { operations: many });
    expect(answer.body.data.map((item: BatchItem) => item.status)).toEqual(many.map(() => 202));
    const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);
    const inputs = [keys(9_000), keys(10_000), nested(31), nested(32)].map((input) => JSON.stringify(input));
    const operations = [...inputs, '1e999', '{"__proto__":1}'].map(
      (input) => `{"type":"echo","input":${input}}`,
    );
    const { body } = await alone.request(
      'POST',
      '/v1/operations/batch',
      `{"operations":[${operations.join()}]}`,
      {
        'content-type': 'application/json',
      },
    );
    expect(body.data.map((item: BatchItem) => item.problem?.errors[0]!.path ?? item.status)).toEqual([
      202,
      'body',
      202,
      `input${'.0'.repeat(31)}`,
      'input',
      'input.__proto__',
    ]);
    const huge = await alone.post('/v1/operations/batch', {
      operations: [Array.from({ length: 50_000 }, () => 1)],
    });
    expect(huge).toMatchObject({ status: 400, body: { errors: [{ path: 'body' }] } });
  });

  it('is run once more with another input or callback, and keeps what isn’t given', async () => {
    await using receiver = await Receiver.answering(200);
    const callback = { url: `${receiver.url}?token=t`, headers: [{ key: 'Auth', value: 'secret' }] };
    const { id } = await app.client.submit({ type: 'echo', input: 1, callback, correlation: 'order 17' });
    await receiver.received(1);
    const rerun = (body: unknown, headers = {}) =>
      app.client.post(`/v1/operations/${id}/rerun`, body, headers);
    const edited = await rerun({ input: { n: 2 } });
    expect(edited).toMatchObject({ status: 202, body: { rerun_of: id, correlation: 'order 17' } });
    expect((await app.client.ended(edited.body.id)).result).toEqual({ n: 2 });
    const second = (await receiver.received(2))[1]!;
    expect(second.headers).toMatchObject({ auth: 'secret', 'ringback-operation': edited.body.id });
    expect(second.path).toContain('?token=t');

    const elsewhere = await rerun({ callback: { url: `${receiver.url}/other` } });
    const third = (await receiver.received(3))[2]!;
    expect(third.path).toMatch(/\/other$/);
    expect(third.headers.auth).toBeUndefined();
    expect((await app.client.ended(elsewhere.body.id)).result).toBe(1);

    const nulls = await rerun({ input: null, callback: null });
    expect(await app.client.ended(nulls.body.id)).toMatchObject({ result: null, callback: null });
    expect((await rerun({})).body).toMatchObject({
      rerun_of: id,
      callback: { url: `${receiver.url}?[redacted]` },
    });

    const keyed = { 'idempotency-key': 'edited' };
    const first = await rerun({ input: 3 }, keyed);
    expect((await rerun({ input: 3 }, keyed)).body.id).toBe(first.body.id);
    expect((await rerun({ input: 4 }, keyed)).body.code).toBe('idempotency-key-reused');
  });

  it('is run once more only with changes that a submit may have', async () => {
    const { id } = await app.client.submit({ type: 'sleep', input: { seconds: 0 } });
    const rerun = (body: unknown) => app.client.post(`/v1/operations/${id}/rerun`, body);
    const refused = (code: string, path: string) => ({ status: 422, body: { code, errors: [{ path }] } });
    expect(await rerun({ priority: 2 })).toMatchObject(refused('invalid-request', 'priority'));
    expect(await rerun([])).toMatchObject(refused('invalid-request', 'body'));
    expect(await rerun({ input: { seconds: 'long' } })).toMatchObject(
      refused('invalid-input', 'input.seconds'),
    );
    expect(await rerun({ callback: { url: 'ftp://example.com' } })).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'callback.url' }] },
    });
    const headers = [{ key: 'host', value: 'other' }];
    expect(await rerun({ callback: { url: 'http://127.0.0.1:4000/', headers } })).toMatchObject(
      refused('invalid-request', 'callback.headers.0.key'),
    );
    expect((await rerun({})).body).toMatchObject({ rerun_of: id });
  });

  it('of a batch is made once for one Idempotency-Key, also by 200 parallel batches', async () => {
    const alone = await app.account('batches', 1000);
    const operations = [{ type: 'echo', input: 1 }, { type: 'nothing' }, 5, { type: 'echo', input: 1 }];
    const batch = (items: unknown[], key: string): Promise<any> =>
      alone.post('/v1/operations/batch', { operations: items }, { 'idempotency-key': key });
    const answers = await Promise.all(Array.from({ length: 200 }, () => batch(operations, 'k')));
    const ids = new Set(
      answers.map(({ body }) =>
        body.data.map((item: { operation?: { id: string } }) => item.operation?.id).join(),
      ),
    );
    expect([...ids]).toEqual([expect.stringMatching(/^[0-9a-f]{32},,,[0-9a-f]{32}$/)]);
    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expect(body.data.map((item: BatchItem) => item.problem?.code)).toEqual([
        undefined,
        'unknown-operation-type',
        'invalid-request',
        undefined,
      ]);
    }
    const rows = (): Promise<any[]> => alone.get('/v1/operations').then(({ body }) => body.data);
    expect(await rows()).toHaveLength(2);
    for (const { id } of await rows()) await alone.ended(id);
    const again = await batch(operations, 'k');
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.body.data.map((item: BatchItem) => item.status)).toEqual([200, 422, 422, 200]);
    const other = await batch([operations[3], { type: 'echo' }, { type: 'echo' }, { type: 'echo' }], 'k');
    expect(other.body.data.map((item: BatchItem) => item.problem?.code ?? item.status)).toEqual([
      200,
      202,
      202,
      'idempotency-key-reused',
    ]);
    expect(other.headers.get('idempotent-replayed')).toBeNull();
    expect(await rows()).toHaveLength(4);
    // Other keys, be they submits' own, and none are others.
    await batch([operations[0]], 'l');
    await alone.submit({ type: 'echo', input: 1 }, { 'idempotency-key': 'k' });
    await alone.post('/v1/operations/batch', { operations: [operations[0]] });
    expect(await rows()).toHaveLength(7);
  });

  it('is run once more once for one Idempotency-Key, also when it is asked for 200 times at once', async () => {
    const alone = await app.account('reruns', 1000);
    const [one, two] = [await alone.submit({ type: 'echo' }), await alone.submit({ type: 'echo' })];
    const rerun = (id: string, key: string): Promise<any> =>
      alone.post(`/v1/operations/${id}/rerun`, undefined, { 'idempotency-key': key });
    const answers = await Promise.all(Array.from({ length: 200 }, () => rerun(one.id, 'k')));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get('idempotent-replayed') === 'true')).toHaveLength(199);
    const { body } = answers[0]!;
    expect(body.rerun_of).toBe(one.id);
    await alone.ended(body.id);
    expect(await rerun(one.id, 'k')).toMatchObject({
      status: 200,
      body: { id: body.id, status: 'Finished' },
    });
    // The key stands for the rerun of that operation, and for no other.
    expect((await rerun(two.id, 'k')).body.rerun_of).toBe(two.id);
    expect((await rerun(one.id, 'l')).body.id).not.toBe(body.id);
    await rowsOf(
      app.databaseUrl,
      `WITH emptied AS (UPDATE operation SET input = NULL WHERE rid = '${one.id}' RETURNING request_id)
       UPDATE operation_end e SET emptied_at = now() FROM emptied WHERE e.request_id = emptied.request_id`,
    );
    expect((await rerun(one.id, 'k')).body.id).toBe(body.id);
    expect((await rerun(one.id, 'm')).body.code).toBe('operation-expired');
  });

  it.each(['', 'x'.repeat(256)])(
    'is made by no batch and no rerun whose Idempotency-Key is %j',
    async (key) => {
      const { id } = await app.client.submit({ type: 'echo' });
      for (const route of ['batch', `${id}/rerun`]) {
        const body = route === 'batch' ? { operations: [{ type: 'echo' }] } : undefined;
        const refused = await app.client.post(`/v1/operations/${route}`, body, { 'idempotency-key': key });
        expect(refused).toMatchObject({ status: 422, body: { errors: [{ path: 'Idempotency-Key' }] } });
      }
    },
  );

  it('is listed by its account alone, page by page, in the order of acceptance', async () => {
    const alone = await app.account('lists');
    const ids: string[] = [];
    for (let count = 0; count < 5; count++) ids.push((await alone.submit({ type: 'echo', input: count })).id);
    const first = (await alone.get('/v1/operations?limit=3')).body;
    const second = (await alone.get(`/v1/operations?limit=3&cursor=${first.next_cursor}`)).body;
    expect([...first.data, ...second.data].map(({ id }: { id: string }) => id)).toEqual(ids);
    expect(second.next_cursor).toBeNull();
    expect((await app.client.get(`/v1/operations/${ids[0]}`)).status).toBe(404);
  });

  it('runs at most as many at once as its account has slots', async () => {
    const narrow = await app.account('narrow', 2);
    const submitted = await Promise.all(
      Array.from({ length: 6 }, () => narrow.submit({ type: 'sleep', input: { seconds: 0.2 } })),
    );
    const spans = (await Promise.all(submitted.map(({ id }) => narrow.ended(id)))).map(
      ({ started_at, finished_at }) => [Date.parse(started_at), Date.parse(finished_at)],
    );
    for (const [start] of spans) {
      expect(spans.filter(([s, f]) => s! <= start! && start! < f!).length).toBeLessThanOrEqual(2);
    }
  });
});
