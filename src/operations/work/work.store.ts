import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import { DatabaseUnavailableError } from '../../database/database-errors.js';
import { jsonRows } from '../../database/json-rows.js';
import { rideOut } from '../../database/ride-out.js';
import { Rows } from '../../database/rows.js';
import { OperationStore } from '../operation.store.js';
import { type Claim, claimOf, type ClaimRow, LIVE_COLUMNS } from '../run/claim.js';
import type { WorkLease } from './lease.js';

/** What a remote worker asks for. */
export interface WorkAsk {
  readonly types: readonly string[];
  /** Whose operations; null: those of all accounts. */
  readonly account: string | null;
  readonly limit: number;
  readonly leaseS: number;
  /** Id of the worker, as in `process`. */
  readonly worker: string;
}

/** What an ask got. */
export interface Got {
  readonly claims: readonly Claim[];
  /** It got nothing because accounts that have some of it have no free slot. */
  readonly heldUp: boolean;
}

/** A lease that stands. */
export interface Renewed {
  readonly canceling: boolean;
  /** Id of the worker. */
  readonly worker: string;
}

/** Every statement on operations that remote workers run, each for many rows. */
@Injectable()
export class WorkStore {
  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
    private readonly operations: OperationStore,
  ) {}

  /** Leases operations to those who ask, in their order, in one commit. */
  async claim(asks: readonly WorkAsk[]): Promise<Got[]> {
    const tokens = asks.map(() => randomUUID());
    const askedAt = performance.now();
    const rows = await this.database
      .query<ClaimRow & { ask: number; request_id: string | null }>(
        `SELECT ask, ${LIVE_COLUMNS}, clock_timestamp() AS claimed_at FROM claim_work($1)`,
        [
          jsonRows(
            asks.map(({ types, account, limit, leaseS, worker }, nth) => ({
              nth,
              token: tokens[nth],
              types,
              account,
              most: limit,
              lease_s: leaseS,
              worker,
            })),
          ),
        ],
      )
      .catch((error: unknown) => {
        if (error instanceof DatabaseUnavailableError) void this.giveBack(tokens);
        throw error;
      });
    this.operations.started(rows);
    const got = asks.map(() => ({ claims: [] as Claim[], heldUp: false }));
    for (const row of rows) {
      if (row.request_id === null) got[row.ask]!.heldUp = true;
      else got[row.ask]!.claims.push(claimOf(this.rows, row, askedAt));
    }
    return got;
  }

  /** Keeps leases that stand, each for its seconds; answers them by their tokens. */
  async renew(leases: readonly WorkLease[], account: string | null): Promise<Map<string, Renewed>> {
    if (leases.length === 0) return new Map();
    const rows = await this.database.query<Renewed & { token: string }>(
      'SELECT token, canceling, worker FROM renew_leases($1, $2)',
      [jsonRows(leases.map(leaseRow)), account],
    );
    return new Map(rows.map(({ token, ...renewed }) => [token, renewed]));
  }

  /** What is held by these leases, by the operations' numbers. */
  async held(leases: readonly WorkLease[]): Promise<Map<string, Claim>> {
    if (leases.length === 0) return new Map();
    const askedAt = performance.now();
    const rows = await this.database.query<ClaimRow & { request_id: string }>(
      `SELECT ${LIVE_COLUMNS}, clock_timestamp() AS claimed_at FROM held_work($1)`,
      [jsonRows(leases.map(leaseRow))],
    );
    return new Map(rows.map((row) => [row.request_id, claimOf(this.rows, row, askedAt)]));
  }

  /**
   * Lets a file that somebody uploaded live as long as the operation whose result it is; false where the account has none of
   * that id.
   */
  async adoptFile(accountId: string, fileId: string, requestId: string): Promise<boolean> {
    const [row] = await this.database.query(
      `WITH found AS (
         SELECT id, operation_id FROM file WHERE id = $2 AND account_id = $1 AND phase = 'stored' FOR UPDATE
       ), adopted AS (
         UPDATE file f SET operation_id = $3 FROM found WHERE f.id = found.id AND found.operation_id IS NULL
       )
       SELECT id FROM found`,
      [accountId, fileId, requestId],
    );
    return row !== undefined;
  }

  /** Claims that may have been committed without an answer: nobody will ever begin them. */
  private async giveBack(tokens: readonly string[]): Promise<void> {
    try {
      const rows = await rideOut(
        () =>
          this.database.query<{ request_id: string; lease_token: string }>(
            `SELECT request_id, lease_token FROM live_operation WHERE phase = 'placed' AND lease_token = ANY ($1::uuid[])`,
            [tokens],
          ),
        () => false,
      );
      await Promise.all(
        rows.map(({ request_id: requestId, lease_token: leaseToken }) =>
          this.release(
            { requestId, leaseToken },
            'The worker did not hear that it had it; waiting for another',
          ),
        ),
      );
    } catch {
      // Their leases run out.
    }
  }

  /** Gives back what no worker has begun: its try isn't used up. */
  async release(lease: Pick<WorkLease, 'requestId' | 'leaseToken'>, text: string): Promise<boolean> {
    const { requestId, leaseToken } = lease;
    const release = { requestId, leaseToken, delayS: 0, counts: false, text, stack: null };
    return rideOut(
      () => this.operations.release(release),
      () => false,
    );
  }
}

function leaseRow({ requestId, leaseToken, leaseS }: WorkLease): object {
  return { request_id: requestId, token: leaseToken, lease_s: leaseS };
}
