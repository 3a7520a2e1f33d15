import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { freePort } from './app.js';
import { rowsOf } from './database.js';

const PROGRAM = '/usr/sbin/pgbouncer';
const NOBODY = 65_534;

/** Without it there is no pooler to try; the gate has it. */
export const hasPgBouncer = process.env.CI !== undefined || existsSync(PROGRAM);

/** Debian's PgBouncer in front of a database. */
export class PgBouncer implements AsyncDisposable {
  private constructor(
    private readonly process: ChildProcess,
    private readonly folder: string,
    /** The database's URL through it. */
    readonly url: string,
  ) {}

  /** It refuses startup parameters as one does that nobody has configured for Ringback. */
  static async before(databaseUrl: string, mode: 'session' | 'transaction'): Promise<PgBouncer> {
    const { hostname, port, username, password, pathname } = new URL(databaseUrl);
    const own = await freePort();
    const folder = await mkdtemp(join(tmpdir(), 'ringback-pgbouncer-'));
    await chmod(folder, 0o755);
    const settings = [
      '[databases]',
      `${pathname.slice(1)} = host=${hostname} port=${port || 5432} user=${decodeURIComponent(username)}${password === '' ? '' : ` password=${decodeURIComponent(password)}`}`,
      '[pgbouncer]',
      ...['listen_addr = 127.0.0.1', `listen_port = ${own}`, 'unix_socket_dir =', 'auth_type = any'],
      `pool_mode = ${mode}`,
    ];
    await writeFile(join(folder, 'pgbouncer.ini'), settings.join('\n'));
    const isRoot = process.getuid?.() === 0;
    const child = spawn(PROGRAM, ['-q', join(folder, 'pgbouncer.ini')], {
      stdio: 'ignore',
      // It doesn't run as root.
      ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}),
    });
    const url = new URL(databaseUrl);
    url.port = String(own);
    const bouncer = new PgBouncer(child, folder, url.href);
    await expect.poll(() => rowsOf(url.href, 'SELECT 1 AS one').catch(() => null)).toEqual([{ one: 1 }]);
    return bouncer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill('SIGKILL');
      await once(this.process, 'exit');
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}
