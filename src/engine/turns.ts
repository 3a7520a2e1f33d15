/** Between one worker's turn and the next one's, ms. */
const STEP_MS = 1;
/** How many rounds of all workers may be owed. */
const MAX_ROUNDS = 3;
/** Jobs over which their mean size is kept. */
const MEMORY = 50;

/**
 * Which of many workers goes for a job that all of them are told of at once: who has had less lately goes first. No worker knows of
 * the others more than how many there are: each news is a part of a turn, a job that it takes uses up a whole one. In their
 * sum that is the same share for all, and few go for a job in vain.
 */
export class Turns {
  /** News heard since the last turn, less those that turns have used up. */
  private credit = 0;
  private meanSize = 1;

  constructor(private readonly random: () => number = Math.random) {}

  /** How long to wait, after news of a job, until the queue is asked for it, ms. */
  told(workers: number): number {
    this.credit = Math.min(this.credit + 1, MAX_ROUNDS * workers);
    return this.wait(workers);
  }

  /** A job of `size` pieces of work was taken. */
  took(size: number, workers: number): void {
    this.meanSize += (size - this.meanSize) / MEMORY;
    const turns = size / Math.max(this.meanSize, Number.MIN_VALUE);
    this.credit = Math.max(this.credit - turns * workers, -MAX_ROUNDS * workers);
  }

  /** Those who have the most credit are many on an idle service: they draw lots. */
  private wait(workers: number): number {
    if (workers === 1) return 0;
    const ahead = Math.max(0, MAX_ROUNDS * workers - this.credit) / MAX_ROUNDS;
    return STEP_MS * (ahead + (this.random() * workers) / 2);
  }
}
