import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';

const NOBODY = 65534;
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The embedded PostgreSQL cannot be run here; the message says why and what to do about it. */
export class EmbeddedPostgresError extends Error {
  readonly code = 'EMBEDDED_POSTGRES';
  override name = 'EmbeddedPostgresError';
}

/** The user the server runs as, since PostgreSQL refuses to run as root; `uid` and `gid` own its files. */
export interface ServerIdentity {
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** `user-namespace`: root's own files, seen by the server as another user's. `setuid`: another user's files. */
  readonly mode: 'same-user' | 'user-namespace' | 'setuid';
}

/** The executables of the installed platform package, ready to be spawned. */
export interface Binaries {
  readonly folder: string;
  readonly libraryPath: string | undefined;
  readonly identity: ServerIdentity;
}

/** Finds this platform's PostgreSQL among the optional dependencies. */
export function locateBinaries(platform: string = process.platform, arch: string = process.arch): string {
  const name = `@embedded-postgres/${platform === 'win32' ? 'windows' : platform}-${arch}`;
  try {
    return resolve(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native');
  } catch {
    throw new EmbeddedPostgresError(
      `there is no embedded PostgreSQL for ${platform}-${arch} (the package ${name} is not installed): ` +
        'set DATABASE_URL to a PostgreSQL of your own, or install with optional dependencies on a supported platform',
    );
  }
}

/**
 * Gives the shared libraries the names the executables look for: the package ships each library once, and leaves
 * the other names to an install script, which a careful npm doesn't run. Where the package's folder cannot be
 * written, the names go to `fallbackFolder`, and the search path that finds them is returned.
 */
export function linkLibraries(native: string, fallbackFolder: string): string | undefined {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return undefined;
  const root = dirname(native);
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  const missing = links.filter(({ target }) => !existsSync(join(root, target)));
  try {
    for (const { source, target } of missing) link(basename(source), join(root, target));
    return undefined;
  } catch (error) {
    if (!hasCode(error, 'EROFS', 'EACCES', 'EPERM')) throw error;
  }
  // Made afresh: the links are absolute, and the package may have moved since the last start.
  rmSync(fallbackFolder, { recursive: true, force: true });
  mkdirSync(fallbackFolder);
  // Whatever the umask says: the server's user searches it.
  chmodSync(fallbackFolder, 0o755);
  for (const { source, target } of missing) link(join(root, source), join(fallbackFolder, basename(target)));
  // A library loaded through a link looks for its own needs beside the link, where the others are not.
  return `${fallbackFolder}:${join(native, 'lib')}`;
}

function link(to: string, path: string): void {
  try {
    symlinkSync(to, path);
  } catch (error) {
    // Another process that starts at this moment makes the same links.
    if (!hasCode(error, 'EEXIST')) throw error;
  }
}

/**
 * Decides whom the server runs as. Root goes through a user namespace, where its own files stay its own; where
 * those are forbidden (most containers) the server gets a uid of its own.
 */
export function serverIdentity(userNamespaces = true): ServerIdentity {
  const uid = process.getuid?.();
  const gid = process.getgid?.();
  if (uid !== 0 || process.platform === 'win32') return { uid, gid, mode: 'same-user' };
  if (userNamespaces && canUnshare()) return { uid, gid, mode: 'user-namespace' };
  return { uid: NOBODY, gid: NOBODY, mode: 'setuid' };
}

const UNSHARE = ['--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`] as const;

function canUnshare(): boolean {
  if (process.platform !== 'linux') return false;
  return (
    spawnSync('unshare', [...UNSHARE, 'true'], { stdio: 'ignore', env: { PATH: SYSTEM_PATH } }).status === 0
  );
}

/** Starts one of the executables as the server's user, out of reach of the terminal's Ctrl-C. */
export function spawnBinary(binaries: Binaries, name: string, args: string[], cwd: string): ChildProcess {
  const { identity, libraryPath } = binaries;
  const executable = join(binaries.folder, 'bin', process.platform === 'win32' ? `${name}.exe` : name);
  const inNamespace = identity.mode === 'user-namespace';
  return spawn(inNamespace ? 'unshare' : executable, inNamespace ? [...UNSHARE, executable, ...args] : args, {
    cwd,
    ...(identity.mode === 'setuid' ? { uid: identity.uid, gid: identity.gid } : {}),
    // Nothing is inherited: the server needs none of the service's secrets, and PG* variables would configure it.
    env: {
      PATH: SYSTEM_PATH,
      LC_ALL: 'C',
      ...(libraryPath ? { LD_LIBRARY_PATH: libraryPath, DYLD_LIBRARY_PATH: libraryPath } : {}),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C signals the whole process group; the database must outlive the work the service has yet to settle.
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
}

/** Refuses a path that the server's user cannot reach, naming the folder that is in the way. */
export function assertReachable(path: string, identity: ServerIdentity): void {
  if (identity.mode === 'same-user') return;
  for (let folder = path; ; folder = dirname(folder)) {
    if (!mayEnter(folder, identity)) {
      throw new EmbeddedPostgresError(
        `PostgreSQL refuses to run as root, and the user it runs as instead (uid ${identity.uid}, without root's ` +
          `privileges) may not enter ${folder}, which leads to ${path}: start Ringback as an ordinary user, ` +
          `use another folder, allow entry with "chmod o+x ${folder}", or set DATABASE_URL`,
      );
    }
    if (folder === dirname(folder)) return;
  }
}

/** Tells whether the permission bits of a folder let the server's user pass through it. */
export function mayEnter(folder: string, identity: ServerIdentity): boolean {
  const { uid, gid, mode } = statSync(folder);
  const bit = uid === identity.uid ? 0o100 : gid === identity.gid ? 0o010 : 0o001;
  return (mode & bit) !== 0;
}

/** Tells whether a system call failed in one of these ways. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}
