import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Leftovers } from '../processes/leftovers.js';
import { countLive, deliveryFacts, ledgerFact, operationFacts, runFacts, scheduleFacts } from './collect.js';
import type { Facts } from './facts.js';
import { Faults } from './faults.js';
import { Load } from './load.js';
import { loadPlan, type LoadItem } from './load-plan.js';
import type { Backend, ChaosOptions } from './options.js';
import { judge, type Violation } from './oracle.js';
import { RemoteWorkers } from './remote-workers.js';
import { type RecoveryTimes, recoveryTimes } from './recovery-times.js';
import { mostInHistory, mostOfFlows, Sampler } from './sampler.js';
import { type Fault, schedule } from './schedule.js';
import { MAX_ATTEMPTS, Stage } from './stage.js';

/** What became of a campaign on one backend. */
export interface Outcome {
  readonly backend: Backend;
  readonly faults: readonly Fault[];
  readonly violations: readonly Violation[];
  readonly facts: Facts;
  readonly times: RecoveryTimes;
  readonly loadS: number;
  /** Seconds from the end of load and faults to rest; null when that didn't come in time. */
  readonly restS: number | null;
  readonly unanswered: number;
  readonly unsent: number;
}

/** Load and faults on one backend, and then the judgement. */
export async function campaign(
  backend: Backend,
  redisBinary: string | null,
  options: ChaosOptions,
  leftovers: Leftovers,
): Promise<Outcome> {
  const items = loadPlan(options.seed, options.operations);
  const logs = options.facts === undefined ? undefined : join(options.facts, backend);
  const stage = await Stage.open(backend === 'redis' ? redisBinary : null, leftovers, logs);
  try {
    return await play(stage, backend, options, items, logs);
  } catch (error) {
    stage.abandon();
    throw error;
  }
}

async function play(
  stage: Stage,
  backend: Backend,
  options: ChaosOptions,
  items: readonly LoadItem[],
  logs: string | undefined,
): Promise<Outcome> {
  const seconds = options.minutes * 60;
  const load = new Load(stage, items);
  const faults = new Faults(stage);
  const sampler = new Sampler(stage);
  const startedAt = performance.now();
  const sampling = sampler.run();
  const workers = new RemoteWorkers(stage);
  await Promise.all([
    load.run(seconds).finally(() => faults.end()),
    faults.run(schedule(options.seed, backend, seconds)),
  ]);
  const loadS = (performance.now() - startedAt) / 1000;
  const restS = await rest(stage, options.restS);
  sampler.end();
  await Promise.all([sampling, workers.stop()]);
  const facts = await collect(stage, [load], sampler, items);
  await stage.close();
  if (logs !== undefined) await writeFile(join(logs, 'facts.json'), JSON.stringify(facts, null, 1));
  return {
    backend,
    faults: faults.done,
    violations: judge(facts),
    facts,
    times: recoveryTimes(faults.recoveries, facts.operations, facts.runs),
    loadS,
    restS,
    unanswered: load.unanswered,
    unsent: load.unsent,
  };
}

/** Resolves with the seconds until nothing was live and every process ready; null when the time was over before. */
export async function rest(stage: Stage, withinS: number): Promise<number | null> {
  const startedAt = performance.now();
  const passedS = (): number => (performance.now() - startedAt) / 1000;
  for (; passedS() < withinS; await pause(250)) {
    if ((await countLive(stage).catch(() => 1)) > 0) continue;
    const ready = await Promise.all([...stage.processes.values()].map((process) => process.isReady()));
    if (ready.every(Boolean)) return passedS();
  }
  for (const process of stage.processes.values())
    if (!(await process.isReady()))
      process.note(
        'was not ready at rest',
        `${withinS} s after the last fault, GET /health/ready is not 200`,
      );
  return null;
}

/** What there is to judge once all is at rest. */
export async function collect(
  stage: Stage,
  loads: readonly Load[],
  sampler: Sampler,
  items: readonly LoadItem[],
): Promise<Facts> {
  const operations = await operationFacts(stage, items);
  return {
    acknowledged: loads.flatMap(({ acknowledged }) => acknowledged),
    refusals: loads.flatMap(({ refusals }) => refusals),
    told: loads.flatMap(({ told }) => told),
    operations,
    schedules: await scheduleFacts(
      stage,
      loads.flatMap(({ schedules }) => schedules),
    ),
    deliveries: await deliveryFacts(stage),
    posts: stage.posts,
    runs: [...(await runFacts(stage)), ...stage.upstream.posts],
    slots: [...sampler.facts(), ...(await mostInHistory(stage))],
    flows: await mostOfFlows(stage),
    ledger: await ledgerFact(stage, operations.length),
    // Ending them is yet to come, and what it shows is to be in the facts.
    processes: stage.processFaults,
    mostAttempts: MAX_ATTEMPTS,
  };
}
