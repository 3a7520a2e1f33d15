import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { dataSourceOptions } from '../../ormconfig.js';
import { connect } from '../../src/database/connection.js';
import { Database } from '../../src/database/database.js';
import { PartitionStore } from '../../src/housekeeping/partition.store.js';
import { LedgerStore } from '../../src/operations/read/ledger.store.js';
import { RetentionStore } from '../../src/operations/retain/retention.store.js';
import { App } from '../support/app.js';
import { agePartitions, directUrl, newDatabase, rowsOf } from '../support/database.js';
import { Receiver } from '../support/receiver.js';

interface Partition {
  readonly lower: string;
  readonly upper: string;
  readonly opened_at: Date | null;
  readonly closed_at: Date | null;
  readonly given: string | null;
  readonly retired_at: Date | null;
  readonly booked_to: string | null;
}

const partitions = (url: string): Promise<Partition[]> =>
  rowsOf<Partition>(url, 'SELECT * FROM record_partition ORDER BY lower');
const tables = async (url: string): Promise<string[]> =>
  (
    await rowsOf<{ name: string }>(
      url,
      String.raw`SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relname ~ '_\d+$' ORDER BY relname`,
    )
  ).map(({ name }) => name);
const jump = (url: string, sql: string): Promise<unknown> =>
  rowsOf(url, `SELECT setval('record_id', (${sql}), false)`);

/** A Ringback whose housekeeping is the test's, with a history of a second. */
class Kept implements AsyncDisposable {
  private constructor(
    readonly app: App,
    readonly store: PartitionStore,
    readonly receiver: Receiver,
  ) {}

  static async start(): Promise<Kept> {
    const receiver = await Receiver.answering(200);
    const app = await App.start({
      housekeeping: { everyS: 3600, historyS: 1 },
      operations: { retention: new Map([['keep1m', 0.1]]) },
      deliveries: { schedule: [] },
    });
    await rowsOf(app.databaseUrl, `UPDATE chore SET due_at = now() + interval '1 hour'`);
    return new Kept(app, app.nest.get(PartitionStore), receiver);
  }

  get url(): string {
    return this.app.databaseUrl;
  }

  /** Ends an operation with a callback, and answers its id. */
  async end(): Promise<string> {
    const { id } = await this.app.client.submit({ type: 'echo', callback: { url: this.receiver.url } });
    await expect
      .poll(() =>
        rowsOf(
          this.url,
          'SELECT FROM delivery_end JOIN delivery USING (home, seq) WHERE operation_rid = $1',
          [id],
        ),
      )
      .toHaveLength(1);
    return id as string;
  }

  /** Closes the partition that gives numbers now. */
  async close(): Promise<void> {
    await this.store.make();
    await rowsOf(this.url, `UPDATE record_partition SET opened_at = opened_at - interval '1 day'`);
    await this.store.rotate();
  }

  /** As if the history's time had passed: what was closed is retired. */
  async retire(): Promise<void> {
    await expect
      .poll(async () => {
        await this.app.nest.get(RetentionStore).sweep(500);
        return rowsOf(this.url, 'SELECT FROM operation_end WHERE emptied_at IS NULL');
      })
      .toEqual([]);
    await rowsOf(this.url, `UPDATE operation_end SET finished_at = finished_at - interval '1 minute'`);
    await agePartitions(this.url);
    await this.store.retire();
  }

  async book(most = 100_000): Promise<void> {
    await agePartitions(this.url);
    while ((await this.store.bookOff(most)) > 0);
  }

  ledger(): Promise<any> {
    return this.app.client.get('/v1/ledger').then(({ body }) => body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app[Symbol.asyncDispose]();
    await this.receiver[Symbol.asyncDispose]();
  }
}

const SOON = () => performance.now() + 10_000;

describe('partitions of records', { timeout: 60_000 }, () => {
  it('lie two ahead of the numbers that are given, each up to four times as large as the last has become', async () => {
    const url = await newDatabase();
    const size = async () => (await partitions(url)).map(({ lower, upper }) => Number(upper) - Number(lower));
    expect(await size()).toEqual([262_144, 262_144, 262_144]);
    await jump(url, 'SELECT max(upper) - 2 FROM record_partition');
    await rowsOf(url, `SELECT nextval('record_id'), make_partitions()`);
    const after = await size();
    expect(after).toEqual([262_144, 262_144, 262_144, 1_048_576, 1_048_576]);
    const [first, second, third, next] = await partitions(url);
    for (const full of [first!, second!])
      expect(full).toMatchObject({
        opened_at: expect.any(Date),
        closed_at: expect.any(Date),
        given: '262144',
      });
    expect(third).toMatchObject({ opened_at: expect.any(Date), closed_at: null });
    expect(next).toMatchObject({ lower: third!.upper, opened_at: null });
    expect(await tables(url)).toHaveLength(after.length * 6);
  });

  it('are made by whoever finds none: the API goes on accepting where no worker keeps house', async () => {
    await using receiver = await Receiver.answering(200);
    await using app = await App.start();
    await jump(app.databaseUrl, 'SELECT max(upper) FROM record_partition');
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => app.client.submit({ type: 'echo', callback: { url: receiver.url } })),
    );
    await receiver.received(20);
    expect(answers).toHaveLength(20);
    expect(await rowsOf(app.databaseUrl, 'SELECT FROM audit_records()')).toEqual([]);
  });

  it('fail a row that breaks another rule than theirs at once', async () => {
    const dataSource = await connect(dataSourceOptions(await newDatabase(), 2));
    try {
      const database = new Database(dataSource);
      await expect(
        database.query(
          `INSERT INTO operation_end SELECT 1, 'Lost', 1, 1, false, now(), now(), now(), NULL, NULL, NULL, '', NULL, NULL, NULL, NULL, NULL, ''`,
        ),
      ).rejects.toMatchObject({ code: '23514', constraint: expect.any(String) });
    } finally {
      await dataSource.destroy();
    }
  });

  it('are given up when they are old, so that their records can go in time, and no number is given twice', async () => {
    await using kept = await Kept.start();
    const requestIds = async () =>
      (await rowsOf<{ id: string }>(kept.url, 'SELECT request_id AS id FROM operation ORDER BY 1')).map(
        ({ id }) => Number(id),
      );
    await kept.close();
    expect((await partitions(kept.url))[0]).toMatchObject({ closed_at: null });
    await kept.end();
    await kept.store.make();
    await kept.store.rotate();
    expect((await partitions(kept.url))[0]).toMatchObject({ closed_at: null });
    const submits = Array.from({ length: 50 }, () => kept.end());
    await kept.close();
    await Promise.all(submits);
    await kept.end();
    const [first, second] = await partitions(kept.url);
    expect(first).toMatchObject({ closed_at: expect.any(Date), given: expect.any(String) });
    const ids = await requestIds();
    expect(new Set(ids).size).toBe(52);
    expect(Math.max(...ids)).toBeGreaterThanOrEqual(Number(second!.lower));
    expect(
      ids
        .filter((id) => id < Number(second!.lower))
        .every((id) => id < Number(first!.lower) + Number(first!.given)),
    ).toBe(true);
    expect(await rowsOf(kept.url, 'SELECT FROM audit_records()')).toEqual([]);
  });

  it('wait for what is still owed, and for what ended lately', async () => {
    await using kept = await Kept.start();
    await kept.end();
    const far = { type: 'echo', run_at: new Date(Date.now() + 3_600_000).toISOString() };
    const { id } = await kept.app.client.submit(far);
    await kept.close();
    await kept.retire();
    expect((await partitions(kept.url))[0]!.retired_at).toBeNull();
    await kept.app.client.post(`/v1/operations/${id}/cancel`);
    await kept.store.retire();
    expect((await partitions(kept.url))[0]!.retired_at).toBeNull();
    await kept.retire();
    expect((await partitions(kept.url))[0]!.retired_at).toEqual(expect.any(Date));
  });

  // Fewer numbers than it has, and more.
  it.each([3, 300_000])(
    'go with all that is known of their operations, the ledger balanced at each step, booked off by %i',
    async (most) => {
      await using kept = await Kept.start();
      kept.receiver.answer(200, 410);
      const gone = [await kept.end(), await kept.end(), await kept.end()];
      await kept.close();
      const stays = await kept.end();
      await kept.retire();
      const [first] = await partitions(kept.url);
      await agePartitions(kept.url);
      // In pieces: each is a commit of its own.
      while ((await kept.store.bookOff(most)) > 0) expect((await kept.ledger()).balanced).toBe(true);
      await kept.app.nest.get(LedgerStore).addUp(1000);
      expect(await kept.store.drop(SOON())).toBe(6);
      expect((await partitions(kept.url)).map(({ lower }) => lower)).not.toContain(first!.lower);
      expect((await tables(kept.url)).filter((name) => name.endsWith(`_${first!.lower}`))).toEqual([]);
      for (const id of gone) expect((await kept.app.client.get(`/v1/operations/${id}`)).status).toBe(404);
      expect((await kept.app.client.get(`/v1/operations/${stays}`)).status).toBe(200);
      expect(await kept.ledger()).toMatchObject({
        balanced: true,
        accepted: 1,
        operations: { finished: 1 },
        ended_with_callback: 1,
      });
      expect(await rowsOf(kept.url, 'SELECT FROM undelivered WHERE home < $1', [first!.upper])).toEqual([]);
    },
  );

  it('are dropped beside those who read and write, and after one that was cut off', async () => {
    await using kept = await Kept.start();
    await kept.end();
    await kept.close();
    await kept.retire();
    await kept.book();
    // A backup, for instance.
    const reader = new pg.Client({ connectionString: directUrl(kept.url) });
    await reader.connect();
    await reader.query('BEGIN');
    await reader.query('SELECT FROM operation');
    await expect(kept.store.drop(SOON())).rejects.toThrow();
    const pending = () => rowsOf(kept.url, 'SELECT FROM pg_inherits WHERE inhdetachpending');
    expect(await pending()).toHaveLength(1);
    await kept.end();
    await expect(kept.store.drop(SOON())).rejects.toThrow();
    await kept.end();
    expect(await kept.ledger()).toMatchObject({ balanced: true, accepted: 2 });
    await reader.query('COMMIT');
    await reader.end();
    expect(await kept.store.drop(SOON())).toBe(6);
    expect(await pending()).toEqual([]);
    expect((await partitions(kept.url)).every(({ booked_to }) => booked_to === null)).toBe(true);
    await kept.end();
  });

  it('are finished by the next round when a process dies between two of their tables', async () => {
    await using kept = await Kept.start();
    await kept.end();
    await kept.close();
    await kept.retire();
    await kept.book();
    const [{ lower } = { lower: '' }] = await partitions(kept.url);
    await rowsOf(kept.url, `ALTER TABLE operation DETACH PARTITION operation_${lower} CONCURRENTLY`);
    await rowsOf(kept.url, `ALTER TABLE delivery DETACH PARTITION delivery_${lower} CONCURRENTLY`);
    await rowsOf(kept.url, `DROP TABLE operation_${lower}`);
    expect(await kept.store.drop(SOON())).toBe(5);
    expect((await partitions(kept.url)).map((partition) => partition.lower)).not.toContain(lower);
  });

  it('are kept where something was made owed again by a statement that had begun before', async () => {
    await using kept = await Kept.start();
    kept.receiver.answer(410, () => undefined);
    const id = await kept.end();
    await kept.close();
    await kept.retire();
    // Of notices and tests, which are not emptied: as if this were one.
    await rowsOf(kept.url, `UPDATE delivery SET body = '{}'`);
    const [delivery] = await kept.app.client.deliveries(id);
    const redeliver = () => kept.app.client.post(`/v1/deliveries/${delivery.id}/redeliver`);
    expect((await redeliver()).status).toBe(409);
    await rowsOf(kept.url, 'UPDATE record_partition SET retired_at = NULL');
    expect((await redeliver()).status).toBe(202);
    await rowsOf(kept.url, `UPDATE record_partition SET retired_at = closed_at WHERE closed_at IS NOT NULL`);
    await kept.book();
    expect((await partitions(kept.url))[0]).toMatchObject({ retired_at: null, booked_to: null });
    expect(await kept.ledger()).toMatchObject({ balanced: true, accepted: 1 });
  });
});
