import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { EmbeddedPostgres } from '../src/embedded-postgres/embedded-postgres.js';
import { measureIdle } from './fleet-idle.js';
import { type Spread } from './figures.js';
import { type Backend, type BenchOptions } from './options.js';
import { PostgresMeter } from './postgres-meter.js';
import type { Leftovers } from './processes.js';
import { redisFor } from './redis.js';
import { heading, spread, topStatements } from './report.js';
import { type Helpers, Run } from './run.js';
import { type ServiceProcess, startProcess } from './service.js';

const HANDLERS = fileURLToPath(new URL('fleet.handlers.js', import.meta.url));
/** Processes that start at once: each start takes a core for a second or two. */
const STARTING = 4;
/** What a start leaves behind is done by then, ms. */
const SETTLE_MS = 60_000;
/**
 * Operations that are shared, how long each takes, and how many a process runs at once: 50 processes begin 67 a second then, which two
 * cores can carry. Where they can't, whoever gets a core has more of them.
 */
const SHARED_MS = 3_000;
const SHARED_AT_ONCE = 4;
const BATCH = 500;

/** Many processes on one database. */
export interface Fleet {
  readonly processes: readonly ServiceProcess[];
  readonly postgres: PostgresMeter;
}

/** What many processes on one database cost while idle, how soon they are at it, how they share work, and how fast they are. */
export async function benchFleet(
  options: BenchOptions,
  helpers: Helpers,
  leftovers: Leftovers,
): Promise<void> {
  console.log(`${heading(options)}\n`);
  const backends: Backend[] =
    options.backend === 'both' ? ['postgresql', 'redis'] : [options.backend ?? 'postgresql'];
  for (const backend of backends) {
    const redisUrl = await redisFor({ ...options, backend }, leftovers);
    await benchOn(backend, redisUrl, options, helpers, leftovers);
  }
}

async function benchOn(
  backend: Backend,
  redisUrl: string | undefined,
  options: BenchOptions,
  helpers: Helpers,
  leftovers: Leftovers,
): Promise<void> {
  const dataDir = await leftovers.folder('postgres');
  const server = await EmbeddedPostgres.start({
    dataDir,
    settings: {
      max_connections: '1000',
      ...(options.statements ? { shared_preload_libraries: 'pg_stat_statements' } : {}),
    },
  });
  leftovers.orphans.add(server.pid);
  const processes: ServiceProcess[] = [];
  try {
    const start = await starter(server.url, redisUrl, options, leftovers);
    // The first makes the schema.
    processes.push(await start());
    await using postgres = await PostgresMeter.open(dataDir);
    while (processes.length < options.processes!) {
      const missing = Math.min(STARTING, options.processes! - processes.length);
      processes.push(...(await Promise.all(Array.from({ length: missing }, start))));
    }
    console.error(`${processes.length} processes run on ${backend} …`);
    await pause(SETTLE_MS);
    const fleet: Fleet = { processes, postgres };
    const idle = await measureIdle(fleet, server.pid, options.seconds * 1000);
    const top = await postgres.top(options.top);
    console.error(
      `idle, of one core: ${(100 * idle.serviceCpu).toFixed(1)} % + ${(100 * idle.postgresCpu).toFixed(1)} %`,
    );
    const service = { ...processes[0]!, postgres };
    const run = new Run(service, options, helpers);
    const waited = options.idleSamples > 0 ? await run.idle() : null;
    const shared = options.operations > 0 ? await share(fleet, options.operations) : null;
    const endToEnd = options.operations > 0 ? await endToEndOf(run, options) : null;
    console.log(table(backend, processes.length, { ...idle, waited, shared, endToEnd }));
    if (top.length > 0) console.log(`\n${topStatements(top, options.seconds * processes.length).join('\n')}`);
  } finally {
    await Promise.all(processes.map(({ child }) => leftovers.stop(child)));
    leftovers.orphans.delete(server.pid);
    await server.stop();
  }
}

async function starter(
  url: string,
  redisUrl: string | undefined,
  options: BenchOptions,
  leftovers: Leftovers,
): Promise<() => Promise<ServiceProcess>> {
  const settings = {
    DATABASE_URL: url,
    ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
    RINGBACK_SECRET_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    RINGBACK_DATA_DIR: await leftovers.folder('data'),
    RINGBACK_ALLOWED_PRIVATE: '127.0.0.0/8',
    RINGBACK_HANDLERS: HANDLERS,
    RINGBACK_CONCURRENCY: String(SHARED_AT_ONCE),
    // As docs/operating.md advises for many: 50 processes with 20 each would ask for more than the server has.
    RINGBACK_DATABASE_POOL: '8',
    RINGBACK_SLOTS: '100000',
  };
  return () => startProcess(options, leftovers, { settings });
}

/** What each process had of operations that keep all of them busy: the least, the mean and the most. */
interface Shared {
  readonly least: number;
  readonly mean: number;
  readonly most: number;
  readonly tookS: number;
}

async function share({ processes, postgres }: Fleet, operations: number): Promise<Shared> {
  const startedAt = performance.now();
  await submitMany(processes[0]!, operations);
  const client = new pg.Client({ connectionString: postgres.url, application_name: 'ringback-bench' });
  await client.connect();
  try {
    const left = `SELECT count(*)::integer AS left FROM operation o JOIN live_operation l USING (request_id) WHERE o.type = 'bench.who'`;
    while ((await client.query<{ left: number }>(left)).rows[0]!.left > 0) await pause(1_000);
    const { rows } = await client.query<{ count: number }>(
      `SELECT count(*)::integer AS count FROM operation_end JOIN operation USING (request_id) WHERE type = 'bench.who' GROUP BY result`,
    );
    const counts = rows.map(({ count }) => count);
    const none = processes.length - counts.length;
    return {
      least: none > 0 ? 0 : Math.min(...counts),
      mean: operations / processes.length,
      most: Math.max(...counts),
      tookS: (performance.now() - startedAt) / 1000,
    };
  } finally {
    await client.end();
  }
}

async function submitMany({ url, key }: ServiceProcess, count: number): Promise<void> {
  for (let made = 0; made < count; made += BATCH) {
    const operations = Array.from({ length: Math.min(BATCH, count - made) }, () => ({
      type: 'bench.who',
      input: { ms: SHARED_MS },
    }));
    const response = await fetch(`${url}/v1/operations/batch`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ operations }),
    });
    if (!response.ok) throw new Error(`a batch was answered ${response.status}: ${await response.text()}`);
    await response.arrayBuffer();
  }
}

async function endToEndOf(run: Run, { operations }: BenchOptions): Promise<number> {
  await run.warmUp();
  const startedAt = performance.now();
  await run.complete(operations);
  return operations / ((performance.now() - startedAt) / 1000);
}

interface Figures {
  readonly serviceCpu: number;
  readonly postgresCpu: number;
  readonly statements: number;
  readonly connections: number;
  readonly othersCores: number;
  readonly waited: Spread | null;
  readonly shared: Shared | null;
  readonly endToEnd: number | null;
}

function table(backend: Backend, count: number, figures: Figures): string {
  const { serviceCpu, postgresCpu, statements, connections, othersCores, waited, shared, endToEnd } = figures;
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  const lines = [
    [
      'idle CPU of all, of one core: services + PostgreSQL',
      `${percent(serviceCpu)} + ${percent(postgresCpu)} = **${percent(serviceCpu + postgresCpu)}**`,
    ],
    ['idle statements a second of one process', (statements / count).toFixed(2)],
    ['connections to PostgreSQL of one process, idle', (connections / count).toFixed(1)],
    ['idle: submit → callback received, p50 / p95 / p99', spread(waited)],
    [
      `operations of ${SHARED_MS / 1000} s that one process ran: least, mean, most`,
      shared
        ? `${shared.least}, ${shared.mean.toFixed(0)}, ${shared.most}; all took ${shared.tookS.toFixed(0)} s`
        : 'not measured',
    ],
    [
      'operations of type echo with their callback logged, end to end',
      endToEnd === null ? 'not measured' : `${endToEnd.toFixed(0)}/s`,
    ],
    ['cores kept busy by others while idle', othersCores.toFixed(2)],
  ];
  return [
    `### ${count} processes, ${backend === 'redis' ? 'Redis' : 'PostgreSQL'} as the queue`,
    '',
    '| figure | value |',
    '|---|---|',
    ...lines.map(([figure, value]) => `| ${figure} | ${value} |`),
  ].join('\n');
}
