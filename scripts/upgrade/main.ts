import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { LAST_RELEASE } from '../../migrations/last-release.js';
import { Leftovers } from '../processes/leftovers.js';
import { type Build, buildOf, TODAY } from '../processes/build.js';
import { findRedisServer } from '../processes/redis.js';
import { rolling } from './rolling.js';

const HELP = `npm run test:upgrade -- [options]

  --backend B    postgresql, redis or both (both); without a redis-server on PATH, Redis is left out
  --seconds S    seconds of load in each phase, between restarts (2)
  --facts FOLDER write there what the processes said

Builds ${LAST_RELEASE.version}, the last release, and runs its processes beside today's on one database, under load: before and after
the migration, through a rolling upgrade, back again, and forward once more. Exit code 1 when anything was lost, answered
with an error or settled twice.
`;
/** Whatever else hangs, this doesn't; on each backend. */
const MOST_MS = 600_000;

const leftovers = new Leftovers('upgrade');
process.on('exit', () => leftovers.dropAll());
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

try {
  await run();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await leftovers.stopAll();
  process.exit();
}

async function run(): Promise<void> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: { backend: text, seconds: text, facts: text, help: { type: 'boolean' } },
  });
  if (values.help) return console.log(HELP);
  const seconds = Number(values.seconds ?? 2);
  if (!(seconds > 0 && seconds <= 600))
    throw new Error(`--seconds must be from 0 to 600, and is ${values.seconds}`);
  const backends = backendsOf(values.backend ?? 'both');
  const old = await release();
  for (const [backend, redis] of backends) {
    const late = setTimeout(() => {
      console.error('This did not end in time: it is broken off.');
      process.exit(1);
    }, MOST_MS);
    const facts = values.facts === undefined ? undefined : `${values.facts}/${backend}`;
    const { figures, violations } = await rolling({ old, today: TODAY, redis, seconds, facts }, leftovers);
    clearTimeout(late);
    console.log(`${backend}: ${figures}; violations: ${violations.length}`);
    for (const { kind, id, detail } of violations.slice(0, 50))
      console.log(`  ${kind}  ${id ?? '-'}  ${detail}`);
    if (violations.length > 0) process.exitCode = 1;
  }
}

/** With the redis-server for each; null for none. */
function backendsOf(asked: string): [string, string | null][] {
  const redis = findRedisServer();
  switch (asked) {
    case 'postgresql':
      return [['postgresql', null]];
    case 'redis':
      if (redis === null) throw new Error('--backend redis needs redis-server on PATH');
      return [['redis', redis]];
    case 'both':
      return [['postgresql', null], ...(redis === null ? [] : ([['redis', redis]] as [string, string][]))];
    default:
      throw new Error(`--backend must be postgresql, redis or both, and is "${asked}"`);
  }
}

/** The last release, built. */
async function release(): Promise<Build> {
  const { commit, version } = LAST_RELEASE;
  try {
    execFileSync('git', ['cat-file', '-e', `${commit}^{commit}`], { cwd: TODAY.folder, stdio: 'ignore' });
  } catch (cause) {
    throw new Error(
      `the commit of the last release, ${version} (${commit}), is not in this clone: run "git fetch --unshallow", or "git fetch origin ${commit}"`,
      { cause },
    );
  }
  console.log(`Building ${version} (${commit.slice(0, 10)}) …`);
  // Its console is no part of this.
  return buildOf(commit, leftovers, ['exec', '--no', '--', 'nest', 'build']);
}
