import { join } from 'node:path';
import pg from 'pg';
import type { Build } from '../scripts/processes/build.js';
import { offer, type Offered } from './offered.js';
import type { BenchOptions } from './options.js';
import type { Leftovers } from './processes.js';
import { type Helpers, type Loaded, Run } from './run.js';
import { startService, stopService } from './service.js';
import { type FigureName, hopFigure, type Turn } from './turn-figures.js';
import type { HopName, Trace } from './trace.js';

/** One of those that are measured in turns. */
export interface Side {
  /** A word or two: a column's head. */
  readonly name: string;
  readonly build: Build;
  /** Ended operations that are there before the first turn. */
  readonly records: number;
  /** Whether a transaction stays open from before the load to its end. */
  readonly oldTransaction: boolean;
  /** Kept from turn to turn. */
  readonly dataDir: string;
  readonly redisUrl: string | undefined;
}

/** One turn: the side's service is started on its data, warmed up, measured and ended. */
export async function takeTurn(
  { name, build, dataDir, redisUrl, oldTransaction }: Side,
  options: BenchOptions,
  helpers: Helpers,
  leftovers: Leftovers,
): Promise<Turn> {
  const profile = options.profile && join(options.profile, name);
  const service = await startService({ ...options, profile }, leftovers, { build, dataDir, redisUrl });
  try {
    const run = new Run(service, options, helpers);
    await run.warmUp();
    const idle = options.idleSamples > 0 ? await run.traced() : null;
    await using _open = oldTransaction ? await openTransaction(service.postgres.url) : null;
    const { figures, ...loaded } = await underLoad(run);
    const waited = { idleP50: idle?.waited.p50, idleP95: idle?.waited.p95 };
    return { figures: known({ ...figures, ...waited, ...(idle && hops('idle', idle.trace)) }), ...loaded };
  } finally {
    await stopService(service, leftovers);
  }
}

/** Keeps what PostgreSQL has to keep for it, until it is disposed of. */
async function openTransaction(url: string): Promise<AsyncDisposable> {
  const client = new pg.Client({ connectionString: url, application_name: 'ringback-bench' });
  // The service that is stopped after a failure takes its server along.
  client.on('error', () => undefined);
  await client.connect();
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await client.query('SELECT pg_current_xact_id()');
  return { [Symbol.asyncDispose]: () => client.end() };
}

type Found = Partial<Record<FigureName, number | null | undefined>>;

async function underLoad(run: Run): Promise<Omit<Turn, 'figures'> & { figures: Found }> {
  const { rate, seconds, operations } = run.options;
  if (rate === undefined) {
    const loaded = await run.load();
    const { endToEndPerSecond: endToEnd, acceptedPerSecond: accepted, top } = loaded;
    return { figures: { ...costFigures(loaded, operations), endToEnd, accepted }, operations, top };
  }
  const offered = await offer(run, rate, seconds);
  const { p50: rateP50, p95: rateP95, p99: rateP99 } = offered.callbackMs;
  const waits = { rateP50, rateP95, rateP99, rateAnswerP95: offered.answerMs.p95, behind: offered.behind };
  const figures = { ...costFigures(offered, offered.operations), ...waits, ...hops('rate', offered.trace) };
  return { figures, operations: offered.operations, top: offered.top };
}

function costFigures(
  {
    cpu,
    idleCpu,
    statements,
    walBytes,
    commits,
    othersCores,
    residentMb,
    refused,
    duplicates,
    spent,
    idleRoundMs,
  }: Loaded | Offered,
  operations: number,
): Found {
  const each = cpu && {
    service: (cpu.service * 1000) / operations,
    postgres: (cpu.postgres * 1000) / operations,
  };
  const [idle] = idleCpu;
  return {
    cpu: each && each.service + each.postgres,
    cpuService: each?.service,
    cpuPostgres: each?.postgres,
    wal: walBytes / 1024,
    commits,
    dispatch: spent?.dispatch && spent.dispatch.ms / operations,
    claims: spent?.claims && spent.claims.ms / operations,
    idleRound: idleRoundMs,
    statementsRows: statements?.rows,
    statementsQueue: statements?.queue,
    idleCpuService: idle && idle.service * 100,
    idleCpuPostgres: idle && idle.postgres * 100,
    rss: residentMb.includes(null) ? null : Math.max(...(residentMb as number[])),
    refused,
    duplicates,
    othersCores,
  };
}

function hops(when: 'idle' | 'rate', trace: Trace): Found {
  const names = Object.keys(trace) as HopName[];
  return Object.fromEntries(names.map((name) => [hopFigure(when, name), trace[name].took]));
}

function known(found: Found): Turn['figures'] {
  return Object.fromEntries(Object.entries(found).filter(([, value]) => typeof value === 'number'));
}
