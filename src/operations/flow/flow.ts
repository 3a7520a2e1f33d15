import type { FieldError } from '../../config/validation.js';

/**
 * A key that operations of an account share, and how many of those may be Executing at once, or start in a time. Values that come
 * later hold for all of them.
 */
export interface Flow {
  readonly key: string;
  /** Most that are Executing; null: any. */
  readonly parallelism: number | null;
  /** Most that start in any window of `periodS` seconds; null: any. */
  readonly rate: number | null;
  /** Null where there is no rate, or for a second. */
  readonly periodS: number | null;
  /**
   * Ringback's own keys only: one that has begun keeps its place and its turn until it has ended, also while it waits for its next
   * try. With a `parallelism` of 1 none overtakes another.
   */
  readonly ordered?: boolean;
  /** The values only make a key that nobody knows: where it is known, those that stand go on. */
  readonly standing?: boolean;
}

/** Of a window that isn't given, seconds. */
const DEFAULT_PERIOD_S = 1;

/** What of a flow is refused. */
export function checkFlow({ parallelism, rate, periodS, standing }: Flow): FieldError[] {
  if (rate === null && periodS !== null)
    return [{ path: 'flow.period_s', message: 'is the time of a rate: give flow.rate too' }];
  if (parallelism === null && rate === null && !standing)
    return [{ path: 'flow', message: 'needs parallelism, rate, or both' }];
  return [];
}

/** The same with what is meant where it isn't given. */
export function wholeFlow(flow: Flow): Flow {
  return flow.rate === null ? flow : { ...flow, periodS: flow.periodS ?? DEFAULT_PERIOD_S };
}

/** A flow as it is stored with its operation. */
export interface StoredFlow {
  readonly key: string;
  readonly parallelism?: number;
  readonly rate?: number;
  readonly period_s?: number;
  readonly ordered?: true;
}

/** JSON of what an operation shows of its flow. */
export function storedFlow({ key, parallelism, rate, periodS, ordered }: Flow): string {
  return JSON.stringify({
    key,
    ...(parallelism === null ? {} : { parallelism }),
    ...(rate === null ? {} : { rate, period_s: periodS }),
    ...(ordered ? { ordered } : {}),
  } satisfies Partial<Record<keyof StoredFlow, unknown>>);
}

/** Whether its starts are counted, as far as the operation tells. */
export function isRated(flow: string | null): boolean {
  return flow !== null && (JSON.parse(flow) as StoredFlow).rate !== undefined;
}

/** The flow of an operation, to be given to another: it changes no key that is known. */
export function flowAgain(stored: string | null): Flow | null {
  if (stored === null) return null;
  const { key, parallelism = null, rate = null, period_s = null, ordered } = JSON.parse(stored) as StoredFlow;
  return { key, parallelism, rate, periodS: period_s, ...(ordered ? { ordered } : {}), standing: true };
}

/** What `accept_operations` and `give_flows` read of it. */
export function flowRow(flow: Flow): object {
  return { flow_key: flow.key, flow: storedFlow(flow), ...(flow.standing ? { flow_standing: true } : {}) };
}
