import type { ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { type Spread, spreadOf } from './figures.js';
import type { LoadAnswer, ReceiverAnswers, ToLoad } from './messages.js';
import type { Backend, BenchOptions } from './options.js';
import type { Statement } from './postgres-meter.js';
import { HangingReceivers } from './hanging-receivers.js';
import { ask, type Leftovers } from './processes.js';
import { type BenchedService, startService, stopService } from './service.js';
import { measureSharedOrigin, type SharedOrigin } from './shared-origin.js';
import { cpuSeconds, othersSeconds, residentMb } from './usage.js';

/** Neighbours that hang, and callbacks that each is owed. */
const HANGING = 50;
const CALLBACKS_EACH = 20;
/** Points of the load phase at which memory is read. */
const CHECKPOINTS = 10;
/** Gap between operations that are submitted one at a time, ± 25 %. */
const IDLE_GAP_MS = 200;
/** PostgreSQL's sessions report what they have counted at the latest so long after their last statement. */
const COUNTERS_MS = 10_500;

/** CPU seconds of a phase, per process. */
export interface CpuSpent {
  readonly service: number;
  readonly postgres: number;
}

/** Everything measured on one queue backend. */
export interface Measured {
  readonly backend: Backend;
  readonly acceptedPerSecond: number;
  readonly endToEndPerSecond: number;
  readonly refused: number;
  readonly duplicates: number;
  readonly answerMs: Spread;
  readonly callbackMs: Spread;
  readonly idleMs: Spread | null;
  /** Submit → callback received of a healthy receiver: alone, and beside receivers that hang. */
  readonly isolation: { readonly alone: Spread; readonly beside: Spread } | null;
  /** The same of six callbacks, beside a neighbour's that hang at their own origin. */
  readonly sharedOrigin: SharedOrigin | null;
  readonly commits: number;
  readonly statements: { readonly rows: number; readonly queue: number } | null;
  readonly cpu: CpuSpent | null;
  /** Share of one core: before the load, and after it, when PostgreSQL tidies up. */
  readonly idleCpu: readonly [before: CpuSpent | null, after: CpuSpent | null];
  /** Cores that the rest of the machine kept busy during the load: what makes figures noisy. */
  readonly othersCores: number | null;
  /** Resident MB of the service before the load and after each tenth of it. */
  readonly residentMb: readonly (number | null)[];
  readonly top: readonly Statement[];
}

/** The helper processes, and where they listen. */
export interface Helpers {
  readonly receiver: ChildProcess;
  readonly load: ChildProcess;
  readonly ports: readonly number[];
}

/** Measures one backend; `beside` runs while the service is up and idle, for what needs its PostgreSQL. */
export async function measure(
  backend: Backend,
  redisUrl: string | undefined,
  options: BenchOptions,
  helpers: Helpers,
  leftovers: Leftovers,
  beside: (service: BenchedService) => Promise<void>,
): Promise<Measured> {
  const service = await startService(options, redisUrl, leftovers);
  const run = new Run(service, options, helpers);
  try {
    await run.warmUp();
    const idleMs = options.idleSamples > 0 ? await run.idle() : null;
    const loaded = await run.load();
    await beside(service);
    const isolation = options.idleSamples > 0 ? await run.isolation() : null;
    const sharedOrigin = options.idleSamples > 0 ? await measureSharedOrigin(service) : null;
    return { backend, idleMs, isolation, sharedOrigin, ...loaded };
  } finally {
    await stopService(service, leftovers);
  }
}

class Run {
  constructor(
    private readonly service: BenchedService,
    private readonly options: BenchOptions,
    private readonly helpers: Helpers,
  ) {}

  async warmUp(): Promise<void> {
    if (this.options.warmup === 0) return;
    await this.forget();
    const reached = this.reach(this.options.warmup);
    await this.submit(this.options.warmup, this.options.concurrency, 0);
    await reached;
    await pause(500);
  }

  /** Submit → callback received, one operation at a time. */
  async idle(): Promise<Spread> {
    await this.forget();
    const reached = this.reach(this.options.idleSamples);
    const { submitted } = await this.submit(this.options.idleSamples, 1, IDLE_GAP_MS);
    await reached;
    const arrived = new Map((await this.arrivals()).first.map(([rid, at]) => [rid, at]));
    return spreadOf(submitted.map(([rid, at]) => arrived.get(rid)! - at));
  }

  /** Healthy callbacks one at a time, without and with neighbours that take callbacks and never answer. */
  async isolation(): Promise<{ alone: Spread; beside: Spread }> {
    const alone = await this.idle();
    await using hanging = await HangingReceivers.listen(HANGING);
    const neighbours = new Run(this.service, this.options, { ...this.helpers, ports: hanging.ports });
    await neighbours.submit(HANGING * CALLBACKS_EACH, this.options.concurrency, 0);
    await hanging.allAsked();
    return { alone, beside: await this.idle() };
  }

  async load(): Promise<Omit<Measured, 'backend' | 'idleMs' | 'isolation' | 'sharedOrigin'>> {
    const { operations, concurrency, top } = this.options;
    const { postgres, pid } = this.service;
    await this.forget();
    const idleBefore = await idleShare(pid);
    await postgres.forget();
    const before = await postgres.counted();
    const memory = [residentMb(pid)];
    let submitted!: LoadAnswer;
    let lastAt = 0;
    const others = othersSeconds();
    const cpu = await cpuOver(pid, async () => {
      const submitting = this.submit(operations, concurrency, 0);
      for (let tenth = 1; tenth <= CHECKPOINTS; tenth++) {
        lastAt = (await this.reach(Math.ceil((operations * tenth) / CHECKPOINTS))).at;
        memory.push(residentMb(pid));
      }
      submitted = await submitting;
    });
    const loaded = await postgres.counted();
    const othersAfter = othersSeconds();
    const statements = await postgres.top(top);
    const idleAfter = await idleShare(pid);
    const after = await postgres.counted();
    const { first, duplicates } = await this.arrivals();
    // What the service did while the counters came in is no part of the load; every statement of it commits by itself.
    const idling = callsBetween(loaded, after) ?? 0;
    const lastedS = (lastAt - submitted.startedAt) / 1000;
    return {
      acceptedPerSecond: operations / ((submitted.endedAt - submitted.startedAt) / 1000),
      endToEndPerSecond: operations / lastedS,
      refused: submitted.refused,
      duplicates,
      answerMs: spreadOf(submitted.answerMs),
      callbackMs: spreadOf(first.map(([, receivedAt, finishedAt]) => receivedAt - finishedAt)),
      commits: (after.commits - before.commits - idling) / operations,
      statements: loaded.statements && {
        rows: (loaded.statements.rows - before.statements!.rows) / operations,
        queue: (loaded.statements.queue - before.statements!.queue) / operations,
      },
      cpu,
      idleCpu: [idleBefore, idleAfter],
      othersCores: others === null || othersAfter === null ? null : (othersAfter - others) / lastedS,
      residentMb: memory,
      top: statements,
    };
  }

  private submit(count: number, concurrency: number, gapMs: number): Promise<LoadAnswer> {
    const { url, key } = this.service;
    const { load, ports } = this.helpers;
    const question: ToLoad = { ask: 'submit', serviceUrl: url, key, ports, count, concurrency, gapMs };
    return ask(load, question, bound(count) + count * gapMs * 2);
  }

  private reach(count: number): Promise<ReceiverAnswers['reach']> {
    const most = Math.max(this.options.operations, count);
    return ask(
      this.helpers.receiver,
      { ask: 'reach', count },
      bound(most) + this.options.idleSamples * IDLE_GAP_MS * 2,
    );
  }

  private forget(): Promise<ReceiverAnswers['forget']> {
    return ask(this.helpers.receiver, { ask: 'forget' }, 10_000);
  }

  private arrivals(): Promise<ReceiverAnswers['arrivals']> {
    return ask(this.helpers.receiver, { ask: 'arrivals' }, 60_000);
  }
}

/** Slower than 25 operations a second, after a minute to begin with, and the bench gives up. */
function bound(operations: number): number {
  return 60_000 + operations * 40;
}

function callsBetween(
  from: { statements: { rows: number; queue: number } | null },
  to: { statements: { rows: number; queue: number } | null },
): number | null {
  if (!from.statements || !to.statements) return null;
  return to.statements.rows + to.statements.queue - from.statements.rows - from.statements.queue;
}

/** What a piece of work costs the service and its PostgreSQL; null where there is no /proc. */
export async function cpuOver(pid: number, work: () => Promise<void>): Promise<CpuSpent | null> {
  const from = cpuSeconds(pid);
  await work();
  const to = cpuSeconds(pid);
  return from && to && { service: to.own - from.own, postgres: to.below - from.below };
}

/** Share of one core that an idle service takes, over the time that PostgreSQL's counters need. */
export async function idleShare(pid: number): Promise<CpuSpent | null> {
  const spent = await cpuOver(pid, () => pause(COUNTERS_MS));
  return (
    spent && {
      service: (spent.service * 1000) / COUNTERS_MS,
      postgres: (spent.postgres * 1000) / COUNTERS_MS,
    }
  );
}
