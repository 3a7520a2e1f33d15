import { appendFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { expect, it } from 'vitest';
import type { Client } from '../support/client.js';
import { newDatabase, rowsOf } from '../support/database.js';
import { Service, sharedBy, temporaryFolder } from '../support/service.js';

/** Most at once, by account. */
type Most = Record<string, number>;

const SLOTS = [1, 3, 8];
/** Enough for each account to be busy until the others are done, at 25 ms each. */
const OPERATIONS_PER_SLOT = 30;

/** Keeps the most of each account. */
function raise(most: Most, account: string, count: number): void {
  most[account] = Math.max(most[account] ?? 0, count);
}

/** From the handlers' notes, in the order in which all processes wrote them: runs that had begun and not ended. */
function mostNoted(lines: readonly string[]): Most {
  const most: Most = {};
  const running = new Map<string, { pid: string; account: string }>();
  for (const line of lines) {
    const [what, pid, account, id] = line.split(' ') as [string, string, string, string];
    if (what === 'start') running.set(`${pid} ${id}`, { pid, account });
    else if (what === 'end') running.delete(`${pid} ${id}`);
    else for (const [run, { pid: of }] of running) if (of === pid) running.delete(run);
    if (what === 'start')
      raise(most, account, [...running.values()].filter((run) => run.account === account).length);
  }
  return most;
}

/** From the history: entries are numbered before their transition commits, and what follows from it comes after the commit. */
async function mostInHistory(database: string): Promise<Most> {
  const rows = await rowsOf<{ account: string; most: number }>(
    database,
    `WITH step AS (
       SELECT o.account_id, h.id, (h.state = 'Executing')::integer
         - (lag(h.state) OVER (PARTITION BY h.operation_id ORDER BY h.id) = 'Executing')::integer AS step
       FROM history_view h JOIN operation o ON o.request_id = h.operation_id WHERE h.kind = 'transition'
     ), running AS (SELECT account_id, sum(step) OVER (PARTITION BY account_id ORDER BY id) AS count FROM step)
     SELECT account_id AS account, max(count)::integer AS most FROM running GROUP BY 1`,
  );
  return Object.fromEntries(rows.map(({ account, most }) => [account, most]));
}

async function account(admin: Client, slots: number): Promise<{ id: string; client: Client }> {
  const { body } = await admin.post('/v1/accounts', { name: `of ${slots}`, slots });
  const scopes = ['operations:write', 'operations:read'];
  const { body: key } = await admin.post(`/v1/accounts/${body.id}/keys`, { name: 'test', scopes });
  return { id: body.id, client: admin.withKey(key.key) };
}

it(
  'No account has more operations Executing than it has slots, at any instant, over three workers of which one is killed',
  { timeout: 60_000 },
  async () => {
    const database = await newDatabase();
    const shared = sharedBy(database);
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'notes');
    const notes = async (): Promise<string[]> =>
      (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean);
    await using api = await Service.start({ ...shared, RINGBACK_ROLE: 'api' });
    const worker = { ...shared, RINGBACK_ROLE: 'worker' };
    const started = await Promise.all([1, 2, 3].map(() => Service.start(worker)));
    await using _one = started[0]!;
    await using _two = started[1]!;
    await using _three = started[2]!;

    const accounts = await Promise.all(SLOTS.map((slots) => account(api.client, slots)));
    const expected = Object.fromEntries(accounts.map(({ id }, place) => [id, SLOTS[place]]));
    // One that still runs when its worker is killed, and is short when it is run again.
    const input = { file, ms: [60_000, 25] };
    const long = await accounts.at(-1)!.client.submit({ type: 'test.noted', input });
    const operations = SLOTS.map((slots) =>
      Array.from({ length: slots * OPERATIONS_PER_SLOT }, () => ({
        type: 'test.noted',
        input: { file, ms: [25] },
      })),
    );
    for (const [place, { client }] of accounts.entries()) {
      const { body } = await client.post('/v1/operations/batch', { operations: operations[place] });
      expect(body.data.filter((item: any) => item.status !== 202)).toEqual([]);
    }

    const sampled: Most = {};
    const watcher = new pg.Client({ connectionString: database });
    await watcher.connect();
    try {
      const live = async (): Promise<number> => {
        const { rows } = await watcher.query<{ account: string; executing: number; live: number }>(
          `SELECT account_id AS account, count(lease_token)::integer AS executing, count(*)::integer AS live
         FROM live_operation GROUP BY 1`,
        );
        for (const { account: of, executing } of rows) raise(sampled, of, executing);
        return rows.reduce((sum, row) => sum + row.live, 0);
      };
      const all = operations.flat().length;
      await expect.poll(live, { interval: 5, timeout: 25_000 }).toBeLessThan(all * 0.75);
      const [, pid] = (await notes())
        .find((line) => line.startsWith('start') && line.endsWith(long.id))!
        .split(' ');
      await started.find((service) => String(service.pid) === pid)!.end('SIGKILL');
      // Nothing of it runs from here on, and its slots are given out again only when its leases have run out.
      appendFileSync(file, `killed ${pid}\n`);
      await expect.poll(live, { interval: 5, timeout: 25_000 }).toBe(0);
    } finally {
      await watcher.end();
    }

    for (const { id } of accounts) expect(sampled[id]).toBeLessThanOrEqual(expected[id]!);
    expect(mostNoted(await notes())).toEqual(expected);
    expect(await mostInHistory(database)).toEqual(expected);
    const again = await accounts.at(-1)!.client.ended(long.id, 0);
    expect(again).toMatchObject({ status: 'Finished', attempt: 2 });
    const pids = new Set(
      (await notes()).filter((line) => line.startsWith('start')).map((line) => line.split(' ')[1]),
    );
    expect(pids.size).toBe(3);
    expect(await rowsOf(database, `SELECT state FROM operation_view WHERE state <> 'Finished'`)).toEqual([]);
  },
);
