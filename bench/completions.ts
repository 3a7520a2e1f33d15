import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { BenchOptions } from './options.js';
import type { Leftovers } from './processes.js';
import { type BenchedService, startService, stopService } from './service.js';
import { cpuSeconds, residentMb } from './usage.js';

const BATCH = 500;
const IDLE_S = 20;
/** How long a start gets to come to rest, ms. */
const SETTLE_MS = 20_000;
/** Operations that are completed to see how fast that goes, and requests under way at once. */
const COMPLETED = 2_000;
const AT_ONCE = 32;

/** What an idle service spends a second. */
interface Idle {
  readonly mb: number;
  readonly statements: number;
  readonly serviceCpu: number;
  readonly postgresCpu: number;
}

/** Measures what operations cost that wait for completions, against a service on which none waits. */
export async function benchCompletions(options: BenchOptions, leftovers: Leftovers): Promise<void> {
  const waiting = options.completions!;
  // Compared are two starts, so that no side has a heap that a load has grown.
  const dataDir = await leftovers.folder('data');
  const settings = { RINGBACK_SLOTS: '100000' };
  let service = await startService(options, leftovers, { dataDir, settings });
  await pause(SETTLE_MS);
  const none = await idle(service);
  const startedAt = performance.now();
  const urls = await submit(service, waiting);
  console.log(
    `${waiting} submitted and waiting after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`,
  );
  await stopService(service, leftovers);
  service = await startService(options, leftovers, { dataDir, settings });
  await pause(SETTLE_MS);
  const many = await idle(service);
  for (const [name, { mb, statements, serviceCpu, postgresCpu }] of Object.entries({ none, many }))
    console.log(
      `${name} waiting: ${mb.toFixed(0)} MB resident, ${statements.toFixed(1)} statements/s, ` +
        `CPU of service ${(100 * serviceCpu).toFixed(2)} %, of PostgreSQL ${(100 * postgresCpu).toFixed(2)} % of a core`,
    );
  console.log(`more resident: ${(many.mb - none.mb).toFixed(1)} MB`);
  const completedAt = performance.now();
  await complete(service.url, urls.slice(0, COMPLETED));
  const perSecond = Math.min(COMPLETED, waiting) / ((performance.now() - completedAt) / 1000);
  console.log(`completed, one request each: ${perSecond.toFixed(0)}/s`);
  await stopService(service, leftovers);
}

/** Submits so many and answers the paths of their completion URLs, once all of them wait. */
async function submit({ url, key, postgres }: BenchedService, count: number): Promise<string[]> {
  const urls: string[] = [];
  while (urls.length < count) {
    const operations = Array.from({ length: Math.min(BATCH, count - urls.length) }, () => ({
      type: 'external',
      input: { timeout_s: 86_400 },
    }));
    const response = await fetch(`${url}/v1/operations/batch`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ operations }),
    });
    const { data } = (await response.json()) as { data: { operation: { completion_url: string } }[] };
    urls.push(...data.map(({ operation }) => new URL(operation.completion_url).pathname));
  }
  const client = new pg.Client({ connectionString: postgres.url, application_name: 'ringback-bench' });
  await client.connect();
  const left = `SELECT count(*)::integer AS left FROM live_operation WHERE awaits IS NULL`;
  while ((await client.query<{ left: number }>(left)).rows[0]!.left > 0) await pause(200);
  await client.end();
  return urls;
}

async function complete(base: string, urls: readonly string[]): Promise<void> {
  const left = [...urls];
  const one = async (): Promise<void> => {
    for (let url = left.pop(); url !== undefined; url = left.pop()) {
      const response = await fetch(base + url, {
        method: 'POST',
        body: '{"status":"finished","result":{"done":true}}',
      });
      if (!response.ok)
        throw new Error(`a completion was answered ${response.status}: ${await response.text()}`);
      await response.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

async function idle({ pid, postgres }: BenchedService): Promise<Idle> {
  const [before, cpu] = [await postgres.counted(), cpuSeconds(pid)];
  await pause(IDLE_S * 1000);
  const [after, cpuAfter] = [await postgres.counted(), cpuSeconds(pid)];
  const statements = (counted: typeof before): number =>
    counted.statements ? counted.statements.rows + counted.statements.queue : counted.commits;
  return {
    mb: residentMb(pid) ?? NaN,
    statements: (statements(after) - statements(before)) / IDLE_S,
    serviceCpu: ((cpuAfter?.own ?? NaN) - (cpu?.own ?? NaN)) / IDLE_S,
    postgresCpu: ((cpuAfter?.below ?? NaN) - (cpu?.below ?? NaN)) / IDLE_S,
  };
}
