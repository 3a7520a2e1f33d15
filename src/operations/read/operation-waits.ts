import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { OperationConfig } from '../../config/config.js';
import { after } from '../../engine/worker-pool.js';
import { WakeUps } from '../../engine/wake-ups.js';
import { OperationReads } from './operation-reads.store.js';

/** How often callers that wait are checked against the rows, for what no wake-up told. */
const RECHECK_MS = 1_000;
/** The first time after nobody has waited here: until others know that somebody does, they tell nothing. */
const FIRST_RECHECK_MS = 50;
/** Operations whose end was told lately, for who looked at the row just before and enlists just after. */
const MAX_RECENT = 1_000;
/** Timers take no more than 2^31 ms; who waits longer looks at the row and goes on. */
const LONGEST_MS = 3_600_000;
/** How long answers that a shutdown cuts short get to go out. */
const LAST_ANSWERS_MS = 1_000;

/** Who waits for what: by operation, what to call when it may have come. */
type Waiting = Map<string, Set<() => void>>;

/**
 * Lets callers wait for news of an operation: its end, or its history's growth. Woken at once by what this process does, by
 * wake-ups for what others do, and else by a slow re-check that all share.
 */
@Injectable()
export class OperationWaits implements OnModuleDestroy {
  private readonly ends: Waiting = new Map();
  private readonly growths: Waiting = new Map();
  /** The last ends that were told, each with what `now` was then. */
  private readonly recent = new Map<string, number>();
  private told = 0;
  private readonly listeners: ((requestId: string) => void)[] = [];
  private readonly stoppers: ((requestId: string) => void)[] = [];
  private readonly held = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    private readonly reads: OperationReads,
    private readonly wakeUps: WakeUps,
    private readonly config: OperationConfig,
  ) {
    wakeUps.on('ended', (ids) => {
      for (const id of ids) this.wakeEnd(id);
    });
    wakeUps.on('history', (ids) => {
      for (const id of ids) wake(this.growths, id);
    });
  }

  /** A mark for `wait`, to be taken before the row is looked at. */
  get now(): number {
    return this.told;
  }

  /** Resolves when the operation may have ended after `since`, after `ms`, or when the caller has gone: look at the row to know. */
  wait(requestId: string, ms: number, since: number, signal?: AbortSignal): Promise<void> {
    if ((this.recent.get(requestId) ?? 0) > since) return Promise.resolve();
    return this.enlist(this.ends, requestId, ms, signal);
  }

  /** Resolves when the operation's history may have grown, after `ms` at the latest; call it before reading what there is. */
  growth(requestId: string, ms: number, signal?: AbortSignal): Promise<void> {
    return this.enlist(this.growths, requestId, ms, signal);
  }

  /**
   * Counts an answer that is held, until `signal` fires, which is when it is out or its caller has gone. False, and nothing
   * is counted, when the account holds as many as it may in this process, or the process shuts down: answer at once.
   */
  hold(accountId: string, signal: AbortSignal): boolean {
    const count = this.held.get(accountId) ?? 0;
    if (this.stopped || signal.aborted || count >= this.config.heldPerAccount) return false;
    this.held.set(accountId, count + 1);
    signal.addEventListener('abort', () => this.letGo(accountId), { once: true });
    return true;
  }

  /** Whether this process is shutting down: nothing is held any more. */
  get closing(): boolean {
    return this.stopped;
  }

  /** Hears of every end that this process makes or finds. */
  onEnded(listener: (requestId: string) => void): void {
    this.listeners.push(listener);
  }

  /** Hears of every operation that this process was asked to cancel while it runs. */
  onCanceling(listener: (requestId: string) => void): void {
    this.stoppers.push(listener);
  }

  /** Tells that a caller has asked to cancel an operation that runs. */
  canceling(requestId: string): void {
    for (const stopper of this.stoppers) stopper(requestId);
    this.wakeUps.tell('canceling', requestId);
  }

  /** Tells that this process has ended an operation. */
  ended(requestId: string): void {
    this.found(requestId);
    wake(this.growths, requestId);
    this.wakeUps.tell('ended', requestId);
    this.wakeUps.tell('history', requestId);
  }

  /** Tells that this process has added to an operation's history. */
  grew(requestId: string): void {
    wake(this.growths, requestId);
    this.wakeUps.tell('history', requestId);
  }

  /** What is held is answered as it stands: clients ask again, elsewhere. */
  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    for (const waiting of [this.ends, this.growths]) {
      for (const requestId of [...waiting.keys()]) wake(waiting, requestId);
    }
    const until = performance.now() + LAST_ANSWERS_MS;
    while (this.held.size > 0 && performance.now() < until) await after(10);
  }

  private async enlist(
    waiting: Waiting,
    requestId: string,
    ms: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (ms <= 0 || signal?.aborted || this.stopped) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        forget(waiting, requestId, done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(ms, LONGEST_MS));
      signal?.addEventListener('abort', done, { once: true });
      const others = waiting.get(requestId);
      if (others) others.add(done);
      else waiting.set(requestId, new Set([done]));
      this.timer ??= this.recheckIn(this.wakeUps.want() ? FIRST_RECHECK_MS : RECHECK_MS);
    });
  }

  private letGo(accountId: string): void {
    const left = (this.held.get(accountId) ?? 0) - 1;
    if (left > 0) this.held.set(accountId, left);
    else this.held.delete(accountId);
  }

  private found(requestId: string): void {
    for (const listener of this.listeners) listener(requestId);
    this.wakeEnd(requestId);
  }

  private wakeEnd(requestId: string): void {
    this.recent.delete(requestId);
    this.recent.set(requestId, ++this.told);
    if (this.recent.size > MAX_RECENT) this.recent.delete(this.recent.keys().next().value!);
    wake(this.ends, requestId);
  }

  private async lookAt(requestIds: readonly string[]): Promise<void> {
    if (requestIds.length === 0) return;
    try {
      for (const requestId of await this.reads.ended(requestIds)) this.found(requestId);
    } catch {
      // An outage: callers wait on, until their time is up.
    }
  }

  private recheckIn(ms: number): NodeJS.Timeout {
    return setTimeout(() => void this.recheck(), ms).unref();
  }

  private async recheck(): Promise<void> {
    this.wakeUps.want();
    for (const requestId of [...this.growths.keys()]) wake(this.growths, requestId);
    await this.lookAt([...this.ends.keys()]);
    const more = this.ends.size > 0 || this.growths.size > 0;
    this.timer = more && !this.stopped ? this.recheckIn(RECHECK_MS) : undefined;
  }
}

function wake(waiting: Waiting, requestId: string): void {
  for (const done of [...(waiting.get(requestId) ?? [])]) done();
}

function forget(waiting: Waiting, requestId: string, done: () => void): void {
  const others = waiting.get(requestId);
  others?.delete(done);
  if (others?.size === 0) waiting.delete(requestId);
}
