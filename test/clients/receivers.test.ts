import { mkdtemp, rm } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { type Delivery, RingbackClient } from '../../src/client/index.js';
import { App, freePort } from '../support/app.js';
import { newDatabase, redisUrls } from '../support/database.js';
import { BadRoad } from './bad-road.js';
import { goDriver, PYTHON } from './drivers.js';
import { ended, startProgram } from './programs.js';

/** Events that each receiver gets; RINGBACK_TEST_RECEIVED=10000 takes minutes. */
const EVENTS = Number(process.env.RINGBACK_TEST_RECEIVED ?? 80);
const PATIENCE = { timeout: 60_000 + EVENTS * 60, interval: 100 + EVENTS / 5 };

/** Rows of the user's own table: one for each time that an event was worked through. */
interface UsersTable extends AsyncDisposable {
  readonly url: string;
  operations(): Promise<string[]>;
}

const CREATE = 'CREATE TABLE handled (operation text, correlation text)';
const READ = 'SELECT operation FROM handled';

async function inSqlite(folder: string, name: string): Promise<UsersTable> {
  const url = join(folder, `${name}.db`);
  const database = new DatabaseSync(url, { timeout: 5_000 });
  database.exec(`PRAGMA journal_mode = WAL; ${CREATE}`);
  return {
    url,
    operations: () =>
      Promise.resolve(
        database
          .prepare(READ)
          .all()
          .map(({ operation }) => operation as string),
      ),
    [Symbol.asyncDispose]: () => Promise.resolve(database.close()),
  };
}

async function inPostgres(): Promise<UsersTable> {
  const url = await newDatabase();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(CREATE);
  return {
    url,
    operations: async () =>
      (await client.query<{ operation: string }>(READ)).rows.map(({ operation }) => operation),
    [Symbol.asyncDispose]: () => client.end(),
  };
}

/** The account's deliveries of a status. */
async function counted(client: RingbackClient, status: string): Promise<Delivery[]> {
  const found: Delivery[] = [];
  for await (const delivery of client.deliveries({ status })) found.push(delivery);
  return found;
}

// What a receiver makes of callbacks has nothing to do with the queue.
describe.skipIf(redisUrls().length > 0)('A receiver that was down, on a bad road', () => {
  let app: App;
  let folder: string;
  beforeAll(async () => {
    app = await App.start();
    folder = await mkdtemp(join(tmpdir(), 'ringback-receivers-'));
    if (PYTHON) await goDriver();
  }, 180_000);
  afterAll(async () => {
    await app[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const languages = ['TypeScript', ...(PYTHON ? ['Python', 'Go'] : [])];
  const all = languages.flatMap((language) => [
    { language, database: 'SQLite' },
    { language, database: 'PostgreSQL' },
  ]);

  it.concurrent.for(all)(
    'in $language with $database works through each event once',
    { timeout: 2 * PATIENCE.timeout },
    async ({ language, database }, { expect }) => {
      await using table = await (database === 'SQLite' ? inSqlite(folder, language) : inPostgres());
      const port = await freePort();
      await using road = await BadRoad.to(port);
      const account = await app.account(`${language} ${database}`, 50);
      const { body } = await account.get('/v1/signing-secret');
      const client = new RingbackClient({ url: account.url, apiKey: account.key });
      const task = {
        database: table.url,
        port,
        secret: body.secret,
        url: account.url,
        key: account.key,
      };
      // It catches up at its start, and then hears of events by their callbacks alone.
      let receiver = await startProgram(language, 'receiver', { ...task, every_s: 3_600 });
      try {
        const callback = { url: road.url };
        const delivered = async (): Promise<number> => (await counted(client, 'Delivered')).length;
        // Where nobody has ever answered, callbacks are sent one at a time.
        const first = await client.submit({ type: 'echo', callback });
        await expect.poll(delivered, PATIENCE).toBe(1);
        const submitted = [first.id];
        const submit = async (upTo: number): Promise<void> => {
          while (submitted.length < upTo) {
            const many = Math.min(500, upTo - submitted.length);
            const one = { type: 'echo', callback, correlation: 'one of many' };
            const batch = await client.batch(Array.from({ length: many }, () => one));
            submitted.push(...batch.map(({ operation }) => operation!.id));
          }
        };
        await submit(EVENTS / 2);
        const worked = async (): Promise<number> => (await table.operations()).length;
        await expect.poll(worked, PATIENCE).toBeGreaterThan(EVENTS / 8);
        await ended(receiver, 'SIGKILL');
        await submit(EVENTS);
        const exhausted = async (): Promise<number> => (await counted(client, 'Exhausted')).length;
        await expect.poll(exhausted, PATIENCE).toBeGreaterThan(EVENTS / 4);
        receiver = await startProgram(language, 'receiver', { ...task, every_s: 0.5 });
        await expect
          .poll(async () => new Set(await table.operations()).size, PATIENCE)
          .toBe(submitted.length);
        // What is still on its way are duplicates.
        const pending = async (): Promise<number> => (await counted(client, 'Pending')).length;
        await expect.poll(pending, PATIENCE).toBe(0);
        expect((await table.operations()).toSorted()).toEqual(submitted.toSorted());
        expect(Math.min(...Object.values(road.hits))).toBeGreaterThan(0);
      } finally {
        await ended(receiver, 'SIGKILL');
      }
    },
  );
});
