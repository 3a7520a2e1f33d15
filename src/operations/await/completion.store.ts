import { Injectable } from '@nestjs/common';
import { OperationConfig } from '../../config/config.js';
import { Database } from '../../database/database.js';
import { Rows } from '../../database/rows.js';
import type { How } from '../end/operation-ender.js';
import { ENDED_TEXT } from '../operation.state.js';
import { type Claim, claimOf, type ClaimRow, LIVE_COLUMNS } from '../run/claim.js';
import { storable } from '../run/operation-run.js';

/** What a token's request says of how its operation ends; JSON texts as they came. */
export type GivenEnd =
  | { readonly status: 'finished'; result: string | null; custom: string | null; file: string | null }
  | { readonly status: 'failed'; readonly code: string; readonly message: string };

/** A token, as it was handed out. */
export interface OfferedToken {
  readonly requestId: string;
  readonly rid: string;
  readonly accountId: string;
  /** Sealed; null where any request with the token is taken. */
  readonly verify: string | null;
}

/** A token for a run's operation. */
export interface NewToken {
  readonly hash: string;
  readonly requestId: string;
  readonly leaseToken: string;
  readonly rid: string;
  /** Seconds that it is good for, and no longer than the run may take. */
  readonly expiresS: number;
  readonly verify: string | null;
}

/** What became of a request with a token. `taken`: it is for the caller to end the operation now. */
export type Completed =
  | { readonly outcome: 'unknown' | 'repeated' | 'completed' | 'ended' | 'expired' | 'kept' }
  | { readonly outcome: 'taken'; readonly claim: Claim };

export type Told =
  | { readonly outcome: 'unknown' | 'completed' | 'ended' | 'expired' }
  | { readonly outcome: 'told'; readonly requestId: string };

/** Every statement on the tokens with which somebody else ends an operation. */
@Injectable()
export class CompletionStore {
  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
    private readonly config: OperationConfig,
  ) {}

  async find(hash: string): Promise<OfferedToken | null> {
    const [row] = await this.database.query<OfferedToken>(
      `SELECT operation_id AS "requestId", operation_rid AS rid, account_id AS "accountId", verify FROM completion WHERE token_hash = $1`,
      [hash],
    );
    return row ?? null;
  }

  /** Adds a token to what a run has handed out; false when the lease was lost. May be repeated. */
  async add(token: NewToken): Promise<boolean> {
    const rows = await this.database.query(
      `WITH held AS (
         SELECT request_id, account_id FROM live_operation WHERE request_id = $2 AND lease_token = $3 FOR UPDATE
       ), added AS (
         INSERT INTO completion (token_hash, operation_id, operation_rid, account_id, expires_at, verify)
         SELECT $1, request_id, $4, account_id, now() + make_interval(secs => $5), $6 FROM held ON CONFLICT DO NOTHING
       )
       SELECT request_id FROM held`,
      [token.hash, token.requestId, token.leaseToken, token.rid, token.expiresS, token.verify],
    );
    return rows.length > 0;
  }

  /** Another token, as good as the newest of the operation, for who didn't hear the first; false where it has ended, or has none. */
  async addAnother(hash: string, requestId: string): Promise<boolean> {
    const rows = await this.database.query(
      `INSERT INTO completion (token_hash, operation_id, operation_rid, account_id, expires_at, verify)
       SELECT $1, c.operation_id, c.operation_rid, c.account_id, c.expires_at, c.verify
       FROM live_operation o JOIN completion c ON c.operation_id = o.request_id
       WHERE o.request_id = $2 ORDER BY c.expires_at DESC LIMIT 1 RETURNING operation_id`,
      [hash, requestId],
    );
    return rows.length > 0;
  }

  /** Keeps how an operation ends, once; `digest` is of the request that says it. */
  async complete(hash: string, digest: string, end: GivenEnd): Promise<Completed> {
    const askedAt = performance.now();
    const [row] = await this.database.query<ClaimRow & { outcome: Completed['outcome'] }>(
      `SELECT outcome, ${LIVE_COLUMNS}, clock_timestamp() AS claimed_at FROM complete_operation($1, $2, $3, make_interval(secs => $4))`,
      [hash, digest, JSON.stringify(end), this.config.leaseS],
    );
    const { outcome } = row!;
    return outcome === 'taken' ? { outcome, claim: claimOf(this.rows, row!, askedAt) } : { outcome };
  }

  /** Records progress that the token's holder tells. */
  async report(hash: string, percent: number | null, text: string | null): Promise<Told> {
    const [row] = await this.database.query<{ outcome: Told['outcome']; request_id: string }>(
      'SELECT * FROM report_completion($1, $2, $3)',
      [hash, percent, text],
    );
    const { outcome, request_id: requestId } = row!;
    return outcome === 'told' ? { outcome, requestId } : { outcome };
  }

  /** How an operation is to end that was completed; null where it wasn't. */
  async given(requestId: string): Promise<How | null> {
    const [row] = await this.database.query<{ given: string }>(
      'SELECT given FROM completion WHERE operation_id = $1 AND given IS NOT NULL',
      [requestId],
    );
    return row ? howOf(JSON.parse(row.given) as GivenEnd) : null;
  }

  /** The operation has ended so: what was kept for that is kept no longer. */
  async settled(requestId: string): Promise<void> {
    await this.database.query(
      `UPDATE completion SET given = NULL WHERE operation_id = $1 AND given IS NOT NULL
         AND EXISTS (SELECT FROM operation_end e WHERE e.request_id = $1)`,
      [requestId],
    );
  }
}

export function howOf(end: GivenEnd): How {
  if (end.status === 'failed')
    return { state: 'Failed', code: storable(end.code), message: storable(end.message) };
  const { result, custom, file: fileId } = end;
  return { state: 'Finished', statusText: ENDED_TEXT.Finished, result, custom, fileId };
}
