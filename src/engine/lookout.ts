import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Database } from '../database/database.js';
import { Fleet } from './fleet.js';

/** Between looks at the least, milliseconds. */
const MIN_MS = 10;
/** Between those of one of many processes at the most. */
const MAX_MS = 10_000;

/** A loop that is looked out for. */
export interface LookedOutFor {
  /** SQL of a boolean: whether a round would find anything. It reads a few index entries, however many rows there are. */
  readonly due: string;
  /** The longest time without a look, milliseconds; where others look for the same, that of all of them together. */
  readonly pollMs: number;
  /** Whether what is due now has to be found by this process, also where others look for the same. */
  readonly isOwn: boolean;
  /** For how long no round has run, milliseconds. */
  readonly restedMs: number;
  /** Asks for a round. */
  wake(): void;
}

/**
 * Finds out for all loops of this process, in one statement, which of them would find something. An idle service asks nothing
 * else of the rows; rounds lock, plan and count far more. What this process does itself wakes its loops without it.
 */
@Injectable()
export class Lookout implements OnApplicationBootstrap, OnModuleDestroy {
  /** With when each was last looked at for. */
  private readonly loops = new Map<LookedOutFor, number>();
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> = Promise.resolve();
  private stopped = true;

  constructor(
    private readonly database: Database,
    private readonly fleet: Fleet,
  ) {}

  /** Wakes the loop whenever a look finds something for it. */
  add(loop: LookedOutFor): void {
    this.loops.set(loop, -Infinity);
  }

  onApplicationBootstrap(): void {
    this.stopped = false;
    this.soon();
  }

  /** Resolves when nobody looks any more. */
  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.looking;
  }

  /** When the first loop has had neither a look nor a round for its time. */
  private soon(): void {
    if (this.stopped || this.loops.size === 0) return;
    // Processes that started together don't look together.
    const jitter = 0.75 + Math.random() / 2;
    const waits = [...this.loops.keys()].map((loop) => this.paceOf(loop) * jitter - this.unseenMs(loop));
    const look = (): void => void (this.looking = this.look().finally(() => this.soon()));
    this.timer = setTimeout(look, Math.max(MIN_MS, Math.min(...waits)));
  }

  /** For all whose time is half over: they share the statement. */
  private async look(): Promise<void> {
    const loops = [...this.loops.keys()].filter((loop) => this.unseenMs(loop) >= this.paceOf(loop) / 2);
    const due = await this.due(loops);
    const now = performance.now();
    for (const loop of loops) this.loops.set(loop, now);
    if (!this.stopped) for (const loop of due) loop.wake();
  }

  private paceOf({ isOwn, pollMs }: LookedOutFor): number {
    return isOwn ? pollMs : this.fleet.pause(pollMs, MAX_MS);
  }

  private unseenMs(loop: LookedOutFor): number {
    return Math.min(loop.restedMs, performance.now() - this.loops.get(loop)!);
  }

  private async due(loops: readonly LookedOutFor[]): Promise<readonly LookedOutFor[]> {
    if (loops.length === 0) return [];
    const columns = loops.map(({ due }, index) => `(${due}) AS due_${index}`);
    try {
      const [row] = await this.database.query<Record<string, boolean>>(`SELECT ${columns.join(', ')}`);
      return loops.filter((_, index) => row![`due_${index}`]);
    } catch {
      // Their rounds say what is wrong, and try again.
      return loops;
    }
  }
}
