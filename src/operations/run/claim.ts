import type { Rows } from '../../database/rows.js';
import { OperationEntity } from '../operation.entity.js';

/** A claimed operation: ours while `leaseToken` stands. */
export interface Claim {
  readonly operation: OperationEntity;
  readonly leaseToken: string;
  /** PostgreSQL's clock at the claim. */
  readonly claimedAt: Date;
  /** This process's monotonic clock right before it: the lease began no earlier. */
  readonly askedAt: number;
  /** A remote worker's time for it is over. */
  readonly overtime: boolean;
  /** How far its runs before this one have come; null where they said nothing. */
  readonly checkpoint: string | null;
  /** What it waited for without a worker until now; null: a worker claimed it from its slot. */
  readonly awaited: 'completion' | 'poll' | null;
  /** For how long no worker that claimed it has had a handler of its type, seconds. */
  readonly unhandledS: number;
}

/** A record and its live row. */
export interface ClaimRow {
  readonly lease_token: string;
  readonly claimed_at: Date;
  readonly status_text: string | null;
  readonly checkpoint: string | null;
  readonly awaits: 'completion' | 'poll' | null;
  readonly waits?: boolean;
  readonly flow: string | null;
  /** Of a remote worker's run: when its time is over. */
  readonly run_until: Date | null;
  /** Since when no worker that claimed it has had a handler of its type. */
  readonly unhandled_since: Date | null;
}

/** Of a function that answers a record as `operation` and its live row as `live`: the columns of a `ClaimRow`. */
export const LIVE_COLUMNS = `(operation).*, (live).attempt, (live).tries, (live).epoch, (live).lease_token, (live).due_at, (live).run_at, (live).started_at,
         (live).cancel_at, (live).silent_until, (live).progress, (live).status_text, (live).checkpoint, (live).awaits, (live).run_until, (live).unhandled_since`;

/** What only its end tells of an operation. */
export const NOT_ENDED = {
  result: null,
  custom: null,
  errorCode: null,
  errorMessage: null,
  fileId: null,
  finishedAt: null,
  expiresAt: null,
  sweepAt: null,
  emptiedAt: null,
  erasedAt: null,
  silent: false,
} as const;

/** The claim of a row that was leased to this process, which had asked for it then. */
export function claimOf(rows: Rows, row: ClaimRow, askedAt: number): Claim {
  const { status_text: told } = row;
  return {
    operation: {
      ...rows.to(OperationEntity, row),
      ...NOT_ENDED,
      state: 'Executing',
      phase: 'running',
      dispatchedAt: null,
      statusText: told ?? 'Executing...',
    },
    leaseToken: row.lease_token,
    claimedAt: row.claimed_at,
    askedAt,
    overtime: row.run_until !== null && row.run_until <= row.claimed_at,
    checkpoint: row.checkpoint,
    awaited: row.awaits,
    unhandledS: (row.claimed_at.getTime() - (row.unhandled_since ?? row.claimed_at).getTime()) / 1000,
  };
}
