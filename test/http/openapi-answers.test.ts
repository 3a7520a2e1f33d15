import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, TEST_KEY } from '../support/app.js';
import { newDatabase } from '../support/database.js';
import { Judge, routesOf } from '../support/openapi.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy } from '../support/service.js';

let service: Service;
let receiver: Receiver;
let judge: Judge;
beforeAll(async () => {
  receiver = await Receiver.answering();
  service = await Service.start({
    ...sharedBy(await newDatabase()),
    RINGBACK_HANDLERS: 'dist/examples/handlers.js',
  });
  judge = await Judge.of(service.client);
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
});

/** Asks a route whose answer must be of this status, and one that the document has. */
async function ask(status: number, name: string, asked: Parameters<Judge['request']>[1] = {}): Promise<any> {
  const answer = await judge.request(name, asked);
  expect(answer.status, `${name}: ${answer.text}`).toBe(status);
  expect(answer.faults, `${name}: ${answer.text}`).toEqual([]);
  return answer.body;
}

const unknown = 'f'.repeat(32);
const body = { type: 'echo', input: { deep: [1, 2.5, null, 'Zoë 💩'] } };

describe('What is answered is what the document says', () => {
  it('of operations', async () => {
    const submitted = await ask(202, 'POST /v1/operations', {
      body: { ...body, callback: { url: receiver.url }, correlation: 'order 17' },
    });
    const path = { id: submitted.id as string };
    const ended = await ask(200, 'GET /v1/operations/{id}', { path, query: '?wait=20' });
    expect(ended).toMatchObject({ status: 'Finished', result: body.input });
    await ask(200, 'GET /v1/operations', { query: '?limit=1' });
    await ask(200, 'GET /v1/operations/{id}/history', { path });
    await ask(200, 'GET /v1/operations/{id}/history', { path, headers: { accept: 'text/event-stream' } });
    await ask(200, 'GET /v1/operations/{id}/deliveries', { path });
    await ask(200, 'GET /v1/operations/{id}/request', { path });
    await ask(200, 'GET /v1/search', { query: '?q=order%2017' });
    await ask(200, 'GET /v1/stats/operations');
    await ask(200, 'GET /v1/stats/deliveries', { query: '?step=60' });
    await ask(200, 'GET /v1/operations/{id}/result', { path });
    await ask(200, 'GET /lro/operations/{id}', { path });
    await ask(409, 'POST /v1/operations/{id}/cancel', { path });
    await ask(202, 'POST /v1/operations/{id}/rerun', { path });
    await ask(202, 'POST /v1/operations/{id}/rerun', { path, body: { input: 2, callback: null } });
    const bulk = { action: 'rerun', filter: { correlation: 'nothing' } };
    await ask(200, 'POST /v1/operations/bulk', { body: { ...bulk, dry_run: true } });
    await ask(202, 'POST /v1/operations/bulk', { body: bulk });
    await ask(204, 'DELETE /v1/operations/{id}', { path });
    expect(await ask(200, 'GET /v1/operations/{id}', { path })).toMatchObject({
      erased_at: expect.any(String),
    });
    await ask(410, 'GET /v1/operations/{id}/result', { path });
    const bad = { type: 'nope' };
    await ask(200, 'POST /v1/operations/batch', { body: { operations: [body, bad] } });
    await ask(200, 'GET /v1/operation-types');
    await ask(200, 'GET /v1/operation-types/{name}', { path: { name: 'segments.textedits' } });
    const [callback] = await receiver.received(1);
    const event = JSON.parse(callback!.body) as { type: string };
    const { post } = judge.document.webhooks[event.type]!;
    expect(judge.wrong(post.requestBody!.content['application/json']!.schema, event)).toEqual([]);
    const headers = post.parameters!.filter(({ required }) => required).map(({ name }) => name);
    expect(headers.filter((name) => callback!.headers[name] === undefined)).toEqual([]);
  });

  it('of one that fails, that is canceled and that waits', async () => {
    const failed = await ask(202, 'POST /v1/operations', {
      body: {
        type: 'http.request',
        input: { method: 'GET', url: `http://127.0.0.1:${await freePort()}/`, tries: 1 },
      },
    });
    const path = { id: failed.id as string };
    const ended = await ask(200, 'GET /v1/operations/{id}', { path, query: '?wait=20' });
    expect(ended.error).toMatchObject({ code: 'connect_refused' });
    await ask(200, 'GET /lro/operations/{id}', { path });
    await ask(404, 'GET /v1/operations/{id}/result', { path });
    const later = await ask(202, 'POST /v1/operations', {
      body: { ...body, run_at: new Date(Date.now() + 86_400_000).toISOString() },
    });
    await ask(200, 'POST /v1/operations/{id}/cancel', { path: { id: later.id } });
  });

  it('of one that somebody else completes', async () => {
    const { completion_url: url } = await ask(202, 'POST /v1/operations', {
      body: { type: 'external', input: {} },
    });
    const name = 'POST /v1/completions/{token}';
    const path = { token: url.split('/').at(-1) as string };
    await ask(200, name, { path, body: { status: 'running', progress: 1 } });
    await ask(422, name, { path, body: { status: 'failed' } });
    await ask(200, name, { path, body: { status: 'finished', result: [1] } });
    await ask(409, name, { path, body: { status: 'finished' } });
    await ask(400, name, { path: { token: unknown }, body: {} });
    await ask(404, name, { path: { token: `rbc_${'A'.repeat(43)}` }, body: {} });
  });

  it('of files', async () => {
    const form = new FormData();
    form.append('file', new Blob(['id,source,target\n1,a,b\n'], { type: 'text/csv' }), 'segments.csv');
    const { id } = await ask(201, 'POST /v1/files', { body: form });
    await ask(200, 'GET /v1/files/{id}', { path: { id } });
    await ask(200, 'GET /v1/files/{id}/content', { path: { id } });
    await ask(206, 'GET /v1/files/{id}/content', { path: { id }, headers: { range: 'bytes=0-3' } });
    await ask(416, 'GET /v1/files/{id}/content', { path: { id }, headers: { range: 'bytes=999-' } });
    await ask(204, 'DELETE /v1/files/{id}', { path: { id } });
  });

  it('of endpoints and of deliveries', async () => {
    const { id } = await ask(201, 'POST /v1/endpoints', {
      body: { url: receiver.url, headers: [{ key: 'a', value: 'b' }], retry_schedule: [0.1, 1] },
    });
    const path = { id: id as string };
    await ask(200, 'GET /v1/endpoints');
    await ask(200, 'GET /v1/endpoints/{id}', { path });
    await ask(200, 'PATCH /v1/endpoints/{id}', { path, body: { description: 'ours', retry_schedule: null } });
    await ask(200, 'GET /v1/endpoints/{id}/secret', { path });
    await ask(200, 'POST /v1/endpoints/{id}/rotate-secret', { path, body: {} });
    const secrets = await ask(200, 'GET /v1/endpoints/{id}/secrets', { path });
    const [current, old] = secrets.data.map(({ id: secret_id }: { id: string }) => ({ ...path, secret_id }));
    await ask(409, 'DELETE /v1/endpoints/{id}/secrets/{secret_id}', { path: current });
    await ask(204, 'DELETE /v1/endpoints/{id}/secrets/{secret_id}', { path: old });
    await ask(200, 'POST /v1/endpoints/{id}/test', { path });
    await ask(200, 'GET /v1/endpoints/{id}/stats', { path });
    await ask(202, 'POST /v1/endpoints/{id}/recover', { path, body: { since: '2026-01-31T12:00:00Z' } });
    const recovery = await ask(202, 'POST /v1/deliveries/recover', {
      body: { since: '2026-01-31T12:00:00Z', pending: true },
    });
    const begun = { id: recovery.id as string };
    await expect
      .poll(async () => (await ask(200, 'GET /v1/recoveries/{id}', { path: begun })).state)
      .toBe('finished');
    await ask(409, 'POST /v1/recoveries/{id}/cancel', { path: begun });
    const bulk = { action: 'cancel', filter: { event: 'endpoint.disabled' } };
    await ask(200, 'POST /v1/deliveries/bulk', { body: { ...bulk, dry_run: true } });
    await ask(202, 'POST /v1/deliveries/bulk', { body: bulk });
    await ask(200, 'POST /v1/endpoints/{id}/disable', { path });
    await ask(409, 'POST /v1/endpoints/{id}/test', { path });
    const log = await ask(200, 'GET /v1/deliveries', { query: `?endpoint=${path.id}` });
    const delivery = { id: log.data[0].id as string };
    const details = await ask(200, 'GET /v1/deliveries/{id}', { path: delivery });
    expect(details.attempts).toHaveLength(1);
    await ask(409, 'POST /v1/deliveries/{id}/redeliver', { path: delivery });
    await ask(409, 'POST /v1/deliveries/{id}/cancel', { path: delivery });
    await ask(200, 'POST /v1/endpoints/{id}/enable', { path });
    await ask(204, 'DELETE /v1/endpoints/{id}', { path });
    await ask(200, 'POST /v1/callback-check', { body: { url: 'http://10.0.0.1/' } });
    await ask(200, 'GET /v1/signing-secret');
    await ask(200, 'POST /v1/signing-secret/rotate', { body: {} });
    const own = await ask(200, 'GET /v1/signing-secret/list');
    await ask(409, 'DELETE /v1/signing-secret/{secret_id}', { path: { secret_id: own.data[0].id } });
    await ask(204, 'DELETE /v1/signing-secret/{secret_id}', { path: { secret_id: own.data[1].id } });
    const signing = await ask(201, 'POST /v1/endpoints', {
      body: { url: 'https://example.com/hook', signature_profile: 'standard+ed25519' },
    });
    await ask(200, 'GET /.well-known/webhook-keys/{id}', { path: { id: signing.id as string } });
    await ask(404, 'GET /.well-known/webhook-keys/{id}', { path: { id: 'ep_1' } });
  });

  it('of what consumers pull', async () => {
    const pulled = await ask(201, 'POST /v1/endpoints', { body: { mode: 'pull', ephemeral_s: 3600 } });
    const path = { id: pulled.id as string };
    await ask(202, 'POST /v1/operations', { body });
    const { data } = await ask(200, 'GET /v1/endpoints/{id}/pull', {
      path,
      query: '?wait=20&limit=1&lease_s=60',
    });
    const acks = [
      { id: data[0].id, ok: false, error: 'not yet', http_status: 503, attempt: 1 },
      { id: 'dlv_nothing', ok: true },
    ];
    await ask(200, 'POST /v1/endpoints/{id}/acks', { path, body: { acks } });
    await ask(200, 'GET /v1/endpoints/{id}', { path });
    await ask(200, 'GET /v1/deliveries', { query: `?endpoint=${path.id}` });
    await ask(400, 'GET /v1/endpoints/{id}/pull', { path, query: '?lease_s=0' });
    await ask(200, 'POST /v1/endpoints/{id}/disable', { path });
    await ask(409, 'GET /v1/endpoints/{id}/pull', { path });
    await ask(204, 'DELETE /v1/endpoints/{id}', { path });
  });

  it('of a recovery that is canceled', async () => {
    await using failing = await Receiver.answering(500);
    const { id } = await ask(201, 'POST /v1/endpoints', {
      // One attempt, and the next in a quarter of an hour.
      body: { url: failing.url, retry_schedule: [600], rate_per_s: 0.001 },
    });
    await ask(202, 'POST /v1/operations', { body });
    const query = `?endpoint=${id}`;
    await expect
      .poll(async () =>
        Date.parse((await ask(200, 'GET /v1/deliveries', { query })).data[0]?.next_attempt_at ?? ''),
      )
      .toBeGreaterThan(Date.now() + 100_000);
    const path = { id: id as string };
    const span = { since: '2026-01-31T12:00:00Z', pending: true };
    const begun = await ask(202, 'POST /v1/endpoints/{id}/recover', { path, body: span });
    expect(begun.found).toBe(1);
    await ask(200, 'POST /v1/recoveries/{id}/cancel', { path: { id: begun.id as string } });
    await ask(204, 'DELETE /v1/endpoints/{id}', { path });
  });

  it('of a delivery that fails', async () => {
    await using failing = await Receiver.answering(500);
    const { id } = await ask(201, 'POST /v1/endpoints', {
      body: { url: failing.url, retry_schedule: [600, 600] },
    });
    const { id: operation } = await ask(202, 'POST /v1/operations', { body });
    const query = `?operation=${operation}&endpoint=${id}`;
    const tried = (count: number) =>
      expect
        .poll(async () => (await ask(200, 'GET /v1/deliveries', { query })).data[0])
        .toMatchObject({ attempt_count: count, next_attempt_at: expect.any(String) });
    await tried(1);
    const { data } = await ask(200, 'GET /v1/deliveries', { query });
    const path = { id: data[0].id as string };
    await ask(202, 'POST /v1/deliveries/{id}/redeliver', { path });
    await tried(2);
    await ask(200, 'POST /v1/deliveries/{id}/cancel', { path });
  });

  it('of schedules', async () => {
    const made = await ask(201, 'POST /v1/schedules', {
      body: { name: 'nightly', cron: '0 3 * * *', operation: { type: 'echo' } },
    });
    await ask(422, 'POST /v1/schedules', { body: { name: 'never', operation: { type: 'echo' } } });
    const path = { id: made.id as string };
    await ask(200, 'GET /v1/schedules');
    await ask(202, 'POST /v1/schedules/{id}/run', { path });
    await ask(200, 'POST /v1/schedules/{id}/pause', { path });
    await ask(200, 'POST /v1/schedules/{id}/resume', { path });
    await ask(200, 'PATCH /v1/schedules/{id}', { path, body: { jitter_s: 5 } });
    await ask(200, 'GET /v1/schedules/{id}', { path });
    await ask(204, 'DELETE /v1/schedules/{id}', { path });
    await ask(404, 'GET /v1/schedules/{id}', { path });
  });

  it('of flow keys', async () => {
    const path = { key: 'tenant-7' };
    await ask(404, 'GET /v1/flows/{key}', { path });
    await ask(200, 'PUT /v1/flows/{key}', { path, body: { parallelism: 2 } });
    await ask(422, 'PUT /v1/flows/{key}', { path, body: { parallelism: 0 } });
    await ask(200, 'GET /v1/flows/{key}', { path });
    await ask(200, 'GET /v1/flows');
    await ask(204, 'DELETE /v1/flows/{key}', { path });
  });

  it('of accounts, and of the service itself', async () => {
    const { id } = await ask(201, 'POST /v1/accounts', { body: { name: 'acme' } });
    await ask(409, 'POST /v1/accounts', { body: { name: 'acme' } });
    await ask(200, 'GET /v1/accounts');
    await ask(200, 'GET /v1/account');
    await ask(200, 'GET /v1/processes');
    await ask(200, 'GET /v1/audit', { query: `?account=${id}&order=desc` });
    await ask(200, 'GET /v1/accounts/{id}', { path: { id } });
    await ask(200, 'PATCH /v1/accounts/{id}', { path: { id }, body: { slots: 3 } });
    const key = await ask(201, 'POST /v1/accounts/{id}/keys', {
      path: { id },
      body: { name: 'k', scopes: ['operations:read'], expires_at: null },
    });
    await ask(200, 'GET /v1/accounts/{id}/keys', { path: { id } });
    await ask(204, 'DELETE /v1/accounts/{id}/keys/{key}', { path: { id, key: key.id } });
    await ask(200, 'PATCH /v1/accounts/{id}', { path: { id }, body: { disabled: true } });
    await ask(204, 'DELETE /v1/accounts/{id}', { path: { id } });
    await ask(200, 'GET /v1/ledger');
    await ask(200, 'GET /health/live');
    await ask(200, 'GET /health/ready');
    await ask(200, 'GET /metrics');
  });

  it('of the trm face', async () => {
    const token = await ask(200, 'POST /api/auth/token', { body: { accountid: 'default', key: TEST_KEY } });
    const form = new FormData();
    form.append('file', new Blob(['[{"id":"1","source":"a","target":"b"}]']), 'segments.json');
    const { result } = await ask(200, 'POST /api/media/upload', { body: form });
    await ask(200, 'GET /api/media/get/{token}', { path: { token: result.token } });
    await ask(200, 'GET /api/media/get/{token}/stream', { path: { token: result.token } });
    const input = { file: result.token, source_language: 'en', target_language: 'fr' };
    const submit = 'POST /api/resources/segments/view/export';
    const at = receiver.all.length;
    const inline = await ask(200, submit, { query: '?inlinems=20000', body: input });
    expect(inline.trm.status).toBe('Finished');
    const { trm } = await ask(200, submit, { body: { ...input, callbackurl: receiver.url } });
    await ask(200, 'GET /api/trm/status', { query: `?requestid=${trm.requestid}` });
    await ask(200, 'POST /api/trm/status', { body: { requestid: trm.requestid } });
    await ask(200, 'GET /api/trm/list');
    const told = (await receiver.received(at + 1)).at(-1)!;
    const callback = Object.values(routesOf(judge.document).get(submit)!.callbacks!['ended']!)[0]!;
    const { schema } = callback.post.requestBody!.content['application/json']!;
    expect(judge.wrong(schema, JSON.parse(told.body))).toEqual([]);
    await ask(400, 'GET /api/trm/status', { query: '?requestid=nope' });
    await ask(200, 'POST /api/documents/check', { body: { files: [] } });
    await ask(200, 'POST /api/resources/segments/textedits', { body: { file: result.token, edits: [] } });
    await ask(200, 'POST /api/orders/{id}/files/all/zip', { path: { id: 'A-1' }, body: {} });
    await ask(200, 'DELETE /api/auth/token', { headers: { 'x-auth-token': token } });
    await ask(401, 'DELETE /api/auth/token', { headers: { 'x-auth-token': token } });
  });

  it('of what is refused', async () => {
    // One without any is no try: so many wrong ones in a minute would be answered 429.
    const nobody = await Judge.of(service.client.withKey(''));
    for (const [name, { security }] of routesOf(judge.document)) {
      if (security.length === 0) continue;
      const answer = await nobody.request(name);
      expect([answer.status, answer.faults], `${name}: ${answer.text}`).toEqual([401, []]);
    }
    await ask(401, 'GET /v1/operations', { headers: { authorization: 'Bearer rb_wrong' } });
    const path = { id: unknown };
    await ask(404, 'GET /v1/operations/{id}', { path });
    await ask(400, 'GET /v1/operations', { query: '?limit=0' });
    await ask(422, 'POST /v1/operations', { body: { type: 'nope' } });
    await ask(400, 'POST /v1/operations', { body: '{' });
    await ask(415, 'POST /v1/operations', { body: 'a', headers: { 'content-type': 'text/plain' } });
    await ask(414, 'GET /v1/operations/{id}', { path: { id: 'f'.repeat(300) } });
    await ask(422, 'POST /v1/operations/{id}/rerun', { path, body: { type: 'echo' } });
  });

  it('of the feed, which ends when who reads it has gone', async () => {
    const reader = new AbortController();
    const feed = await fetch(`${service.client.url}/v1/feed`, {
      headers: { authorization: `Bearer ${TEST_KEY}` },
      signal: reader.signal,
    });
    const { responses } = routesOf(judge.document).get('GET /v1/feed')!;
    expect(Object.keys(responses[feed.status]!.content!)).toContain(
      feed.headers.get('content-type')!.split(';')[0],
    );
    judge.succeeded.add('GET /v1/feed');
    reader.abort();
  });

  it('of declared types and the work of their operations', async () => {
    const type = { name: 'report.build' };
    const declaration = {
      title: 'Build a report',
      input_schema: { type: 'object' },
      retry: { backoff_s: [0] },
    };
    await ask(201, 'PUT /v1/operation-types/{name}', { path: type, body: declaration });
    await ask(200, 'PUT /v1/operation-types/{name}', { path: type, body: declaration });
    await ask(200, 'GET /v1/operation-types/{name}', { path: type });
    const claimed = async (): Promise<{ lease: string }> => {
      await ask(202, 'POST /v1/operations', { body: { type: type.name, input: {} } });
      const claim = { types: [type.name], wait: 5, worker: 'host-17' };
      return (await ask(200, 'POST /v1/work/claim', { body: claim })).data[0];
    };
    const path = await claimed();
    await ask(200, 'POST /v1/work/{lease}/renew', { path, body: { progress: 40, log: ['one'] } });
    await ask(200, 'GET /v1/processes');
    await ask(409, 'DELETE /v1/operation-types/{name}', { path: type });
    await ask(200, 'POST /v1/work/{lease}/complete', { path, body: { result: 1 } });
    await ask(409, 'POST /v1/work/{lease}/renew', { path });
    await ask(404, 'POST /v1/work/{lease}/renew', { path: { lease: 'none' } });
    const failed = { code: 'spoilt', message: 'it is spoilt' };
    await ask(200, 'POST /v1/work/{lease}/fail', { path: await claimed(), body: failed });
    const { lease } = await claimed();
    await ask(200, 'POST /v1/work/{lease}/release', { path: { lease } });
    const [again] = (await ask(200, 'POST /v1/work/claim', { body: { types: [type.name] } })).data;
    const actions = [
      { lease, action: 'renew' },
      { lease: again.lease, action: 'fail', ...failed },
      { lease, action: 'no' },
    ];
    const { data } = await ask(200, 'POST /v1/work/batch', { body: { actions } });
    expect(data.map(({ status }: any) => status)).toEqual([409, 200, 422]);
    await ask(204, 'DELETE /v1/operation-types/{name}', { path: type });
    await ask(422, 'POST /v1/work/claim', { body: { types: [type.name] } });
  });

  it('of every route that it has', () => {
    const missing = [...routesOf(judge.document).keys()].filter((name) => !judge.succeeded.has(name));
    // Ask a new route above, where it succeeds.
    expect(missing).toEqual([]);
  });
});
