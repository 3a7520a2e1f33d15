/** A poll that waits for a place. */
interface Waiting {
  readonly since: number;
  readonly begin: () => Promise<void>;
  readonly giveUp: () => void;
}

interface Lane {
  busy: number;
  readonly waiting: Waiting[];
}

/**
 * How many polls are under way at once: some in all, and fewer at one origin, so that one that hangs leaves places to the others.
 * A poll that gets none for long is given up, and comes again in its time.
 */
export class PollPlaces {
  private readonly lanes = new Map<string, Lane>();
  private busy = 0;

  constructor(
    private readonly most: number,
    private readonly mostOfOrigin: number,
  ) {}

  /** Begins it now, or when there is a place. */
  take(origin: string, poll: Omit<Waiting, 'since'>): void {
    const lane = this.lanes.get(origin) ?? { busy: 0, waiting: [] };
    this.lanes.set(origin, lane);
    lane.waiting.push({ ...poll, since: performance.now() });
    this.fill(origin, lane);
  }

  /** Gives up those that have waited for so long. */
  giveUp(afterMs: number): void {
    const before = performance.now() - afterMs;
    for (const [origin, lane] of this.lanes) {
      // They stand in the order in which they came.
      const young = lane.waiting.findIndex(({ since }) => since > before);
      for (const { giveUp } of lane.waiting.splice(0, young === -1 ? lane.waiting.length : young)) giveUp();
      this.drop(origin, lane);
    }
  }

  private fill(origin: string, lane: Lane): void {
    while (this.busy < this.most && lane.busy < this.mostOfOrigin && lane.waiting.length > 0) {
      this.busy++;
      lane.busy++;
      void lane.waiting
        .shift()!
        .begin()
        .finally(() => this.leave(origin, lane));
    }
  }

  private leave(origin: string, lane: Lane): void {
    this.busy--;
    lane.busy--;
    this.fill(origin, lane);
    this.drop(origin, lane);
    // A place that this origin can't use is another's.
    for (const [name, other] of this.lanes) {
      if (this.busy >= this.most) return;
      this.fill(name, other);
    }
  }

  private drop(origin: string, lane: Lane): void {
    if (lane.busy === 0 && lane.waiting.length === 0) this.lanes.delete(origin);
  }
}
