import type { FeedEntry, FeedReading } from './feed.store.js';

/** A transaction that is open for longer, ms, is none of the service's: no statement of that runs, and waits for its commit, so long. */
const MAX_OPEN_MS = 120_000;

/**
 * Puts what is read from the rows in the order of its places, each once. Places are given before their rows are seen, so a place
 * without a row may still get one: nothing behind it is told until all transactions are over that may have taken it.
 */
export class FeedOrder {
  /** Places up to `upTo` had been given before the transaction `before` began, at `since` in ms. */
  private doubt: { readonly upTo: number; readonly before: bigint; readonly since: number } | undefined;

  constructor(private reached: number) {}

  /** The last place that is settled: what is told up to it has been told. */
  get position(): number {
    return this.reached;
  }

  /** What can be told of a reading from `position` up to `upTo`. `now` is in ms. */
  settle({ entries, oldest }: FeedReading, upTo: number, now: number): FeedEntry[] {
    const { doubt } = this;
    const over = doubt !== undefined && (oldest >= doubt.before || now - doubt.since >= MAX_OPEN_MS);
    const goneUpTo = over ? Math.min(doubt.upTo, upTo) : this.reached;
    const told: FeedEntry[] = [];
    for (const entry of entries) {
      if (entry.id > Math.max(this.reached, goneUpTo) + 1) break;
      told.push(entry);
      this.reached = Math.max(this.reached, entry.id);
    }
    this.reached = Math.max(this.reached, goneUpTo);
    if (over || (doubt && doubt.upTo <= this.reached)) this.doubt = undefined;
    return told;
  }

  /** Whether a place up to `upTo` has no row yet, and it isn't known before which transaction all of them had been given. */
  doubts(upTo: number): boolean {
    return this.reached < upTo && this.doubt === undefined;
  }

  /** All places up to `upTo` had been given before the transaction `before` began. */
  bound(upTo: number, before: bigint, now: number): void {
    this.doubt = { upTo, before, since: now };
  }
}
