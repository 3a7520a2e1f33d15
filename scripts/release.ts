import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import 'reflect-metadata';
import { LAST_RELEASE } from '../migrations/last-release.js';
import { Functions } from '../migrations/functions.js';
import { dataSourceOptions } from '../ormconfig.js';
import { VERSION } from '../src/config/version.js';
import { connect } from '../src/database/connection.js';
import { EmbeddedPostgres } from '../src/embedded-postgres/embedded-postgres.js';
import { shapeOf } from './generate/shape.js';

// Run on the commit of a tag, right after it was made: notes what that release has, beside which later builds must run.
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SHAPE = join(ROOT, 'sql/released.txt');
const git = (...args: string[]): string => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();

/** Forms of functions that the release before had and this one hasn't: from now on nobody calls them. */
function retired(before: readonly string[], now: readonly string[]): string[] {
  return before
    .filter((line) => line.startsWith('function ') && !now.includes(line))
    .map((line) => /^function (.*?\))(?:,.*,)? RETURNS /.exec(line)![1]!);
}

if (git('status', '--porcelain') !== '')
  throw new Error('commit first: what is noted is the release of HEAD');
const folder = await mkdtemp(join(tmpdir(), 'ringback-release-'));
const postgres = await EmbeddedPostgres.start({ dataDir: folder });
try {
  await (await connect(dataSourceOptions(postgres.url, 2))).destroy();
  const before = (await readFile(SHAPE, 'utf8').catch(() => '')).split('\n').filter(Boolean);
  const now = await shapeOf(postgres.url);
  const again = LAST_RELEASE.version === VERSION;
  const release: typeof LAST_RELEASE = {
    version: VERSION,
    commit: git('rev-parse', 'HEAD'),
    functions: new Functions().name,
    retired: again ? LAST_RELEASE.retired : retired(before, now),
  };
  const path = join(ROOT, 'migrations/last-release.ts');
  const text = await readFile(path, 'utf8');
  const value = JSON.stringify(release, null, 2)
    .replaceAll(/"(\w+)":/g, '$1:')
    .replaceAll('"', "'");
  await writeFile(path, text.replace(/(LAST_RELEASE: Release = )[^]*?\n?\};\n/, `$1${value};\n`));
  await writeFile(SHAPE, `${now.join('\n')}\n`);
  execFileSync('npx', ['--no-install', 'prettier', '--write', '--log-level', 'warn', path], { cwd: ROOT });
  console.log(
    `Noted ${VERSION} (${release.commit}): commit migrations/last-release.ts and sql/released.txt.`,
  );
} finally {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}
