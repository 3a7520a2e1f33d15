import { execFile } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Leftovers } from './processes.js';

/** A built checkout of Ringback, whatever its revision: the bench knows it by HTTP only. */
export interface Build {
  readonly folder: string;
}

/** The checkout that the bench itself belongs to. */
export const TODAY: Build = { folder: fileURLToPath(new URL('../..', import.meta.url)) };

/** A revision, as git names its commit. */
export interface Revision {
  readonly commit: string;
  /** For people: the first digits of the commit, and its subject. */
  readonly title: string;
}

/** Resolves what git calls a revision: a commit, a branch, a tag, `HEAD~3`. */
export async function revisionOf(given: string): Promise<Revision> {
  const log = ['log', '-1', '--format=%H %h %s', '--end-of-options', `${given}^{commit}`];
  const { stdout } = await promisify(execFile)('git', log, { cwd: TODAY.folder }).catch(
    (error: Error & { code?: unknown; stderr?: string }) => {
      if (error.code === 'ENOENT') throw new Error('--compare needs git on PATH', { cause: error });
      const said = error.stderr?.split('\n', 1)[0] || error.message;
      throw new Error(`--compare: git knows no revision "${given}" here: ${said}`, { cause: error });
    },
  );
  const [, commit, title] = /^(\S+) (.*)$/m.exec(stdout)!;
  return { commit: commit!, title: title! };
}

/** Builds a revision by its own build script in a temporary folder; the checkout and its git folder stay as they are. */
export async function buildOf({ commit }: Revision, leftovers: Leftovers): Promise<Build> {
  const folder = await leftovers.folder('build');
  const archive = join(folder, 'revision.tar');
  await leftovers.run('git', ['archive', '--format=tar', '-o', archive, commit], TODAY.folder);
  await leftovers.run('tar', ['-xf', archive], folder);
  if (sameLock(folder))
    symlinkSync(join(TODAY.folder, 'node_modules'), join(folder, 'node_modules'), 'junction');
  else await npm(['ci', '--no-audit', '--no-fund'], folder, leftovers);
  await npm(['run', 'build'], folder, leftovers);
  return { folder };
}

/** Whether today's packages are the revision's too. */
function sameLock(folder: string): boolean {
  const [theirs, ours] = [folder, TODAY.folder].map((at) =>
    readFileSync(join(at, 'package-lock.json'), 'utf8'),
  );
  return theirs === ours;
}

/** The npm that runs the bench, or the one on PATH. */
async function npm(args: readonly string[], folder: string, leftovers: Leftovers): Promise<void> {
  const script = process.env['npm_execpath'];
  if (script === undefined) await leftovers.run('npm', args, folder);
  else await leftovers.run(process.execPath, [script, ...args], folder);
}
