import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { fieldsOf } from '../../../src/faces/qstash/fields.js';
import { readPublication } from '../../../src/faces/qstash/publication.js';
import { messageOf } from '../../../src/faces/qstash/publisher.js';
import { AttemptCallbacks } from '../../../src/messages/attempt-callbacks.js';
import { workOf } from '../../../src/messages/message-submission.js';
import type { Message } from '../../../src/messages/message.js';
import { SealedInputs } from '../../../src/operations/accept/sealed-inputs.js';
import { Submissions } from '../../../src/operations/accept/submissions.service.js';
import { OperationsService } from '../../../src/operations/operations.service.js';
import { OperationReads } from '../../../src/operations/read/operation-reads.store.js';
import type { RunContext } from '../../../src/operations/run/operation-run.js';
import { App } from '../../support/app.js';
import type { Client } from '../../support/client.js';
import { directUrl, rowsOf } from '../../support/database.js';
import { Receiver } from '../../support/receiver.js';
import { upstash } from './clients.js';

let app: App;
let client: Client;
let count = 0;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app[Symbol.asyncDispose]());
beforeEach(async () => {
  client = await app.account(`bounds-${++count}`);
});

const qstash = () => upstash(app.client.url, client.key);
const UNKNOWN = 'f'.repeat(32);

/** Messages of the account that have ended, without what they have been through; their ids, the oldest first. */
async function ended(count: number, state: 'Finished' | 'Failed' = 'Finished', body = ''): Promise<string[]> {
  const { body: account } = await client.get('/v1/account');
  const input = { url: 'http://127.0.0.1/', method: 'POST', headers: {}, labels: ['mine'], body };
  await rowsOf(
    app.databaseUrl,
    `WITH made AS (
       INSERT INTO operation (rid, account_id, type, face, input, retention, tries, timeout_s)
       SELECT md5($1 || n), $1, 'qstash.message', 'qstash', $2, 'keep1m', 1, 60 FROM generate_series(1, $3::integer) n
       RETURNING request_id)
     INSERT INTO operation_end (request_id, state, attempt, progress, finished_at, expires_at, status_text, result, transitions)
     SELECT request_id, $4, 1, 100, now(), now() + interval '1 month', $4, '{"status":200,"retried":0}',
       '[2,1764300000.5,"' || $4 || '",100,"' || $4 || '",null]' FROM made`,
    [account.id, JSON.stringify(input), count, state],
  );
  const rows = await rowsOf<{ rid: string }>(
    app.databaseUrl,
    'SELECT rid FROM operation WHERE account_id = $1 ORDER BY request_id',
    [account.id],
  );
  return rows.map(({ rid }) => rid);
}

const MIB = 2 ** 20;

/** The pages of a list, from the first to the last. */
async function pagesOf(path: string): Promise<{ status: number; text: string; body: any }[]> {
  const pages = [];
  for (let cursor = ''; ;) {
    const page = await client.get(path + cursor);
    pages.push(page);
    if (page.body.cursor === undefined || pages.length > 50) return pages;
    cursor = `&cursor=${page.body.cursor}`;
  }
}

describe('A bulk action', () => {
  it.each([
    ['/qstash/v2/messages?dlqIds=dlq_1', /^dlqIds is no filter here: use .*messageIds/],
    ['/qstash/v2/messages?toString=1', /^toString is no filter/],
    ['/qstash/v2/dlq?messageIds=msg_1', /^messageIds is no filter here: use .*dlqIds/],
    ['/qstash/v2/dlq?constructor=1', /^constructor is no filter/],
  ])('is refused, and nothing is done, where its filter is not its own: %s', async (path, error) => {
    await using receiver = await Receiver.answering(500);
    await qstash().publish({ url: receiver.url, retries: 0 });
    await expect.poll(async () => (await qstash().dlq.listMessages()).messages.length).toBe(1);
    const { messageId } = await qstash().publish({ url: receiver.url, delay: 3600 });
    expect(await client.request('DELETE', path)).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(error) },
    });
    expect((await qstash().messages.get(messageId)).messageId).toBe(messageId);
    expect((await qstash().dlq.listMessages()).messages).toHaveLength(1);
  });

  it('names at most 1,000 messages', async () => {
    const ids = (most: number) => Array.from({ length: most }, () => UNKNOWN);
    for (const [route, name] of [
      ['messages', 'messageIds'],
      ['dlq', 'dlqIds'],
    ] as const) {
      const most = await client.request('DELETE', `/qstash/v2/${route}`, { [name]: ids(1000) });
      expect(most.status).toBe(200);
      const more = await client.request('DELETE', `/qstash/v2/${route}`, { [name]: ids(1001) });
      expect([more.status, more.body.error]).toEqual([400, `${name} may name at most 1000 at once`]);
    }
  });

  it('reaches each of several slices', async () => {
    await using receiver = await Receiver.answering(200, 500);
    // Else one receiver that nobody knows has one at a time.
    await qstash().publish({ url: receiver.url });
    await receiver.received(1);
    const message = { url: receiver.url, retries: 0 };
    await qstash().batch(Array.from({ length: 60 }, () => message));
    const letters = async () => (await qstash().dlq.listMessages()).messages;
    await expect.poll(async () => (await letters()).length, { timeout: 20_000 }).toBe(60);
    const ids = (await letters()).map(({ dlqId }) => dlqId);
    expect(await qstash().dlq.delete(ids)).toMatchObject({ deleted: 60 });
    expect(await letters()).toEqual([]);
  });
});

describe('The logs', () => {
  it('read the histories of at most 1,000 messages a request, and go on from there', async () => {
    await ended(1_150);
    const first = await client.get('/qstash/v2/logs?state=RETRY');
    expect(first.body).toEqual({ logs: [], cursor: expect.any(String) });
    const rest = await client.get(`/qstash/v2/logs?state=RETRY&cursor=${first.body.cursor}`);
    expect(rest.body).toEqual({ logs: [] });
  });

  it('have each entry of messages that are named once, page after page', async () => {
    const rids = await ended(60);
    const named = rids.map((rid) => `messageIds=msg_${rid}`).join('&');
    const pages = await pagesOf(`/qstash/v2/logs?count=50&${named}`);
    expect(pages.map(({ body }) => body.logs.length)).toEqual([50, 50, 20]);
    const entries = pages.flatMap(({ body }) => body.logs.map((log: any) => `${log.messageId} ${log.state}`));
    expect(entries.toSorted()).toEqual(
      rids.flatMap((rid) => [`msg_${rid} CREATED`, `msg_${rid} DELIVERED`]).toSorted(),
    );
    // The TypeScript client can't go on from a cursor.
    expect((await qstash().logs({ messageIds: rids.map((rid) => `msg_${rid}`) })).logs).toHaveLength(120);
  });

  it('have the body of a message once, and large headers', async () => {
    const headers = { 'x-large': 'x'.repeat(3_000), 'x-other': 'y'.repeat(3_000) };
    await using receiver = await Receiver.answering(200);
    await qstash().publish({ url: receiver.url, body: 'hello', headers });
    await receiver.received(1);
    await expect.poll(async () => (await qstash().logs()).logs.length).toBe(3);
    const { logs } = await qstash().logs();
    const given = logs.map(({ state, body, header }) => [state, body, header === undefined]);
    expect(given).toEqual([
      ['DELIVERED', undefined, true],
      ['ACTIVE', undefined, true],
      ['CREATED', Buffer.from('hello').toString('base64'), false],
    ]);
  });
});

describe('A page of large messages', () => {
  it.each([
    ['dlq', '/qstash/v2/dlq?x=1', 'messages'],
    ['dlq by a filter', '/qstash/v2/dlq?label=mine', 'messages'],
    ['logs', '/qstash/v2/logs?count=1000&state=CREATED', 'logs'],
  ])('holds a few of them, and its cursor leads to the others: %s', async (_, path, list) => {
    const rids = await ended(20, 'Failed', 'x'.repeat(MIB));
    const pages = await pagesOf(path);
    const shown = pages.flatMap(({ body }) => body[list].map(({ messageId }: any) => messageId));
    expect(shown).toEqual(rids.toReversed().map((rid) => `msg_${rid}`));
    for (const { text } of pages) expect(text.length).toBeLessThan(14 * MIB);
  });

  it('reads no more of them than are asked for, and none to delete or cancel them', async () => {
    const rids = await ended(5, 'Failed', 'x'.repeat(MIB));
    const reads = app.nest.get(OperationReads, { strict: false });
    const list = vi.spyOn(reads, 'list');
    try {
      const { messages } = await qstash().dlq.listMessages({ count: 1 });
      expect(messages).toHaveLength(1);
      const pages = await Promise.all(list.mock.results.map(({ value }) => value));
      expect(pages.map(({ rows }) => rows.length)).toEqual([1]);
      expect(await qstash().dlq.delete(rids.slice(3).map((rid) => `dlq_${rid}`))).toEqual({ deleted: 2 });
      expect(await qstash().dlq.delete({ all: true, count: 1 })).toMatchObject({ deleted: 1 });
      expect(await qstash().dlq.delete({ all: true })).toEqual({ deleted: 2 });
      await qstash().publish({ url: 'http://127.0.0.1:9999/', delay: 3600 });
      expect(await qstash().messages.cancel({ all: true })).toEqual({ cancelled: 1 });
      expect(list).toHaveBeenCalledTimes(1);
    } finally {
      list.mockRestore();
    }
  });
});

describe('A callback of each attempt', () => {
  it('that is refused leaves its attempt as it is, and is told of in the history', async () => {
    await using own = await App.start({ qstash: { callbacks: 'per-attempt' } });
    const { messageId } = await upstash(own.client.url, own.client.key).publish({
      ...{ url: 'http://127.0.0.1:9999/', callback: 'http://127.0.0.1:9999/told', delay: 3600 },
    });
    const id = messageId.slice('msg_'.length);
    const { operation } = await own.nest.get(OperationsService, { strict: false }).find(null, id);
    const message = own.nest.get(SealedInputs, { strict: false }).open(operation) as Message;
    // As it were if the host had been forgotten since, or its retention class were gone.
    const callback = { ...message.callback!, url: 'http://10.0.0.1/' };
    const logged: string[] = [];
    const context = {
      ...{ accountId: operation.accountId, id, traceparent: null, signal: new AbortController().signal },
      log: (line: string) => logged.push(line),
    } as unknown as RunContext;
    const answer = { status: 500, retried: 0 };
    await own.nest.get(AttemptCallbacks, { strict: false }).tell({ ...message, callback }, answer, context);
    expect(logged).toEqual([expect.stringMatching(/^The callback of this attempt was refused: input.url/)]);
  });
});

describe('A callback with a label and a flow key that no column can hold', () => {
  it('keeps neither its message nor an attempt from their end, and tells of both', async () => {
    await using own = await App.start({ qstash: { callbacks: 'per-attempt' } });
    await using receiver = await Receiver.answering(500, 200);
    await using told = await Receiver.answering(200);
    const given = readPublication(
      fieldsOf([
        ...['Upstash-Retry-Delay', '10', 'Upstash-Callback', told.url],
        ...['Upstash-Callback-Flow-Control-Key', 'x', 'Upstash-Callback-Flow-Control-Value', 'parallelism=1'],
      ]),
    );
    const { flow } = given.callback!;
    const callback = { ...given.callback!, labels: ['a\0b'], flow: { ...flow!, key: 'a\0b\ud800' } };
    const target = { url: receiver.url, topicName: null, endpointName: null };
    const message = messageOf(null, { ...given, callback }, target, { body: Buffer.from('x'), queue: null });
    const { body: account } = await own.client.get('/v1/account');
    // As it would have been stored by a face that didn't look.
    await own.nest.get(Submissions, { strict: false }).accept({
      ...{ ...workOf(message), accountId: account.id, traceparent: null, runAt: null, idempotency: null },
    });
    const statuses = (await told.received(2)).map(({ body }) => JSON.parse(body).status as number);
    expect(statuses.toSorted((one, other) => other - one)).toEqual([500, 200]);
    const stored = 'SELECT correlation, flow FROM operation WHERE correlation IS NOT NULL';
    const rows = await rowsOf<{ correlation: string; flow: string }>(own.databaseUrl, stored);
    const kept = rows.map((row) => `${row.correlation} ${JSON.parse(row.flow).key}`);
    expect(kept).toEqual(['a\ufffdb a\ufffdb\ufffd', 'a\ufffdb a\ufffdb\ufffd']);
  });
});

describe('The first message of a queue', () => {
  it('leaves as it is what somebody sets up at the same time', async () => {
    const { body: account } = await client.get('/v1/account');
    const other = new pg.Client({ connectionString: directUrl(app.databaseUrl) });
    await other.connect();
    try {
      const given = {
        ...{ account_id: account.id, key: '$queue/raced', ordered: true, limits: { parallelism: 7 } },
        ...{ pin_parallelism: false, pin_rate: false, paused: true },
      };
      await other.query('BEGIN');
      await other.query('SELECT change_flow($1)', [JSON.stringify(given)]);
      const lane = qstash().queue({ queueName: 'raced' });
      const sent = lane.enqueue({ url: 'http://127.0.0.1:9999/', body: 'x' });
      const waiting = `SELECT FROM pg_locks WHERE NOT granted AND (SELECT query FROM pg_stat_activity a WHERE a.pid = pg_locks.pid) LIKE '%change_flow%'`;
      await expect.poll(async () => (await rowsOf(app.databaseUrl, waiting)).length).toBeGreaterThan(0);
      await other.query('COMMIT');
      await sent;
      expect(await lane.get()).toMatchObject({ parallelism: 7, paused: true, lag: 1 });
    } finally {
      await other.end();
    }
  });
});
