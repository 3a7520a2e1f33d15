import type { ChildProcess } from 'node:child_process';
import { createServer, type AddressInfo, type Server as ListeningServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { EmbeddedPostgresError, hasCode, spawnBinary, type Binaries } from './binaries.js';
import { FAST_SHUTDOWN_MS, readText, signalServer, stopOrphan } from './process.js';

/** How a server process ended, with the last lines it logged. */
export interface ServerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly lastLines: readonly string[];
}

const DEFAULT_SETTINGS: Readonly<Record<string, string>> = {
  max_connections: '200',
  shared_buffers: '128MB',
  max_wal_size: '1GB',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Queue tables turn over many times a minute; vacuumed at the stock pace, they bloat and slow every claim down.
  autovacuum_naptime: '10s',
  autovacuum_vacuum_scale_factor: '0.02',
  autovacuum_vacuum_threshold: '500',
  autovacuum_vacuum_cost_delay: '0',
};

/** Settings that the supervisor itself relies on, and that therefore nobody replaces. */
const OWN_SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  log_destination: 'stderr',
  logging_collector: 'off',
  // %e, the SQLSTATE, tells failures apart without reading their text.
  log_line_prefix: '%m [%p] %e ',
};

const READY_POLL_MS = 10;
const KEPT_LINES = 30;
const LOCK_FILE_EXISTS = 'F0001';
const LEFTOVERS_MS = 15_000;

/** Starts a server on a free port of the loopback address and resolves when it accepts connections. */
export async function startServer(
  folder: string,
  binaries: Binaries,
  settings: Record<string, string>,
  log: (line: string) => void,
): Promise<Server> {
  const leftoversGone = Date.now() + LEFTOVERS_MS;
  let waiting = false;
  // Said once; the wait repeats it ten times a second.
  const listen = (line: string): void =>
    waiting && line.includes(` ${LOCK_FILE_EXISTS} `) ? undefined : log(line);
  for (;;) {
    const port = await freePort();
    const all = Object.entries({ ...DEFAULT_SETTINGS, ...settings, ...OWN_SETTINGS, port: String(port) });
    const args = ['-D', folder, ...all.flatMap(([name, value]) => ['-c', `${name}=${value}`])];
    const server = new Server(spawnBinary(binaries, 'postgres', args, folder), port, binaries, listen);
    const exit = await server.readyOrEnded(folder);
    if (!exit) return server;
    const why = exit.lastLines.join('\n');
    if (why.includes(` ${LOCK_FILE_EXISTS} FATAL: `) && Date.now() < leftoversGone) {
      // Sessions of a server that was killed hold its shared memory until they notice; two servers must not write.
      // It may also be a server so freshly orphaned that it had no pid file when we looked.
      waiting = true;
      await pause(100);
      await stopOrphan(folder, binaries);
    } else if (!(await isTaken(port))) {
      throw new EmbeddedPostgresError(
        `the embedded PostgreSQL did not start in ${folder} (${exit.signal ?? `exit code ${exit.code}`}): ` +
          `put right what it says below, or set DATABASE_URL to a PostgreSQL of your own\n${why}`,
      );
    }
  }
}

/** A running PostgreSQL that is our child process. */
export class Server {
  readonly #child: ChildProcess;
  readonly #binaries: Binaries;
  readonly #ended: Promise<ServerExit>;
  #over = false;
  #stopping = false;
  /** Resolves when the server ends and `stop` was not called before. */
  readonly endedUnasked: Promise<ServerExit>;

  constructor(
    child: ChildProcess,
    readonly port: number,
    binaries: Binaries,
    log: (line: string) => void,
  ) {
    this.#child = child;
    this.#binaries = binaries;
    const lines: string[] = [];
    const listen = (line: string): void => {
      if (lines.push(line) > KEPT_LINES) lines.shift();
      // Every session that a shutdown ends logs a FATAL line of its own.
      if (!this.#stopping) log(line);
    };
    for (const input of [child.stdout, child.stderr])
      if (input) createInterface({ input }).on('line', listen);
    this.#ended = new Promise((settle) => {
      const end = (code: number | null, signal: NodeJS.Signals | null): void => {
        this.#over = true;
        settle({ code, signal, lastLines: lines });
      };
      child.on('error', (error) => (listen(error.message), end(null, null)));
      child.on('close', end);
      // Sessions that outlive a killed server hold its log open; its end is known before theirs.
      child.on(
        'exit',
        (code, signal) => void pause(500, undefined, { ref: false }).then(() => end(code, signal)),
      );
    });
    this.endedUnasked = new Promise((settle) => {
      void this.#ended.then((exit) => (this.#stopping ? undefined : settle(exit)));
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Waits, through crash recovery if need be, until connections are accepted; an exit means they never will be. */
  async readyOrEnded(folder: string): Promise<ServerExit | undefined> {
    while (!this.#over) {
      // The server states its condition on the eighth line of its pid file, which is what pg_ctl goes by.
      const status = readText(join(folder, 'postmaster.pid'))?.split('\n');
      if (Number(status?.[0]) === this.pid && status?.[7]?.trim() === 'ready') return undefined;
      await Promise.race([this.#ended, pause(READY_POLL_MS)]);
    }
    return this.#ended;
  }

  /** Ends sessions and server, the hard way when the orderly one takes too long. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (!this.#over) {
      signalServer(this.#binaries, this.pid, 'SIGINT');
      const hurry = setTimeout(() => signalServer(this.#binaries, this.pid, 'SIGQUIT'), FAST_SHUTDOWN_MS);
      await this.#ended;
      clearTimeout(hurry);
    }
    // Whatever still holds the other end must not keep this process from ending.
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }
}

/** Between asking and starting, somebody else may get the port: then the server doesn't start, and gets another. */
async function freePort(): Promise<number> {
  const probe = await listening(0);
  const { port } = probe.address() as AddressInfo;
  await closed(probe);
  return port;
}

async function isTaken(port: number): Promise<boolean> {
  try {
    await closed(await listening(port));
    return false;
  } catch (error) {
    if (hasCode(error, 'EADDRINUSE')) return true;
    throw error;
  }
}

function listening(port: number): Promise<ListeningServer> {
  const probe = createServer();
  return new Promise((settle, fail) => {
    probe.once('error', fail).listen(port, '127.0.0.1', () => settle(probe));
  });
}

function closed(probe: ListeningServer): Promise<unknown> {
  return new Promise((settle) => probe.close(settle));
}
