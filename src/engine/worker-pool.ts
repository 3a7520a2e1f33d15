import { Logger } from '@nestjs/common';
import { DatabaseUnavailableError } from '../database/database-errors.js';
import { rideOut } from '../database/ride-out.js';
import type { Hint } from './hint.js';

/** Puts hints back at the head of the queue, for whoever has a place; false where that failed. */
export type SendBack = (hints: readonly Hint[]) => Promise<boolean>;

export interface WorkerPoolOptions {
  /** What the log calls it. */
  readonly name: string;
  /** Hints that are acted on at once. */
  readonly concurrency: number;
  /** Claims what the hint names and does the work. `park` gives the place up while the work goes on: it only waits for others. */
  readonly act: (hint: Hint, park: () => void) => Promise<void>;
  /** Work that may be parked at once, 0 unless given; beyond it, work keeps its place. */
  readonly mostParked?: number;
  /** Makes the row due for others. */
  readonly giveBack: (hint: Hint) => Promise<void>;
  /** Resolves where PostgreSQL answers. */
  readonly reach: () => Promise<unknown>;
}

/** One of the process's places, for a piece of work. */
export interface Place {
  /** Gives the place up while the work goes on, where as much as may be parked isn't yet. */
  readonly park: () => void;
  readonly end: () => void;
}

/** How long work that was cut off gets to give its lease back. */
const CUT_OFF_MS = 4_000;

/** Acts on hints within the process's concurrency, in their order, and stops in order. */
export class WorkerPool {
  private readonly logger: Logger;
  private readonly work = new Set<Promise<void>>();
  private free: number;
  private parked = 0;
  /** Who waits for a free place. */
  private readonly waiting: (() => void)[] = [];
  private stopped = false;
  private drained = false;
  /** While PostgreSQL can't be reached from here: resolves when it can again, or the process stops. */
  private outage: Promise<void> | undefined;

  constructor(private readonly options: WorkerPoolOptions) {
    this.logger = new Logger(options.name);
    this.free = options.concurrency;
  }

  /** True once `drain` has begun: nothing new is claimed. */
  get stopping(): boolean {
    return this.stopped;
  }

  /** True once `drain` is over: nobody waits any more for what its work has still to say. */
  get over(): boolean {
    return this.drained;
  }

  /**
   * Begins what the hints name while there are places, and sends the rest back: a hint that waited here could run elsewhere.
   * Resolves when there is a place again and PostgreSQL can be reached, or none is needed any more.
   */
  async follow(hints: readonly Hint[], sendBack: SendBack): Promise<void> {
    if (this.stopped) return this.giveBack(hints);
    const places = this.outage ? 0 : this.free;
    const rest = hints.slice(places);
    for (const hint of hints.slice(0, places)) this.followOne(hint, sendBack);
    if (rest.length > 0 && !(await sendBack(rest))) await this.giveBack(rest);
    await this.outage;
    if (this.free === 0 && !this.stopped) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  /** Stops claiming, lets work finish for `graceS`, then cuts it off and waits a little until it has been given back. */
  async drain(graceS: number, cutOff: () => void): Promise<void> {
    this.stopped = true;
    for (const resolve of this.waiting.splice(0)) resolve();
    const idle = this.idle();
    const begun = this.work.size;
    await Promise.race([idle, after(graceS * 1000)]);
    const left = this.work.size;
    cutOff();
    await Promise.race([idle, after(CUT_OFF_MS)]);
    this.drained = true;
    if (begun === 0) return;
    const leased = this.work.size;
    // What is still leased comes back when its lease is over.
    this.logger.log({ msg: 'drained', finished: begun - left, given_back: left - leased, leased });
  }

  private async idle(): Promise<void> {
    while (this.work.size > 0) await Promise.all(this.work);
  }

  private followOne(hint: Hint, sendBack: SendBack): void {
    const place = this.place();
    const acting = this.options.act(hint, place.park).catch(async (error: unknown) => {
      if (this.stopped || !(error instanceof DatabaseUnavailableError)) throw error;
      // Another process may reach the rows where this one doesn't: it must not go on taking hints from the queue.
      this.awaitDatabase();
      if (!(await sendBack([hint]))) throw error;
    });
    void this.track(hint.id, acting).finally(place.end);
  }

  private awaitDatabase(): void {
    this.outage ??= rideOut(this.options.reach, () => this.stopped)
      .catch(() => undefined)
      .then(() => {
        this.outage = undefined;
      });
  }

  private async giveBack(hints: readonly Hint[]): Promise<void> {
    await Promise.all(hints.map((hint) => this.track(hint.id, this.options.giveBack(hint))));
  }

  private track(id: string, doing: Promise<void>): Promise<void> {
    const work = doing.catch((error: unknown) => {
      // The row is still due or leased: the dispatcher comes back to it.
      this.logger.warn({ msg: 'work could not be done', id, error: String(error) });
    });
    this.work.add(work);
    return work.finally(() => this.work.delete(work));
  }

  /** A place for work that comes without a hint; null where there is none. */
  reserve(): Place | null {
    return this.free > 0 && !this.stopped && !this.outage ? this.place() : null;
  }

  /** Does such work in its place; `id` names it in the log. */
  run(place: Place, id: string, doing: Promise<void>): void {
    void this.track(id, doing).finally(place.end);
  }

  /** Takes a place, until `end`, or until `park` where as much as may be parked isn't yet. */
  private place(): Place {
    const { mostParked = 0 } = this.options;
    let state: 'held' | 'parked' | 'ended' = 'held';
    this.free--;
    const park = (): void => {
      if (state !== 'held' || this.parked >= mostParked) return;
      state = 'parked';
      this.parked++;
      this.vacate();
    };
    const end = (): void => {
      if (state === 'parked') this.parked--;
      else this.vacate();
      state = 'ended';
    };
    return { park, end };
  }

  private vacate(): void {
    this.free++;
    this.waiting.shift()?.();
  }
}

/** Resolves after `ms`, and keeps no process alive for it. */
export function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
