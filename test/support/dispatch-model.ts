/** What a live row has that is dispatched; `dueIn` is in minutes, past where negative. */
interface LiveRow {
  readonly id: number;
  phase: 'scheduled' | 'ready' | 'dispatched' | 'running' | 'paused';
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

  /** The rows that a round dispatches. */
  dispatch(most: number): Row[] {
    this.rescue(
      this.overdue('running')
        .filter((row) => this.mayRunAgain?.(row) ?? true)
        .slice(0, most),
    );
    for (const row of this.overdue('scheduled')) row.phase = 'ready';
    this.release?.(most);
    const dispatched = [
      ...this.turns(most),
      ...(this.patient ? [] : this.overdue('dispatched').slice(0, most)),
    ];
    for (const row of dispatched)
      Object.assign(row, { phase: 'dispatched', dueIn: 60, epoch: row.epoch + 1 });
    this.note?.(dispatched);
    return dispatched;
  }

  protected abstract turns(most: number): Row[];
  protected mayRunAgain?(row: Row): boolean;
  protected release?(most: number): void;
  protected note?(dispatched: readonly Row[]): void;

  protected rescue(rows: readonly Row[]): void {
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
  /** Rows that may be dispatched at once. */
  maxDispatched = Infinity;
  private served = '';

  taken(account: string): number {
    return this.of(account, 'dispatched', 'running').length;
  }

  protected override mayRunAgain(row: ModelRow): boolean {
    return row.attempt < row.tries;
  }

  /** Accounts with room, in a circle from the one served last; the first row of each, then the second of each, … */
  protected turns(most: number): ModelRow[] {
    const dispatched = this.rows.filter(({ phase }) => phase === 'dispatched').length;
    // While most of what may be dispatched waits for a worker, no more is.
    if (dispatched > Math.floor((this.maxDispatched * 3) / 4)) return [];
    const room = Math.min(most, this.maxDispatched - dispatched);
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

/** Whether a receiver is known to answer: `0` yes, `1` unknown, `2` silent, or of an origin that has never answered 2xx. */
type Doubt = 0 | 1 | 2;

/** A live delivery as the dispatch sees it. `lane` is an endpoint's id, or `origin`; `runAt` is any clock's. */
export interface DeliveryRow extends LiveRow {
  readonly lane: string;
  readonly account: string;
  /** Of a callback its account and URL, 32 bits each; 0 of an endpoint. */
  readonly receiver: bigint;
  origin: string;
  runAt: number;
  /** As of when it was dispatched. */
  doubt: Doubt;
}

export interface ModelEndpoint {
  readonly account: string;
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
  /** Whether several receivers are known there. */
  shared: boolean;
}

/** An origin that nobody knows yet. */
export const UNKNOWN_ORIGIN: ModelOrigin = { proven: false, rests: false, asked: 0, shared: false };

/** What is known of a receiver, by `nameOf`. */
export interface ModelReceiver {
  readonly lane: string;
  readonly receiver: bigint;
  answers: boolean;
  rests: boolean;
}

/** The name of a delivery's receiver. */
export function nameOf({ lane, receiver }: Pick<DeliveryRow, 'lane' | 'receiver'>): string {
  return `${lane} ${receiver}`;
}

/** What a lane may send in a round, in order, with how much it is doubted. */
interface Candidate {
  readonly row: DeliveryRow;
  readonly doubt: Doubt;
}

/** Names in a circle that begins behind a place; numbers in their order. */
function circleOf(names: readonly bigint[], start: bigint): bigint[] {
  const sorted = [...new Set(names)].sort((a, b) => (a < b ? -1 : 1));
  return [...sorted.filter((name) => name > start), ...sorted.filter((name) => name <= start)];
}

/** What `dispatch_deliveries` promises. */
export class DeliveryModel extends Rounds<DeliveryRow> {
  readonly endpoints = new Map<string, ModelEndpoint>();
  readonly origins = new Map<string, ModelOrigin>();
  readonly receivers = new Map<string, ModelReceiver>();
  /** Where turns inside an origin begin in the next round. */
  start = 0n;
  private served = '';
  private pausedServed = '';
  /** What the database's clock says in a round: later than any other time of the test's. */
  private now = 1_000_000;
  private chosen: Candidate[] = [];

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
    return this.rows.filter((row) => (row.phase === 'dispatched' || row.phase === 'running') && which(row))
      .length;
  }

  /**
   * Most places of an origin that one receiver may have, beside others there or alone; and that those of one account, and all,
   * may have which aren't known to answer.
   */
  most(doubt: Doubt, shared: boolean): { each: number; mine: number; all: number } {
    const fifths = (count: number): number => Math.max(1, Math.floor((this.inFlight * count) / 5));
    if (doubt === 0)
      return {
        each: this.inFlight - (shared ? Math.floor(this.inFlight / 5) : 0),
        mine: Infinity,
        all: Infinity,
      };
    return doubt === 1
      ? { each: 1, mine: fifths(2), all: fifths(4) }
      : { each: 1, mine: fifths(1), all: fifths(2) };
  }

  override dispatch(most: number): DeliveryRow[] {
    this.now++;
    return super.dispatch(most);
  }

  protected override rescue(rows: readonly DeliveryRow[]): void {
    super.rescue(rows);
    for (const row of rows) row.runAt = this.now;
  }

  /** A lost hint to an endpoint that has moved waits for room there. Paused ones of endpoints that are enabled are ready, of those that are gone canceled; some endpoints a round, in a circle. */
  protected override release(most: number): void {
    for (const row of this.overdue('dispatched')
      .filter(({ lane, origin }) => this.endpoints.has(lane) && this.endpoints.get(lane)!.origin !== origin)
      .slice(0, most))
      Object.assign(row, { phase: 'ready', dueIn: -0.5 });
    const paused = this.rows.filter(({ phase }) => phase === 'paused').sort((a, b) => a.id - b.id);
    const most4 = Math.floor(most / 4);
    const looked = circle(
      paused.map(({ lane }) => lane),
      this.pausedServed,
    ).slice(0, most4 + 1);
    if (looked.length > most4) this.pausedServed = looked.at(-1)!;
    for (const id of looked) {
      const rows = paused.filter(({ lane }) => lane === id).slice(0, most);
      const endpoint = this.endpoints.get(id);
      if (!endpoint) this.rows = this.rows.filter((row) => !rows.includes(row));
      else if (!endpoint.disabled) this.rescue(rows);
    }
  }

  /**
   * Lanes with room, in a circle from the one served last, until they are as many places as a round has; the first row of each,
   * then the second of each, … Lanes of one origin share its room, oldest first within a turn, and what isn't known to answer
   * has a part of it; all that is silent or unproven shares a room of its own.
   */
  protected turns(most: number): DeliveryRow[] {
    const queues = new Map<string, Candidate[]>();
    const left = this.unprovenInFlight - this.flying(({ doubt }) => doubt === 2);
    const ahead = circle(
      this.rows.filter(({ phase }) => phase === 'ready').map(({ lane }) => lane),
      this.served,
    );
    let [places, closed] = [0, false];
    while (places < most && ahead.length > 0) {
      for (let asked = most - places; asked > 0 && ahead.length > 0;) {
        const lane = ahead.shift()!;
        const queue = closed && !this.isProven(this.originOf(lane)) ? [] : this.queueOf(lane, closed);
        if (queue.length === 0) continue;
        queues.set(lane, queue);
        asked--;
      }
      const doubtful = this.placesOf(queues, true);
      places = this.placesOf(queues, false) + Math.min(doubtful, Math.max(0, left));
      closed = doubtful >= left;
    }
    const turn = (one: Candidate): number => queues.get(one.row.lane)!.indexOf(one);
    const all = [...queues.values()].flat().sort((a, b) => turn(a) - turn(b) || a.row.id - b.row.id);
    const roomy = this.within(all);
    this.chosen = inTurns([...queues.values()])
      .filter((one) => roomy.includes(one))
      .slice(0, most);
    const rows = this.chosen.map(({ row }) => row);
    this.served = rows.at(-1)?.lane ?? this.served;
    return rows;
  }

  /** To where its endpoint is now; what is dispatched uses up rates, and counts as asking where the origin is unproven. */
  protected override note(dispatched: readonly DeliveryRow[]): void {
    for (const { row, doubt } of this.chosen) row.doubt = doubt;
    for (const row of dispatched) {
      const endpoint = this.endpoints.get(row.lane);
      row.origin = endpoint?.origin ?? row.origin;
      if (endpoint?.rate) endpoint.rate = 'spent';
    }
    for (const name of new Set(dispatched.map(({ origin }) => origin))) {
      const origin = this.origins.get(name) ?? UNKNOWN_ORIGIN;
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

  private doubtOf(row: DeliveryRow): Doubt {
    const known = this.receivers.get(nameOf(row));
    if (!this.isProven(this.originOf(row.lane))) return 2;
    return known === undefined ? 1 : known.answers ? 0 : 2;
  }

  /** How many places these lanes are, of those whose first is doubtful or of the others. */
  private placesOf(queues: ReadonlyMap<string, readonly Candidate[]>, doubtful: boolean): number {
    const counts = new Map<string, number>();
    for (const [lane, [first]] of queues) {
      const origin = this.originOf(lane);
      if ((first!.doubt === 2) === doubtful) counts.set(origin, (counts.get(origin) ?? 0) + 1);
    }
    return [...counts].reduce((sum, [origin, count]) => sum + Math.min(count, this.roomOf(origin)), 0);
  }

  /** What a lane may send: an endpoint by age; an origin's callbacks by turns of their accounts, and of each account's URLs. */
  private queueOf(lane: string, closed: boolean): Candidate[] {
    const room = this.roomOf(this.originOf(lane));
    const ready = this.rows.filter((row) => row.lane === lane && row.phase === 'ready');
    const shared =
      this.origins.get(this.originOf(lane))?.shared === true ||
      new Set(ready.map(({ receiver }) => receiver)).size > 1;
    const byReceiver = Map.groupBy(ready, ({ receiver }) => receiver);
    const around = circleOf([...byReceiver.keys()], this.start | 0xffffffffn);
    const accounts = [...new Set(around.map((receiver) => receiver >> 32n))];
    return inTurns(
      accounts.map((account) => {
        const own = around.filter((receiver) => receiver >> 32n === account);
        const turns = circleOf(own, (account << 32n) | (this.start & 0xffffffffn));
        return this.queueOfAccount(
          turns.map((receiver) => byReceiver.get(receiver)!),
          closed,
          shared,
        );
      }),
    ).slice(0, room);
  }

  private queueOfAccount(receivers: readonly DeliveryRow[][], closed: boolean, shared: boolean): Candidate[] {
    let doubted = 0;
    const queues = receivers.map((rows) => {
      const [first] = rows;
      const doubt = this.doubtOf(first!);
      const free = closed && doubt === 2 ? 0 : this.freeOf(first!, doubt, shared);
      if (doubt > 0 && free > 0 && ++doubted > this.leftOf(first!, doubt).mine) return [];
      return rows
        .sort((a, b) => a.runAt - b.runAt || a.id - b.id)
        .slice(0, Math.max(0, free))
        .map((row) => ({ row, doubt }));
    });
    return inTurns(queues);
  }

  private freeOf(row: DeliveryRow, doubt: Doubt, shared: boolean): number {
    const endpoint = this.endpoints.get(row.lane);
    const own = this.flying(
      (other) => nameOf(other) === nameOf(row) && other.origin === this.originOf(row.lane),
    );
    return Math.min(
      endpoint?.maxInFlight
        ? endpoint.maxInFlight - this.flying(({ lane }) => lane === row.lane)
        : this.inFlight,
      endpoint?.rate ? (endpoint.rate === 'open' ? 1 : 0) : Infinity,
      doubt > 0 && this.receivers.get(nameOf(row))?.rests ? 0 : Infinity,
      this.most(doubt, shared).each - own,
      this.leftOf(row, doubt).mine,
      this.leftOf(row, doubt).all,
    );
  }

  /** How many more in flight to the row's origin its account, and all, may have to receivers that are so doubted. */
  private leftOf(row: DeliveryRow, doubt: Doubt): { mine: number; all: number } {
    const origin = this.originOf(row.lane);
    const { mine, all } = this.most(doubt, true);
    const doubted = (other: DeliveryRow): boolean => other.origin === origin && other.doubt > 0;
    return {
      mine: mine - this.flying((other) => doubted(other) && other.account === row.account),
      all: all - this.flying(doubted),
    };
  }

  /** What of these there is room for at their origins: for doubted ones of an account, for all doubted ones, and for any; and among all silent ones. */
  private within(candidates: readonly Candidate[]): Candidate[] {
    const counted = (groups: Map<string, number>, name: string): number => {
      groups.set(name, (groups.get(name) ?? 0) + 1);
      return groups.get(name)!;
    };
    const filtered = (
      given: readonly Candidate[],
      groupOf: (one: Candidate) => string,
      roomFor: (one: Candidate) => number,
    ): Candidate[] => {
      const groups = new Map<string, number>();
      return given.filter((one) => counted(groups, groupOf(one)) <= roomFor(one));
    };
    const origin = ({ row }: Candidate): string => this.originOf(row.lane);
    const doubted = (one: Candidate): string => `${origin(one)} ${one.doubt > 0}`;
    const mine = filtered(
      candidates,
      (one) => `${doubted(one)} ${one.row.account}`,
      (one) => this.leftOf(one.row, one.doubt).mine,
    );
    const all = filtered(mine, doubted, (one) => this.leftOf(one.row, one.doubt).all);
    const roomy = filtered(all, origin, (one) => this.roomOf(origin(one)));
    const left = this.unprovenInFlight - this.flying(({ doubt }) => doubt === 2);
    return filtered(
      roomy,
      ({ doubt }) => String(doubt === 2),
      ({ doubt }) => (doubt === 2 ? left : Infinity),
    );
  }
}
