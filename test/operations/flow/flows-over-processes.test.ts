import { appendFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { newDatabase, rowsOf } from '../../support/database.js';
import { Service, sharedBy, temporaryFolder } from '../../support/service.js';

const PARALLELISM = 2;
const RATE = { rate: 5, period_s: 1 };
const EACH = 24;

/** Most that had begun and not ended at once, by the handlers' own notes, in the order in which all processes wrote them. */
function mostAtOnce(lines: readonly string[], ids: ReadonlySet<string>): number {
  const running = new Map<string, string>();
  let most = 0;
  for (const line of lines) {
    const [what, pid, , id] = line.split(' ') as [string, string, string, string];
    if (what === 'killed') for (const [run, of] of running) if (of === pid) running.delete(run);
    if (what === 'start' && ids.has(id)) running.set(`${pid} ${id}`, pid);
    if (what === 'end') running.delete(`${pid} ${id}`);
    most = Math.max(most, running.size);
  }
  return most;
}

it(
  'No flow key has more Executing than its parallelism, or starts more than its rate in any window, over three workers of which one is killed',
  { timeout: 60_000 },
  async () => {
    const database = await newDatabase();
    const shared = sharedBy(database);
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'notes');
    const notes = async (): Promise<string[]> =>
      (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean);
    const started = await Promise.all([1, 2, 3].map(() => Service.start(shared)));
    await using one = started[0]!;
    await using _two = started[1]!;
    await using _three = started[2]!;
    const submit = async (nth: number, flow: object, input: object): Promise<string> => {
      const { id } = await started[nth % started.length]!.client.submit({ type: 'test.noted', input, flow });
      return id;
    };
    const parallel = { key: 'parallel', parallelism: PARALLELISM };
    // One that still runs when its worker is killed, and is short when it is run again.
    const long = await submit(0, parallel, { file, ms: [60_000, 25] });
    const [ids, rated] = [new Set([long]), new Set<string>()];
    for (let nth = 0; nth < EACH; nth++) {
      ids.add(await submit(nth, parallel, { file, ms: [25] }));
      rated.add(await submit(nth, { key: 'rated', ...RATE }, { file, ms: [25] }));
    }

    const live = async (): Promise<number> => (await rowsOf(database, 'SELECT FROM live_operation')).length;
    await expect.poll(live, { timeout: 25_000 }).toBeLessThan(EACH);
    const run = (await notes()).find((line) => line.startsWith('start') && line.endsWith(long))!;
    const killed = started.find(({ pid }) => String(pid) === run.split(' ')[1])!;
    await killed.end('SIGKILL');
    appendFileSync(file, `killed ${killed.pid}\n`);
    await expect.poll(live, { timeout: 40_000 }).toBe(0);

    expect(mostAtOnce(await notes(), ids)).toBe(PARALLELISM);
    const starts = await rowsOf<{ key: string; ms: number }>(
      database,
      `SELECT o.flow::json ->> 'key' AS key, (extract(epoch FROM h.created_at) * 1000)::float8 AS ms
       FROM history_view h JOIN operation o ON o.request_id = h.operation_id WHERE h.state = 'Executing' ORDER BY 2`,
    );
    const at = starts.filter(({ key }) => key === 'rated').map(({ ms }) => ms);
    expect(at.length).toBeGreaterThanOrEqual(EACH);
    for (let nth = RATE.rate; nth < at.length; nth++)
      expect(at[nth]! - at[nth - RATE.rate]!).toBeGreaterThan(RATE.period_s * 1000);
    const survivor = killed === one ? started[1]! : one;
    expect(await survivor.client.ended(long, 0)).toMatchObject({ status: 'Finished', attempt: 2 });
    expect(await rowsOf(database, `SELECT state FROM operation_view WHERE state <> 'Finished'`)).toEqual([]);
  },
);
