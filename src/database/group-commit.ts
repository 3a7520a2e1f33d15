import { channel } from 'node:diagnostics_channel';
import { isRowFault } from './database-errors.js';

/** Published with the number of entries of each statement: costs nothing while nobody listens. */
export const GROUP_COMMIT = channel('ringback:group-commit');

interface Entry<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommitOptions<T> {
  /** Entries one statement takes at the most. */
  readonly most?: number;
  /** Statements that may be under way at once; while all are, entries collect. */
  readonly lanes?: number;
  /** The row that an entry is about: two about the same one never share a statement. */
  readonly rowOf?: (item: T) => string;
}

/**
 * Lets concurrent callers share one statement and one commit.
 *
 * The first caller's statement goes out in the same turn of the event loop's callers; what arrives while all lanes are
 * busy collects and goes out together when one is free. So an idle service adds no delay, and a busy one groups by itself.
 * `flush` answers one result per entry, in order. Two entries about the same row (`rowOf`) never share a statement: a
 * statement sees a row once, so it could not tell which of the two has won it. When a statement fails because of one entry's data, the entries are
 * tried alone, so that only the bad one is rejected.
 */
export class GroupCommit<T, R> {
  private readonly waiting: Entry<T, R>[] = [];
  private readonly rowOf: ((item: T) => string) | undefined;
  private readonly most: number;
  private readonly lanes: number;
  private busy = 0;
  private scheduled = false;

  constructor(
    private readonly flush: (items: T[]) => Promise<R[]>,
    { most = 100, lanes = 2, rowOf }: GroupCommitOptions<T> = {},
  ) {
    this.rowOf = rowOf;
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
      const entries = this.take();
      if (entries.length > 0) void this.commit(entries);
      this.schedule();
    });
  }

  /** The next entries, each about another row; the rest keeps its order. */
  private take(): Entry<T, R>[] {
    const { rowOf } = this;
    if (!rowOf) return this.waiting.splice(0, this.most);
    const rows = new Set<string>();
    const taken: Entry<T, R>[] = [];
    const left = this.waiting.filter((entry) => {
      const row = rowOf(entry.item);
      if (taken.length >= this.most || rows.has(row)) return true;
      rows.add(row);
      taken.push(entry);
      return false;
    });
    this.waiting.splice(0, this.waiting.length, ...left);
    return taken;
  }

  private async commit(entries: Entry<T, R>[]): Promise<void> {
    this.busy++;
    if (GROUP_COMMIT.hasSubscribers) GROUP_COMMIT.publish(entries.length);
    try {
      await this.settle(entries);
    } finally {
      this.busy--;
      this.schedule();
    }
  }

  private async settle(entries: Entry<T, R>[]): Promise<void> {
    try {
      const results = await this.flush(entries.map((entry) => entry.item));
      entries.forEach((entry, index) => entry.resolve(results[index] as R));
    } catch (error) {
      if (entries.length > 1 && isRowFault(error)) {
        for (const entry of entries) await this.settle([entry]);
        return;
      }
      for (const entry of entries) entry.reject(error);
    }
  }
}
