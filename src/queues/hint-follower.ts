import { Logger } from '@nestjs/common';
import pLimit from 'p-limit';
import type { Hint } from './hint.js';

export interface HintFollowerOptions {
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
}

/** How long work that was cut off gets to give its lease back. */
const CUT_OFF_MS = 4_000;

/** Acts on hints within the process's concurrency, and stops in order. */
export class HintFollower {
  private readonly logger: Logger;
  private readonly limit: ReturnType<typeof pLimit>;
  private readonly work = new Set<Promise<void>>();
  private parked = 0;
  private stopped = false;
  private drained = false;

  constructor(private readonly options: HintFollowerOptions) {
    this.logger = new Logger(options.name);
    this.limit = pLimit(options.concurrency);
  }

  /** True once `drain` has begun: nothing new is claimed. */
  get stopping(): boolean {
    return this.stopped;
  }

  /** True once `drain` is over: nobody waits any more for what its work has still to say. */
  get over(): boolean {
    return this.drained;
  }

  /** Resolves when all that the hints name has been done, was parked or turned out to be somebody else's. */
  async follow(hints: readonly Hint[]): Promise<void> {
    await Promise.all(hints.map((hint) => this.limit(() => this.followOne(hint))));
  }

  /** Stops claiming, lets work finish for `graceS`, then cuts it off and waits a little until it has been given back. */
  async drain(graceS: number, cutOff: () => void): Promise<void> {
    this.stopped = true;
    const idle = this.idle();
    await Promise.race([idle, after(graceS * 1000)]);
    cutOff();
    await Promise.race([idle, after(CUT_OFF_MS)]);
    this.drained = true;
  }

  private async idle(): Promise<void> {
    while (this.work.size > 0) await Promise.all(this.work);
  }

  private followOne(hint: Hint): Promise<void> {
    const { act, giveBack } = this.options;
    const place = this.place();
    const work = (this.stopped ? giveBack(hint) : act(hint, place.park)).catch((error: unknown) => {
      // The row is still due or leased: the dispatcher comes back to it.
      this.logger.warn({ msg: 'a hint could not be followed', id: hint.id, error: String(error) });
    });
    this.work.add(work);
    const done = work.finally(() => {
      this.work.delete(work);
      place.end();
    });
    return Promise.race([done, place.left]);
  }

  /** One piece of work's claim to a place: `left` resolves when it parks. */
  private place(): { left: Promise<void>; park: () => void; end: () => void } {
    const { mostParked = 0 } = this.options;
    let state: 'held' | 'parked' | 'ended' = 'held';
    let leave!: () => void;
    const left = new Promise<void>((resolve) => (leave = resolve));
    const park = (): void => {
      if (state !== 'held' || this.parked >= mostParked) return;
      state = 'parked';
      this.parked++;
      leave();
    };
    const end = (): void => {
      if (state === 'parked') this.parked--;
      state = 'ended';
    };
    return { left, park, end };
  }
}

/** Resolves after `ms`, and keeps no process alive for it. */
export function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
