import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { after } from './worker-pool.js';
import type { LookedOutFor, Lookout } from './lookout.js';

/** After a round that was refused, milliseconds on average: about as long as somebody else's takes. */
const REFUSED_MS = 5;
/** Of an alarm at the most, milliseconds: timers take no longer ones. */
const MAX_ALARM_MS = 3_600_000;

/** A loop that has had a round within so long is busy, ms. */
export const BUSY_MS = 10_000;

/** Between looks of a loop that takes leases back, ms: so often that a gap between them is an outage (`spare_leases`). */
export function watchMs({ pollMs, leaseS }: { pollMs: number; leaseS: number }): number {
  return Math.min(pollMs, (leaseS * 1000) / 12);
}

/** What finds out in a loop's place whether a round would find anything. */
export interface LoopLookout {
  readonly lookout: Lookout;
  /** SQL of a boolean, as `LookedOutFor` has it. */
  readonly due: string;
}

/**
 * Runs rounds one after another, from the application's start to its shutdown: at once after `wake`, and on a timer, or whenever a
 * lookout finds that there is something to do. A round that fails is logged and tried again a little later: the rows are still due.
 *
 * Rounds wait for nobody. One that finds a round of another process under way is refused: that one dispatches for all, but has not
 * seen what was committed after it had looked. So the refused one comes again, every few milliseconds, until it has been through.
 */
export abstract class DispatchLoop implements LookedOutFor, OnApplicationBootstrap, OnModuleDestroy {
  protected readonly logger: Logger;
  private timer: NodeJS.Timeout | undefined;
  private alarm: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  /** Milliseconds until the next round after the last one, and when that ended. */
  private lastRound = { gap: 0, endedAt: -Infinity };
  private woken = false;
  private stopped = true;

  protected constructor(
    name: string,
    /** Milliseconds between rounds, or looks, when nothing wakes the loop, ± 25 %. */
    readonly pollMs: number,
    private readonly looking?: LoopLookout,
  ) {
    this.logger = new Logger(`Dispatcher ${name}`);
    looking?.lookout.add(this);
  }

  get due(): string {
    return this.looking?.due ?? 'true';
  }

  /** A round of any process serves all, unless its loop says otherwise. */
  get isOwn(): boolean {
    return false;
  }

  get restedMs(): number {
    return this.running ? 0 : performance.now() - this.lastRound.endedAt;
  }

  /** One round; answers true when there may be more to do at once, and `refused` where somebody else's was under way. */
  protected abstract round(): Promise<boolean | 'refused'>;

  onApplicationBootstrap(): void {
    this.stopped = false;
    this.wake();
  }

  /** Asks for a round now, or right after the one that runs. */
  wake(): void {
    this.woken = true;
    if (!this.stopped && !this.running) this.run();
  }

  /** Asks for a round in so many milliseconds, unless one asks for another time first. */
  protected wakeIn(ms: number): void {
    clearTimeout(this.alarm);
    if (!this.stopped) this.alarm = setTimeout(() => this.wake(), Math.min(Math.max(ms, 1), MAX_ALARM_MS));
  }

  /** Resolves when no round runs any more. */
  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    clearTimeout(this.alarm);
    await this.running;
  }

  private run(): void {
    clearTimeout(this.timer);
    this.running = this.rounds().then((failed) => {
      this.running = undefined;
      if (this.stopped) return;
      // A wake that came between the last round and here; after a failure it waits for the next tick.
      if (this.woken && !failed) this.run();
      else if (failed || !this.looking)
        this.timer = setTimeout(() => this.wake(), this.pollMs * (0.75 + Math.random() / 2));
    });
  }

  /** Leaves a gap, as long as the last round took unless that was refused: what is due meanwhile shares the next. */
  private async breathe(): Promise<void> {
    const { gap, endedAt } = this.lastRound;
    const left = Math.min(endedAt + gap - performance.now(), this.pollMs);
    if (left > 1) await after(left);
  }

  /** Runs rounds while somebody asks for one; answers true when one failed. */
  private async rounds(): Promise<boolean> {
    // Callers that were woken by the same event share the round.
    await new Promise(setImmediate);
    while (this.woken && !this.stopped) {
      await this.breathe();
      if (this.stopped) break;
      this.woken = false;
      const startedAt = performance.now();
      let found: boolean | 'refused' = false;
      try {
        found = await this.round();
        if (found) this.woken = true;
      } catch (error) {
        this.logger.warn(
          `a round failed and is tried again: ${error instanceof Error ? error.message : String(error)}`,
        );
        return true;
      } finally {
        const endedAt = performance.now();
        const gap = found === 'refused' ? REFUSED_MS * (0.5 + Math.random()) : endedAt - startedAt;
        this.lastRound = { gap, endedAt };
      }
    }
    return false;
  }
}
