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
}

/** A record and its live row. */
export interface ClaimRow {
  readonly lease_token: string;
  readonly claimed_at: Date;
  readonly status_text: string | null;
  readonly waits?: boolean;
  /** Of a remote worker's run. */
  readonly run_until?: Date | null;
}

/** What a claim is read from, where a statement answers the record as `operation` and its live row as `live`. */
export const CLAIM_COLUMNS = `(operation).*, (live).attempt, (live).tries, (live).epoch, (live).lease_token, (live).due_at, (live).run_at, (live).started_at,
         (live).cancel_at, (live).silent_until, (live).progress, (live).status_text, (live).run_until, clock_timestamp() AS claimed_at`;

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
    overtime: !!row.run_until && row.run_until <= row.claimed_at,
  };
}
