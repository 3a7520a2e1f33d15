import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { TODAY } from '../scripts/processes/build.js';

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
