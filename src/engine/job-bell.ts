import type { Fleet } from './fleet.js';
import type { PostgresListener } from './postgres-listener.js';
import { Turns } from './turns.js';

/** The channel on which BullMQ says that a queue has a job. */
const CHANNEL = 'bullmq_jobs';
/** A worker looks at an idle queue at least so often, ms: alone, and one of many. Behind some poolers nobody hears of a new job. */
const MAX_QUIET_MS = 5_000;
const MAX_SHARED_QUIET_MS = 10_000;
/** Looks of one of many workers are so far apart at least, times how many there are, ms: under load there is always news. */
const APART_MS = 2;

/** Says when a worker of a PostgreSQL queue is to look whether there is a job. */
export class JobBell {
  private readonly turns = new Turns();
  private timer: NodeJS.Timeout | undefined;
  private ring: (() => void) | undefined;
  private lookedAt = -Infinity;
  private ringsAt = Infinity;

  constructor(
    queue: string,
    listener: PostgresListener,
    private readonly fleet: Fleet,
  ) {
    listener.on(CHANNEL, (text) => {
      if (text === null || text === queue) this.told();
    });
  }

  /** A job with so many hints was taken. */
  took(hints: number): void {
    this.turns.took(hints, this.fleet.workers);
  }

  /** How long the next job is left to others, where this worker has had more than they, ms. */
  get owedMs(): number {
    return this.turns.owed(this.fleet.workers);
  }

  /** Resolves when it is time for a look, or with the signal. What is told from here on counts. */
  next(signal: AbortSignal): Promise<void> {
    this.lookedAt = performance.now();
    return new Promise((resolve) => {
      const ring = (): void => {
        clearTimeout(this.timer);
        this.ring = undefined;
        signal.removeEventListener('abort', ring);
        resolve();
      };
      this.ring = ring;
      signal.addEventListener('abort', ring, { once: true });
      this.ringAt(this.lookedAt + this.fleet.pause(MAX_QUIET_MS, MAX_SHARED_QUIET_MS));
    });
  }

  private told(): void {
    const { workers } = this.fleet;
    const now = performance.now();
    const turnAt = now + this.turns.told(workers, now);
    if (this.ring === undefined) return;
    const at = workers === 1 ? turnAt : Math.max(turnAt, this.lookedAt + APART_MS * workers);
    if (at < this.ringsAt) this.ringAt(at);
  }

  private ringAt(at: number): void {
    clearTimeout(this.timer);
    this.ringsAt = at;
    const ms = at - performance.now();
    if (ms <= 0) this.ring?.();
    else this.timer = setTimeout(() => this.ring?.(), ms).unref();
  }
}
