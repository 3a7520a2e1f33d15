import { Injectable } from '@nestjs/common';

/**
 * The workers on this database, of which any can do what there is to do: together they look as often for it as one alone, or two,
 * would. With fifty that each look as one does, an idle service does nothing but look.
 */
@Injectable()
export class Fleet {
  /** Workers that run, as last counted. */
  private size = 1;

  /** Told with every count. */
  count(workers: number): void {
    this.size = Math.max(1, workers);
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
