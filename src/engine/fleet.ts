import { Injectable } from '@nestjs/common';

/**
 * The workers on this database, of which any can do what there is to do: together they look as often for it as one alone, or two,
 * would. With fifty that each look as one does, an idle service does nothing but look.
 */
@Injectable()
export class Fleet {
  /** Workers that run, as last counted. */
  private size = 1;
  private least = Infinity;

  /** Told with every count, with the places for operations of the worker that has the fewest. */
  count(workers: number, leastPlaces: number): void {
    this.size = Math.max(1, workers);
    this.least = Math.max(1, leastPlaces);
  }

  /** Operations that any worker can run at once. */
  get leastPlaces(): number {
    return this.least;
  }

  get workers(): number {
    return this.size;
  }

  /**
   * How long one of them pauses where one alone would for `ms`; at the most for `most`, in which the others may have died. They don't
   * take turns, so that looks at random are twice as many: what comes in between waits as long on average as for one that looks regularly.
   */
  pause(ms: number, most: number): number {
    return Math.min((ms * Math.max(2, this.size)) / 2, Math.max(ms, most));
  }
}
