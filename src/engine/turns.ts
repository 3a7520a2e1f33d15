/** What a turn too many or too few is worth to each worker, ms: whose turn it is comes so much before the next one. */
const STEP_MS = 1;
/** How many turns of its own may be owed to one, or by one. */
const MAX_TURNS = 3;
/** Jobs over which their mean size is kept. */
const MEMORY = 50;
/** Where there was no news for so long, nothing is owed any more, ms. */
const FORGOTTEN_MS = 1_000;

/**
 * Which of many workers goes for a job that all of them are told of at once: who has had less lately goes first. No worker knows of
 * the others more than how many there are: each news is a part of a turn, a job that it takes uses up a whole one. In their
 * sum that is the same share for all, and few go for a job in vain.
 */
export class Turns {
  /** News heard, less those that turns have used up. */
  private credit = Infinity;
  private meanSize = 1;
  private toldAt = -Infinity;

  constructor(private readonly random: () => number = Math.random) {}

  /** How long to wait, after news of a job, until the queue is asked for it, ms. Those who have the same credit draw lots. */
  told(workers: number, now: number): number {
    const isNew = now - this.toldAt > FORGOTTEN_MS;
    this.toldAt = now;
    this.credit = Math.min(isNew ? Infinity : this.credit + 1, MAX_TURNS * workers);
    if (workers === 1) return 0;
    return STEP_MS * (workers * MAX_TURNS - this.credit + (this.random() * workers) / 2);
  }

  /** A job of `size` pieces of work was taken. */
  took(size: number, workers: number): void {
    this.meanSize += (size - this.meanSize) / MEMORY;
    const turns = size / Math.max(this.meanSize, Number.MIN_VALUE);
    this.credit = Math.max(this.credit - turns * workers, -MAX_TURNS * workers);
  }

  /** How long to leave the next job to others before one goes for it without news, ms. */
  owed(workers: number): number {
    if (workers === 1) return 0;
    // No longer than one round: where the others are full, or have few places, it is in vain that one waits for them.
    return STEP_MS * Math.min(workers, Math.max(0, workers * (MAX_TURNS - 1) - this.credit));
  }
}
