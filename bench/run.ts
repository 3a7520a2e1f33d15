import type { ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { allLogged } from './api.js';
import { type Cost, costOf } from './cost.js';
import { type Spread, spreadOf } from './figures.js';
import type { LoadAnswer, ReceiverAnswers, Submitted, ToOffer, ToSubmit } from './messages.js';
import type { Backend, BenchOptions } from './options.js';
import { HangingReceivers } from './hanging-receivers.js';
import { ask, type Leftovers } from './processes.js';
import { type BenchedService, startService, stopService } from './service.js';
import { measureSharedOrigin, type SharedOrigin } from './shared-origin.js';
import { type Trace, traceOf, waysOf } from './trace.js';
import { residentMb } from './usage.js';

/** Neighbours that hang, and callbacks that each is owed. */
const HANGING = 50;
const CALLBACKS_EACH = 20;
/** Points of the load phase at which memory is read. */
const CHECKPOINTS = 10;
/** Gap between operations that are submitted one at a time, ± 25 %. */
const IDLE_GAP_MS = 200;

/** How a load of as many submits as can be went. */
export interface Loaded extends Cost {
  readonly acceptedPerSecond: number;
  readonly endToEndPerSecond: number;
  readonly refused: number;
  readonly duplicates: number;
  readonly answerMs: Spread;
  readonly callbackMs: Spread;
  /** Resident MB of the service before the load and after each tenth of it. */
  readonly residentMb: readonly (number | null)[];
}

/** Operations submitted one at a time: submit → callback received, and its hops. */
export interface Idle {
  readonly waited: Spread;
  readonly trace: Trace;
}

/** Everything measured on one queue backend. */
export interface Measured extends Loaded {
  readonly backend: Backend;
  readonly idle: Idle | null;
  /** Submit → callback received of a healthy receiver: alone, and beside receivers that hang. */
  readonly isolation: { readonly alone: Spread; readonly beside: Spread } | null;
  /** The same of six callbacks, beside a neighbour's that hang at their own origin. */
  readonly sharedOrigin: SharedOrigin | null;
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
  const service = await startService(options, leftovers, { redisUrl });
  const run = new Run(service, options, helpers);
  try {
    await run.warmUp();
    const idle = options.idleSamples > 0 ? await run.traced() : null;
    const loaded = await run.load();
    await beside(service);
    const isolation = options.idleSamples > 0 ? await run.isolation() : null;
    const sharedOrigin = options.idleSamples > 0 ? await measureSharedOrigin(service) : null;
    return { backend, idle, isolation, sharedOrigin, ...loaded };
  } finally {
    await stopService(service, leftovers);
  }
}

/** The phases of a run on one service. */
export class Run {
  constructor(
    readonly service: BenchedService,
    readonly options: BenchOptions,
    private readonly helpers: Helpers,
  ) {}

  async warmUp(): Promise<void> {
    if (this.options.warmup === 0) return;
    await this.complete(this.options.warmup);
    await pause(500);
  }

  /** Runs operations to their end, their callbacks' attempts logged. */
  async complete(count: number): Promise<void> {
    await this.forget();
    const reached = this.reach(count);
    await this.submit(count, this.options.concurrency, 0);
    await reached;
    await allLogged(this.service);
  }

  /** Submit → callback received, one operation at a time. */
  async idle(): Promise<Spread> {
    const { submitted, received } = await this.oneByOne();
    return spreadOf(submitted.map(({ rid, intendedAt }) => received.get(rid)! - intendedAt));
  }

  /** The same, and where in it an operation waits; asked of the API when all is over. */
  async traced(): Promise<Idle> {
    const { submitted, received } = await this.oneByOne();
    const waited = spreadOf(submitted.map(({ rid, intendedAt }) => received.get(rid)! - intendedAt));
    await allLogged(this.service);
    return { waited, trace: traceOf(await waysOf(this.service, submitted, received)) };
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

  /** As many operations as can be, and all their callbacks. */
  async load(): Promise<Loaded> {
    const { operations, concurrency, top } = this.options;
    const { pid } = this.service;
    await this.forget();
    const memory: (number | null)[] = [];
    let submitted!: LoadAnswer;
    let lastAt = 0;
    const cost = await costOf(this.service, operations, top, async () => {
      memory.push(residentMb(pid));
      const submitting = this.submit(operations, concurrency, 0);
      for (let tenth = 1; tenth <= CHECKPOINTS; tenth++) {
        lastAt = (await this.reach(Math.ceil((operations * tenth) / CHECKPOINTS))).at;
        memory.push(residentMb(pid));
      }
      submitted = await submitting;
      await allLogged(this.service);
    });
    const { first, duplicates } = await this.arrivals();
    return {
      ...cost,
      acceptedPerSecond: (operations * 1000) / (submitted.endedAt - submitted.startedAt),
      endToEndPerSecond: (operations * 1000) / (lastAt - submitted.startedAt),
      refused: submitted.refused,
      duplicates,
      answerMs: spreadOf(submitted.answerMs),
      callbackMs: spreadOf(first.map(([, receivedAt, finishedAt]) => receivedAt - finishedAt)),
      residentMb: memory,
    };
  }

  /** When each operation's callback was first received, by its id. */
  async received(): Promise<Map<string, number>> {
    return new Map((await this.arrivals()).first.map(([rid, at]) => [rid, at]));
  }

  private async oneByOne(): Promise<{
    submitted: readonly Submitted[];
    received: ReadonlyMap<string, number>;
  }> {
    await this.forget();
    const reached = this.reach(this.options.idleSamples);
    const { submitted } = await this.submit(this.options.idleSamples, 1, IDLE_GAP_MS);
    await reached;
    return { submitted, received: await this.received() };
  }

  /** A closed loop. */
  submit(count: number, concurrency: number, gapMs: number): Promise<LoadAnswer> {
    const question: ToSubmit = { ask: 'submit', ...this.target, count, concurrency, gapMs };
    return ask(this.helpers.load, question, bound(count) + count * gapMs * 2);
  }

  /** An open loop. */
  offer(count: number, rate: number): Promise<LoadAnswer> {
    const question: ToOffer = { ask: 'offer', ...this.target, count, rate };
    return ask(this.helpers.load, question, bound(count) + (count * 1000) / rate);
  }

  /** Resolves when so many operations have had their callback received. */
  reach(count: number): Promise<ReceiverAnswers['reach']> {
    const most = Math.max(this.options.operations, count);
    return ask(
      this.helpers.receiver,
      { ask: 'reach', count },
      bound(most) + this.options.idleSamples * IDLE_GAP_MS * 2,
    );
  }

  /** Lets the receiver count anew. */
  forget(): Promise<ReceiverAnswers['forget']> {
    return ask(this.helpers.receiver, { ask: 'forget' }, 10_000);
  }

  arrivals(): Promise<ReceiverAnswers['arrivals']> {
    return ask(this.helpers.receiver, { ask: 'arrivals' }, 60_000);
  }

  private get target(): Pick<ToSubmit, 'serviceUrl' | 'key' | 'ports'> {
    const { url, key } = this.service;
    return { serviceUrl: url, key, ports: this.helpers.ports };
  }
}

/** Slower than 25 operations a second, after a minute to begin with, and the bench gives up. */
function bound(operations: number): number {
  return 60_000 + operations * 40;
}
