import { randomInt } from 'node:crypto';
import { Leftovers } from '../processes/leftovers.js';
import { findRedisServer } from '../processes/redis.js';
import { campaign } from './campaign.js';
import { type Backend, type ChaosOptions, HELP, readOptions } from './options.js';
import { report } from './report.js';

/** For starting, collecting and ending. */
const SPARE_MS = 300_000;

const leftovers = new Leftovers('chaos');
process.on('exit', () => leftovers.dropAll());
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    console.error(`\n${signal}: what was started is ended`);
    // Nothing is kept of a campaign that is broken off, so nothing has to end in order.
    process.exit(130);
  });

try {
  const options = readOptions(process.argv.slice(2), randomInt(2 ** 31));
  if (options) await run(options);
  else console.log(HELP);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await leftovers.stopAll();
  // After an error, faults and load that are under way would go on.
  process.exit();
}

async function run(options: ChaosOptions): Promise<void> {
  const { operations, seed, minutes } = options;
  console.log(`seed ${seed}: ${operations} operations in ${minutes} min, on each backend\n`);
  const redis = findRedisServer();
  for (const backend of backendsOf(options, redis)) {
    const late = setTimeout(giveUp, minutes * 60_000 + options.restS * 1000 + SPARE_MS);
    const outcome = await campaign(backend, redis, options, leftovers);
    clearTimeout(late);
    console.log(report(outcome));
    if (outcome.violations.length === 0) continue;
    process.exitCode = 1;
    console.log(
      `again: npm run chaos -- --seed ${seed} --backend ${backend} --operations ${operations} --minutes ${minutes}\n`,
    );
  }
}

/** Whatever else hangs, the campaign doesn't. */
function giveUp(): void {
  console.error('The campaign itself did not end in time: it is broken off.');
  process.exit(1);
}

function backendsOf({ backend }: ChaosOptions, redis: string | null): Backend[] {
  if (backend === 'postgresql') return ['postgresql'];
  if (redis !== null) return backend === 'redis' ? ['redis'] : ['postgresql', 'redis'];
  if (backend === 'redis') throw new Error('--backend redis needs redis-server on PATH');
  console.log('No redis-server on PATH: Redis is left out.\n');
  return ['postgresql'];
}
