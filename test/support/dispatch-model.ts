/** What a live row has that is dispatched; `dueIn` is in minutes, past where negative. */
interface LiveRow {
  readonly id: number;
  phase: 'scheduled' | 'ready' | 'hinted' | 'running' | 'held';
  dueIn: number;
  epoch: number;
}

/** A live operation as the dispatch sees it. */
export interface ModelRow extends LiveRow {
  readonly account: string;
  readonly priority: number;
  readonly tries: number;
  attempt: number;
}

/** Names in a circle that begins behind the one served last. */
function circle(names: Iterable<string>, served: string): string[] {
  const sorted = [...new Set(names)].sort();
  return [...sorted.filter((name) => name > served), ...sorted.filter((name) => name <= served)];
}

/** The first of each queue, then the second of each, … */
function inTurns<Row>(queues: readonly Row[][]): Row[] {
  const longest = Math.max(0, ...queues.map(({ length }) => length));
  return Array.from({ length: longest }, (_, turn) =>
    queues.flatMap((queue) => queue.slice(turn, turn + 1)),
  ).flat();
}

/** What both dispatch functions promise, in plain words: one round after another on rows in memory. */
abstract class Rounds<Row extends LiveRow> {
  rows: Row[] = [];
  /** Whether overdue hints may still be in the queue. */
  patient = false;

  /** The rows that a round hints. */
  dispatch(most: number): Row[] {
    this.free(
      this.overdue('running')
        .filter((row) => this.mayRunAgain?.(row) ?? true)
        .slice(0, most),
    );
    for (const row of this.overdue('scheduled')) row.phase = 'ready';
    this.release?.(most);
    const hinted = [...this.turns(most), ...(this.patient ? [] : this.overdue('hinted').slice(0, most))];
    for (const row of hinted) Object.assign(row, { phase: 'hinted', dueIn: 60, epoch: row.epoch + 1 });
    this.note?.(hinted);
    return hinted;
  }

  protected abstract turns(most: number): Row[];
  protected mayRunAgain?(row: Row): boolean;
  protected release?(most: number): void;
  protected note?(hinted: readonly Row[]): void;

  protected free(rows: readonly Row[]): void {
    for (const row of rows) Object.assign(row, { phase: 'ready', dueIn: -0.5 });
  }

  protected overdue(phase: Row['phase']): Row[] {
    return this.rows
      .filter((row) => row.phase === phase && row.dueIn < 0)
      .sort((a, b) => a.dueIn - b.dueIn || a.id - b.id);
  }
}

/** What `dispatch_operations` promises. */
export class DispatchModel extends Rounds<ModelRow> {
  readonly slots = new Map<string, number>();
  /** Rows that may be hinted at once. */
  mostHinted = Infinity;
  private served = '';

  taken(account: string): number {
    return this.of(account, 'hinted', 'running').length;
  }

  protected override mayRunAgain(row: ModelRow): boolean {
    return row.attempt < row.tries;
  }

  /** Accounts with room, in a circle from the one served last; the first row of each, then the second of each, … */
  protected turns(most: number): ModelRow[] {
    const hinted = this.rows.filter(({ phase }) => phase === 'hinted').length;
    const room = Math.max(0, Math.min(most, this.mostHinted - hinted));
    const open = circle(this.slots.keys(), this.served)
      .map((account) =>
        this.of(account, 'ready')
          .sort((a, b) => b.priority - a.priority || a.id - b.id)
          .slice(0, Math.max(0, this.slots.get(account)! - this.taken(account))),
      )
      .filter(({ length }) => length > 0);
    const chosen = inTurns(open.slice(0, room)).slice(0, room);
    this.served = chosen.at(-1)?.account ?? this.served;
    return chosen;
  }

  private of(account: string, ...phases: ModelRow['phase'][]): ModelRow[] {
    return this.rows.filter((row) => row.account === account && phases.includes(row.phase));
  }
}

/** A live delivery as the dispatch sees it. `lane` is an endpoint's id, or `origin`; `runAt` is any clock's. */
export interface DeliveryRow extends LiveRow {
  readonly lane: string;
  origin: string;
  runAt: number;
}

export interface ModelEndpoint {
  origin: string;
  maxInFlight: number | null;
  /** Null: no rate. Else one delivery has room in it, until the test says that time has passed. */
  rate: 'open' | 'spent' | null;
  disabled: boolean;
}

export interface ModelOrigin {
  proven: boolean;
  rests: boolean;
  /** Attempts of the last minute that were made while it was unproven. */
  asked: number;
}

/** What `dispatch_deliveries` promises. */
export class DeliveryModel extends Rounds<DeliveryRow> {
  readonly endpoints = new Map<string, ModelEndpoint>();
  readonly origins = new Map<string, ModelOrigin>();
  private served = '';
  private heldServed = '';
  /** What the database's clock says in a round: later than any other time of the test's. */
  private now = 1_000_000;

  constructor(
    readonly inFlight: number,
    readonly unprovenInFlight: number,
  ) {
    super();
  }

  isProven(origin: string): boolean {
    return this.origins.get(origin)?.proven === true;
  }

  flying(which: (row: DeliveryRow) => boolean): number {
    return this.rows.filter((row) => (row.phase === 'hinted' || row.phase === 'running') && which(row))
      .length;
  }

  override dispatch(most: number): DeliveryRow[] {
    this.now++;
    return super.dispatch(most);
  }

  protected override free(rows: readonly DeliveryRow[]): void {
    super.free(rows);
    for (const row of rows) row.runAt = this.now;
  }

  /** A lost hint to an endpoint that has moved waits for room there. Held ones of endpoints that are enabled are ready, of those that are gone canceled; some endpoints a round, in a circle. */
  protected override release(most: number): void {
    for (const row of this.overdue('hinted')
      .filter(({ lane, origin }) => this.endpoints.has(lane) && this.endpoints.get(lane)!.origin !== origin)
      .slice(0, most))
      Object.assign(row, { phase: 'ready', dueIn: -0.5 });
    const held = this.rows.filter(({ phase }) => phase === 'held').sort((a, b) => a.id - b.id);
    const most4 = Math.floor(most / 4);
    const looked = circle(
      held.map(({ lane }) => lane),
      this.heldServed,
    ).slice(0, most4 + 1);
    if (looked.length > most4) this.heldServed = looked.at(-1)!;
    for (const id of looked) {
      const rows = held.filter(({ lane }) => lane === id).slice(0, most);
      const endpoint = this.endpoints.get(id);
      if (!endpoint) this.rows = this.rows.filter((row) => !rows.includes(row));
      else if (!endpoint.disabled) this.free(rows);
    }
  }

  /**
   * Lanes with room, in a circle from the one served last, until they are as many places as a round has; the first row of each,
   * then the second of each, … Lanes of one origin share its room, and all unproven origins theirs, oldest first within a turn.
   */
  protected turns(most: number): DeliveryRow[] {
    const queues = new Map<string, DeliveryRow[]>();
    const left = this.unprovenInFlight - this.flying(({ origin }) => !this.isProven(origin));
    const ahead = circle(
      this.rows.filter(({ phase }) => phase === 'ready').map(({ lane }) => lane),
      this.served,
    );
    let [places, closed] = [0, false];
    while (places < most && ahead.length > 0) {
      for (let asked = most - places; asked > 0 && ahead.length > 0;) {
        const lane = ahead.shift()!;
        const queue = closed && !this.isProven(this.originOf(lane)) ? [] : this.queueOf(lane);
        if (queue.length === 0) continue;
        queues.set(lane, queue);
        asked--;
      }
      const firsts = this.within([...queues.values()].map(([first]) => first!));
      const doubtful = firsts.filter(({ lane }) => !this.isProven(this.originOf(lane))).length;
      places = firsts.length - doubtful + Math.min(doubtful, Math.max(0, left));
      closed = doubtful >= left;
    }
    let unproven = 0;
    const turn = (row: DeliveryRow): number => queues.get(row.lane)!.indexOf(row);
    const roomy = this.within(inTurns([...queues.values()]), turn).filter(
      (row) => this.isProven(this.originOf(row.lane)) || ++unproven <= left,
    );
    const chosen = inTurns([...queues.values()])
      .filter((row) => roomy.includes(row))
      .slice(0, most);
    this.served = chosen.at(-1)?.lane ?? this.served;
    return chosen;
  }

  /** To where its endpoint is now; what is hinted uses up rates, and counts as asking where the origin is unproven. */
  protected override note(hinted: readonly DeliveryRow[]): void {
    for (const row of hinted) {
      const endpoint = this.endpoints.get(row.lane);
      row.origin = endpoint?.origin ?? row.origin;
      if (endpoint?.rate) endpoint.rate = 'spent';
    }
    for (const name of new Set(hinted.map(({ origin }) => origin))) {
      const origin = this.origins.get(name) ?? { proven: false, rests: false, asked: 0 };
      if (!origin.proven) this.origins.set(name, { ...origin, asked: Math.min(60, origin.asked + 1) });
    }
  }

  private originOf(lane: string): string {
    return this.endpoints.get(lane)?.origin ?? lane;
  }

  private roomOf(origin: string): number {
    const known = this.origins.get(origin);
    if (known?.rests) return 0;
    const cap = known?.proven ? this.inFlight : known?.asked === 60 ? 0 : 1;
    return Math.max(0, cap - this.flying((row) => row.origin === origin));
  }

  private queueOf(lane: string): DeliveryRow[] {
    const endpoint = this.endpoints.get(lane);
    const free = Math.min(
      endpoint?.maxInFlight ? endpoint.maxInFlight - this.flying((row) => row.lane === lane) : this.inFlight,
      endpoint?.rate ? (endpoint.rate === 'open' ? 1 : 0) : Infinity,
      this.roomOf(this.originOf(lane)),
    );
    return this.rows
      .filter((row) => row.lane === lane && row.phase === 'ready')
      .sort((a, b) => a.runAt - b.runAt || a.id - b.id)
      .slice(0, Math.max(0, free));
  }

  /** What of these their origins have room for, by turn and then age. */
  private within(rows: readonly DeliveryRow[], turn: (row: DeliveryRow) => number = () => 0): DeliveryRow[] {
    const left = new Map<string, number>();
    return [...rows]
      .sort((a, b) => turn(a) - turn(b) || a.id - b.id)
      .filter(({ lane }) => {
        const origin = this.originOf(lane);
        const room = left.get(origin) ?? this.roomOf(origin);
        left.set(origin, room - 1);
        return room > 0;
      });
  }
}
