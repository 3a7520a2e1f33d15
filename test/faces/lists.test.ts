import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { OperationReads } from '../../src/operations/read/operation-reads.store.js';
import { App, freePort } from '../support/app.js';
import type { Client } from '../support/client.js';
import { Receiver } from '../support/receiver.js';

let app: App;
let client: Client;
let heard: Receiver;
let failing: Receiver;
let gone: Receiver;
/** What each operation is called here, by its id. */
const names = new Map<string, string>();
let before: string;

beforeAll(async () => {
  // A callback that fails waits for its next attempt longer than any test.
  app = await App.start({ deliveries: { schedule: [3600] } });
  client = await app.account('lister');
  [heard, failing, gone] = [
    await Receiver.answering(200),
    await Receiver.answering(503),
    await Receiver.answering(410),
  ];
  before = new Date(Date.now() - 1_000).toISOString();
  const unreachable = { method: 'GET', url: `http://127.0.0.1:${await freePort()}/`, tries: 1 };
  const wanted: [name: string, operation: Record<string, unknown>][] = [
    ['heard', { type: 'echo', correlation: 'order 17', callback: { url: `${heard.url}?token=x` } }],
    ['pending', { type: 'echo', correlation: 'order 18', callback: { url: failing.url } }],
    ['given up', { type: 'echo', correlation: 'order 17', callback: { url: gone.url } }],
    ['failed', { type: 'http.request', input: unreachable, callback: { url: heard.url } }],
    ['executing', { type: 'sleep', input: { seconds: 3600 } }],
    ['waiting', { type: 'echo', run_at: '2027-01-01T00:00:00Z' }],
    ['canceled', { type: 'echo', run_at: '2027-01-01T00:00:00Z' }],
  ];
  for (const [name, operation] of wanted) names.set((await client.submit(operation)).id, name);
  await client.post(`/v1/operations/${idOf('canceled')}/cancel`);
  await vi.waitFor(
    async () => {
      expect(await list('/v1/operations?status=Finished,Failed')).toHaveLength(4);
      expect(await list('/v1/operations?status=Executing')).toHaveLength(1);
      expect(await list('/v1/deliveries?status=Delivered')).toHaveLength(2);
      expect(await list('/v1/deliveries?error=http_5xx')).toHaveLength(1);
      expect(await list('/v1/deliveries?error=http_4xx')).toHaveLength(1);
    },
    { timeout: 20_000 },
  );
});
afterAll(async () => {
  await Promise.all([heard, failing, gone].map((receiver) => receiver[Symbol.asyncDispose]()));
  await app[Symbol.asyncDispose]();
});

const idOf = (name: string): string => [...names].find(([, each]) => each === name)![0];
const nameOf = (row: { id: string; operation_id?: string }): string => names.get(row.operation_id ?? row.id)!;

/** The names of all that a list has, page after page. */
async function list(path: string, limit = 2): Promise<string[]> {
  const read: string[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const join = path.includes('?') ? '&' : '?';
    const { status, body } = await client.get(
      `${path}${join}limit=${limit}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
    );
    expect([status, body.errors]).toEqual([200, undefined]);
    expect(body.data.length).toBeLessThanOrEqual(limit);
    read.push(...body.data.map(nameOf));
    cursor = body.next_cursor;
  }
  return read;
}

describe('a list of operations', () => {
  it.each<[query: string, expected: string[]]>([
    ['', ['heard', 'pending', 'given up', 'failed', 'executing', 'waiting', 'canceled']],
    ['status=Waiting', ['waiting']],
    ['status=Executing', ['executing']],
    ['status=Failed', ['failed']],
    ['status=Canceled,Waiting,Failed', ['failed', 'waiting', 'canceled']],
    ['status=Finished,Executing', ['heard', 'pending', 'given up', 'executing']],
    ['type=sleep,http.request', ['failed', 'executing']],
    ['type=none', []],
    ['correlation=order%2017', ['heard', 'given up']],
    ['correlation=order', []],
    ['error_code=connect_refused', ['failed']],
    ['error_code=canceled', []],
    ['callback_state=Delivered', ['heard', 'failed']],
    ['callback_state=Pending', ['pending']],
    ['callback_state=Exhausted', ['given up']],
    ['callback_state=Pending,Exhausted', ['pending', 'given up']],
    ['callback_state=Canceled', []],
    ['undelivered=true', ['pending', 'given up']],
    ['undelivered=true&status=Finished&correlation=order%2018', ['pending']],
    ['undelivered=false&type=sleep', ['executing']],
  ])('has what is asked for, in both orders: %s', async (query, expected) => {
    expect(await list(`/v1/operations?${query}`)).toEqual(expected);
    expect(await list(`/v1/operations?${query}&order=desc`)).toEqual(expected.toReversed());
  });

  it('has those of an origin, whatever their path and query', async () => {
    const { origin } = new URL(heard.url);
    expect(await list(`/v1/operations?origin=${encodeURIComponent(origin)}`)).toEqual(['heard', 'failed']);
    const upper = encodeURIComponent(`${origin}/`).replace('http', 'HTTP');
    expect(await list(`/v1/operations?origin=${upper}`)).toEqual(['heard', 'failed']);
    expect(await list('/v1/operations?origin=http%3A%2F%2F127.0.0.1')).toEqual([]);
  });

  it('reads no inputs, and of results as much as fits into memory', async () => {
    const large = await app.account('large');
    const { body: account } = await large.get('/v1/account');
    const given = { type: 'echo', input: { text: 'x'.repeat(1_000) } };
    for (let n = 0; n < 3; n++) {
      const { id } = await large.submit(given);
      await large.get(`/v1/operations/${id}?wait=10`);
    }
    const reads = app.nest.get(OperationReads, { strict: false });
    const filter = { account: account.id };
    const page = { newestFirst: true, after: null, limit: 250 };
    const whole = await reads.list(filter, page);
    expect(whole.rows.map(({ operation }) => operation.input)).toEqual([null, null, null]);
    expect(whole.rows.map(({ operation }) => operation.result!.length > 1_000)).toEqual([true, true, true]);
    const first = await reads.list(filter, page, { input: true, bytes: 2_000 });
    expect(first.rows.map(({ operation }) => operation.input)).toEqual([JSON.stringify(given.input)]);
    expect(first.next).toBe(first.rows[0]!.operation.requestId);
    const rest = await reads.list(filter, { ...page, after: first.next }, { input: true, bytes: 10_000 });
    expect([rest.rows.length, rest.next]).toEqual([2, null]);
    const { operations } = await reads.newest(account.id, 0, 500);
    expect(operations.flatMap(({ input, result }) => [input, result])).toEqual(Array(6).fill(null));
  });

  it('has that of a number', async () => {
    const { body } = await client.get(`/v1/operations/${idOf('failed')}`);
    expect(await list(`/v1/operations?request_id=${body.request_id}`)).toEqual(['failed']);
    expect(await list(`/v1/operations?request_id=${body.request_id}&status=Finished`)).toEqual([]);
    expect(await list('/v1/operations?request_id=999999999999')).toEqual([]);
  });

  it('has those of a span of time', async () => {
    const after = new Date(Date.now() + 1_000).toISOString();
    for (const span of ['created', 'finished']) {
      const expected = span === 'created' ? 7 : 5;
      expect(
        await list(`/v1/operations?${span}_after=${before}&${span}_before=${after}&order=desc`),
      ).toHaveLength(expected);
      expect(await list(`/v1/operations?${span}_before=${before}`)).toEqual([]);
      expect(await list(`/v1/operations?${span}_after=${after}`)).toEqual([]);
    }
    expect(
      await list(
        '/v1/operations?created_after=1000-01-01T00:00:00Z&created_before=9999-12-31T23:59:59-12:00',
      ),
    ).toHaveLength(7);
  });
});

describe('a list of deliveries', () => {
  it.each<[query: string, expected: string[]]>([
    ['status=Delivered', ['failed', 'heard']],
    ['status=Pending', ['pending']],
    ['status=Exhausted', ['given up']],
    ['status=Pending,Exhausted', ['given up', 'pending']],
    ['status=Canceled', []],
    ['event=operation.failed', ['failed']],
    ['event=operation.finished', ['given up', 'heard', 'pending']],
    ['event=delivery.exhausted', []],
    ['error=http_5xx', ['pending']],
    ['error=http_4xx', ['given up']],
    ['error=http_4xx&status=Pending', []],
    ['error=http_4xx&status=Delivered', []],
    ['error=tls_error', []],
    ['since=2020-01-01T00:00:00Z&until=2020-02-01T00:00:00Z', []],
    ['since=2020-01-01T00:00:00Z', ['failed', 'given up', 'heard', 'pending']],
  ])('has what is asked for, in both orders: %s', async (query, expected) => {
    const rows = await list(`/v1/deliveries?${query}`);
    expect(rows.toSorted()).toEqual(expected);
    expect(await list(`/v1/deliveries?${query}&order=desc`)).toEqual(rows.toReversed());
  });

  it('has those of an origin, of an endpoint and of an operation', async () => {
    const origin = encodeURIComponent(new URL(failing.url).origin);
    expect(await list(`/v1/deliveries?origin=${origin}`)).toEqual(['pending']);
    expect(await list(`/v1/deliveries?operation=${idOf('given up')}&order=desc`)).toEqual(['given up']);
    expect(await list(`/v1/deliveries?endpoint=ep_${'0'.repeat(32)}`)).toEqual([]);
    expect(await list(`/v1/operations/${idOf('heard')}/deliveries?order=desc`)).toEqual(['heard']);
  });
});
