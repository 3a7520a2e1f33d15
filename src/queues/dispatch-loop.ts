import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { after } from './hint-follower.js';
import type { LookedOutFor, Lookout } from './lookout.js';

/** What finds out in a loop's place whether a round would find anything. */
export interface LoopLookout {
  readonly lookout: Lookout;
  /** SQL of a boolean, as `LookedOutFor` has it. */
  readonly due: string;
}

/**
 * Runs rounds one after another, from the application's start to its shutdown: at once after `wake`, and on a timer, or whenever a
 * lookout finds that there is something to do. A round that fails is logged and tried again a little later: the rows are still due.
 */
export abstract class DispatchLoop implements LookedOutFor, OnApplicationBootstrap, OnModuleDestroy {
  protected readonly logger: Logger;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  /** Milliseconds that the last round took, and when it ended. */
  private lastRound = { took: 0, endedAt: -Infinity };
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

  get restedMs(): number {
    return this.running ? 0 : performance.now() - this.lastRound.endedAt;
  }

  /** One round; answers true when there may be more to do at once. */
  protected abstract round(): Promise<boolean>;

  onApplicationBootstrap(): void {
    this.stopped = false;
    this.wake();
  }

  /** Asks for a round now, or right after the one that runs. */
  wake(): void {
    this.woken = true;
    if (!this.stopped && !this.running) this.run();
  }

  /** Resolves when no round runs any more. */
  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
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

  /** Leaves as long a gap as the last round took: rounds lock each other out, and what is due meanwhile shares the next. */
  private async breathe(): Promise<void> {
    const { took, endedAt } = this.lastRound;
    const gap = Math.min(endedAt + took - performance.now(), this.pollMs);
    if (gap > 1) await after(gap);
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
      try {
        if (await this.round()) this.woken = true;
      } catch (error) {
        this.logger.warn(
          `a round failed and is tried again: ${error instanceof Error ? error.message : String(error)}`,
        );
        return true;
      } finally {
        const endedAt = performance.now();
        this.lastRound = { took: endedAt - startedAt, endedAt };
      }
    }
    return false;
  }
}
