import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, expectTypeOf, it, vi } from 'vitest';
import {
  type Account,
  type AuditEntry,
  type AuditFilter,
  type BulkResult,
  type Delivery,
  type DeliveryFilter,
  type HistoryEntry,
  type Operation,
  type OperationFilter,
  type ProblemBody,
  RingbackClient,
  RingbackError,
  type RingbackProcess,
  type SubmitRequest,
  type DeliveryStats,
  type FeedAttempt,
  type FeedEndpoint,
  type FeedEvent,
  type FeedOperation,
  type OperationStats,
  type StatsFilter,
} from '../../src/client/index.js';
import type { OwnAccountResponse } from '../../src/faces/native/account.response.js';
import type { ListAuditQuery } from '../../src/faces/native/audit.request.js';
import type { AuditEntryResponse } from '../../src/faces/native/audit.response.js';
import type { ListDeliveriesQuery } from '../../src/faces/native/delivery.request.js';
import type { DeliveryResponse } from '../../src/faces/native/delivery.response.js';
import type {
  FeedAttemptResponse,
  FeedEndpointResponse,
  FeedEventResponse,
  FeedOperationResponse,
} from '../../src/faces/native/feed.response.js';
import type {
  ListOperationsQuery,
  PageQuery,
  SubmitOperationRequest,
} from '../../src/faces/native/operation.request.js';
import type { HistoryEntryResponse, OperationResponse } from '../../src/faces/native/operation.response.js';
import type { ProcessResponse } from '../../src/faces/native/process.response.js';
import type { StatsQuery } from '../../src/faces/native/stats.request.js';
import type { DeliveryStatsResponse, OperationStatsResponse } from '../../src/faces/native/stats.response.js';
import type { ProblemResponse } from '../../src/http/problem.response.js';
import { App, freePort, TEST_KEY } from '../support/app.js';
import { newDatabase } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy } from '../support/service.js';

/** What stands between a client and Ringback, on a port of its own. */
class Between implements AsyncDisposable {
  readonly requests: IncomingMessage[] = [];

  private constructor(private readonly server: Server) {}

  static async with(
    answer: (request: IncomingMessage, response: ServerResponse, count: number) => void | Promise<void>,
  ): Promise<Between> {
    const server = createServer();
    const between = new Between(server);
    server.on('request', (request, response) => {
      between.requests.push(request);
      void answer(request, response, between.requests.length);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return between;
  }

  /** Hands requests on, but for those that `first` answers itself. */
  static before(url: string, first: (response: ServerResponse, count: number) => 'pass' | 'lose' | 'done') {
    return Between.with(async (request, response, count) => {
      const what = first(response, count);
      if (what === 'done') return;
      const body = request.method === 'POST' ? await new Response(request as never).text() : null;
      const answer = await fetch(url + request.url, {
        method: request.method!,
        headers: { authorization: String(request.headers.authorization), ...jsonHeaders(request) },
        body,
      });
      const text = await answer.text();
      if (what === 'lose') response.destroy();
      else
        response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type')! }).end(text);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

function jsonHeaders({ headers }: IncomingMessage): Record<string, string> {
  const names = ['content-type', 'idempotency-key', 'accept'] as const;
  return Object.fromEntries(names.flatMap((name) => (headers[name] ? [[name, String(headers[name])]] : [])));
}

const quick = { apiKey: TEST_KEY, backoffMs: 10 };

async function collected<T>(all: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const one of all) list.push(one);
  return list;
}

const failure = (promise: Promise<unknown>): Promise<RingbackError> =>
  promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => error as RingbackError,
  );

describe('ringback/client', () => {
  let app: App;
  let client: RingbackClient;
  beforeAll(async () => {
    app = await App.start();
    client = new RingbackClient({ url: app.config.http.publicUrl, ...quick });
  });
  afterAll(() => app[Symbol.asyncDispose]());

  it('submits an operation and waits for its end', async () => {
    const submitted = await client.submit<{ a: number }>({ type: 'echo', input: { a: 1 }, correlation: 'c' });
    expect(submitted.id).toMatch(/^[0-9a-f]{32}$/);
    const ended = await client.wait<{ a: number }>(submitted.id);
    expect(ended).toMatchObject({ status: 'Finished', result: { a: 1 }, correlation: 'c' });
    expect(await client.find(submitted.id)).toEqual(ended);
    expect(await (await client.result(submitted.id)).json()).toEqual({ a: 1 });
  });

  it('stops waiting when its time is up, or when its signal fires', async () => {
    const { id } = await client.submit({ type: 'sleep', input: { seconds: 30 } });
    expect(await client.wait(id, { timeoutS: 0.1 })).toMatchObject({ id });
    const controller = new AbortController();
    const waiting = failure(client.wait(id, { signal: controller.signal }));
    controller.abort(new Error('enough'));
    expect((await waiting).message).toBe('enough');
    expect(await client.cancel(id)).toMatchObject({ status: 'Canceled' });
    expect(await client.cancel(id)).toMatchObject({ status: 'Canceled' });
    expect(await client.wait(id)).toMatchObject({ status: 'Canceled' });
  });

  it('shows an operation’s history as it happens, to its end, also of one that has ended', async () => {
    const { id } = await client.submit({ type: 'sleep', input: { seconds: 0.1 } });
    const entries = await collected(client.stream(id, { pollMs: 20 }));
    expect(entries.map(({ status }) => status).filter(Boolean)).toEqual(['Waiting', 'Executing', 'Finished']);
    expect(await collected(client.stream(id))).toEqual(entries);
    expect(await collected(client.stream(id, { after: entries[0]!.id }))).toEqual(entries.slice(1));
  });

  it('ends a history at once that was read to its end before, streamed or polled', async () => {
    const { id } = await client.submit({ type: 'echo' });
    const { id: last } = (await collected(client.stream(id))).at(-1)!;
    expect(await collected(client.stream(id, { after: last }))).toEqual([]);
    const polling = new RingbackClient({
      url: app.config.http.publicUrl,
      ...quick,
      fetch: (input, init) =>
        fetch(input, { ...init, headers: { ...init?.headers, accept: 'application/json' } }),
    });
    expect(await collected(polling.stream(id, { after: last }))).toEqual([]);
  });

  it('lists operations over all pages, and reruns one', async () => {
    const account = await app.account('lister');
    const own = new RingbackClient({ url: account.url, ...quick, apiKey: account.key });
    const items = Array.from({ length: 251 }, (_, n): SubmitRequest => ({ type: 'echo', input: n }));
    const batch = await own.batch(items);
    expect(batch.map(({ operation }) => operation?.type)).toEqual(items.map(() => 'echo'));
    const listed = await collected(own.list({ type: 'echo' }));
    expect(listed.map(({ id }) => id)).toEqual(
      batch.map(({ operation }) => operation!.id).sort(byRequest(listed)),
    );
    expect(await own.rerun(listed[0]!.id)).toMatchObject({ rerun_of: listed[0]!.id });
    const all = { action: 'rerun', filter: { type: 'echo' } } as const;
    expect(await own.matchOperations(all)).toBe(252);
    expect(await own.matchDeliveries({ action: 'cancel', filter: {} })).toBe(0);
    const bulk = await own.bulkOperations(all);
    expect((await own.wait(bulk.id)).result).toEqual({ matched: 252, done: 252, skipped: 0 });
    const none = await own.bulkDeliveries({ action: 'redeliver', filter: {} });
    expect((await own.wait<BulkResult>(none.id)).result?.matched).toBe(0);
    const edited = await own.rerun(listed[0]!.id, { input: 'edited' });
    expect((await own.wait(edited.id)).result).toBe('edited');
  });

  it('shows the account of its key, and to admins the audit and the processes', async () => {
    const { id, name, quotas } = await client.account();
    expect([name, quotas.bytes]).toEqual(['default', null]);
    const created = await collected(client.audit({ account: id, action: 'account.created' }));
    expect(created.map(({ target }) => target)).toEqual([id]);
    const [process] = await collected(client.processes());
    expect(process).toMatchObject({ role: 'all', capacity: 50 });
  });

  it('reads statistics', async () => {
    const { id, type } = await client.wait((await client.submit({ type: 'echo' })).id);
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    const { buckets, top } = await client.operationStats({ step: 3600 });
    expect(buckets.at(-1)!.finished).toBeGreaterThan(0);
    expect(top.types.map(({ value }) => value)).toContain(type);
    expect((await client.deliveryStats({ step: 60, account: '*' })).buckets.length).toBeGreaterThan(1439);
  });

  it('tells which operations of a batch are refused, and why', async () => {
    const [good, bad] = await client.batch([{ type: 'echo' }, { type: 'no.such' }]);
    expect(good).toMatchObject({ error: null, operation: { type: 'echo' } });
    expect(bad!.error).toBeInstanceOf(RingbackError);
    expect(bad!.error).toMatchObject({ status: 422, code: 'unknown-operation-type' });
  });

  it('shows deliveries and makes another attempt', async () => {
    await using receiver = await Receiver.answering(500, 500, 500, 500, 200);
    const { id } = await client.submit({ type: 'echo', callback: { url: receiver.url } });
    await receiver.received(4);
    const owed = () => collected(client.deliveries({ operation: id }));
    await expect.poll(async () => (await owed())[0]?.status, { timeout: 10_000 }).toBe('Exhausted');
    const [delivery] = await owed();
    expect(await client.redeliver(delivery!.id)).toMatchObject({ id: delivery!.id, status: 'Pending' });
    await expect.poll(async () => (await owed())[0]?.status, { timeout: 10_000 }).toBe('Delivered');
  });

  it('tells refusals by code and field', async () => {
    const unknown = await failure(client.find('0'.repeat(32)));
    expect(unknown).toBeInstanceOf(RingbackError);
    expect(unknown).toMatchObject({ status: 404, code: 'operation-not-found' });
    expect(await failure(client.submit({ type: 'echo', priority: 1e9 }))).toMatchObject({
      status: 422,
      errors: [{ path: 'priority' }],
    });
    const { id } = await client.submit({ type: 'echo' });
    await client.wait(id);
    expect(await failure(client.cancel(id))).toMatchObject({
      code: 'operation-ended',
      problem: { status_of_operation: 'Finished' },
    });
    const stranger = new RingbackClient({ url: app.config.http.publicUrl, apiKey: 'rb_nobody' });
    expect(await failure(stranger.find(id))).toMatchObject({ status: 401, code: 'unauthorized' });
  });

  it('makes one operation of a submit whose answer was lost', async () => {
    const account = await app.account('loser');
    await using between = await Between.before(account.url, (_, count) => (count <= 2 ? 'lose' : 'pass'));
    const own = new RingbackClient({ url: between.url, ...quick, apiKey: account.key });
    const { id } = await own.submit({ type: 'echo' });
    expect((await collected(own.list())).map((operation) => operation.id)).toEqual([id]);
    expect(new Set(between.requests.slice(0, 3).map(({ headers }) => headers['idempotency-key'])).size).toBe(
      1,
    );
  });

  it.each([
    ['batch', (own: RingbackClient, id: string) => own.batch([{ type: 'echo', correlation: `like ${id}` }])],
    ['rerun', (own: RingbackClient, id: string) => own.rerun(id)],
  ])('makes one %s where its answer was lost', async (what, make) => {
    const account = await app.account(`loser of a ${what}`);
    await using between = await Between.before(account.url, (_, count) =>
      count > 1 && count <= 3 ? 'lose' : 'pass',
    );
    const own = new RingbackClient({ url: between.url, ...quick, apiKey: account.key });
    const { id } = await own.submit({ type: 'echo' });
    await make(own, id);
    expect(await collected(own.list())).toHaveLength(2);
  });

  it('tries the items of a batch again that “not now” refused, and gives the others as they are', async () => {
    const account = await app.account('half heard');
    const whole = [{ type: 'echo' }, { type: 'no.such' }, { type: 'echo', input: 2 }];
    const away = { status: 503, problem: { status: 503, code: 'database-unavailable', detail: 'away' } };
    await using between = await Between.before(account.url, (response, count) => {
      if (count > 2) return 'pass';
      response.writeHead(200).end(JSON.stringify({ data: [away, away, away] }));
      return 'done';
    });
    const own = new RingbackClient({ url: between.url, ...quick, apiKey: account.key });
    const items = await own.batch(whole, { idempotencyKey: 'half' });
    expect(items.map(({ error }) => error?.code)).toEqual([undefined, 'unknown-operation-type', undefined]);
    expect(between.requests).toHaveLength(3);
    // The whole again, under its key, makes only what was refused.
    const again = await own.batch(whole, { idempotencyKey: 'half' });
    expect(again.map(({ operation }) => operation?.id)).toEqual(items.map(({ operation }) => operation?.id));
    const hasty = new RingbackClient({ url: between.url, ...quick, apiKey: account.key, tries: 1 });
    between.requests.length = 0;
    expect((await hasty.batch(whole)).map(({ error }) => error?.status)).toEqual([503, 503, 503]);
  });

  it('waits as long as a 503 or 429 asks, and does not repeat what could count twice', async () => {
    const times: number[] = [];
    await using between = await Between.before(app.config.http.publicUrl, (response, count) => {
      times.push(performance.now());
      if (count > 2) return 'pass';
      response.writeHead(count === 1 ? 503 : 429, { 'retry-after': '1' }).end('later');
      return 'done';
    });
    const patient = new RingbackClient({ url: between.url, ...quick });
    const { id } = await patient.submit({ type: 'echo' });
    expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(990);
    expect(times[2]! - times[1]!).toBeGreaterThanOrEqual(990);
    await using refusing = await Between.with((_, response) => void response.writeHead(503).end());
    const other = new RingbackClient({ url: refusing.url, ...quick, tries: 3 });
    expect(await failure(other.redeliver(id))).toMatchObject({ status: 503, code: 'unexpected-answer' });
    expect(refusing.requests).toHaveLength(1);
    expect(await failure(other.find(id))).toMatchObject({ status: 503 });
    expect(refusing.requests).toHaveLength(4);
  });

  it('tries eight times, ever later, so that a submit outlasts a restart of the service', async () => {
    await using between = await Between.before(app.config.http.publicUrl, (response, count) => {
      if (count > 7) return 'pass';
      response.writeHead(503).end();
      return 'done';
    });
    const own = new RingbackClient({ url: between.url, ...quick });
    const from = performance.now();
    expect(await own.submit({ type: 'echo' })).toMatchObject({ type: 'echo' });
    // Half of 10 + 20 + … + 640 ms, whatever the jitter.
    expect(performance.now() - from).toBeGreaterThanOrEqual(600);
  });

  it('tells a server that isn’t there as unreachable, after its tries', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const nowhere = new RingbackClient({ url: `${url}/ringback`, ...quick, tries: 2 });
    const message = `no answer from Ringback at ${url}: connect ECONNREFUSED ${url.slice(7)}`;
    expect(await failure(nowhere.find('x'))).toMatchObject({ status: 0, code: 'unreachable', message });
    expect(await failure(nowhere.wait('x', { outageS: 0.01 }))).toMatchObject({ code: 'unreachable' });
    await using silent = await Between.with(() => undefined);
    const hasty = new RingbackClient({ url: silent.url, ...quick, tries: 2, timeoutMs: 50 });
    expect(await failure(hasty.find('x'))).toMatchObject({ code: 'unreachable' });
    expect(silent.requests).toHaveLength(2);
  });

  it('reads a stream where the server gives one, goes on after the last entry when it breaks, and heeds heartbeats', async () => {
    const entry = (id: number, status: HistoryEntry['status'] = null): string =>
      `id: ${id}\r\nevent: entry\r\ndata: ${JSON.stringify({ id, kind: status ? 'transition' : 'log', status, text: '✓' })}\r\n\r\n`;
    await using between = await Between.with((request, response, count) => {
      expect(request.headers.accept).toMatch('text/event-stream');
      expect(request.headers['last-event-id']).toBe(count === 1 ? undefined : '2');
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
      if (count === 1) {
        const bytes = Buffer.from(
          `: hello\n\nevent: heartbeat\ndata: {"id":9,"kind":"log"}\n\n${entry(1)}${entry(2)}id: 3\nda`,
        );
        // In pieces, the last one cut off inside an event.
        response.write(bytes.subarray(0, 90));
        setImmediate(() => response.write(bytes.subarray(90), () => response.destroy()));
      } else response.write(entry(2) + entry(3, 'Executing') + entry(4, 'Finished'));
    });
    const streaming = new RingbackClient({ url: between.url, ...quick });
    const entries = await collected(streaming.stream('x', { pollMs: 10 }));
    expect(entries.map(({ id }) => id)).toEqual([1, 2, 3, 4]);
    expect(entries[0]!.text).toBe('✓');
  });

  it('has the types of what the API answers and takes', () => {
    expectTypeOf<OperationResponse>().toExtend<Operation>();
    expectTypeOf<keyof Operation>().toEqualTypeOf<keyof OperationResponse>();
    expectTypeOf<keyof Operation['links']>().toEqualTypeOf<keyof OperationResponse['links']>();
    expectTypeOf<HistoryEntryResponse>().toExtend<HistoryEntry>();
    expectTypeOf<keyof HistoryEntry>().toEqualTypeOf<keyof HistoryEntryResponse>();
    expectTypeOf<DeliveryResponse>().toExtend<Delivery>();
    expectTypeOf<keyof Delivery>().toEqualTypeOf<keyof DeliveryResponse>();
    expectTypeOf<OwnAccountResponse>().toExtend<Account>();
    expectTypeOf<AuditEntryResponse>().toExtend<AuditEntry>();
    expectTypeOf<keyof AuditEntry>().toEqualTypeOf<keyof AuditEntryResponse>();
    expectTypeOf<OperationStatsResponse>().toExtend<OperationStats>();
    expectTypeOf<DeliveryStatsResponse>().toExtend<DeliveryStats>();
    expectTypeOf<keyof FeedOperation>().toEqualTypeOf<keyof FeedOperationResponse>();
    expectTypeOf<FeedAttemptResponse>().toExtend<FeedAttempt>();
    expectTypeOf<keyof FeedAttempt>().toEqualTypeOf<keyof FeedAttemptResponse>();
    expectTypeOf<keyof FeedEndpoint>().toEqualTypeOf<keyof FeedEndpointResponse>();
    expectTypeOf<FeedEventResponse['kind'] | 'reset'>().toEqualTypeOf<FeedEvent['kind']>();
    expectTypeOf<keyof StatsFilter>().toEqualTypeOf<keyof StatsQuery>();
    expectTypeOf<keyof RingbackProcess>().toEqualTypeOf<keyof ProcessResponse>();
    expectTypeOf<ProblemResponse>().toExtend<Pick<ProblemBody, 'status' | 'code' | 'detail' | 'errors'>>();
    expectTypeOf<keyof SubmitRequest>().toEqualTypeOf<keyof SubmitOperationRequest>();
    type Query<Request> = Exclude<keyof Request, keyof PageQuery>;
    expectTypeOf<keyof OperationFilter>().toEqualTypeOf<Query<ListOperationsQuery>>();
    expectTypeOf<keyof AuditFilter>().toEqualTypeOf<Query<ListAuditQuery>>();
    expectTypeOf<keyof DeliveryFilter>().toEqualTypeOf<Query<ListDeliveriesQuery>>();
  });

  it('needs nothing but what browsers have', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ringback-client-'));
    try {
      const source = fileURLToPath(new URL('../../src/client', import.meta.url));
      writeFileSync(
        join(folder, 'tsconfig.json'),
        JSON.stringify({
          compilerOptions: {
            noEmit: true,
            strict: true,
            target: 'ES2023',
            module: 'nodenext',
            lib: ['ES2023', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable'],
            types: [],
            rootDir: '/',
          },
          include: [`${source}/*.ts`],
        }),
      );
      const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
      execFileSync(process.execPath, [tsc, '-p', folder], { stdio: 'pipe' });
      for (const file of readdirSync(source))
        expect(readFileSync(join(source, file), 'utf8')).not.toMatch(/from '[^.]/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('A client that waits', () => {
  /** An operation as far as waiting looks at it. */
  const executing = JSON.stringify({ id: 'x', status: 'Executing' });
  const later = (response: ServerResponse): void =>
    void response.writeHead(503, { 'retry-after': '20' }).end();
  const seconds = async (waiting: Promise<unknown>): Promise<number> => {
    const from = performance.now();
    await waiting;
    return (performance.now() - from) / 1000;
  };

  it('keeps to its time where the server asks for more, with a last look when it is up', async () => {
    await using between = await Between.with((_, response) => later(response));
    const own = new RingbackClient({ url: between.url, apiKey: TEST_KEY });
    const timed = failure(own.wait('x', { timeoutS: 0.3 }));
    expect(await seconds(timed)).toBeLessThan(5);
    expect(await timed).toMatchObject({ status: 503, retryAfterS: 20 });
    const patient = failure(own.wait('x', { outageS: 0.3 }));
    expect(await seconds(patient)).toBeLessThan(5);
    expect(await patient).toMatchObject({ status: 503 });
    expect(between.requests.length).toBeGreaterThanOrEqual(4);
  });

  it('keeps to its time where the server is silent, but for two seconds', async () => {
    await using silent = await Between.with(() => undefined);
    const own = new RingbackClient({ url: silent.url, apiKey: TEST_KEY });
    const waits = [own.wait('x', { timeoutS: 0.2 }), own.wait('x', { outageS: 0.2 })].map(failure);
    expect(await seconds(Promise.all(waits))).toBeLessThan(8);
    for (const wait of waits) expect(await wait).toMatchObject({ code: 'unreachable' });
  });

  it('gives the operation as last seen when its time is up in an outage', async () => {
    await using between = await Between.with((_, response, count) => {
      if (count === 1) response.writeHead(200, { 'retry-after': '0' }).end(executing);
      else later(response);
    });
    const own = new RingbackClient({ url: between.url, apiKey: TEST_KEY });
    expect(await own.wait('x', { timeoutS: 0.3 })).toEqual(JSON.parse(executing));
    expect(between.requests.length).toBeGreaterThanOrEqual(2);
  });

  it('does not ask without a pause, however short its time, where the server holds no request', async () => {
    await using between = await Between.with(
      (_, response) => void response.writeHead(200, { 'retry-after': '1' }).end(executing),
    );
    const own = new RingbackClient({ url: between.url, apiKey: TEST_KEY });
    await own.wait('x', { timeoutS: 0.3 });
    expect(between.requests.length).toBeLessThan(10);
  });

  it('goes on through a restart of the service, and so does its stream', async () => {
    const environment = { ...sharedBy(await newDatabase()), PORT: String(await freePort()) };
    let id: string;
    let waiting: Promise<Operation>;
    let streaming: Promise<HistoryEntry[]>;
    {
      await using service = await Service.start(environment);
      const client = new RingbackClient({ url: service.client.url, ...quick });
      ({ id } = await client.submit({ type: 'sleep', input: { seconds: 2 } }));
      const seen = new Promise<void>((resolve) => {
        waiting = client.wait(id);
        streaming = (async () => {
          const entries: HistoryEntry[] = [];
          for await (const entry of client.stream(id, { pollMs: 50 })) {
            entries.push(entry);
            if (entry.status === 'Executing') resolve();
          }
          return entries;
        })();
      });
      await seen;
      await service.end('SIGKILL');
    }
    await using _again = await Service.start(environment);
    expect(await waiting!).toMatchObject({ id, status: 'Finished' });
    const entries = await streaming!;
    expect(entries.at(-1)).toMatchObject({ status: 'Finished' });
    expect(new Set(entries.map((entry) => entry.id)).size).toBe(entries.length);
  });
});

describe('A mistake of the programmer’s', () => {
  const given = { url: 'http://ringback.test', apiKey: TEST_KEY };
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;

  it.each<[string, unknown, RegExp]>([
    ['no url', { url: undefined }, /^url "undefined" can't be called: give a string that begins with http/],
    ['a url without a scheme', { url: '127.0.0.1:21101' }, /^url "127\.0\.0\.1:21101"/],
    ['a url that is a name', { url: 'localhost' }, /^url "localhost"/],
    ['a url whose scheme is a host', { url: 'localhost:8080' }, /^url "localhost:8080"/],
    ['a url without a host', { url: 'http://' }, /^url "http:\/\/"/],
    ['a url of another scheme', { url: 'ftp://ringback.test' }, /^url "ftp:/],
    [
      'a url with a password, which is not told',
      { url: 'http://me:pw@ringback.test' },
      /^url "http:\/\/…@ring/,
    ],
    ['no apiKey', { apiKey: undefined }, /^apiKey is missing or .*: give ASCII/],
    ['an empty apiKey', { apiKey: ' ' }, /^apiKey/],
    ['an apiKey that no header carries', { apiKey: 'ключ' }, /^apiKey/],
    ['an apiKey of two lines', { apiKey: 'rb_one\nrb_two' }, /^apiKey/],
    ['an apiKey with a control character', { apiKey: 'rb_\u0001' }, /^apiKey/],
    ['less than no try', { tries: -1 }, /^tries is -1: give a number that is 0 or more/],
    ['tries without a pause', { backoffMs: NaN }, /^backoffMs is NaN/],
    ['tries without end', { tries: NaN }, /^tries is NaN/],
    ['no time for an answer', { timeoutMs: NaN }, /^timeoutMs is NaN/],
  ])('is told when the client is made: %s', (_, options, message) => {
    const make = () => new RingbackClient({ ...given, ...(options as object) });
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });

  it.each<[string, RegExp, (own: RingbackClient) => Promise<unknown>]>([
    ['a key', /^idempotencyKey/, (own) => own.submit({ type: 'echo' }, { idempotencyKey: '日本' })],
    ['an empty key', /^idempotencyKey/, (own) => own.submit({ type: 'echo' }, { idempotencyKey: '' })],
    ['a batch’s key', /^idempotencyKey/, (own) => own.batch([{ type: 'echo' }], { idempotencyKey: 'a\nb' })],
    ['a rerun’s key', /^idempotencyKey/, (own) => own.rerun('x', { idempotencyKey: '日本' })],
    [
      'a BigInt',
      /^a is 1, which JSON can't hold: give it as a string/,
      (own) => own.submit({ type: 'echo', input: { a: 1n } }),
    ],
    [
      'a number that JSON lacks',
      /^a is Infinity/,
      (own) => own.submit({ type: 'echo', input: { a: Infinity } }),
    ],
    ['a cycle', /circular/, (own) => own.submit({ type: 'echo', input: cyclic })],
    ['a batch’s BigInt', /^input is 1/, (own) => own.batch([{ type: 'echo', input: 1n }])],
    ['no time', /^timeoutS is NaN/, (own) => own.wait('x', { timeoutS: NaN })],
    ['less than no time', /^timeoutS is -1/, (own) => own.wait('x', { timeoutS: -1 })],
    ['no outage', /^outageS is NaN/, (own) => own.wait('x', { outageS: NaN })],
    ['no entry', /^after is NaN: give the id/, (own) => collected(own.stream('x', { after: NaN }))],
    ['an entry before all', /^after is -1/, (own) => collected(own.stream('x', { after: -1 }))],
    ['half an entry', /^after is 0.5/, (own) => collected(own.stream('x', { after: 0.5 }))],
    ['polls without a pause', /^pollMs is NaN/, (own) => collected(own.stream('x', { pollMs: NaN }))],
  ])('is told before any request: %s', async (_, message, call) => {
    const asking = vi.fn<typeof fetch>(() => Promise.reject(new TypeError('fetch failed')));
    const error = await failure(call(new RingbackClient({ ...given, fetch: asking })));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(message);
    expect(asking).not.toHaveBeenCalled();
  });

  it('is not a url that is relative to the page, nor a key read with its newline', async () => {
    const relative = ['', '/', '/ringback/', 'ringback'];
    const own = { ...given, apiKey: `${TEST_KEY}\n` };
    // Nothing here resolves it, but the page's location does, or a `fetch` that knows its server.
    for (const url of relative) expect(() => new RingbackClient({ ...own, url })).toThrow(TypeError);
    for (const url of relative) expect(new RingbackClient({ ...own, url, fetch })).toBeDefined();
    vi.stubGlobal('location', { href: 'https://page.test/app/' });
    try {
      const asking = vi.fn<typeof fetch>(() => Promise.resolve(Response.json({ id: 'x' })));
      for (const url of relative) await new RingbackClient({ ...own, url, fetch: asking }).find('x');
      for (const url of relative) expect(new RingbackClient({ ...own, url })).toBeDefined();
      const path = '/v1/operations/x';
      expect(asking.mock.calls.map(([asked]) => asked)).toEqual([
        path,
        path,
        `/ringback${path}`,
        `ringback${path}`,
      ]);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it('is not a key that is left to what stands before the service', async () => {
    const asking = vi.fn<typeof fetch>(() => Promise.resolve(Response.json({ id: 'x' })));
    await new RingbackClient({ ...given, apiKey: null, fetch: asking }).find('x');
    expect(asking.mock.calls[0]![1]!.headers).toEqual({ accept: 'application/json' });
  });

  it('is not a time without end, which no timer can be set to', async () => {
    const timer = vi.spyOn(globalThis, 'setTimeout');
    try {
      const asking = () => Promise.resolve(Response.json({ id: 'x' }));
      await new RingbackClient({ ...given, timeoutMs: Infinity, fetch: asking }).find('x');
      expect(timer.mock.calls.map(([, ms]) => ms)).toContain(2 ** 31 - 1);
    } finally {
      timer.mockRestore();
    }
  });
});

function byRequest(listed: Operation[]): (one: string, other: string) => number {
  const order = new Map(listed.map(({ id }, index) => [id, index]));
  return (one, other) => order.get(one)! - order.get(other)!;
}
