import pg from 'pg';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { eventsOf, type StreamEvent } from '../../src/client/event-stream.js';
import { RingbackClient } from '../../src/client/index.js';
import { FeedStore } from '../../src/operations/feed/feed.store.js';
import { App, TEST_KEY } from '../support/app.js';
import type { Client } from '../support/client.js';
import { newDatabase, rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';

/** A listener, with what it was told until now. */
class Listener implements AsyncDisposable {
  readonly events: StreamEvent[] = [];
  private readonly gone = new AbortController();
  private ended: Promise<void> = Promise.resolve();

  static async of(client: Client, query = '', after?: string): Promise<Listener> {
    const listener = new Listener();
    const response = await fetch(`${client.url}/v1/feed${query}`, {
      headers: {
        authorization: `Bearer ${client.key}`,
        ...(after === undefined ? {} : { 'last-event-id': after }),
      },
      signal: listener.gone.signal,
    });
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
    ]);
    listener.ended = listener.collect(response.body!);
    // Whatever happens from its first event on is told.
    await expect.poll(() => listener.events.length).toBeGreaterThan(0);
    return listener;
  }

  get told(): any[] {
    return this.events.filter(({ event }) => event === 'message').map(({ data }) => JSON.parse(data));
  }

  /** The place that a browser would send as `Last-Event-ID`. */
  get last(): string {
    return this.events.findLast(({ id }) => id !== null)!.id!;
  }

  get end(): Promise<void> {
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.gone.abort();
    await this.ended;
  }

  private async collect(body: ReadableStream<Uint8Array>): Promise<void> {
    try {
      for await (const event of eventsOf(body, 60_000)) this.events.push(event);
    } catch {
      // It was hung up.
    }
  }
}

describe('the feed', { timeout: 60_000 }, () => {
  afterEach(() => vi.restoreAllMocks());

  it('tells operations that end, attempts and disabled endpoints within a second', async () => {
    await using receiver = await Receiver.answering(503, 200);
    await using app = await App.start();
    await app.client.ended((await app.client.submit({ type: 'echo' })).id);
    await using listener = await Listener.of(app.client);
    expect(listener.told).toEqual([]);
    const startedAt = performance.now();
    const { id } = await app.client.submit({
      type: 'echo',
      correlation: 'order 17',
      callback: { url: `${receiver.url}?secret=1` },
    });
    await expect.poll(() => listener.told.length, { interval: 10 }).toBe(3);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    const [ended, failed, delivered] = listener.told;
    expect(ended).toMatchObject({
      kind: 'operation.ended',
      account_id: (await app.client.get('/v1/account')).body.id,
      operation: { id, type: 'echo', status: 'Finished', correlation: 'order 17', error_code: null },
    });
    const [{ id: delivery }] = await app.client.deliveries(id);
    const attempt = {
      delivery_id: delivery,
      operation_id: id,
      type: 'echo',
      url: `${receiver.url}?[redacted]`,
      trigger: 'schedule',
    };
    expect(failed).toMatchObject({
      kind: 'attempt.made',
      attempt: { ...attempt, number: 1, outcome: 'failed', http_status: 503, error: 'HTTP 503' },
    });
    expect(new Date(failed.attempt.next_attempt_at).getTime()).toBeGreaterThan(
      new Date(failed.at).getTime() - 1000,
    );
    expect(delivered).toMatchObject({
      attempt: { ...attempt, number: 2, outcome: 'delivered', next_attempt_at: null },
    });

    const endpoint = (
      await app.client.post('/v1/endpoints', { url: receiver.url, events: ['operation.failed'] })
    ).body;
    await app.client.post(`/v1/endpoints/${endpoint.id}/disable`);
    await expect
      .poll(() => listener.told.at(-1))
      .toMatchObject({
        kind: 'endpoint.disabled',
        endpoint: { id: endpoint.id, reason: 'disabled_by_hand' },
      });
    const ids = listener.told.map((event) => event.id);
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
    expect(listener.last).toBe(String(ids.at(-1)));
  });

  it('goes on after the last event, in whatever process, without loss or repeat', async () => {
    const url = await newDatabase();
    await using one = await App.start({ database: { url } });
    await using other = await App.start({ database: { url } });
    const submitted: string[] = [];
    const told: string[] = [];
    const ids: number[] = [];
    let last: string | undefined;
    const load = (async () => {
      for (let n = 0; n < 40; n++) {
        const batch = await Promise.all(
          Array.from({ length: 5 }, (_, at) => ((n + at) % 2 ? one : other).client.submit({ type: 'echo' })),
        );
        submitted.push(...batch.map(({ id }: { id: string }) => id));
      }
    })();
    // The first listener is there before anything happens.
    for (let n = 0; told.length < 200; n++) {
      await using listener = await Listener.of((n % 2 ? one : other).client, '', last ?? '0');
      await expect
        .poll(() => listener.told.length > 10 || told.length + listener.told.length >= 200)
        .toBe(true);
      for (const event of listener.told) {
        told.push(event.operation.id);
        ids.push(event.id);
      }
      last = listener.last;
    }
    await load;
    expect(told).toHaveLength(200);
    expect(new Set(told)).toEqual(new Set(submitted));
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
  });

  it('tells an account its own, an administrator that of any and of all', async () => {
    await using app = await App.start();
    const account = await app.account('other');
    const { id } = (await account.get('/v1/account')).body;
    await using own = await Listener.of(account);
    await using admin = await Listener.of(app.client);
    await using all = await Listener.of(app.client, '?account=*');
    await using theirs = await Listener.of(app.client, `?account=${id}`);
    const mine = await app.client.submit({ type: 'echo' });
    await app.client.ended(mine.id);
    const other = (await account.post('/v1/operations', { type: 'echo' })).body;
    await expect.poll(() => all.told.length).toBe(2);
    const seen = (listener: Listener): string[] => listener.told.map((event) => event.operation.id);
    await expect
      .poll(() => [own, admin, all, theirs].map(seen))
      .toEqual([[other.id], [mine.id], [mine.id, other.id], [other.id]]);
    expect((await app.client.request('HEAD', '/v1/feed')).status).toBe(200);
    expect((await account.get('/v1/feed?account=*')).status).toBe(403);
    expect((await account.withKey('rb_none').get('/v1/feed')).status).toBe(401);
  });

  it('tells nothing before what may still be committed, and passes over what was rolled back', async () => {
    await using app = await App.start();
    await using listener = await Listener.of(app.client, '?account=*');
    const open = new pg.Client({ connectionString: app.databaseUrl });
    await open.connect();
    const disable = `INSERT INTO endpoint_disabling (account_id, endpoint_id, url, at) VALUES ('acc_x', 'ep_x', 'https://a/', now())`;
    for (const [end, others] of [
      // The last transaction that has begun, of which no snapshot tells that it is open.
      ['COMMIT', false],
      ['COMMIT', true],
      ['ROLLBACK', true],
    ] as const) {
      const before = listener.told.length;
      await open.query('BEGIN');
      await open.query('SELECT pg_current_xact_id()');
      await open.query(disable);
      const reads = vi.spyOn(app.nest.get(FeedStore), 'read');
      if (others) await app.client.ended((await app.client.submit({ type: 'echo' })).id);
      await expect.poll(() => reads.mock.calls.length).toBeGreaterThan(4);
      expect(listener.told).toHaveLength(before);
      await open.query(end);
      const expected = [
        ...(end === 'COMMIT' ? ['endpoint.disabled'] : []),
        ...(others ? ['operation.ended'] : []),
      ];
      await expect.poll(() => listener.told.slice(before).map(({ kind }) => kind)).toEqual(expected);
      reads.mockRestore();
    }
    await open.end();
  });

  it('is read once for all who listen, and not at all while nothing happens', async () => {
    await using app = await App.start();
    const listeners = await Promise.all(Array.from({ length: 50 }, () => Listener.of(app.client)));
    const store = app.nest.get(FeedStore);
    const [last, read] = [vi.spyOn(store, 'last'), vi.spyOn(store, 'read')];
    const startedAt = performance.now();
    await expect.poll(() => last.mock.calls.length).toBeGreaterThanOrEqual(3);
    expect(performance.now() - startedAt).toBeGreaterThan(700);
    expect(read.mock.calls).toEqual([]);
    await app.client.submit({ type: 'echo' });
    await expect.poll(() => listeners.every(({ told }) => told.length === 1)).toBe(true);
    expect(read.mock.calls.length).toBeLessThanOrEqual(3);
    for (const listener of listeners) await listener[Symbol.asyncDispose]();
  });

  it('says by a heartbeat how far it is, and by reset that it can not go on where somebody was', async () => {
    await using app = await App.start({ operations: { heartbeatS: 0.2 } });
    const account = await app.account('quiet');
    await using quiet = await Listener.of(account);
    const begun = quiet.last;
    await app.client.ended((await app.client.submit({ type: 'echo' })).id);
    await expect.poll(() => Number(quiet.last)).toBeGreaterThan(Number(begun));
    expect(quiet.told).toEqual([]);
    await using lost = await Listener.of(app.client, '', '900000000');
    expect(lost.events[0]).toEqual({ event: 'reset', id: quiet.last, data: '{}' });
    await rowsOf(app.databaseUrl, `SELECT setval('feed_id', 101000)`);
    await expect.poll(() => Number(quiet.last)).toBe(101_000);
    await using late = await Listener.of(app.client, '', '5');
    expect(late.events[0]).toMatchObject({ event: 'reset', id: '101000' });
    const { status, body } = await app.client.get('/v1/feed', { 'last-event-id': 'x' });
    expect([status, body.errors[0].path]).toEqual([400, 'Last-Event-ID']);
  });

  it('is held for as many as an account may have, closes for others after what there is, and for all at a shutdown', async () => {
    const app = await App.start({ operations: { heldPerAccount: 1 } });
    await using held = await Listener.of(app.client);
    await app.client.ended((await app.client.submit({ type: 'echo' })).id);
    await expect.poll(() => held.told.length).toBe(1);
    const { status, text } = await app.client.get('/v1/feed', { 'last-event-id': '0' });
    expect(status).toBe(200);
    expect(text).toMatch(/^retry: 5000\n\nevent: heartbeat\nid: 0\ndata: \{\}\n\nid: \d+\ndata: \{"id"/);
    await app[Symbol.asyncDispose]();
    await held.end;
  });

  it('is followed by the client over a restart of the service', async () => {
    const url = await newDatabase();
    const first = await App.start({ database: { url } });
    const stop = new AbortController();
    const client = new RingbackClient({ url: first.client.url, apiKey: TEST_KEY, backoffMs: 20 });
    const seen: string[] = [];
    const following = (async () => {
      for await (const event of client.feed({ after: 0, signal: stop.signal }))
        if (event.kind === 'operation.ended') seen.push(event.operation.id);
    })();
    const one = await first.client.submit({ type: 'echo' });
    await expect.poll(() => seen).toEqual([one.id]);
    await first[Symbol.asyncDispose]();
    const { port, publicUrl } = first.config.http;
    await using second = await App.start({ database: { url }, http: { port, publicUrl } });
    const two = await second.client.submit({ type: 'echo' });
    await expect.poll(() => seen, { timeout: 10_000 }).toEqual([one.id, two.id]);
    stop.abort(new Error('enough'));
    await expect(following).rejects.toThrow('enough');
  });
});
