import { after } from '../../engine/worker-pool.js';

/** How often a figure may be looked at. */
export interface Pace {
  /** Where there is room, milliseconds. */
  readonly restMs: number;
  /** How many times as long as a look took nobody looks again: its part of the database's time is bounded. */
  readonly times: number;
}

/** How long a caller waits for a look, rather than being refused by what was known before; milliseconds. */
const MAX_WAITED_MS = 250;
/** Looks are at least so far apart, ms. */
const MIN_APART_MS = 10;
/** After a look that failed, ms. */
const AGAIN_MS = 10_000;

/**
 * What an account uses of something: looked at now and then, and counted on in between by what this process admits. What is
 * admitted and in no row yet is added to what a look finds.
 */
export class Figure {
  private used = 0;
  /** Admitted, and not settled yet. */
  private underway = 0;
  private lookedAt = -Infinity;
  private notBefore = -Infinity;
  private looking: Promise<void> | undefined;
  private next: Promise<void> | undefined;

  constructor(
    private readonly count: () => Promise<number>,
    private readonly pace: Pace,
  ) {}

  /** As far as is known. */
  get value(): number {
    return this.used;
  }

  /** Takes `amount` of `most`, which is to be settled, or answers false. */
  async take(amount: number, most: number): Promise<boolean> {
    await this.rest();
    // What filled it may be gone by now.
    if (this.used + amount > most) await this.again();
    if (this.used + amount > most) return false;
    this.used += amount;
    this.underway += amount;
    return true;
  }

  /** So much has come of what was taken. */
  settle(taken: number, stored: number): void {
    this.underway -= taken;
    this.used += stored - taken;
  }

  /** A look from now on; where looks take long, what the last one found. */
  async again(): Promise<void> {
    const waitMs = this.notBefore - performance.now();
    if (waitMs > MAX_WAITED_MS) return;
    this.next ??= after(Math.max(0, waitMs)).then(() => {
      this.next = undefined;
      return this.look();
    });
    await this.next;
  }

  /** Only the first look is waited for. */
  private async rest(): Promise<void> {
    const now = performance.now();
    if (now - this.lookedAt < this.pace.restMs || now < this.notBefore) return;
    this.looking ??= this.look().finally(() => (this.looking = undefined));
    if (this.lookedAt === -Infinity) await this.looking;
  }

  private async look(): Promise<void> {
    const { underway } = this;
    const startedAt = performance.now();
    try {
      const counted = await this.count();
      this.used = counted + Math.max(underway, this.underway);
      this.lookedAt = performance.now();
      this.notBefore = this.lookedAt + Math.max(MIN_APART_MS, (this.lookedAt - startedAt) * this.pace.times);
    } catch {
      // An outage, which what is admitted will meet itself, or too much to be counted in time.
      this.notBefore = performance.now() + AGAIN_MS;
    }
  }
}
