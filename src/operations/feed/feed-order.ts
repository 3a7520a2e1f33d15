import type { FeedEntry, FeedReading } from './feed.store.js';

/** After so long, ms, whatever took a place has committed or never will: no statement runs longer. */
const MAX_OPEN_MS = 30_000;

/**
 * Puts what is read from the rows in the order of its places, each once. Places are given before their rows are seen, so a place
 * without a row may still get one: nothing behind it is told until all transactions are over that may have taken it.
 */
export class FeedOrder {
  /** Places up to `upTo` had been given when no transaction from `beyond` on had begun. */
  private doubt: { readonly upTo: number; readonly beyond: bigint; readonly since: number } | undefined;

  constructor(private reached: number) {}

  /** The last place that is settled: what is told up to it has been told. */
  get position(): number {
    return this.reached;
  }

  /** Whether something is held back by a place that has no row yet. */
  get waits(): boolean {
    return this.doubt !== undefined;
  }

  /** What can be told of a reading from `position` up to `upTo`, a place that had been given before it. `now` is in ms. */
  settle({ entries, oldest, beyond }: FeedReading, upTo: number, now: number): FeedEntry[] {
    const { doubt } = this;
    const over = doubt !== undefined && (oldest >= doubt.beyond || now - doubt.since >= MAX_OPEN_MS);
    const goneUpTo = over ? doubt.upTo : this.reached;
    const told: FeedEntry[] = [];
    for (const entry of entries) {
      if (entry.id > Math.max(this.reached, goneUpTo) + 1) break;
      told.push(entry);
      this.reached = Math.max(this.reached, entry.id);
    }
    this.reached = Math.max(this.reached, goneUpTo);
    if (this.reached >= upTo) this.doubt = undefined;
    else if (over || doubt === undefined || doubt.upTo <= this.reached)
      this.doubt = { upTo, beyond, since: now };
    return told;
  }
}
