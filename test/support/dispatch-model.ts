/** A live operation as the dispatch sees it; `dueIn` is in minutes, past where negative. */
export interface ModelRow {
  readonly id: number;
  readonly account: string;
  readonly priority: number;
  readonly tries: number;
  phase: 'scheduled' | 'ready' | 'hinted' | 'running';
  dueIn: number;
  attempt: number;
  epoch: number;
}

/** What `dispatch_operations` promises, in plain words: one round after another on rows in memory. */
export class DispatchModel {
  rows: ModelRow[] = [];
  readonly slots = new Map<string, number>();
  private served = '';

  taken(account: string): number {
    return this.of(account, 'hinted', 'running').length;
  }

  /** The rows that a round hints. */
  dispatch(most: number): ModelRow[] {
    for (const row of this.overdue('running')
      .filter((row) => row.attempt < row.tries)
      .slice(0, most))
      Object.assign(row, { phase: 'ready', dueIn: -0.5 });
    for (const row of this.overdue('scheduled')) row.phase = 'ready';
    const lost = this.overdue('hinted').slice(0, most);
    const hinted = [...this.turns(most), ...lost];
    for (const row of hinted) Object.assign(row, { phase: 'hinted', dueIn: 60, epoch: row.epoch + 1 });
    return hinted;
  }

  /** Accounts with room, in a circle from the one served last; the first row of each, then the second of each, … */
  private turns(most: number): ModelRow[] {
    const accounts = [...this.slots.keys()].sort();
    const circle = [
      ...accounts.filter((account) => account > this.served),
      ...accounts.filter((account) => account <= this.served),
    ];
    const open = circle
      .map((account) => ({
        ready: this.of(account, 'ready').sort((a, b) => b.priority - a.priority || a.id - b.id),
        free: this.slots.get(account)! - this.taken(account),
      }))
      .filter(({ ready, free }) => ready.length > 0 && free > 0)
      .slice(0, most);
    const longest = Math.max(0, ...open.map(({ free }) => free));
    const inTurn = Array.from({ length: longest }, (_, turn) =>
      open.flatMap(({ ready, free }) => (turn < free && ready[turn] ? [ready[turn]] : [])),
    ).flat();
    const chosen = inTurn.slice(0, most);
    this.served = chosen.at(-1)?.account ?? this.served;
    return chosen;
  }

  private of(account: string, ...phases: ModelRow['phase'][]): ModelRow[] {
    return this.rows.filter((row) => row.account === account && phases.includes(row.phase));
  }

  private overdue(phase: ModelRow['phase']): ModelRow[] {
    return this.rows
      .filter((row) => row.phase === phase && row.dueIn < 0)
      .sort((a, b) => a.dueIn - b.dueIn || a.id - b.id);
  }
}
