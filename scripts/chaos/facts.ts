import type { LoadKind } from './load-plan.js';

/** How an operation or a callback may say that it ended. */
export type Ended = 'Finished' | 'Failed' | 'Canceled';

/** A 200 or 202 that the load maker got. */
export interface Acknowledged {
  readonly id: string;
  /** Place in the load plan. */
  readonly item: number;
}

/** An answer that no fault excuses, such as a 500. */
export interface Refusal {
  readonly item: number;
  readonly status: number;
  readonly text: string;
}

/** An end that a caller was told in an answer. */
export interface Told {
  readonly id: string;
  readonly state: Ended;
}

/** An operation's row at rest. */
export interface OperationFact {
  readonly id: string;
  /** Null where neither its callback nor its correlation names one. */
  readonly item: number | null;
  readonly kind: LoadKind | null;
  readonly state: string;
  readonly errorCode: string | null;
  readonly attempt: number;
  readonly tries: number;
  /** Destinations that are to be told of its end: `callback`, and the ids of endpoints. */
  readonly destinations: readonly string[];
  /** How often its history says that it ended. */
  readonly ends: number;
  /** Milliseconds since 1970 of its end; null while it is live. */
  readonly endedAt: number | null;
}

/** A schedule at rest that was acknowledged, or is there all the same: it has one tick. */
export interface ScheduleFact {
  readonly id: string;
  readonly acknowledged: boolean;
  /** Whether it is there. */
  readonly kept: boolean;
  /** Operations that it has submitted. */
  readonly operations: number;
}

/** A delivery's row at rest. */
export interface DeliveryFact {
  readonly id: string;
  readonly operation: string;
  readonly destination: string;
  readonly state: string;
  readonly reason: string | null;
  readonly attempts: number;
  /** SHA-256 of the body as stored. */
  readonly digest: string;
}

/** One POST as a receiver saw it. */
export interface PostFact {
  readonly delivery: string;
  readonly operation: string;
  /** SHA-256 of the bytes that came. */
  readonly digest: string;
  readonly signed: boolean;
  /** Null where no answer was sent. */
  readonly answered: number | null;
  /** Null where the body says none. */
  readonly told: Ended | null;
}

/** What a handler, or the upstream for a POST, noted of a run. */
export interface RunFact {
  readonly operation: string;
  readonly attempt: number;
  readonly pid: number;
  readonly once: boolean;
  readonly startedAt: number;
  /** Null where it noted no end: its process was killed. */
  readonly endedAt: number | null;
}

/** The most operations of an account that were Executing at once. */
export interface SlotsFact {
  readonly account: string;
  readonly slots: number;
  readonly most: number;
  readonly seenBy: 'samples' | 'history';
}

/** The most operations of a flow key that were Executing at once, by the history. */
export interface FlowFact {
  readonly account: string;
  readonly key: string;
  readonly parallelism: number;
  readonly most: number;
}

/** `GET /v1/ledger` at rest, beside the rows that there are; null where it didn't answer. */
export interface LedgerFact {
  readonly balanced: boolean;
  readonly accepted: number;
  readonly rows: number;
}

/** What a process did that no fault excuses. */
export interface ProcessFact {
  readonly process: string;
  readonly what: 'ended by itself' | 'did not end in time' | 'ended with an error' | 'was not ready at rest';
  readonly detail: string;
}

/** All that a campaign recorded; what the oracle judges. */
export interface Facts {
  readonly acknowledged: readonly Acknowledged[];
  readonly refusals: readonly Refusal[];
  readonly told: readonly Told[];
  readonly operations: readonly OperationFact[];
  readonly schedules: readonly ScheduleFact[];
  readonly deliveries: readonly DeliveryFact[];
  readonly posts: readonly PostFact[];
  readonly runs: readonly RunFact[];
  readonly slots: readonly SlotsFact[];
  readonly flows: readonly FlowFact[];
  readonly ledger: LedgerFact | null;
  readonly processes: readonly ProcessFact[];
  /** Attempts that a delivery has before it may be Exhausted. */
  readonly mostAttempts: number;
}
