import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App } from '../support/app.js';
import { Receiver } from '../support/receiver.js';
import { act, claim, declare } from '../support/work.js';

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());

const put = (name: string, body: object) =>
  app.client.request('PUT', `/v1/operation-types/${name}`, { title: 'A title', ...body });
const submit = (type: string, input: unknown) => app.client.post('/v1/operations', { type, input });

const REPORT = {
  title: 'Build a report',
  input_schema: {
    type: 'object',
    properties: {
      report: { type: 'integer', minimum: 1 },
      format: { enum: ['pdf', 'csv'] },
      tags: { type: 'array', items: { type: 'string', pattern: '^[a-z]+$' }, uniqueItems: true },
    },
    required: ['report'],
    additionalProperties: false,
  },
  tries: 5,
  timeout_s: 600,
  retry: { backoff_s: [1, 60], retry_on: ['timeout'], no_retry_on: ['spoilt'] },
  inline_ms: 0,
};

describe('A declared type', () => {
  it('is listed as any other, with what was declared', async () => {
    const { status, body } = await put('report.build', REPORT);
    expect(status).toBe(201);
    expect(body).toMatchObject({ name: 'report.build', declared: true, path: null, ...REPORT });
    expect((await put('report.build', { ...REPORT, tries: 4 })).status).toBe(200);
    expect((await app.client.get('/v1/operation-types/report.build')).body.tries).toBe(4);
    const { data } = (await app.client.get('/v1/operation-types')).body;
    expect(data.map(({ name }: any) => name)).toEqual(expect.arrayContaining(['echo', 'report.build']));
    const { body: audit } = await app.client.get('/v1/audit?limit=250');
    expect(audit.data.map(({ action }: any) => action)).toEqual(
      expect.arrayContaining(['operation-type.declared', 'operation-type.changed']),
    );
  });

  it('has its input checked by its schema, each fault by its path', async () => {
    await put('report.build', REPORT);
    const { status, body } = await submit('report.build', { format: 'doc', tags: ['a', 'a', 'B'], more: 1 });
    expect(status).toBe(422);
    expect(body.code).toBe('invalid-input');
    expect(body.errors.map(({ path }: any) => path).sort()).toEqual([
      'input.format',
      'input.more',
      'input.report',
      'input.tags',
      'input.tags.2',
    ]);
    expect((await submit('report.build', undefined)).body.errors).toMatchObject([{ path: 'input' }]);
    expect((await submit('report.build', { report: 1, tags: ['a', 'b'] })).status).toBe(202);
  });

  it('may refer to parts of its schema, and to all of it', async () => {
    const tree = {
      type: 'object',
      properties: { kids: { type: 'array', items: { $ref: '#' } }, n: { $ref: '#/$defs/n' } },
      $defs: { n: { type: 'integer' } },
    };
    await declare(app.client, 'tree', { input_schema: tree });
    expect((await submit('tree', { kids: [{ n: 1, kids: [{}] }] })).status).toBe(202);
    const { body } = await submit('tree', { kids: [{ n: 1 }, { kids: [{ n: 'x' }] }] });
    expect(body.errors).toMatchObject([{ path: 'input.kids.1.kids.0.n' }]);
  });

  it('is deleted only when no operation of it waits or runs, and is unknown then', async () => {
    await declare(app.client, 'short.lived');
    await app.client.submit({ type: 'short.lived' });
    const remove = () => app.client.request('DELETE', '/v1/operation-types/short.lived');
    expect(await remove()).toMatchObject({ status: 409, body: { code: 'operation-type-live' } });
    const [work] = await claim(app.client, ['short.lived']);
    expect((await remove()).status).toBe(409);
    await act(app.client, work.lease, 'complete');
    expect((await remove()).status).toBe(204);
    expect((await remove()).status).toBe(404);
    expect(await submit('short.lived', 1)).toMatchObject({
      status: 422,
      body: { code: 'unknown-operation-type' },
    });
  });

  it('is known to every process at once, and a change soon', async () => {
    await using other = await App.start({ database: { url: app.databaseUrl } });
    await declare(app.client, 'told.to.all', { input_schema: { type: 'integer' } });
    const elsewhere = (input: unknown) => other.client.post('/v1/operations', { type: 'told.to.all', input });
    expect((await elsewhere(1)).status).toBe(202);
    await declare(app.client, 'told.to.all', { input_schema: { type: 'string' } });
    await expect.poll(async () => (await elsewhere('text')).status, { timeout: 10_000 }).toBe(202);
    // Offered by one process, it is given to a worker that waits at another.
    await claim(app.client, ['told.to.all'], { limit: 10 });
    const waiting = claim(app.client, ['told.to.all'], { wait: 20 });
    await elsewhere('more');
    expect((await waiting).map(({ operation }) => operation.input)).toEqual(['more']);
  });

  it('has a route of the trm face where it has a path, and a window in which a submit is held', async () => {
    await declare(app.client, 'trm.report', {
      path: 'reports/{report}/build',
      inline_ms: 10_000,
      input_schema: {
        type: 'object',
        properties: { report: { type: 'string' } },
        additionalProperties: false,
      },
    });
    const waiting = claim(app.client, ['trm.report'], { wait: 20 });
    const answer = app.client.post('/api/reports/17/build', { unknown: true });
    const [work] = await waiting;
    expect(work.operation.input).toEqual({ report: '17' });
    await act(app.client, work.lease, 'complete', { custom: { pages: 3 } });
    expect((await answer).body).toMatchObject({
      trm: { status: 'Finished', requestid: 0 },
      custom: { pages: 3 },
    });
    const { paths } = (await app.client.get('/openapi.json')).body;
    expect(paths['/api/reports/{report}/build'].post.operationId).toBe('submitTrmTrmReport');
  });

  it("can't have a path of the trm face's own", async () => {
    for (const path of ['trm/status', 'trm/{what}', '{a}/{b}', 'media/x', 'auth']) {
      const { status, body } = await put('trm.hidden', { path, input_schema: {} });
      expect([path, status, body.errors?.map((error: any) => error.path)]).toEqual([path, 422, ['path']]);
      expect(body.detail).toMatch(/trm face/);
    }
  });

  it('calls back over every face and fails by itself where no try is left', async () => {
    await using receiver = await Receiver.answering(204);
    await declare(app.client, 'once', { tries: 1 });
    await app.client.submit({ type: 'once', callback: { url: receiver.url } });
    const [work] = await claim(app.client, ['once']);
    await act(app.client, work.lease, 'fail', { code: 'no_answer', message: 'none', retry: true });
    const [told] = await receiver.received(1);
    expect(JSON.parse(told!.body)).toMatchObject({
      type: 'operation.failed',
      data: { error: { code: 'no_answer' } },
    });
  });
});

describe('A declaration', () => {
  it('of the name of a handler is refused', async () => {
    expect(await put('echo', {})).toMatchObject({ status: 409, body: { code: 'operation-type-handled' } });
  });

  const schemaOf = (input_schema: object): object => ({ input_schema });
  const wrong: [string, string, object, string][] = [
    ['a bad name', 'Report', {}, 'name'],
    ['a schema that is none', 'x', schemaOf({ type: 'text' }), 'input_schema'],
    [
      'a schema of another draft',
      'x',
      schemaOf({ $schema: 'http://json-schema.org/draft-07/schema#' }),
      'input_schema',
    ],
    ['a schema elsewhere', 'x', schemaOf({ $ref: 'http://127.0.0.1:9/schema.json' }), 'input_schema'],
    ['a schema that is judged later', 'x', schemaOf({ $async: true }), 'input_schema'],
    ['a schema without an end', 'x', schemaOf({ allOf: [{ $ref: '#' }] }), 'input_schema'],
    ['a pattern that looks back', 'x', schemaOf({ pattern: '(a)\\1' }), 'input_schema'],
    ['a schema that is too large', 'x', schemaOf({ description: 'x'.repeat(70_000) }), 'input_schema'],
    ['a path that is none', 'x', { path: '/a//b' }, 'path'],
    ['a path of the face itself', 'x', { path: 'auth/token' }, 'path'],
    ['a code that is in both lists', 'x', { retry: { retry_on: ['a'], no_retry_on: ['a'] } }, 'retry'],
    ['no tries', 'x', { tries: 0 }, 'tries'],
    ['an unknown field', 'x', { schema: {} }, 'schema'],
  ];
  it('takes null for what is not given', async () => {
    const { status, text } = await put('of.nulls', {
      ...{ tries: null, timeout_s: null, path: null, inline_ms: null },
      retry: { backoff_s: null, retry_on: null, no_retry_on: null },
    });
    expect(status, text).toBe(201);
  });

  it.each(wrong)('with %s is refused, and the field is named', async (_, name, body, path) => {
    const answer = await put(name, body);
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ path }] } });
  });

  it('of a path that another type has is refused', async () => {
    await declare(app.client, 'path.one', { path: 'same/{a}' });
    expect(await put('path.two', { path: 'same/{b}' })).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'path' }] },
    });
  });

  it('needs the scope admin', async () => {
    const client = await app.account('not an admin');
    expect((await client.request('PUT', '/v1/operation-types/x', { title: 'x' })).status).toBe(403);
    expect((await client.request('DELETE', '/v1/operation-types/x')).status).toBe(403);
  });
});

describe('An input', () => {
  it('is judged in no time, whatever the pattern of its schema', async () => {
    await declare(app.client, 'slow.pattern', { input_schema: { type: 'string', pattern: '^(a+)+$' } });
    const began = performance.now();
    expect((await submit('slow.pattern', `${'a'.repeat(100_000)}b`)).status).toBe(422);
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  it('is judged in no time, however many items must differ', async () => {
    await declare(app.client, 'unique.items', { input_schema: { type: 'array', uniqueItems: true } });
    const items = Array.from({ length: 9_000 }, (_, nth) => [nth]);
    const small = items.slice(0, 4_000);
    expect((await submit('unique.items', small)).status).toBe(202);
    expect(
      (
        await submit('unique.items', [
          { a: 1, b: 2 },
          { b: 2, a: 1 },
        ])
      ).status,
    ).toBe(422);
  });

  it('is refused where a schema that refers to itself would take for ever', async () => {
    const both = [{ properties: { a: { $ref: '#' } } }, { properties: { a: { $ref: '#' } } }];
    await declare(app.client, 'exponential', {
      input_schema: { anyOf: [...both, ...both], not: { const: 1 }, required: ['b'] },
    });
    let input: object = { b: 1 };
    for (let depth = 0; depth < 28; depth++) input = { a: input };
    const began = performance.now();
    expect((await submit('exponential', input)).status).toBe(422);
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});
