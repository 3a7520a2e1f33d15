import { channel } from 'node:diagnostics_channel';
import { isDeadlock, isRowFault } from './database-errors.js';

/** Published with the number of entries of each statement: costs nothing while nobody listens. */
export const GROUP_COMMIT = channel('ringback:group-commit');

interface Entry<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommitOptions {
  /** Entries one statement takes at the most. */
  readonly most?: number;
  /** Statements that may be under way at once; while all are, entries collect. */
  readonly lanes?: number;
}

/**
 * Lets concurrent callers share one statement and one commit.
 *
 * The first caller's statement goes out in the same turn of the event loop's callers; what arrives while all lanes are
 * busy collects and goes out together when one is free. So an idle service adds no delay, and a busy one groups by itself.
 * `flush` answers one result per entry, in order. When a statement fails because of one entry's data, the entries are
 * tried alone, so that only the bad one is rejected.
 */
export class GroupCommit<T, R> {
  private readonly waiting: Entry<T, R>[] = [];
  private readonly most: number;
  private readonly lanes: number;
  private busy = 0;
  private scheduled = false;

  constructor(
    private readonly flush: (items: T[]) => Promise<R[]>,
    { most = 100, lanes = 2 }: GroupCommitOptions = {},
  ) {
    this.most = most;
    this.lanes = lanes;
  }

  /** Resolves with this entry's own result once its statement has committed. */
  add(item: T): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.schedule();
    });
  }

  private schedule(): void {
    if (this.scheduled || this.busy >= this.lanes || this.waiting.length === 0) return;
    this.scheduled = true;
    // One turn of the event loop collects callers that were woken by the same socket read.
    setImmediate(() => {
      this.scheduled = false;
      const entries = this.waiting.splice(0, this.most);
      if (entries.length > 0) void this.commit(entries);
      this.schedule();
    });
  }

  private async commit(entries: Entry<T, R>[]): Promise<void> {
    this.busy++;
    if (GROUP_COMMIT.hasSubscribers) GROUP_COMMIT.publish(entries.length);
    try {
      await this.settle(entries, 3);
    } finally {
      this.busy--;
      this.schedule();
    }
  }

  private async settle(entries: Entry<T, R>[], tries: number): Promise<void> {
    try {
      const results = await this.flush(entries.map((entry) => entry.item));
      entries.forEach((entry, index) => entry.resolve(results[index] as R));
    } catch (error) {
      // A deadlock's victim was rolled back whole: the same statement may simply be sent again.
      if (isDeadlock(error) && tries > 1) return this.settle(entries, tries - 1);
      if (entries.length > 1 && isRowFault(error)) {
        for (const entry of entries) await this.settle([entry], tries);
        return;
      }
      for (const entry of entries) entry.reject(error);
    }
  }
}
