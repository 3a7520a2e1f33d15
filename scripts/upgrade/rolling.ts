import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { collect, rest } from '../chaos/campaign.js';
import type { Facts } from '../chaos/facts.js';
import { Load } from '../chaos/load.js';
import type { LoadItem } from '../chaos/load-plan.js';
import { judge, type Violation } from '../chaos/oracle.js';
import { RemoteWorkers } from '../chaos/remote-workers.js';
import { Sampler } from '../chaos/sampler.js';
import { FRONTS, PROCESS_NAMES, type ProcessName } from '../chaos/schedule.js';
import { ADMIN_KEY, Stage } from '../chaos/stage.js';
import type { Build } from '../processes/build.js';
import type { Leftovers } from '../processes/leftovers.js';
import { FeedReader } from './feed-reader.js';

/** Items of the load a second, and seconds for which there are some: more than any run takes. */
const PACE = 15;
const ENOUGH_S = 600;
const SEED = 16;
const READY_MS = 60_000;
const REST_S = 120;
/** Processes that are restarted at once: there is always one that answers, and one that works. */
const ROUNDS: readonly (readonly ProcessName[])[] = [
  ['worker-1', 'front'],
  ['whole', 'worker-2'],
];

/** Two builds, and where they run. */
export interface Rolling {
  readonly old: Build;
  readonly today: Build;
  readonly redis: string | null;
  readonly seconds: number;
  readonly facts: string | undefined;
}

/** What became of it. */
export interface Outcome {
  readonly figures: string;
  readonly violations: readonly Violation[];
}

/** Old processes, the migration, a rolling upgrade, the way back and forward again: all under load, and then the judgement. */
export async function rolling(given: Rolling, leftovers: Leftovers): Promise<Outcome> {
  const stage = await Stage.open(given.redis, leftovers, given.facts, given.old);
  try {
    return await new Run(stage, given, leftovers).play();
  } catch (error) {
    stage.abandon();
    throw error;
  }
}

class Run {
  private readonly items: LoadItem[] = [];
  private readonly loads: Load[] = [];
  private readonly running: Promise<void>[] = [];
  private readonly wrong: Violation[] = [];

  constructor(
    private readonly stage: Stage,
    private readonly given: Rolling,
    private readonly leftovers: Leftovers,
  ) {}

  async play(): Promise<Outcome> {
    const { old, today, seconds } = this.given;
    const sampler = new Sampler(this.stage);
    const sampling = sampler.run();
    const workers = new RemoteWorkers(this.stage);
    const readers = FRONTS.map((name) => new FeedReader(this.stage.process(name).url, ADMIN_KEY));
    await this.submit(old);
    await this.phase('the last release alone');
    await this.migrate();
    await this.phase('the last release on the new schema');
    for (const [nth, names] of ROUNDS.entries()) {
      await Promise.all(names.map((name) => this.restart(name, today)));
      if (nth === 0) await this.kill('front', 'worker-2');
    }
    await this.phase('today alone');
    // What only today knows is there when the old one comes back.
    const newer = await this.submit(today);
    await pause(seconds * 1000);
    newer.end();
    for (const names of ROUNDS) await Promise.all(names.map((name) => this.restart(name, old)));
    await this.phase('the last release again');
    for (const names of ROUNDS) await Promise.all(names.map((name) => this.restart(name, today)));
    for (const load of this.loads) load.end();
    await Promise.all(this.running);
    this.say('load is over');
    if ((await rest(this.stage, REST_S)) === null) this.accuse('not-at-rest', `${REST_S} s after the load`);
    await workers.stop();
    sampler.end();
    await sampling;
    for (const load of this.loads)
      for (const answer of load.serverErrors) this.accuse('server-error', answer);
    const facts = await collect(this.stage, this.loads, sampler, this.items);
    for (const reader of readers) this.wrong.push(...(await reader.missed(facts.operations)));
    await this.stage.close();
    return { figures: figuresOf(facts), violations: [...judge(facts), ...this.wrong] };
  }

  /** Begins a load of the kinds that a build knows. */
  private async submit({ folder }: Build): Promise<Load> {
    const path = pathToFileURL(join(folder, 'dist/scripts/chaos/load-plan.js')).href;
    const { loadPlan } = (await import(path)) as typeof import('../chaos/load-plan.js');
    const from = this.items.length;
    const items = loadPlan(SEED + from, PACE * ENOUGH_S).map((item) => ({
      ...item,
      number: from + item.number,
    }));
    this.items.push(...items);
    const load = new Load(this.stage, items);
    this.loads.push(load);
    this.running.push(load.run(ENOUGH_S));
    return load;
  }

  private async phase(name: string): Promise<void> {
    this.say(name);
    await pause(this.given.seconds * 1000);
  }

  /** As a deploy job does it, while the old processes work. */
  private async migrate(): Promise<void> {
    const main = join(this.given.today.folder, 'dist/src/main.js');
    const child = this.leftovers.spawn(process.execPath, [main, 'migrate'], {
      env: { PATH: process.env['PATH'], ...this.stage.commandSettings() },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`ringback migrate ended with ${code}`);
  }

  /** As a balancer and an orchestrator do it: nothing more is sent there, what was is answered, and then it is told to end. */
  private async restart(name: ProcessName, build: Build): Promise<void> {
    const { inService, answering } = this.stage;
    const isFront = inService.has(name);
    const process = this.stage.process(name);
    if (isFront) {
      inService.delete(name);
      while ((answering.get(name) ?? 0) > 0) await pause(20);
    }
    await process.terminate();
    process.build = build;
    process.start();
    if (!(await process.readyWithin(READY_MS)))
      this.accuse('not-ready', `${name} of ${build.folder} was not ready within ${READY_MS / 1000} s`);
    if (isFront) inService.add(name);
  }

  /** One of each build at once, in the middle of what they do; they come again as they were. */
  private async kill(...names: ProcessName[]): Promise<void> {
    const processes = names.map((name) => this.stage.process(name));
    await Promise.all(processes.map((process) => process.kill()));
    for (const process of processes) process.start();
    for (const process of processes)
      if (!(await process.readyWithin(READY_MS))) this.accuse('not-ready', `${process.name} after kill -9`);
  }

  private accuse(kind: string, detail: string): void {
    this.wrong.push({ kind, id: null, detail });
  }

  private say(what: string): void {
    console.error(`${(performance.now() / 1000).toFixed(0)} s: ${what}`);
  }
}

function figuresOf({ acknowledged, operations, deliveries, posts }: Facts): string {
  const many = new Set(acknowledged.map(({ id }) => id)).size;
  return `${many} operations acknowledged, ${operations.length} ended, ${deliveries.length} callbacks, ${posts.length} POSTs (${PROCESS_NAMES.length} processes)`;
}
