import { setTimeout as pause } from 'node:timers/promises';
import { benchCompletions } from './completions.js';
import { benchDispatch } from './dispatch.js';
import { benchFleet } from './fleet.js';
import { benchGateway } from './gateway.js';
import { benchJobs } from './jobs.js';
import type { CeilingAnswer, ReceiverAnswers, ToCeiling } from './messages.js';
import { HELP } from './help.js';
import { type Backend, type BenchOptions, readOptions } from './options.js';
import { ask, Leftovers } from './processes.js';
import { redisFor } from './redis.js';
import { type Ceilings, heading, table } from './report.js';
import { type Helpers, measure, type Measured } from './run.js';
import { benchSchedules } from './schedules.js';
import { benchSides } from './sides.js';
import { benchWaits } from './waits.js';

const CEILING_CONCURRENCY = { got: 100, bullmq: 50 } as const;
const CEILING_COUNT = { got: 10_000, postgresql: 4_000, redis: 40_000 } as const;
const CEILING_MS = 120_000;

const leftovers = new Leftovers();
let interrupted = false;
process.on('exit', () => leftovers.dropAll());
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (interrupted) return;
    interrupted = true;
    console.error(`\n${signal}: stopping what was started`);
    void leftovers.stopAll().finally(() => process.exit(130));
  });
}

try {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options?.dispatch) await benchDispatch(leftovers, options.plans);
  else if (options?.gateway) await benchGateway(options, leftovers);
  else if (options?.completions !== undefined) await benchCompletions(options, leftovers);
  else if (options?.jobs !== undefined) await benchJobs(options, leftovers);
  else if (options?.processes !== undefined)
    await benchFleet(options, await startHelpers(options), leftovers);
  else if (options?.schedules !== undefined) await benchSchedules(options, leftovers);
  else if (options?.waits) await benchWaits(options, await startHelpers(options), leftovers);
  else if (
    options &&
    (options.oldTransaction || (options.compare ?? options.rate ?? options.records) !== undefined)
  )
    await benchSides(options, await startHelpers(options), leftovers);
  else if (options) await bench(options);
  else console.log(HELP);
} catch (error) {
  // After a signal the parts fail because they were stopped.
  if (!interrupted) console.error(error instanceof Error ? error.message : error);
  process.exitCode = interrupted ? 130 : 1;
} finally {
  await leftovers.stopAll();
}

async function bench(options: BenchOptions): Promise<void> {
  console.log(`${heading(options)}\n`);
  const redisUrl = await redisFor(options, leftovers);
  const helpers = await startHelpers(options);
  const backends: Backend[] = [];
  if (options.backend !== 'redis') backends.push('postgresql');
  if (redisUrl !== undefined) backends.push('redis');
  const ceilings: Ceilings & { bullmq: Map<Backend, number> } = {
    got: options.ceilings ? await ceiling(gotQuestion(helpers)) : null,
    bullmq: new Map(),
  };
  for (const backend of backends) {
    console.error(`measuring on ${backend} …`);
    const url = backend === 'redis' ? redisUrl : undefined;
    const measured: Measured = await measure(
      backend,
      url,
      options,
      helpers,
      leftovers,
      async ({ postgres }) => {
        if (!options.ceilings) return;
        ceilings.bullmq.set(backend, await ceiling(bullmqQuestion(backend, url ?? postgres.url)));
      },
    );
    console.log(table(measured, options, ceilings));
    // The machine's disk and caches come to rest before the next backend.
    await pause(1000);
  }
}

async function startHelpers({ origins }: BenchOptions): Promise<Helpers> {
  const receiver = leftovers.fork('receiver.process.js');
  const { ports } = await ask<ReceiverAnswers['listen']>(receiver, { ask: 'listen', origins }, 10_000);
  return { receiver, load: leftovers.fork('load.process.js'), ports };
}

/** A fresh process each: BullMQ's backend is a setting of the whole process. */
async function ceiling(question: ToCeiling): Promise<number> {
  const child = leftovers.fork('ceiling.process.js');
  const { perSecond } = await ask<CeilingAnswer>(child, question, CEILING_MS);
  await leftovers.stop(child);
  return perSecond;
}

function gotQuestion({ ports }: Helpers): ToCeiling {
  return { ask: 'got', ports, count: CEILING_COUNT.got, concurrency: CEILING_CONCURRENCY.got };
}

function bullmqQuestion(backend: Backend, url: string): ToCeiling {
  return {
    ask: 'bullmq',
    backend,
    url,
    count: CEILING_COUNT[backend],
    concurrency: CEILING_CONCURRENCY.bullmq,
  };
}
