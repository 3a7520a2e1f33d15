import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, TEST_KEY } from '../support/app.js';
import { newDatabase, rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy } from '../support/service.js';
import { type SeenRequest, UpstreamApi } from '../support/upstream.js';

const KEY = { 'x-ringback-key': TEST_KEY };

let upstream: UpstreamApi;
/** Answers that are held back, by path. */
const held = new Map<string, ServerResponse>();
let answer: (response: ServerResponse, seen: SeenRequest) => void;

beforeAll(async () => {
  upstream = await UpstreamApi.answering((response, seen) => answer(response, seen));
});
afterAll(() => upstream[Symbol.asyncDispose]());

interface Gateway extends AsyncDisposable {
  readonly database: string;
  readonly url: string;
  readonly call: (path: string, init?: RequestInit) => Promise<Response>;
  readonly row: (rid: string) => Promise<Record<string, unknown>>;
  readonly details: (rid: string) => Promise<string[]>;
  readonly worker: () => Promise<Service>;
}

/** A gateway in one process; its workers are others. */
async function gateway(): Promise<Gateway> {
  const database = await newDatabase();
  const port = String(await freePort());
  const url = `http://127.0.0.1:${port}`;
  const shared = {
    ...sharedBy(database),
    RINGBACK_UPSTREAM: upstream.url,
    RINGBACK_GATEWAY_PORT: port,
    RINGBACK_GATEWAY_PUBLIC_URL: url,
  };
  const service = await Service.start({ ...shared, RINGBACK_ROLE: 'api,gateway' });
  const call = (path: string, init: RequestInit = {}) =>
    fetch(`${url}${path}`, { ...init, headers: { ...KEY, ...(init.headers as object) } });
  return {
    database,
    url,
    call,
    row: async (rid) => ((await (await call(`/bgrs/${rid}`)).json()) as Record<string, unknown>[])[0]!,
    details: async (rid) =>
      ((await (await call(`/bgrs/${rid}/details`)).json()) as { details: string }[]).map(
        ({ details }) => details,
      ),
    worker: () => Service.start({ ...shared, RINGBACK_ROLE: 'worker' }),
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };
}

async function taken(answered: Promise<Response>): Promise<string> {
  const response = await answered;
  expect(response.status).toBe(200);
  return ((await response.json()) as { request: string }).request;
}

describe('a request in the background', { timeout: 120_000 }, () => {
  it('shows the progress that its upstream tells another process than its worker, to its end', async () => {
    await using front = await gateway();
    await using receiver = await Receiver.answering(200);
    await using _worker = await front.worker();
    const urls = new Map<string, string>();
    answer = (response, { url, headers }) => {
      const path = url.split('?')[0]!;
      held.set(path, response);
      urls.set(path, headers['x-ringback-progress-url'] as string);
    };
    const tell = async (path: string, progress: number, text: string) => {
      const answered = await fetch(urls.get(path)!, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ progress, text }),
      });
      expect(answered.status).toBe(204);
    };
    const callback = encodeURIComponent(receiver.url);
    const failing = await taken(front.call(`/fails?bgrs=1&callbackurl=${callback}`, { method: 'POST' }));
    const ending = await taken(front.call('/ends?bgrs=1', { method: 'POST' }));
    await expect.poll(() => urls.size, { timeout: 20_000 }).toBe(2);
    for (const path of urls.keys()) await tell(path, 40, 'two fifths');
    const renewed = () => rowsOf(front.database, 'SELECT due_at FROM live_operation ORDER BY request_id');
    const due = await renewed();
    await expect.poll(renewed, { timeout: 20_000 }).not.toEqual(due);
    await expect.poll(renewed, { timeout: 20_000 }).not.toContainEqual(due[0]);
    for (const rid of [failing, ending]) {
      expect(await front.row(rid)).toMatchObject({ status_name: 'executing', progress: '40.00' });
      expect(await front.details(rid)).toContain('two fifths');
    }
    await tell('/fails', 62.5, 'five eighths');
    held.get('/fails')!.destroy();
    held.get('/ends')!.end('ok');
    const [called] = await receiver.received(1);
    expect(JSON.parse(called!.body)).toEqual([await front.row(failing)]);
    expect(await front.row(failing)).toMatchObject({ status_name: 'failed', progress: '62.50' });
    await expect
      .poll(() => front.row(ending), { timeout: 20_000 })
      .toMatchObject({ status_name: 'finished', progress: '100.00' });
  });

  it('of an upstream that never answers fails when its time is over, and leaves no connection behind', async () => {
    await using front = await gateway();
    let closed: Promise<unknown> | undefined;
    answer = (response) => {
      closed = once(response, 'close');
    };
    const rid = await taken(front.call('/never?bgrs=1'));
    // A day, in truth.
    await rowsOf(front.database, 'UPDATE operation SET timeout_s = 1');
    await using _worker = await front.worker();
    await expect
      .poll(() => front.row(rid), { timeout: 30_000 })
      .toMatchObject({ status_name: 'failed', status: null });
    expect((await front.details(rid)).slice(-2)).toEqual(['the run took longer than 1 s', 'done']);
    await closed;
  });
});

describe('a batch whose worker is killed in the middle', { timeout: 120_000 }, () => {
  it('is run again when all its requests may be, and fails readably when one may not', async () => {
    await using front = await gateway();
    const first = await front.worker();
    const batch = (methods: string[]) =>
      front.call('/batch', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(methods.map((method, at) => ({ method, path: `/${methods.length}/${at}` }))),
      });
    const holding = new Set<string>();
    answer = (response, { url }) => {
      if (Number(url.split('/')[2]) % 2 === 0) response.end(url);
      else holding.add(url);
    };
    const repeatable = await taken(batch(Array.from({ length: 30 }, (_, at) => (at === 7 ? 'PUT' : 'GET'))));
    const unrepeatable = await taken(
      batch(Array.from({ length: 20 }, (_, at) => (at === 3 ? 'POST' : 'GET'))),
    );
    // All places of both are taken by requests that hang.
    await expect.poll(() => holding.size, { timeout: 20_000 }).toBe(16);
    const progress = async () => [
      (await front.row(repeatable)).progress,
      (await front.row(unrepeatable)).progress,
    ];
    await expect.poll(progress, { timeout: 10_000 }).toEqual(['26.67', '40.00']);
    await first.end('SIGKILL');
    answer = (response, { url }) => response.end(url);
    const before = upstream.seen.length;
    await using _second = await front.worker();

    await expect
      .poll(
        async () => [(await front.row(repeatable)).status_name, (await front.row(unrepeatable)).status_name],
        {
          timeout: 60_000,
          interval: 100,
        },
      )
      .toEqual(['finished', 'failed']);
    const result = await front.call(`/bgrs/${repeatable}/result`);
    const answered = Array.from({ length: 30 }, (_, at) => ({ status: 200, body: `/30/${at}` }));
    expect(await result.json()).toEqual(answered);
    expect((await front.row(repeatable)).progress).toBe('100.00');
    expect((await front.details(unrepeatable)).slice(-2)).toEqual([
      'the worker went silent during attempt 1 of 1',
      'done',
    ]);
    expect((await front.row(unrepeatable)).progress).toBe('40.00');
    const again = upstream.seen.slice(before).map(({ url }) => url);
    expect(again.filter((url) => url.startsWith('/20/'))).toEqual([]);
    expect(again).toHaveLength(30);
  });
});
