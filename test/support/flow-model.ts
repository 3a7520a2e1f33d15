/** A live operation as flow keys see it. `waiting` is ready, or waits for its key; `aside` has a place of its key and no slot. */
export interface FlowRow {
  readonly id: number;
  readonly account: string;
  readonly key: string | null;
  readonly priority: number;
  readonly tries: number;
  phase: 'scheduled' | 'waiting' | 'dispatched' | 'running' | 'aside';
  attempt: number;
  /** Its time has come, its lease has run out. */
  overdue: boolean;
}

/** What holds for a key. */
export interface KeyLimits {
  parallelism: number | null;
  rate: number | null;
  readonly ordered: boolean;
  paused: boolean;
}

/** Seconds of every window; a start counts a little longer. */
export const PERIOD_S = 95;

/** What flow keys promise, in plain words, on rows in memory. */
export class FlowModel {
  rows: FlowRow[] = [];
  readonly slots = new Map<string, number>();
  /** By account and key. */
  readonly limits = new Map<string, KeyLimits>();
  /** Seconds that have passed. */
  now = 0;
  /** Each counts from the first round that sees it; until then it has no time. */
  readonly starts: { readonly key: string; at: number | null }[] = [];

  /** The rows that a round dispatches. */
  dispatch(): FlowRow[] {
    for (const start of this.starts) start.at ??= this.now;
    for (const row of this.rows) {
      if (!row.overdue || (row.phase !== 'running' && row.phase !== 'scheduled')) continue;
      if (row.phase === 'running' && row.attempt >= row.tries) continue;
      Object.assign(row, { phase: 'waiting', overdue: false });
    }
    for (const name of this.limits.keys()) this.withdraw(name);
    const chosen = [...this.slots].flatMap(([account, slots]) => {
      const free = Math.max(0, slots - this.taken(account));
      return inOrder(this.candidates(account)).slice(0, free);
    });
    for (const row of chosen) row.phase = 'dispatched';
    return chosen;
  }

  claim(row: FlowRow): void {
    Object.assign(row, { phase: 'running', attempt: row.attempt + 1 });
    if (row.key === null) return;
    // Where there is no rate, nobody counts.
    if (this.limits.get(nameOf(row))!.rate !== null) this.starts.push({ key: nameOf(row), at: null });
  }

  /** How many more of its key may be dispatched. */
  room(name: string, of: readonly FlowRow[]): number {
    const { parallelism, rate, paused } = this.limits.get(name)!;
    const held = this.held(name, of);
    const unstarted = of.filter(({ phase }) => phase === 'dispatched').length;
    if (paused) return 0;
    return Math.max(
      0,
      Math.min((parallelism ?? Infinity) - held, (rate ?? Infinity) - unstarted - this.started(name)),
    );
  }

  /** Starts of the last period. */
  started(name: string): number {
    return this.starts.filter(({ key, at }) => key === name && (at ?? this.now) > this.now - PERIOD_S).length;
  }

  private held(name: string, of: readonly FlowRow[]): number {
    const { ordered } = this.limits.get(name)!;
    return of.filter(
      ({ phase, attempt }) =>
        ['dispatched', 'running', 'aside'].includes(phase) ||
        (ordered && attempt > 0 && phase === 'scheduled'),
    ).length;
  }

  /** What has a slot, and hasn't started, waits again where it is too many by now: the last of them. */
  private withdraw(name: string): void {
    const { parallelism, rate, paused, ordered } = this.limits.get(name)!;
    const of = this.rows.filter((row) => row.key !== null && nameOf(row) === name);
    const unstarted = of.filter(({ phase }) => phase === 'dispatched');
    // What has begun of an ordered key goes before what hasn't.
    const fresh = unstarted.filter(({ attempt }) => attempt === 0).length;
    const begun = of.filter(({ phase, attempt }) => ordered && attempt > 0 && phase === 'waiting').length;
    const excess = Math.max(
      0,
      this.held(name, of) - (parallelism ?? Infinity),
      Math.min(fresh, this.held(name, of) + begun - (parallelism ?? Infinity)),
      this.started(name) + unstarted.length - (rate ?? Infinity),
    );
    for (const row of inLine(unstarted, ordered)
      .toReversed()
      .slice(0, paused ? Infinity : excess))
      row.phase = 'waiting';
  }

  private taken(account: string): number {
    return this.rows.filter((row) => row.account === account && hasSlot(row)).length;
  }

  /** What could run, were there slots. */
  private candidates(account: string): FlowRow[] {
    const mine = this.rows.filter((row) => row.account === account);
    const keys = new Set(mine.flatMap(({ key }) => (key === null ? [] : [key])));
    return [
      ...mine.filter(({ key, phase }) => key === null && phase === 'waiting'),
      ...[...keys].flatMap((key) => {
        const of = mine.filter((row) => row.key === key);
        const name = nameOf({ account, key });
        const { ordered } = this.limits.get(name)!;
        const waiting = of.filter(({ phase }) => phase === 'waiting');
        // No more of them than there could be slots for: those behind in line don't go before the first by their priority.
        const slots = this.slots.get(account)! - of.filter(hasSlot).length;
        return inLine(waiting, ordered).slice(0, Math.max(0, Math.min(this.room(name, of), slots)));
      }),
    ];
  }
}

function hasSlot({ phase }: FlowRow): boolean {
  return phase === 'dispatched' || phase === 'running';
}

function inOrder(rows: readonly FlowRow[]): FlowRow[] {
  return rows.toSorted((a, b) => b.priority - a.priority || a.id - b.id);
}

/** Of an ordered key what has begun is before all others. */
function inLine(rows: readonly FlowRow[], ordered: boolean): FlowRow[] {
  const hasBegun = ({ attempt }: FlowRow): boolean => ordered && attempt > 0;
  return [...inOrder(rows.filter(hasBegun)), ...inOrder(rows.filter((row) => !hasBegun(row)))];
}

export function nameOf({ account, key }: Pick<FlowRow, 'account' | 'key'>): string {
  return `${account} ${key}`;
}
