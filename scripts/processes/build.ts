import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Leftovers } from './leftovers.js';

/** A built checkout of Ringback, whatever its revision. */
export interface Build {
  readonly folder: string;
}

/** The checkout that the script itself belongs to. */
export const TODAY: Build = { folder: fileURLToPath(new URL('../../..', import.meta.url)) };

/**
 * Builds a commit by its own build script in a temporary folder; the checkout and its git folder stay as they are. `how` are
 * arguments for npm.
 */
export async function buildOf(
  commit: string,
  leftovers: Leftovers,
  how: readonly string[] = ['run', 'build'],
): Promise<Build> {
  const folder = await leftovers.folder('build');
  const archive = join(folder, 'revision.tar');
  await leftovers.run('git', ['archive', '--format=tar', '-o', archive, commit], TODAY.folder);
  await leftovers.run('tar', ['-xf', archive], folder);
  if (hasPackagesOf(folder))
    symlinkSync(join(TODAY.folder, 'node_modules'), join(folder, 'node_modules'), 'junction');
  else await npm(['ci', '--no-audit', '--no-fund'], folder, leftovers);
  await npm(how, folder, leftovers);
  return { folder };
}

/** Whether the commit's packages are today's too, in the same versions and places. */
function hasPackagesOf(folder: string): boolean {
  const [theirs, ours] = [folder, TODAY.folder].map((at) => {
    const lock = JSON.parse(readFileSync(join(at, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { version?: string }>;
    };
    return lock.packages;
  });
  return Object.entries(theirs!)
    .filter(([place]) => place !== '')
    .every(([place, { version }]) => ours![place] !== undefined && ours![place].version === version);
}

/** The npm that runs the script, or the one on PATH. */
async function npm(args: readonly string[], folder: string, leftovers: Leftovers): Promise<void> {
  const script = process.env['npm_execpath'];
  if (script === undefined) await leftovers.run('npm', args, folder);
  else await leftovers.run(process.execPath, [script, ...args], folder);
}
