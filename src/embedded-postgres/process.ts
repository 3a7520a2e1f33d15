import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { EmbeddedPostgresError, hasCode, type Binaries } from './binaries.js';

/** How long a server may take over a fast shutdown before it is told to drop everything. */
export const FAST_SHUTDOWN_MS = 10_000;

const POLL_MS = 20;

/**
 * Stops the server that a killed service left behind in this cluster, and clears away a pid file that would keep a
 * new one from starting. Must only be called by the process that holds the folder's claim.
 */
export async function stopOrphan(folder: string, binaries: Binaries): Promise<void> {
  const pidFile = join(folder, 'postmaster.pid');
  const pid = Number(readText(pidFile)?.split('\n')[0] ?? 0);
  if (!(pid > 0)) return;
  const born = birthOf(pid);
  if (born !== undefined && isServerOf(pid, folder)) {
    signalServer(binaries, pid, 'SIGINT');
    if (!(await hasEnded(pid, born, FAST_SHUTDOWN_MS))) {
      signalServer(binaries, pid, 'SIGQUIT');
      if (!(await hasEnded(pid, born, FAST_SHUTDOWN_MS))) {
        throw new EmbeddedPostgresError(
          `a PostgreSQL that an earlier Ringback left behind (process ${pid}) still runs in ${folder} ` +
            `and ignores signals: end it with "kill -9 ${pid}" and start again`,
        );
      }
    }
  }
  rmSync(pidFile, { force: true });
}

/** Polls, as nobody is told of the end of a process that is not its child. */
async function hasEnded(pid: number, born: string, withinMs: number): Promise<boolean> {
  for (const deadline = Date.now() + withinMs; birthOf(pid) === born; await pause(POLL_MS)) {
    if (Date.now() > deadline) return false;
  }
  return true;
}

/** A pid file outlives its process, and by now the pid may belong to anybody. */
function isServerOf(pid: number, folder: string): boolean {
  if (process.platform === 'win32') return true;
  if (process.platform !== 'linux') {
    return spawnSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], {
      encoding: 'utf8',
    }).stdout.includes(folder);
  }
  if (readText(`/proc/${pid}/cmdline`)?.split('\0').includes(folder)) return true;
  try {
    // The server works in its folder, and this link follows when the folder is renamed.
    return readlinkSync(`/proc/${pid}/cwd`) === folder;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return false;
    throw error;
  }
}

/** Asks a server to end: SIGINT ends sessions and writes a checkpoint, SIGQUIT leaves the rest to recovery. */
export function signalServer(binaries: Binaries, pid: number, signal: 'SIGINT' | 'SIGQUIT'): void {
  if (process.platform === 'win32') {
    // Windows has no signals, and process.kill would end the process on the spot; pg_ctl knows the server's own way.
    spawnSync(join(binaries.folder, 'bin', 'pg_ctl.exe'), ['kill', signal.slice(3), String(pid)], {
      windowsHide: true,
    });
    return;
  }
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}

/**
 * Names the moment a living process was started, so that its pid given to another process is not taken for it;
 * undefined for a process that is dead. A zombie is dead: where pid 1 reaps no orphans, it stays for ever.
 */
export function birthOf(pid: number): string | undefined {
  if (process.platform === 'linux') {
    const stat = readText(`/proc/${pid}/stat`);
    // The second field, the command in brackets, may itself hold blanks and brackets.
    const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state] = fields ?? [];
    if (!fields || !state || 'ZXx'.includes(state)) return undefined;
    // Ticks since boot: the same in every life of a machine that boots the same way, hence the boot's own name.
    return `${readText('/proc/sys/kernel/random/boot_id')?.trim()}:${fields[19]}`;
  }
  if (process.platform === 'win32') return signalReaches(pid) ? 'alive' : undefined;
  const line = spawnSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], {
    encoding: 'utf8',
  }).stdout?.trim();
  return !line || line.startsWith('Z') ? undefined : line.replace(/^\S+\s+/, '');
}

function signalReaches(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

/** Reads a file that may vanish at any moment; undefined when it has. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    // ESRCH: a process that ended between opening and reading its /proc file.
    if (hasCode(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
}
