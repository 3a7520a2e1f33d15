import { readdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { Module } from '@nestjs/common';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import {
  type OperationContext,
  type OperationHandler,
  type OperationOutcome,
  OperationType,
} from '../../src/index.js';
import { App, type Overrides } from '../support/app.js';
import { agePartitions, newDatabase, rowsOf } from '../support/database.js';
import { Load } from '../support/load.js';
import { Receiver } from '../support/receiver.js';
import { Service, sharedBy, temporaryFolder } from '../support/service.js';

const EVERY = { everyS: 0.1 };

let goOn: () => void = () => undefined;

/** Takes no notice of its signal, and stores a file when it is told to. */
@OperationType({ name: 'test.heedless', title: 'Store a file late', tries: 1 })
class HeedlessHandler implements OperationHandler {
  async run(_input: unknown, context: OperationContext): Promise<OperationOutcome> {
    await new Promise<void>((resolve) => (goOn = resolve));
    return {
      file: (await context.saveFile(Readable.from(['late']), { name: 'late.txt', contentType: 'text/plain' }))
        .id,
    };
  }
}
@Module({ providers: [HeedlessHandler] })
class HeedlessModule {}

/** A Ringback whose `keep1m` lasts `keptS` and whose history lasts `historyS`, with a round of housekeeping every 0.1 s. */
async function keeping(keptS: number, historyS: number, more: Overrides = {}): Promise<App> {
  const app = await App.start({
    operations: { retention: new Map([['keep1m', keptS]]) },
    housekeeping: { ...EVERY, historyS },
    ...more,
  });
  await dueNow(app.databaseUrl);
  return app;
}

const dueNow = (databaseUrl: string): Promise<unknown> =>
  rowsOf(databaseUrl, 'UPDATE chore SET due_at = now()');

const count = async (databaseUrl: string, table: string): Promise<number> =>
  (await rowsOf<{ count: number }>(databaseUrl, `SELECT count(*)::int AS count FROM ${table}`))[0]!.count;

const RECORDS = ['operation_end', 'history_entry', 'delivery', 'delivery_end', 'attempt', 'file_use'];

const stored = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);

/** The next rounds find these as if their time had come. */
const expire = (databaseUrl: string): Promise<unknown> =>
  rowsOf(databaseUrl, 'UPDATE operation_end SET expires_at = now(), sweep_at = now()');

/** Expects that no operation is left but so many. */
const records = (databaseUrl: string, left: number): Promise<void> =>
  expect
    .poll(async () => (await agePartitions(databaseUrl), await count(databaseUrl, 'operation')), {
      timeout: 60_000,
      interval: 100,
    })
    .toBe(left);

describe('retention', { timeout: 60_000 }, () => {
  it('shows when an operation expires, and keeps its result till then', async () => {
    await using app = await keeping(3600, 7200);
    const { id } = await app.client.submit({ type: 'echo', input: { kept: true } });
    const ended = await app.client.ended(id);
    expect(Date.parse(ended.expires_at) - Date.parse(ended.finished_at)).toBe(3_600_000);
    expect((await app.client.get(`/v1/operations/${id}/result`)).body).toEqual({ kept: true });
  });

  it('deletes input, result and delivery bodies of an expired operation, answers 410, and keeps its record', async () => {
    await using receiver = await Receiver.answering(200);
    await using app = await keeping(1, 3600);
    const { id } = await app.client.submit({
      type: 'echo',
      input: { private: 'matter' },
      callback: { url: receiver.url },
    });
    await receiver.received(1);
    const [before] = await app.client.deliveries(id);
    await expect
      .poll(
        () =>
          rowsOf(
            app.databaseUrl,
            'SELECT input, result, emptied_at IS NOT NULL AS emptied FROM operation_view',
          ),
        {
          timeout: 20_000,
        },
      )
      .toEqual([{ input: null, result: null, emptied: true }]);
    const result = await app.client.get(`/v1/operations/${id}/result`);
    expect([result.status, result.body.code]).toEqual([410, 'result-expired']);
    const rerun = await app.client.post(`/v1/operations/${id}/rerun`);
    expect([rerun.status, rerun.body.code]).toEqual([410, 'operation-expired']);
    const shown = (await app.client.get(`/v1/operations/${id}`)).body;
    expect(shown).toMatchObject({ status: 'Finished', result: null, callback: { state: 'Delivered' } });
    expect((await app.client.get(`/v1/operations/${id}/history`)).body.data.length).toBeGreaterThan(2);
    const delivery = await app.client.delivery(before.id);
    expect(delivery).toMatchObject({ status: 'Delivered', body: '', attempts: [{ outcome: 'delivered' }] });
  });

  it('deletes the record too after the history’s time, and the ledger stays balanced', async () => {
    await using receiver = await Receiver.answering(200);
    await using app = await keeping(1, 1);
    const ids: string[] = [];
    for (let n = 0; n < 5; n++)
      ids.push((await app.client.submit({ type: 'echo', callback: { url: receiver.url } })).id as string);
    await receiver.received(5);
    await records(app.databaseUrl, 0);
    for (const table of RECORDS) await expect.poll(() => count(app.databaseUrl, table)).toBe(0);
    expect((await app.client.get(`/v1/operations/${ids[0]}`)).status).toBe(404);
    expect((await app.client.get('/v1/ledger')).body).toMatchObject({ balanced: true, accepted: 0 });
  });

  it('forgets an origin that nothing was learnt of in the history’s time, unless something goes there now', async () => {
    await using app = await keeping(3600, 3600);
    await rowsOf(
      app.databaseUrl,
      `WITH known AS (
         INSERT INTO origin (name, proven_at, asked_at) VALUES ('proven', now() - interval '2 h', '{}'),
           ('asked', NULL, ARRAY[now() - interval '2 h']), ('new', now(), '{}'), ('busy', now() - interval '2 h', '{}'))
       INSERT INTO live_delivery (seq, home, account_id, lane, origin, phase, look_at, due_at)
       SELECT 1, 1, id, 'busy', 'busy', 'placed', now() + interval '1 h', now() + interval '1 h' FROM account LIMIT 1`,
    );
    const known = (): Promise<unknown> => rowsOf(app.databaseUrl, 'SELECT name FROM origin ORDER BY name');
    await expect.poll(known).toEqual([{ name: 'busy' }, { name: 'new' }]);
  });

  it('touches nothing of an operation whose callback is still owed', async () => {
    await using receiver = await Receiver.answering(503);
    await using app = await keeping(1, 1, { deliveries: { schedule: [3600] } });
    const { id } = await app.client.submit({
      type: 'echo',
      input: { owed: 1 },
      callback: { url: receiver.url },
    });
    await receiver.received(1);
    await expect
      .poll(() => rowsOf(app.databaseUrl, 'SELECT sweep_at > now() AS deferred FROM operation_end'), {
        timeout: 20_000,
      })
      .toEqual([{ deferred: true }]);
    expect(await rowsOf(app.databaseUrl, 'SELECT input, emptied_at FROM operation_view')).toEqual([
      { input: '{"owed":1}', emptied_at: null },
    ]);
    receiver.answer(200);
    const [delivery] = await app.client.deliveries(id);
    expect((await app.client.post(`/v1/deliveries/${delivery.id}/redeliver`)).status).toBe(202);
    const [, second] = await receiver.received(2);
    expect(JSON.parse(second!.body).data.result).toEqual({ owed: 1 });
    await expect.poll(async () => (await app.client.delivery(delivery.id)).status).toBe('Delivered');
    await expire(app.databaseUrl);
    await records(app.databaseUrl, 0);
  });

  it('refuses to redeliver what has no body any more', async () => {
    await using receiver = await Receiver.answering(410);
    await using app = await keeping(1, 3600);
    const { id } = await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
    await receiver.received(1);
    await expect
      .poll(() => rowsOf(app.databaseUrl, `SELECT state, body FROM delivery_view`), { timeout: 20_000 })
      .toEqual([{ state: 'Exhausted', body: '' }]);
    const [delivery] = await app.client.deliveries(id);
    const answer = await app.client.post(`/v1/deliveries/${delivery.id}/redeliver`);
    expect([answer.status, answer.body.detail]).toEqual([409, expect.stringMatching(/expired/)]);
  });

  it('redelivers nothing that is emptied at the same moment', async () => {
    await using receiver = await Receiver.answering(410);
    await using app = await keeping(3600, 7200);
    const { id } = await app.client.submit({ type: 'echo', callback: { url: receiver.url } });
    await expect.poll(async () => (await app.client.deliveries(id))[0]?.status).toBe('Exhausted');
    const [delivery] = await app.client.deliveries(id);
    const sweep = new pg.Client({ connectionString: app.databaseUrl });
    await sweep.connect();
    await sweep.query('BEGIN');
    await sweep.query('SELECT FROM operation_end FOR UPDATE');
    await sweep.query('SELECT empty_operations(ARRAY(SELECT request_id FROM operation_end))');
    const answer = app.client.post(`/v1/deliveries/${delivery.id}/redeliver`);
    await expect
      .poll(() =>
        rowsOf(
          app.databaseUrl,
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%requeue%'`,
        ),
      )
      .toHaveLength(1);
    await sweep.query('COMMIT');
    await sweep.end();
    expect((await answer).status).toBe(409);
    expect(await rowsOf(app.databaseUrl, 'SELECT FROM live_delivery')).toEqual([]);
    await receiver.received(1);
  });

  it('deletes uploads after the default class’s time, bytes first, but none that a live operation names', async () => {
    await using app = await keeping(3600, 7200, { files: { keptS: 1 } });
    const upload = async (name: string): Promise<string> =>
      (await app.client.post(`/v1/files?name=${name}`, Buffer.from(name), { 'content-type': 'text/plain' }))
        .body.id;
    const needed = await upload('needed');
    const asToken = await upload('named without its prefix');
    const runAt = new Date(Date.now() + 3_600_000).toISOString();
    const input = { file: needed, among: [{ file: asToken.slice('file_'.length), md5: 'f'.repeat(32) }] };
    const waiting = await app.client.submit({ type: 'echo', input, run_at: runAt });
    const unneeded = await upload('unneeded');
    expect((await app.client.get(`/v1/files/${unneeded}`)).body.expires_at).toEqual(expect.any(String));
    await expect
      .poll(() => stored(app.config.files.folder), { timeout: 20_000 })
      .toEqual([needed, asToken].sort());
    await expect.poll(() => count(app.databaseUrl, 'file')).toBe(2);
    expect(await count(app.databaseUrl, 'file_use')).toBe(2);
    expect((await app.client.get(`/v1/files/${unneeded}`)).status).toBe(404);
    expect((await app.client.get(`/v1/files/${needed}/content`)).text).toBe('needed');
    expect((await app.client.get(`/v1/files/${asToken}/content`)).text).toContain('without');
    await app.client.post(`/v1/operations/${waiting.id}/cancel`);
    await expire(app.databaseUrl);
    await expect.poll(() => count(app.databaseUrl, 'file_use'), { timeout: 20_000 }).toBe(0);
    await rowsOf(app.databaseUrl, 'UPDATE file SET expires_at = now()');
    await expect.poll(() => stored(app.config.files.folder), { timeout: 20_000 }).toEqual([]);
  });

  it('deletes what a run stored together with its operation’s result', async () => {
    await using source = await Receiver.answering((response) => response.end('a stored response'));
    await using app = await keeping(2, 3600);
    const { id } = await app.client.submit({
      type: 'http.request',
      input: { method: 'GET', url: source.url },
    });
    const { file, expires_at } = await app.client.ended(id);
    expect((await app.client.get(`/v1/files/${file}`)).body.expires_at).toBe(expires_at);
    await expect.poll(() => stored(app.config.files.folder), { timeout: 20_000 }).toEqual([]);
    expect((await app.client.get(`/v1/operations/${id}/result`)).status).toBe(410);
    await expect.poll(() => count(app.databaseUrl, 'file')).toBe(0);
  });

  it('deletes what a run stored after its operation had ended without it, and when that expires', async () => {
    await using app = await App.start(
      { operations: { cancelGraceS: 0.1 }, housekeeping: { ...EVERY, historyS: 3600 } },
      [HeedlessModule],
    );
    const { id } = await app.client.submit({ type: 'test.heedless' });
    await expect.poll(async () => (await app.client.get(`/v1/operations/${id}`)).body.attempt).toBe(1);
    await app.client.post(`/v1/operations/${id}/cancel`);
    const { expires_at, status } = await app.client.ended(id);
    expect(status).toBe('Canceled');
    goOn();
    const expiries = async (): Promise<string[]> =>
      (
        await rowsOf<{ at: Date | null }>(
          app.databaseUrl,
          `SELECT expires_at AS at FROM file WHERE phase = 'stored'`,
        )
      ).map(({ at }) => at?.toISOString() ?? 'never');
    await expect.poll(expiries).toEqual([expires_at]);
    // As if it had been stored at the same moment as the operation ended: neither saw the other.
    await rowsOf(app.databaseUrl, 'UPDATE file SET expires_at = NULL');
    await expire(app.databaseUrl);
    await dueNow(app.databaseUrl);
    await expect.poll(() => stored(app.config.files.folder), { timeout: 20_000 }).toEqual([]);
  });

  it('deletes idempotency keys whose day has passed', async () => {
    await using app = await keeping(3600, 7200);
    await app.client.submit({ type: 'echo' }, { 'idempotency-key': 'old' });
    await app.client.submit({ type: 'echo' }, { 'idempotency-key': 'new' });
    await rowsOf(app.databaseUrl, `UPDATE idempotency_key SET expires_at = now() WHERE key = 'old'`);
    await expect
      .poll(() => rowsOf(app.databaseUrl, 'SELECT key FROM idempotency_key'), { timeout: 20_000 })
      .toEqual([{ key: 'new' }]);
  });

  it(
    'leaks nothing and deletes nothing live when it is killed in the middle, again and again',
    { timeout: 180_000 },
    async () => {
      const database = await newDatabase();
      await using folder = await temporaryFolder();
      await using receiver = await Receiver.answering(200);
      const environment = {
        ...sharedBy(database),
        RINGBACK_FILES_URL: `file://${folder.path}`,
        RINGBACK_RETENTION: 'keep1m=1s',
        RINGBACK_HISTORY_RETENTION: '1s',
        RINGBACK_HOUSEKEEPING_S: '0.05',
      };
      let acknowledged = 0;
      let kept = '';
      for (let death = 0; death < 3; death++) {
        const service = await Service.start(environment);
        kept ||= await waiting(service);
        await dueNow(database);
        const load = new Load(service.client, receiver.url, 8, {
          type: 'http.request',
          input: { method: 'GET', url: receiver.url },
        });
        await load.reached(60);
        await expect
          .poll(async () => (await count(database, 'file')) < load.acknowledged.length, {
            timeout: 20_000,
            interval: 5,
          })
          .toBe(true);
        await service.end('SIGKILL');
        acknowledged += (await load.stop()).length;
      }
      expect(acknowledged).toBeGreaterThanOrEqual(180);
      await using last = await Service.start(environment);
      await dueNow(database);
      // As if the days had passed that a file may take to be written.
      const past = (): Promise<unknown> =>
        rowsOf(
          database,
          `UPDATE file SET expires_at = now() WHERE phase = 'writing' AND expires_at > now() + interval '1 day'`,
        );
      // Nothing of an operation is left but where another of its partition isn't over.
      await expect
        .poll(async () => (await past(), await agePartitions(database), await kinds(database)), {
          timeout: 60_000,
          interval: 100,
        })
        .toEqual({ live: 1, unemptied: 0, partitionsThatMayGo: 0 });
      await expect
        .poll(async () => (await past(), await stored(folder.path)), { timeout: 30_000, interval: 100 })
        .toHaveLength(1);
      expect(await rowsOf(database, 'SELECT FROM audit_records()')).toEqual([]);
      expect(await count(database, 'file')).toBe(1);
      const ledger = (await last.client.get('/v1/ledger')).body;
      expect(ledger).toMatchObject({
        balanced: true,
        accepted: await count(database, 'operation'),
        operations: { waiting: 1 },
      });
      expect((await last.client.get(`/v1/operations/${kept}`)).body.status).toBe('Waiting');
    },
  );
});

/** A waiting operation that names an upload: neither may ever go. */
async function waiting(service: Service): Promise<string> {
  const { body } = await service.client.post('/v1/files?name=needed', Buffer.from('needed'), {
    'content-type': 'text/plain',
  });
  const run_at = new Date(Date.now() + 3_600_000).toISOString();
  return (await service.client.submit({ type: 'echo', input: { file: body.id }, run_at })).id as string;
}

/** What is live, what could be emptied, and how many partitions are closed in which nothing is live. */
async function kinds(databaseUrl: string): Promise<unknown> {
  const [row] = await rowsOf(
    databaseUrl,
    `SELECT (SELECT count(*)::int FROM live_operation) + (SELECT count(*)::int FROM live_delivery) AS live,
       (SELECT count(*)::int FROM operation_end WHERE emptied_at IS NULL) AS unemptied,
       (SELECT count(*)::int FROM record_partition p WHERE p.closed_at IS NOT NULL AND NOT has_live_rows(p.lower, p.upper)) AS "partitionsThatMayGo"`,
  );
  return row;
}
