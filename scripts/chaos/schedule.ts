import type { Backend } from './options.js';
import { SeededRandom } from './random.js';

/** Seconds; short, so that a campaign of minutes sees many leases run out. */
export const LEASE_S = 8;

/** Every process of a campaign, and the roles it has. */
export const PROCESSES = {
  whole: 'all',
  front: 'api,gateway',
  'worker-1': 'worker',
  'worker-2': 'worker',
} as const;

export type ProcessName = keyof typeof PROCESSES;
export const PROCESS_NAMES = Object.keys(PROCESSES) as ProcessName[];
/** Those that the load goes to. */
export const FRONTS = ['whole', 'front'] as const satisfies readonly ProcessName[];
export const RECEIVERS = 3;

/** What can happen to the system, and how often it does in proportion. */
const WEIGHTS = {
  kill: 5,
  freeze: 2,
  'rolling-restart': 1,
  'queue-emptied': 2,
  'postgres-stop': 3,
  'postgres-outage': 1,
  'redis-kill': 3,
  'postgres-refused': 2,
  'postgres-reset': 3,
  'postgres-held': 1,
  'postgres-silent': 1,
  'redis-refused': 1,
  'redis-reset': 2,
  'redis-held': 1,
  'redis-silent': 1,
  'receiver-down': 2,
  'receiver-hang': 2,
  'receiver-500': 3,
} as const;

export type FaultKind = keyof typeof WEIGHTS;

/** One fault: what happens to whom, when, and for how long. */
export interface Fault {
  readonly kind: FaultKind;
  /** Seconds after the load began. */
  readonly atS: number;
  /** Seconds until it is over; how long a rolling restart takes is up to the processes. */
  readonly forS: number;
  /** A process, all `processes`, a receiver, `postgres`, `redis` or the `queue`. */
  readonly target: string;
}

/** Seconds of each kind, from and to. */
const DURATIONS: Readonly<Record<FaultKind, readonly [number, number]>> = {
  kill: [0, 3],
  freeze: [LEASE_S + 1, LEASE_S + 4],
  'rolling-restart': [0, 0],
  'queue-emptied': [0, 0],
  'postgres-stop': [0, LEASE_S / 4],
  'postgres-outage': [LEASE_S + 1, LEASE_S + 6],
  'redis-kill': [0, 6],
  'postgres-refused': [0.5, 3],
  'postgres-reset': [0, 0],
  'postgres-held': [2, 6],
  'postgres-silent': [0, 0],
  'redis-refused': [0.5, 5],
  'redis-reset': [0, 0],
  'redis-held': [2, 6],
  'redis-silent': [0, 0],
  'receiver-down': [1, 6],
  'receiver-hang': [1, 6],
  'receiver-500': [1, 6],
};

/** Seconds between the beginnings of two faults: many last longer, so they overlap. */
const GAP_S = [1, 4] as const;
/** Seconds before the first, and between the last one's beginning and the end of the load. */
const CALM_S = 3;

/** What happens in `seconds` of load: the same for the same seed, backend and length. */
export function schedule(seed: number, backend: Backend, seconds: number): Fault[] {
  const random = new SeededRandom(seed, `faults ${backend}`);
  const weights = Object.fromEntries(
    Object.entries(WEIGHTS).filter(([kind]) => backend === 'redis' || !kind.startsWith('redis-')),
  ) as Record<FaultKind, number>;
  const faults: Fault[] = [];
  // Each kind once before any comes by chance: a short run would miss the rare ones, on which it then says nothing.
  const owed = shuffled(Object.keys(weights) as FaultKind[], random);
  for (let atS = CALM_S; atS < seconds - CALM_S; atS += random.between(...GAP_S)) {
    const kind = owed.pop() ?? random.weighted(weights);
    faults.push({ kind, atS, forS: random.between(...DURATIONS[kind]), target: targetOf(kind, random) });
  }
  return faults;
}

function targetOf(kind: FaultKind, random: SeededRandom): string {
  switch (kind) {
    case 'kill':
    case 'freeze':
    case 'postgres-refused':
    case 'postgres-reset':
    case 'postgres-held':
    case 'postgres-silent':
    case 'redis-refused':
    case 'redis-reset':
    case 'redis-held':
    case 'redis-silent':
      return random.pick(PROCESS_NAMES);
    case 'rolling-restart':
      return 'processes';
    case 'postgres-stop':
    case 'postgres-outage':
      return 'postgres';
    case 'redis-kill':
      return 'redis';
    case 'queue-emptied':
      return 'queue';
    case 'receiver-down':
    case 'receiver-hang':
    case 'receiver-500':
      return `receiver-${random.whole(0, RECEIVERS)}`;
    default:
      return kind satisfies never;
  }
}

function shuffled<Item>(items: readonly Item[], random: SeededRandom): Item[] {
  const order = items.map((item) => ({ item, place: random.next() }));
  return order.sort((a, b) => a.place - b.place).map(({ item }) => item);
}
