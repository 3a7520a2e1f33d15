import type { ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { BenchOptions } from './options.js';
import { PostgresMeter, prepareCluster } from './postgres-meter.js';
import { freePort, type Leftovers } from './processes.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const READY_MS = 60_000;

/** The built service as a child process. */
export interface ServiceProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly url: string;
  readonly key: string;
}

/** One with an embedded PostgreSQL in a folder of its own. */
export interface BenchedService extends ServiceProcess {
  readonly postgres: PostgresMeter;
}

/** Starts the service on the queue backend that `redisUrl` means and resolves once it is ready. */
export async function startService(
  options: BenchOptions,
  redisUrl: string | undefined,
  leftovers: Leftovers,
  settings: Readonly<Record<string, string>> = {},
): Promise<BenchedService> {
  const dataDir = await leftovers.folder('data');
  if (options.statements) await prepareCluster(dataDir);
  const service = await startProcess(options, leftovers, {
    RINGBACK_DATA_DIR: dataDir,
    ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
    ...settings,
  });
  const postgres = await PostgresMeter.open(dataDir);
  leftovers.orphans.add(postgres.pid);
  return { ...service, postgres };
}

/** Starts one process of the service with these settings and resolves once it is ready. */
export async function startProcess(
  options: BenchOptions,
  leftovers: Leftovers,
  settings: Readonly<Record<string, string>>,
): Promise<ServiceProcess> {
  const port = await freePort();
  const key = `rb_bench_${'k'.repeat(24)}`;
  const child = leftovers.spawn(
    process.execPath,
    [
      ...profiling(options),
      // As `npm start` does: a smaller nursery for young objects, so that memory stays down under load.
      '--max-semi-space-size=16',
      '--enable-source-maps',
      MAIN,
    ],
    {
      env: {
        ...inherited(),
        PORT: String(port),
        RINGBACK_API_KEY: key,
        RINGBACK_SLOTS: String(options.slots),
        RINGBACK_LOG_LEVEL: 'warn',
        ...settings,
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const url = `http://127.0.0.1:${port}`;
  await ready(child, url);
  return { child, pid: child.pid!, url, key };
}

/** Ends the service, and the server it started with it. */
export async function stopService(service: BenchedService, leftovers: Leftovers): Promise<void> {
  await service.postgres[Symbol.asyncDispose]();
  await leftovers.stop(service.child);
  if (service.child.exitCode === 0) leftovers.orphans.delete(service.postgres.pid);
}

/** Everything but what would put the bench on somebody's data. */
function inherited(): NodeJS.ProcessEnv {
  const { DATABASE_URL: _database, REDIS_URL: _redis, NODE_ENV: _node, HOST: _host, ...rest } = process.env;
  return rest;
}

function profiling({ profile }: BenchOptions): string[] {
  if (profile === undefined) return [];
  mkdirSync(profile, { recursive: true });
  return ['--cpu-prof', `--cpu-prof-dir=${profile}`];
}

async function ready(child: ChildProcess, url: string): Promise<void> {
  for (const deadline = Date.now() + READY_MS; Date.now() < deadline; await pause(50)) {
    if (child.exitCode !== null) break;
    const answer = await fetch(`${url}/health/ready`).catch(() => null);
    if (answer?.ok) return;
  }
  throw new Error(`the service did not become ready within ${READY_MS / 1000} s: its messages are above`);
}
