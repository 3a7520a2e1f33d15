import { SeededRandom } from './random.js';
import { FRONTS, type ProcessName, RECEIVERS } from './schedule.js';

/** What the load consists of, and how often each kind comes in proportion. */
const WEIGHTS = {
  native: 30,
  batch: 4,
  idempotent: 12,
  'bgrs-get': 8,
  'bgrs-post': 6,
  trm: 10,
  cancel: 5,
  rerun: 4,
  'http-request': 6,
  once: 8,
  retried: 4,
  refused: 3,
  scheduled: 3,
  'acknowledged-by-poll': 3,
  external: 5,
  polled: 4,
  remote: 6,
  'on-schedule': 5,
  flow: 6,
} as const;

export type LoadKind = keyof typeof WEIGHTS;
export const LOAD_KINDS = Object.keys(WEIGHTS) as LoadKind[];

/** Accounts of a campaign by their slots; the last one has an endpoint, which is told of each of its operations. */
export const ACCOUNT_SLOTS = [5, 10, 20] as const;
export const OPERATIONS_OF_A_BATCH = 10;
/** Flow keys of each account, and how many of a key's operations may be Executing at once. */
export const FLOW_KEYS = 2;
export const FLOW_PARALLELISM = 2;

/** One submit of the load. */
export interface LoadItem {
  /** Its place in the load, from 0; callbacks' URLs and correlations name it. */
  readonly number: number;
  readonly kind: LoadKind;
  /** Place of its account in `ACCOUNT_SLOTS`. */
  readonly account: number;
  /** Milliseconds that its runs take. */
  readonly ms: number;
  readonly receiver: number;
  /** Who is asked first. */
  readonly front: ProcessName;
  /** For a second submit with the same key: whether it is sent beside the first, or after its answer. */
  readonly atOnce: boolean;
}

/** How many operations an item is. */
export function operationsOf({ kind }: LoadItem): number {
  if (kind === 'batch') return OPERATIONS_OF_A_BATCH;
  return kind === 'rerun' ? 2 : 1;
}

/** Submits that make about so many operations: the same for the same seed and count. */
export function loadPlan(seed: number, operations: number): LoadItem[] {
  const random = new SeededRandom(seed, 'load');
  const items: LoadItem[] = [];
  for (let planned = 0; planned < operations; planned += operationsOf(items.at(-1)!)) {
    items.push({
      number: items.length,
      kind: random.weighted(WEIGHTS),
      account: random.whole(0, ACCOUNT_SLOTS.length),
      // Most are short; some are long enough to be in the middle of something when a fault comes.
      ms: random.next() < 0.85 ? random.whole(5, 60) : random.whole(300, 1_500),
      receiver: random.whole(0, RECEIVERS),
      front: random.pick(FRONTS),
      atOnce: random.next() < 0.5,
    });
  }
  return items;
}
