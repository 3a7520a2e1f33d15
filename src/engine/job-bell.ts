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

/**
 * Says when a worker of a PostgreSQL queue is to look for a job: when one was told of since its last look began, else once in a while.
 * So a worker that is told of its jobs never asks in vain whether there is one.
 */
export class JobBell {
  private readonly turns = new Turns();
  private timer: NodeJS.Timeout | undefined;
  private ring: (() => void) | undefined;
  private lookedAt = -Infinity;
  /** When this worker is to go for what it was told of, or may have left; `Infinity` where there is no news. */
  private turnAt = -Infinity;
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

  /** A look for a job begins: it finds all that was told before. */
  looks(): void {
    this.lookedAt = performance.now();
    this.turnAt = Infinity;
  }

  /** There may be more than the look has told: it found a job, or got no answer. */
  leaves(): void {
    this.turnAt = -Infinity;
  }

  /** Whether there may be a job that no look has found. */
  get hasNews(): boolean {
    return this.turnAt < Infinity;
  }

  /** A job with so many hints was taken. */
  took(hints: number): void {
    this.turns.took(hints, this.fleet.workers);
  }

  /** How long the next job is left to others, where this worker has had more than they, ms. */
  get owedMs(): number {
    return this.turns.owed(this.fleet.workers);
  }

  /** Resolves when it is time for a look, or with the signal. */
  next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const ring = (): void => {
        clearTimeout(this.timer);
        this.ring = undefined;
        signal.removeEventListener('abort', ring);
        resolve();
      };
      this.ring = ring;
      signal.addEventListener('abort', ring, { once: true });
      this.ringAt(performance.now() + this.fleet.pause(MAX_QUIET_MS, MAX_SHARED_QUIET_MS));
      this.ringForNews();
    });
  }

  private told(): void {
    const now = performance.now();
    this.turnAt = Math.min(this.turnAt, now + this.turns.told(this.fleet.workers, now));
    this.ringForNews();
  }

  private ringForNews(): void {
    const { workers } = this.fleet;
    const at = workers === 1 ? this.turnAt : Math.max(this.turnAt, this.lookedAt + APART_MS * workers);
    if (this.ring !== undefined && at < this.ringsAt) this.ringAt(at);
  }

  private ringAt(at: number): void {
    clearTimeout(this.timer);
    this.ringsAt = at;
    const ms = at - performance.now();
    if (ms <= 0) this.ring?.();
    else this.timer = setTimeout(() => this.ring?.(), ms).unref();
  }
}
