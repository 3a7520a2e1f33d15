import { randomBytes } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  lchownSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import {
  assertReachable,
  EmbeddedPostgresError,
  mayEnter,
  spawnBinary,
  type Binaries,
  type ServerIdentity,
} from './binaries.js';
import { readText } from './process.js';

/** A data folder that holds a database cluster and its password. */
export interface Cluster {
  readonly folder: string;
  readonly password: string;
}

/** Creates the data folder if need be and returns the one name it is known by. */
export function openDataFolder(dataDir: string): string {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    return realpathSync(dataDir);
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `the data folder ${dataDir} cannot be written (${(cause as Error).message}): ` +
        'give its owner to the user Ringback runs as, or set RINGBACK_DATA_DIR to another folder',
      { cause },
    );
  }
}

/** Makes sure that a cluster is there and belongs to the server's user, whoever that was the last time. */
export async function openCluster(dataDir: string, binaries: Binaries): Promise<Cluster> {
  const { identity } = binaries;
  if (identity.mode !== 'same-user' && !mayEnter(dataDir, identity)) {
    // The least that lets the server through: its group may pass, nobody may list or read.
    const { uid, mode } = statSync(dataDir);
    chownSync(dataDir, uid, identity.gid ?? 0);
    chmodSync(dataDir, (mode & 0o7777) | 0o010);
  }
  assertReachable(dataDir, identity);
  assertReachable(join(binaries.folder, 'bin'), identity);
  const folder = join(dataDir, 'postgres');
  // Before anything in it is looked at: another user's cluster would merely seem to be absent.
  if (existsSync(folder)) adopt(folder, identity);
  const exists = existsSync(join(folder, 'PG_VERSION'));
  const password = readPassword(dataDir) ?? (exists ? undefined : writePassword(dataDir));
  if (password === undefined) {
    throw new EmbeddedPostgresError(
      `${join(dataDir, 'postgres.password')} is gone, and without it nobody gets into the database in ${folder}: ` +
        'restore the file from your backup, or write a new password into it (mode 0600) and give the role ' +
        '"ringback" the same one with "postgres --single"',
    );
  }
  if (!exists) await createCluster(dataDir, folder, password, binaries);
  return { folder, password };
}

function readPassword(dataDir: string): string | undefined {
  return readText(join(dataDir, 'postgres.password'))?.trim() || undefined;
}

/** The password is on disk before the cluster is: a cluster whose password was lost would be locked for good. */
function writePassword(dataDir: string): string {
  const password = randomBytes(24).toString('base64url');
  const path = join(dataDir, 'postgres.password');
  rmSync(`${path}.new`, { force: true });
  writeFileSync(`${path}.new`, `${password}\n`, { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
  syncFolder(dataDir);
  return password;
}

/** Builds the cluster beside its place and moves it there whole, so that a crash leaves nothing half made. */
async function createCluster(
  dataDir: string,
  folder: string,
  password: string,
  binaries: Binaries,
): Promise<void> {
  assertNamedUser();
  const site = join(dataDir, 'postgres.initdb');
  rmSync(site, { recursive: true, force: true });
  mkdirSync(join(site, 'cluster'), { recursive: true, mode: 0o700 });
  writeFileSync(join(site, 'password'), `${password}\n`, { mode: 0o600 });
  adopt(site, binaries.identity);
  const args = ['-D', join(site, 'cluster'), '--username=ringback', `--pwfile=${join(site, 'password')}`];
  args.push('--auth=scram-sha-256', '--encoding=UTF8', '--locale=C');
  args.push('--locale-provider=builtin', '--builtin-locale=C.UTF-8');
  const child = spawnBinary(binaries, 'initdb', args, site);
  let output = '';
  child.stdout?.on('data', (chunk) => (output += String(chunk)));
  child.stderr?.on('data', (chunk) => (output += String(chunk)));
  const code = await new Promise<number | string | null>((settle) => {
    child.on('error', (error) => settle(error.message));
    child.on('close', (status, signal) => settle(status ?? signal));
  });
  if (code !== 0) {
    throw new EmbeddedPostgresError(
      `initdb could not create a database in ${folder} (${code}): put right what it says below, ` +
        `or set DATABASE_URL to a PostgreSQL of your own\n${output.trim()}`,
    );
  }
  // What stands in the way has no PG_VERSION: an empty folder, such as a mount point's.
  if (existsSync(folder)) removeEmpty(folder);
  renameSync(join(site, 'cluster'), folder);
  rmSync(site, { recursive: true, force: true });
  syncFolder(dataDir);
}

/** initdb looks its user up by name, and some containers run with a uid that has none. */
function assertNamedUser(): void {
  try {
    userInfo();
  } catch {
    throw new EmbeddedPostgresError(
      `PostgreSQL cannot create its database as uid ${process.getuid?.()}, which has no entry in /etc/passwd: ` +
        'run as a user that has one, add one, or set DATABASE_URL to a PostgreSQL of your own',
    );
  }
}

function removeEmpty(folder: string): void {
  if (readdirSync(folder).length > 0) {
    throw new EmbeddedPostgresError(
      `${folder} is neither empty nor a database (it has no PG_VERSION): move it away, or set RINGBACK_DATA_DIR`,
    );
  }
  rmSync(folder, { recursive: true });
}

/** Hands a tree to the server's user; its top comes last, so that an interrupted hand-over is taken up again. */
function adopt(folder: string, identity: ServerIdentity): void {
  const owner = statSync(folder).uid;
  const { uid, gid } = identity;
  if (uid === undefined || gid === undefined || owner === uid) return;
  if (identity.mode === 'same-user') {
    throw new EmbeddedPostgresError(
      `${folder} belongs to uid ${owner}, but Ringback runs as uid ${uid}: run it as that user, ` +
        `or hand the data folder over with "chown -R ${uid} ${dirname(folder)}"`,
    );
  }
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    lchownSync(join(folder, entry), uid, gid);
  lchownSync(folder, uid, gid);
}

/** A rename is durable only once its folder is. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
