import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EVENT_TYPES } from '../../src/endpoints/events.js';
import { newDatabase } from '../support/database.js';
import { Judge, type Route, routesOf } from '../support/openapi.js';
import { claim, declare } from '../support/work.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy } from '../support/service.js';

const COMMITTED = readFileSync(fileURLToPath(new URL('../../openapi.json', import.meta.url)), 'utf8');

let service: Service;
/** The document of a service with the examples' operation types. */
let judge: Judge;
let routes: Map<string, Route>;
beforeAll(async () => {
  service = await Service.start({
    ...sharedBy(await newDatabase()),
    RINGBACK_HANDLERS: 'dist/examples/handlers.js',
  });
  judge = await Judge.of(service.client);
  routes = routesOf(judge.document);
});
afterAll(() => service[Symbol.asyncDispose]());

async function faultsOf(document: string): Promise<string[]> {
  const config = await createConfig({ extends: ['recommended-strict'] });
  const problems = await lintFromString({ source: document, config });
  return problems.map(
    ({ ruleId, message, location }) => `${ruleId}: ${message} ${location[0]?.pointer ?? ''}`,
  );
}

/** Every route with those that receivers have. */
function all(): Route[] {
  const told = [...routes.values()].flatMap(({ callbacks = {} }) =>
    Object.values(callbacks).flatMap((callback) => Object.values(callback).map(({ post }) => post)),
  );
  return [...routes.values(), ...told, ...Object.values(judge.document.webhooks).map(({ post }) => post)];
}

describe('The OpenAPI document', () => {
  it('has no fault that a linter finds, served or committed', async () => {
    expect(await faultsOf(JSON.stringify(judge.document))).toEqual([]);
    expect(await faultsOf(COMMITTED)).toEqual([]);
  });

  it('gives every route a short name of its own and one line of summary', () => {
    const names = all().map(({ operationId }) => operationId);
    // Of a new route: name it with @ApiOperation({ operationId }).
    expect(names.filter((name) => !/^[a-z]+([A-Z][a-z]+){0,9}$/.test(name))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
    expect(all().filter(({ summary }) => !/^\S.{5,160}$/.test(summary))).toEqual([]);
  });

  it('tells which credentials every route takes, and which take none', () => {
    const open = [...routes].filter(([, { security }]) => security.length === 0).map(([name]) => name);
    expect(open.sort()).toEqual([
      'GET /.well-known/webhook-keys/{id}',
      'GET /health/live',
      'GET /health/ready',
      'GET /metrics',
      'POST /api/auth/token',
      'POST /v1/completions/{token}',
    ]);
    expect(routes.get('GET /v1/operations')!.security).toEqual([{ bearer: ['operations:read'] }]);
    expect(routes.get('GET /api/trm/list')!.security).toEqual([
      { bearer: ['operations:read'] },
      { trm_token: [], trm_account: [] },
    ]);
    expect(Object.keys(judge.document.components.securitySchemes)).toEqual([
      'bearer',
      'trm_token',
      'trm_account',
    ]);
  });

  it('says of any JSON nothing, of what may be null that it may, and of numbers whether they are whole', () => {
    const { schemas } = judge.document.components;
    const { input, callback, priority, run_at } = schemas['SubmitOperationRequest'].properties;
    expect(input).toEqual({ description: expect.any(String) });
    expect(callback).toEqual({ anyOf: [{ $ref: '#/components/schemas/CallbackRequest' }, { type: 'null' }] });
    expect(priority.type).toBe('integer');
    expect(run_at).toMatchObject({ type: ['string', 'null'], format: 'date-time' });
    const { result, custom, request_id, progress } = schemas['OperationResponse'].properties;
    for (const any of [result, custom]) expect(any).toEqual({ description: expect.any(String) });
    expect([request_id.type, progress.type]).toEqual(['integer', 'number']);
    const limit = routes.get('GET /v1/operations')!.parameters!.find(({ name }) => name === 'limit');
    expect(limit).toMatchObject({ schema: { type: 'integer', minimum: 1, maximum: 250 } });
  });

  it('has a class without fields nowhere: its file is one that the compiler documents', () => {
    const empty = Object.entries(judge.document.components.schemas)
      .filter(([, { type, properties }]) => type === 'object' && Object.keys(properties ?? {}).length === 0)
      .map(([name]) => name);
    expect(empty).toEqual([]);
  });

  it('has a route of the trm face for every operation type that has a path, and no other', () => {
    const submits = [...routes].filter(([, { operationId }]) => operationId.startsWith('submitTrm'));
    expect(submits.map(([name]) => name).sort()).toEqual([
      'POST /api/documents/check',
      'POST /api/orders/{id}/files/all/zip',
      'POST /api/resources/segments/textedits',
      'POST /api/resources/segments/view/export',
    ]);
    const { parameters, requestBody } = routes.get('POST /api/orders/{id}/files/all/zip')!;
    expect(parameters!.map(({ name }) => name)).toEqual(['id', 'callbackurl', 'inlinems', 'Idempotency-Key']);
    expect(Object.keys(requestBody!.content['application/json']!.schema.properties)).toEqual([
      'files',
      'callbackurl',
      'callback',
    ]);
    expect(Object.keys(judge.document.paths).filter((path) => path.includes('*'))).toEqual([]);
    expect(COMMITTED).not.toContain('submitTrm');
  });

  it('has errors of every route with their body', () => {
    for (const [name, { responses, security }] of routes) {
      const problem = name.includes(' /api/') ? 'application/json' : 'application/problem+json';
      const wanted = ['400', 'default', ...(security.length > 0 ? ['401', '503'] : [])];
      expect(Object.keys(responses), name).toEqual(expect.arrayContaining(wanted));
      for (const status of wanted) {
        const { $ref, content } = responses[status]!;
        const said = $ref ? judge.document.components.responses[$ref.split('/').at(-1)!].content : content;
        expect(Object.keys(said), `${name} ${status}`).toEqual([problem]);
      }
    }
  });

  it('describes what receivers are told, and by which signature', () => {
    expect(Object.keys(judge.document.webhooks).sort()).toEqual([...EVENT_TYPES].sort());
    const callbacks = routes.get('POST /v1/operations')!.callbacks!;
    const told = [
      ...Object.values(judge.document.webhooks),
      ...Object.values(callbacks).flatMap((callback) => Object.values(callback)),
    ];
    expect(Object.keys(callbacks['ended']!)).toEqual(['{$request.body#/callback/url}']);
    for (const { post } of told)
      expect(post.parameters!.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['webhook-id', 'webhook-timestamp', 'webhook-signature']),
      );
  });

  it('names the address that the service is reached at', () =>
    expect(judge.document.servers).toEqual([{ url: service.client.url }]));
});

describe('An example of the document', () => {
  it('is accepted as it is, each of them', async () => {
    await using receiver = await Receiver.answering();
    const { client } = service;
    const account = (await client.get('/v1/accounts')).body.data[0].id;
    const endpoint = (await client.post('/v1/endpoints', { url: receiver.url })).body.id;
    const pulled = (await client.post('/v1/endpoints', { mode: 'pull' })).body.id;
    const operation = (await client.submit({ type: 'echo' })).id;
    const schedule = await client.post('/v1/schedules', {
      name: 'yearly',
      cron: '@yearly',
      operation: { type: 'echo' },
    });
    const ids = (name: string): string => {
      if (name.includes('/accounts/')) return account;
      if (name.includes('/operations/')) return operation;
      if (name.includes('/schedules/')) return schedule.body.id;
      if (name.endsWith('/acks')) return pulled;
      return name.includes('/endpoints/') ? endpoint : 'order-1';
    };
    const type = 'report.build';
    await declare(client, type);
    const lease = async (): Promise<string> => {
      await client.submit({ type, input: { report: 17 } });
      return (await claim(client, [type]))[0].lease;
    };
    // What the example of a claim finds.
    await client.submit({ type });
    const newToken = async (): Promise<string> =>
      (await client.submit({ type: 'external', input: {} })).completion_url.split('/').at(-1);
    let offered = 0;
    for (const [name, { requestBody }] of routes) {
      for (const { example, examples } of Object.values(requestBody?.content ?? {})) {
        const values = [example, ...Object.values(examples ?? {}).map(({ value }) => value)];
        for (const body of values.filter((value) => value !== undefined)) {
          const path: Record<string, string> = { id: ids(name), name: type };
          if (name.includes('{lease}')) path['lease'] = await lease();
          // Each ends one of its own.
          if (name.includes('/completions/')) path['token'] = await newToken();
          const asked = { path, body };
          const { status, text, faults } = await judge.request(name, asked);
          // The account and the key of that example are the reader's own.
          if (name === 'POST /api/auth/token') expect(status).toBe(401);
          else expect(status, `${name} ${JSON.stringify(body)}: ${text}`).toBeLessThan(300);
          expect(faults, name).toEqual([]);
          offered++;
        }
      }
    }
    expect(offered).toBeGreaterThan(15);
  });

  it('is there wherever a body of JSON is asked for', () => {
    const without = [...routes].filter(([, { requestBody }]) => {
      const json = requestBody?.content['application/json'];
      return json && json.example === undefined && json.examples === undefined;
    });
    expect(without.map(([name]) => name)).toEqual([]);
  });
});
