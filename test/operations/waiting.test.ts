import { EventSource } from 'eventsource';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OperationWaits } from '../../src/operations/read/operation-waits.js';
import { QueueBackend } from '../../src/engine/queue-backend.js';
import { WakeUps } from '../../src/engine/wake-ups.js';
import { App, TEST_KEY } from '../support/app.js';
import { directUrl, newDatabase, rowsOf } from '../support/database.js';
import { Service, sharedBy } from '../support/service.js';

/** Collects the entries of a history stream until EventSource gives up, which is what a 204 makes it do. */
async function entriesOf(url: string): Promise<any[]> {
  const source = new EventSource(url, {
    fetch: (input, init) =>
      fetch(input, { ...init, headers: { ...init.headers, authorization: `Bearer ${TEST_KEY}` } }),
  });
  const entries: any[] = [];
  source.addEventListener('message', ({ data }) => entries.push(JSON.parse(data as string)));
  await expect.poll(() => source.readyState, { timeout: 25_000 }).toBe(EventSource.CLOSED);
  return entries;
}

describe('a history stream', () => {
  let app: App;
  beforeAll(async () => {
    app = await App.start({ operations: { heartbeatS: 0.1, heldPerAccount: 2 } });
  });
  afterAll(() => app[Symbol.asyncDispose]());

  const stream = (
    id: string,
    signal?: AbortSignal,
    headers: Record<string, string> = {},
  ): Promise<Response> =>
    fetch(`${app.client.url}/v1/operations/${id}/history`, {
      headers: { authorization: `Bearer ${TEST_KEY}`, accept: 'text/event-stream', ...headers },
      ...(signal ? { signal } : {}),
    });

  it('shows EventSource every entry once, in order, and lets it stop after the end', async () => {
    const operation = await app.client.submit({ type: 'sleep', input: { seconds: 1.2 } });
    const entries = await entriesOf(operation.links.history);
    expect(entries).toEqual((await app.client.get(`/v1/operations/${operation.id}/history`)).body.data);
    expect(entries.at(-1).status).toBe('Finished');
  });

  it('beats while nothing happens, is not buffered or stored, and resumes after Last-Event-ID', async () => {
    const operation = await app.client.submit({ type: 'sleep', input: { seconds: 0.6 } });
    const answer = await stream(operation.id);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    const text = await answer.text();
    expect(text).toContain('event: heartbeat\ndata: {}\n\n');
    const ids = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => id!);
    const rest = await (await stream(operation.id, undefined, { 'last-event-id': ids[0]! })).text();
    expect([...rest.matchAll(/^id: (\d+)$/gm)].map(([, id]) => id)).toEqual(ids.slice(1));
    expect((await stream(operation.id, undefined, { 'last-event-id': ids.at(-1)! })).status).toBe(204);
    for (const nonsense of ['x', '', '-1', '1.5', '1e3', '1, 2', '0x10', '9'.repeat(19), 'a'.repeat(1000)]) {
      const wrong = await stream(operation.id, undefined, { 'last-event-id': nonsense });
      expect(wrong.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect([nonsense, wrong.status, await wrong.json()]).toMatchObject([
        nonsense,
        400,
        { code: 'invalid-query', errors: [{ path: 'Last-Event-ID' }] },
      ]);
    }
  });

  it('goes on after the last entry where it was resumed after one that is ahead of it, another operation’s for instance', async () => {
    const operation = await app.client.submit({ type: 'sleep', input: { seconds: 0.6 } });
    await expect.poll(async () => (await app.client.ended(operation.id, 0)).status).toBe('Executing');
    const beyond = { 'last-event-id': '99999999' };
    const resumed = await (await stream(operation.id, undefined, beyond)).text();
    const { data } = (await app.client.get(`/v1/operations/${operation.id}/history`)).body;
    const told = [...resumed.matchAll(/^data: (.*"id".*)$/gm)].map(([, json]) => JSON.parse(json!));
    expect(told.at(-1)).toMatchObject({ status: 'Finished' });
    expect(told).toEqual(data.slice(-told.length));
    expect(told.length).toBeLessThan(data.length);
    expect((await stream(operation.id, undefined, beyond)).status).toBe(204);
  });

  it('ends with the operation also where it was resumed after an entry behind the end', async () => {
    const operation = await app.client.submit({ type: 'echo' });
    await app.client.ended(operation.id);
    const { data } = (await app.client.get(`/v1/operations/${operation.id}/history`)).body;
    expect(data.at(-1).status).toBe('Finished');
    await rowsOf(
      app.databaseUrl,
      `INSERT INTO history_entry (operation_id, kind, text) VALUES (${operation.request_id}, 'log', 'done')`,
    );
    const rest = await stream(operation.id, undefined, { 'last-event-id': String(data.at(-1).id) });
    expect((await rest.text()).match(/"text":"\w+"/g)).toEqual(['"text":"done"']);
  });

  it.each<[accept: string, type: RegExp]>([
    ['text/event-stream', /^text\/event-stream/],
    ['application/json, Text/Event-Stream;q=0.001', /^text\/event-stream/],
    ['text/event-stream; charset=utf-8; q=1.0', /^text\/event-stream/],
    ['text/event-stream;q=0', /^application\/json/],
    ['text/event-stream; q=0.000, */*', /^application\/json/],
    ['text/event-streams', /^application\/json/],
    ['*/*', /^application\/json/],
  ])('is what Accept asks for, or not: %s', async (accept, type) => {
    const { id } = await app.client.submit({ type: 'echo' });
    await app.client.ended(id);
    const answer = await stream(id, undefined, { accept });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, expect.stringMatching(type)]);
    await answer.text();
  });

  it('counts among the answers an account may have held, and what is too much is answered at once', async () => {
    const operation = await app.client.submit({ type: 'sleep', input: { seconds: 60 } });
    const leave = new AbortController();
    const [first, second] = await Promise.all([1, 2].map(() => stream(operation.id, leave.signal)));
    expect([first!.status, second!.status]).toEqual([200, 200]);
    // Ends by itself although the operation goes on.
    expect(await (await stream(operation.id)).text()).toContain('retry: 5000');
    const poll = await app.client.get(`/v1/operations/${operation.id}?wait=60`);
    expect(poll.status).toBe(200);
    expect(poll.headers.get('retry-after')).toMatch(/^\d+$/);
    leave.abort();
    // Those that left count no more.
    await expect
      .poll(async () => {
        const retry = new AbortController();
        const reader = (await stream(operation.id, retry.signal)).body!.getReader();
        const { value } = await reader.read();
        retry.abort();
        return Buffer.from(value as Uint8Array).toString();
      })
      .toContain('retry: 2000');
    await app.client.post(`/v1/operations/${operation.id}/cancel`);
  });
});

it('an end is missed by none of the callers that looked right before it, however many wait already', async () => {
  await using app = await App.start();
  const waits = app.nest.get(OperationWaits);
  const since = waits.now;
  const early = waits.wait('1', 60_000, since);
  waits.ended('1');
  await Promise.all([early, waits.wait('1', 60_000, since), waits.wait('1', 60_000, since)]);
});

it('holds on when a wake-up meant another installation’s operation of the same number', async () => {
  await using app = await App.start();
  const operation = await app.client.submit({ type: 'sleep', input: { seconds: 60 } });
  const held = app.client.get(`/v1/operations/${operation.id}?wait=20`);
  const ended = [String(operation.request_id)];
  // Several, one after another: the first may be faster than the request before it.
  for (const history of [['1'], ['2'], ['3'], ['4'], ['5']]) {
    const heard = new Promise((resolve) => app.nest.get(WakeUps).on('history', resolve));
    const message = JSON.stringify({ from: 'elsewhere', ended, history });
    const publish = (): Promise<void> => app.nest.get(QueueBackend).publish(message);
    // Again while the listener's connection is on its way up.
    const again = setInterval(() => void publish(), 50);
    await publish();
    await heard;
    clearInterval(again);
  }
  await app.client.post(`/v1/operations/${operation.id}/cancel`);
  expect((await held).body.status).toBe('Canceled');
});

it('holds for others in the place of a caller who went while its operation was being stored', async () => {
  await using app = await App.start({ operations: { heldPerAccount: 1 } });
  const lock = new pg.Client({ connectionString: directUrl(app.databaseUrl) });
  await lock.connect();
  await lock.query('BEGIN; LOCK TABLE operation IN ACCESS EXCLUSIVE MODE');
  const hasty = fetch(`${app.client.url}/v1/operations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json', prefer: 'wait=30' },
    body: JSON.stringify({ type: 'sleep', input: { seconds: 60 } }),
    signal: AbortSignal.timeout(300),
  });
  await expect(hasty).rejects.toThrow();
  await lock.query('COMMIT');
  await lock.end();
  await expect.poll(async () => (await app.client.get('/v1/operations')).body.data).toHaveLength(1);
  const { id } = await app.client.submit({ type: 'sleep', input: { seconds: 0.8 } });
  expect((await app.client.get(`/v1/operations/${id}?wait=20`)).body.status).toBe('Finished');
});

it('says that a wait was heeded only where the answer was held, or came at the end', async () => {
  await using app = await App.start({ operations: { heldPerAccount: 1 } });
  const leave = new AbortController();
  const { id } = await app.client.submit({ type: 'sleep', input: { seconds: 60 } });
  const stream = await fetch(`${app.client.url}/v1/operations/${id}/history`, {
    headers: { authorization: `Bearer ${TEST_KEY}`, accept: 'text/event-stream' },
    signal: leave.signal,
  });
  const submit = async (prefer: string): Promise<[number, string | null, string | null]> => {
    const { status, headers } = await app.client.post(
      '/v1/operations',
      { type: 'sleep', input: { seconds: 0.3 } },
      { prefer, 'idempotency-key': prefer },
    );
    return [status, headers.get('preference-applied'), headers.get('idempotent-replayed')];
  };
  // The stream is the one answer that may be held.
  expect(stream.status).toBe(200);
  expect(await submit('wait=5')).toEqual([202, null, null]);
  expect(await submit('respond-async, wait=5')).toEqual([202, 'respond-async', null]);
  expect(await submit('wait=0')).toEqual([202, 'wait=0', null]);
  await expect
    .poll(async () => (await app.client.get('/v1/operations?status=Finished')).body.data)
    .toHaveLength(3);
  expect(await submit('wait=5')).toEqual([200, 'wait=5', 'true']);
  leave.abort();
  const prefer = 'wait=6';
  await expect.poll(() => submit(prefer)).toEqual([200, prefer, expect.anything()]);
});

it('answers what it holds when it shuts down', async () => {
  const app = await App.start();
  const operation = await app.client.submit({
    type: 'sleep',
    input: { seconds: 60 },
    run_at: new Date(Date.now() + 60_000).toISOString(),
  });
  const held = app.client.get(`/v1/operations/${operation.id}?wait=50`);
  const streamed = fetch(operation.links.history, {
    headers: { authorization: `Bearer ${TEST_KEY}`, accept: 'text/event-stream' },
  });
  const body = (await streamed).text();
  await app[Symbol.asyncDispose]();
  expect((await held).body.status).toBe('Waiting');
  expect(await body).toContain('"text":"Accepted"');
});

describe('with the API in one process and workers in another', { timeout: 60_000 }, () => {
  it('wakes long-polls and streams, and fires the signal of a canceled handler long before its lease is renewed', async () => {
    const shared = {
      ...sharedBy(await newDatabase()),
      RINGBACK_LEASE_S: '60',
      RINGBACK_CONCURRENCY: '1',
    };
    await using api = await Service.start({ ...shared, RINGBACK_ROLE: 'api' });
    await using _worker = await Service.start({ ...shared, RINGBACK_ROLE: 'worker' });
    const quick = await api.client.submit({ type: 'sleep', input: { seconds: 0.5 } });
    const [ended, entries] = await Promise.all([
      api.client.ended(quick.id),
      entriesOf(`${api.client.url}/v1/operations/${quick.id}/history`),
    ]);
    expect(ended.status).toBe('Finished');
    expect(entries.at(-1).status).toBe('Finished');
    const long = await api.client.submit({ type: 'sleep', input: { seconds: 50 } });
    await expect.poll(async () => (await api.client.ended(long.id, 0)).status).toBe('Executing');
    await api.client.post(`/v1/operations/${long.id}/cancel`);
    // The worker's one place is free again: its next renewal would come after 20 s.
    const next = await api.client.submit({ type: 'echo' });
    expect((await api.client.ended(next.id, 10)).status).toBe('Finished');
  });
});
