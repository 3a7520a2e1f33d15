import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Module } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import {
  type OperationContext,
  type OperationHandler,
  type OperationOutcome,
  OperationType,
} from '../../src/index.js';
import { App } from '../support/app.js';
import { FragileDatabase } from '../support/database-outage.js';
import { rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';
import { UpstreamApi } from '../support/upstream.js';

/** Resolves when the test says so. */
class Gate {
  open!: () => void;
  readonly passed = new Promise<void>((resolve) => (this.open = resolve));
}
let begun = new Gate();
let away = new Gate();

/** Does everything that a handler can ask of its context while PostgreSQL is away. */
@OperationType<{ file: string }>({ name: 'test.copy', title: 'Copy a file', tries: 1 })
class CopyHandler implements OperationHandler<{ file: string }> {
  async run({ file }: { file: string }, context: OperationContext): Promise<OperationOutcome> {
    begun.open();
    await away.passed;
    context.log('a line of the outage');
    context.progress(40, 'copying');
    const { stream, name, contentType } = await context.openFile(file);
    const copy = Readable.from([`copy of ${await text(stream)}`]);
    return { file: (await context.saveFile(copy, { name, contentType })).id };
  }
}

/** Ends when the test says so, whatever its signal says, and counts how often it is begun. */
class GateHandler implements OperationHandler {
  async run(): Promise<OperationOutcome> {
    runs++;
    await away.passed;
    return { result: 'done' };
  }
}
let runs = 0;

@OperationType({ name: 'test.once', title: 'Run once', tries: 1 })
class OnceHandler extends GateHandler {}

@OperationType({ name: 'test.often', title: 'Run until it is done', tries: 5 })
class OftenHandler extends GateHandler {}

@Module({ providers: [CopyHandler, OnceHandler, OftenHandler] })
class TestModule {}

describe('An operation whose PostgreSQL goes away', { timeout: 60_000 }, () => {
  it('keeps the answer of an upstream that was asked once, and ends with it', async () => {
    await using database = await FragileDatabase.create();
    await using app = await App.start({ database: { url: database.url }, operations: { leaseS: 30 } });
    let answered = 0;
    await using upstream = await UpstreamApi.answering((response, { body }) => {
      response.once('finish', () => answered++);
      setTimeout(() => response.end(`answer to ${body.toString()}`), 3_000);
    });
    const ids = await Promise.all(
      Array.from({ length: 10 }, async (_, n) => {
        const input = { method: 'POST', url: upstream.url, body: `${n}` };
        return (await app.client.submit({ type: 'http.request', input })).id as string;
      }),
    );
    await expect.poll(() => upstream.seen.length, { timeout: 10_000 }).toBe(10);
    database.goAway();
    await expect.poll(() => answered, { timeout: 10_000 }).toBe(10);
    // The bytes are there, and only their rows wait.
    await expect.poll(() => storedIn(app), { timeout: 10_000 }).toBe(10);
    database.comeBack();
    for (const [n, id] of ids.entries()) {
      const ended = await app.client.ended(id, 30);
      expect(ended).toMatchObject({ status: 'Finished', attempt: 1, result: { status: 200 } });
      const { text: answer } = await app.client.get(`/v1/operations/${id}/result`);
      expect(answer).toBe(`answer to ${n}`);
    }
    expect(upstream.seen).toHaveLength(10);
  });

  it('opens and stores files, and tells its progress and lines, when that is back, within the same try', async () => {
    [begun, away] = [new Gate(), new Gate()];
    await using database = await FragileDatabase.create();
    await using app = await App.start({ database: { url: database.url } }, [TestModule]);
    const { body: file } = await app.client.request('POST', '/v1/files?name=a.txt', Buffer.from('text'), {
      'content-type': 'text/plain',
    });
    const { id } = await app.client.submit({ type: 'test.copy', input: { file: file.id } });
    await begun.passed;
    database.goAway();
    away.open();
    // Asked for the file, it is refused by then.
    await expect.poll(() => app.client.get('/v1/files/file_none').then(({ status }) => status)).toBe(503);
    database.comeBack();
    const ended = await app.client.ended(id, 30);
    expect(ended).toMatchObject({ status: 'Finished', attempt: 1 });
    const { text: copy } = await app.client.get(`/v1/operations/${id}/result`);
    expect(copy).toBe('copy of text');
    const { body: history } = await app.client.get(`/v1/operations/${id}/history`);
    const lines = history.data.map((entry: { text: string }) => entry.text);
    expect(lines).toEqual(expect.arrayContaining(['a line of the outage', 'copying']));
    // What it told was told before its end.
    const [told] = await rowsOf<{ at: Date }>(
      database.direct,
      'SELECT max(created_at) AS at FROM history_entry',
    );
    expect(Date.parse(ended.finished_at)).toBeGreaterThanOrEqual(told!.at.getTime());
  });
});

describe('A PostgreSQL that is away for longer than a lease', { timeout: 60_000 }, () => {
  const timing = { leaseS: 6, redispatchS: 2, pollMs: 50 };

  it('takes no lease back from workers that live, whichever process reaches it first afterwards', async () => {
    [runs, away] = [0, new Gate()];
    await using database = await FragileDatabase.create();
    let answer = (): void => undefined;
    await using receiver = await Receiver.answering((response) => {
      answer = () => response.writeHead(200).end();
    });
    await using app = await App.start(
      {
        database: { url: database.url },
        operations: timing,
        deliveries: timing,
        accounts: { slots: 50 },
      },
      [TestModule],
    );
    const ids: string[] = [];
    for (const type of ['test.once', 'test.often'])
      for (let n = 0; n < 20; n++) ids.push((await app.client.submit({ type })).id);
    await expect.poll(() => runs, { timeout: 10_000 }).toBe(40);
    const told = await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
    await receiver.received(1);
    database.goAway();
    // All of it is done while nobody can be told.
    answer();
    away.open();
    const live = (): Promise<unknown> =>
      rowsOf(
        database.direct,
        `SELECT count(*)::int AS live FROM (
           SELECT due_at, lease_token FROM live_operation UNION ALL SELECT due_at, lease_token FROM live_delivery) r
         WHERE lease_token IS NOT NULL AND due_at > now() - interval '1 second'`,
      );
    await expect.poll(live, { timeout: 20_000, interval: 100 }).toEqual([{ live: 0 }]);
    // It was not there before, and nothing has ever failed for it.
    await using second = await App.start(
      { database: { url: database.direct }, operations: timing, deliveries: timing },
      [TestModule],
    );
    database.comeBack();
    for (const id of ids) {
      expect(await second.client.ended(id, 30)).toMatchObject({ status: 'Finished', attempt: 1 });
    }
    expect(runs).toBe(40);
    const attempts = async (): Promise<unknown> => {
      const [delivery] = await second.client.deliveries(told.id);
      const { body } = await second.client.get(`/v1/deliveries/${delivery.id}`);
      return body.attempts.map(({ outcome }: { outcome: string }) => outcome);
    };
    await expect.poll(attempts, { timeout: 10_000 }).toEqual(['delivered']);
  });

  it('leaves what a worker that died had in its hands to others, a third of a lease later', async () => {
    [runs, away] = [0, new Gate()];
    await using database = await FragileDatabase.create();
    const lost = { database: { url: database.url }, operations: timing };
    await using app = await App.start(lost, [TestModule]);
    const { id } = await app.client.submit({ type: 'test.often' });
    await expect.poll(() => runs, { timeout: 10_000 }).toBe(1);
    // To the others it is as good as dead from now on.
    database.goAway();
    const over = (): Promise<unknown> =>
      rowsOf(database.direct, `SELECT due_at < now() AS over FROM live_operation`);
    await expect.poll(over, { timeout: 20_000, interval: 100 }).toEqual([{ over: true }]);
    await using second = await App.start({ database: { url: database.direct }, operations: timing }, [
      TestModule,
    ]);
    const begunAt = performance.now();
    await expect.poll(() => runs, { timeout: 10_000, interval: 20 }).toBe(2);
    expect(performance.now() - begunAt).toBeLessThan(6_000);
    away.open();
    expect(await second.client.ended(id)).toMatchObject({ status: 'Finished', attempt: 2 });
    database.comeBack();
  });
});

describe('A process that reaches the queue and not PostgreSQL', { timeout: 60_000 }, () => {
  it('leaves what is in the queue to others', async () => {
    [runs, away] = [0, new Gate()];
    away.open();
    await using database = await FragileDatabase.create();
    const operations = { pollMs: 50, redispatchS: 600 };
    await using cutOff = await App.start({ database: { url: database.url }, operations }, [TestModule]);
    await using other = await App.start({ database: { url: database.direct }, operations }, [TestModule]);
    await cutOff.client.ended((await cutOff.client.submit({ type: 'test.often' })).id);
    database.goAway();
    const submittedAt = performance.now();
    const ids: string[] = [];
    for (let n = 0; n < 20; n++) ids.push((await other.client.submit({ type: 'test.often' })).id);
    for (const id of ids) expect(await other.client.ended(id)).toMatchObject({ status: 'Finished' });
    // A hint that is lost is sent again after some seconds.
    expect(performance.now() - submittedAt).toBeLessThan(3_000);
    database.comeBack();
    expect(await cutOff.client.ended((await cutOff.client.submit({ type: 'test.often' })).id)).toMatchObject({
      status: 'Finished',
    });
  });
});

describe('A worker that learns late of its claim, or never', { timeout: 60_000 }, () => {
  const timing = { leaseS: 3, redispatchS: 2, pollMs: 50 };

  it('does not begin the operation, which has ended elsewhere', async () => {
    [runs, away] = [0, new Gate()];
    away.open();
    await using database = await FragileDatabase.create();
    {
      await using late = await App.start({ database: { url: database.url }, operations: timing }, [
        TestModule,
      ]);
      database.holdAnswersTo('claim_operations(');
      const { id } = await late.client.submit({ type: 'test.often' });
      await expect.poll(() => phasesOf(database, 'operation'), { timeout: 10_000 }).toEqual(['running']);
      await using other = await App.start({ database: { url: database.direct }, operations: timing }, [
        TestModule,
      ]);
      expect(await other.client.ended(id, 30)).toMatchObject({ status: 'Finished' });
      database.letGo();
      // Both end in order: what they have begun is over then.
    }
    expect(runs).toBe(1);
  });

  it('does not make the attempt, which another one has made', async () => {
    await using database = await FragileDatabase.create();
    await using receiver = await Receiver.answering(200);
    {
      const deliveries = { ...timing, timeoutS: 1 };
      await using late = await App.start({ database: { url: database.url }, deliveries });
      database.holdAnswersTo('claim_deliveries(');
      const { id } = await late.client.submit({ type: 'echo', callback: { url: receiver.url } });
      await expect.poll(() => phasesOf(database, 'delivery'), { timeout: 10_000 }).toEqual(['running']);
      await using other = await App.start({ database: { url: database.direct }, deliveries });
      const delivered = async (): Promise<string> => (await other.client.deliveries(id))[0].status;
      await expect.poll(delivered, { timeout: 20_000 }).toBe('Delivered');
      database.letGo();
    }
    expect(receiver.all).toHaveLength(1);
  });

  it('has not used up the one try of an operation when the claim’s answer is lost', async () => {
    [runs, away] = [0, new Gate()];
    away.open();
    await using database = await FragileDatabase.create();
    await using app = await App.start({ database: { url: database.url } }, [TestModule]);
    database.holdAnswersTo('claim_operations(');
    const { id } = await app.client.submit({ type: 'test.once' });
    await expect.poll(() => phasesOf(database, 'operation'), { timeout: 10_000 }).toEqual(['running']);
    database.goAway();
    database.letGo();
    database.comeBack();
    expect(await app.client.ended(id, 30)).toMatchObject({ status: 'Finished' });
    expect(runs).toBe(1);
  });

  it.each(['settle_operations(', 'claim_deliveries('])(
    'logs no attempt of a callback that it had without knowing, where the answer to %s is lost',
    async (statement) => {
      await using database = await FragileDatabase.create();
      await using receiver = await Receiver.answering(200);
      // A claim comes where the end doesn't begin the attempt.
      const fastStart = statement === 'settle_operations(';
      // A round that is under way has the lock.
      const deliveries = { leaseS: 60, pollMs: 60_000, fastStart };
      await using app = await App.start({ database: { url: database.url }, deliveries });
      const callback = { url: receiver.url };
      await app.client.submit({ type: 'echo', callback });
      await receiver.received(1);
      const delivered = (): Promise<unknown> =>
        rowsOf(database.direct, 'SELECT state, phase FROM delivery_view ORDER BY seq');
      await expect.poll(delivered).toEqual([{ state: 'Delivered', phase: null }]);
      database.holdAnswersTo(statement);
      await app.client.submit({ type: 'echo', callback });
      await expect.poll(() => phasesOf(database, 'delivery'), { timeout: 10_000 }).toEqual([null, 'running']);
      database.goAway();
      database.letGo();
      database.comeBack();
      await receiver.received(2);
      const attempts = (): Promise<unknown> =>
        rowsOf(database.direct, 'SELECT number, outcome FROM attempt_view ORDER BY started_at');
      await expect
        .poll(attempts, { timeout: 10_000 })
        .toEqual(Array.from({ length: 2 }, () => ({ number: 1, outcome: 'delivered' })));
    },
  );
});

async function phasesOf(
  database: FragileDatabase,
  table: 'operation' | 'delivery',
): Promise<(string | null)[]> {
  const rows = await rowsOf<{ phase: string | null }>(
    database.direct,
    `SELECT phase FROM ${table}_view ORDER BY created_at`,
  );
  return rows.map(({ phase }) => phase);
}

/** How many files are whole in the app's folder. */
async function storedIn(app: App): Promise<number> {
  const { folder } = app.config.files;
  if (!existsSync(folder)) return 0;
  const entries = await readdir(folder, { recursive: true });
  return entries.filter((path) => /file_[0-9a-f]{32}$/.test(path)).length;
}
