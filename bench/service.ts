import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Build, TODAY } from '../scripts/processes/build.js';
import type { BenchOptions } from './options.js';
import { PostgresMeter } from './postgres-meter.js';
import { freePort, type Leftovers } from './processes.js';

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

/** What is started, and on what. */
export interface Setup {
  /** This checkout's, unless another is given. */
  readonly build?: Build;
  /** A new one, unless one is given. */
  readonly dataDir?: string;
  /** The queue is PostgreSQL without it. */
  readonly redisUrl?: string | undefined;
  readonly settings?: Readonly<Record<string, string>>;
}

/** Starts the service on the queue backend that `redisUrl` means and resolves once it is ready. */
export async function startService(
  options: BenchOptions,
  leftovers: Leftovers,
  setup: Setup = {},
): Promise<BenchedService> {
  const dataDir = setup.dataDir ?? (await leftovers.folder('data'));
  const start = async (how: BenchOptions): Promise<BenchedService> => {
    const service = await startProcess(how, leftovers, {
      ...setup,
      settings: {
        RINGBACK_DATA_DIR: dataDir,
        ...(setup.redisUrl === undefined ? {} : { REDIS_URL: setup.redisUrl }),
        ...setup.settings,
      },
    });
    const postgres = await PostgresMeter.open(dataDir);
    leftovers.orphans.add(postgres.pid);
    return { ...service, postgres };
  };
  if (options.statements && !existsSync(join(dataDir, 'postgres'))) {
    // The build makes its cluster itself: another revision's may differ. Counting needs one restart.
    const first = await start({ ...options, profile: undefined });
    await first.postgres.preloadStatements();
    await stopService(first, leftovers);
  }
  return start(options);
}

/** Starts one process of the service with these settings and resolves once it is ready. */
export async function startProcess(
  options: BenchOptions,
  leftovers: Leftovers,
  { build = TODAY, settings }: Setup,
): Promise<ServiceProcess> {
  const port = await freePort();
  const key = 'rb_bench_0123456789abcdefghijklmnop';
  const child = leftovers.spawn(
    process.execPath,
    [
      ...profiling(options),
      // As `npm start` does: a smaller nursery for young objects, so that memory stays down under load.
      '--max-semi-space-size=16',
      '--enable-source-maps',
      join(build.folder, 'dist/src/main.js'),
    ],
    {
      cwd: build.folder,
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
  child.once('exit', endsTheBench(child));
  return { child, pid: child.pid!, url, key };
}

/** What is waited for would never come: the bench stops as it does when it is interrupted. */
function endsTheBench(child: ChildProcess) {
  return (code: number | null, signal: NodeJS.Signals | null): void => {
    if (child.killed) return;
    console.error(
      `the service ended in the middle of the bench (${signal ?? `code ${code}`}): its messages are above`,
    );
    process.kill(process.pid, 'SIGTERM');
  };
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
