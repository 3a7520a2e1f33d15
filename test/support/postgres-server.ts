import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { vi } from 'vitest';
import { freePort } from './app.js';
import { rowsOf } from './database.js';

const VERSIONS = '/usr/lib/postgresql';
const NOBODY = 65_534;

/** Without Debian's programs there is no server that can be copied; the gate has them. */
export const hasPostgresPrograms = process.env.CI !== undefined || programs() !== undefined;

function programs(): string | undefined {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS) : [];
  return versions
    .toSorted((one, other) => Number(other) - Number(one))
    .map((version) => join(VERSIONS, version, 'bin'))
    .find((folder) => existsSync(join(folder, 'pg_basebackup')));
}

/** It refuses to run as root. */
const AS_NOBODY = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

async function run(program: string, ...given: string[]): Promise<void> {
  const folder = programs();
  if (folder === undefined) throw new Error(`install Debian's package postgresql: there is no ${program}`);
  await promisify(execFile)(join(folder, program), given, { cwd: '/', ...AS_NOBODY });
}

/** Debian's PostgreSQL, a primary or a standby, to be killed and frozen. */
export class PostgresServer implements AsyncDisposable {
  private server: ChildProcess | undefined;

  private constructor(
    private readonly folder: string,
    readonly port: number,
  ) {}

  /** A new, empty one. */
  static async start(): Promise<PostgresServer> {
    const server = await PostgresServer.ofNothing();
    await run('initdb', '-D', server.data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C');
    await server.start();
    return server;
  }

  static async standbyOf(primary: PostgresServer): Promise<PostgresServer> {
    const standby = await PostgresServer.ofNothing();
    await standby.follow(primary);
    return standby;
  }

  /** Made anew as a standby of a primary, which from then on acknowledges nothing that isn't kept here. */
  async follow(primary: PostgresServer): Promise<void> {
    await this.kill();
    await rm(this.data, { recursive: true, force: true });
    await run('pg_basebackup', '-d', primary.url, '-D', this.data, '-R', '-X', 'stream', '-c', 'fast');
    await this.start();
    await primary.set('synchronous_standby_names', '*');
    const follows = `SELECT sync_state AS state FROM pg_stat_replication WHERE state = 'streaming'`;
    await until(primary.url, follows, 'sync');
  }

  async set(name: string, value: string): Promise<void> {
    await rowsOf(this.url, `ALTER SYSTEM SET ${name} = '${value}'`);
    await rowsOf(this.url, 'SELECT pg_reload_conf()');
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.port}/postgres`;
  }

  /** Ends as in a crash of its machine: no connection is said goodbye to by the server itself. */
  async kill(): Promise<void> {
    const { server } = this;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const exit = once(server, 'exit');
    for (const pid of this.pids()) signal(pid, 'SIGKILL');
    await exit;
  }

  /** From now on it answers nothing, and nothing ends: as where a machine hangs, or its network is gone. */
  freeze(): void {
    for (const pid of this.pids()) signal(pid, 'SIGSTOP');
  }

  thaw(): void {
    for (const pid of this.pids()) signal(pid, 'SIGCONT');
  }

  async promote(): Promise<void> {
    await rowsOf(this.url, 'SELECT pg_promote()');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  private static async ofNothing(): Promise<PostgresServer> {
    const folder = await mkdtemp(join(tmpdir(), 'ringback-postgres-'));
    if (AS_NOBODY.uid !== undefined) await chown(folder, AS_NOBODY.uid, AS_NOBODY.gid);
    return new PostgresServer(folder, await freePort());
  }

  private get data(): string {
    return join(this.folder, 'data');
  }

  private async start(): Promise<void> {
    const settings = [
      `port=${this.port}`,
      ...['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=120'],
    ];
    this.server = spawn(
      join(programs()!, 'postgres'),
      ['-D', this.data, ...settings.flatMap((setting) => ['-c', setting])],
      { cwd: '/', stdio: 'ignore', ...AS_NOBODY },
    );
    try {
      await until(this.url, `SELECT 'up' AS state`, 'up');
    } catch (error) {
      // Nobody else knows of it.
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The first process, and what it has started: each is a process group of its own. */
  private pids(): number[] {
    const first = this.server!.pid!;
    const others = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && parentOf(name) === first);
    return [first, ...others.map(Number)];
  }
}

/** Not `expect.poll`, which hooks of a whole file may not use. */
function until(url: string, sql: string, state: string): Promise<unknown> {
  const reached = async (): Promise<boolean> => {
    const rows = await rowsOf<{ state: string }>(url, sql).catch(() => []);
    return rows[0]?.state === state;
  };
  return vi.waitUntil(reached, { timeout: 20_000, interval: 50 });
}

function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended meanwhile.
  }
}
