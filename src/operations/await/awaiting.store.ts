import { Injectable } from '@nestjs/common';
import { OperationConfig } from '../../config/config.js';
import { Database } from '../../database/database.js';
import { GroupCommit } from '../../database/group-commit.js';
import { jsonRows } from '../../database/json-rows.js';
import { Rows } from '../../database/rows.js';
import { type Claim, claimOf, type ClaimRow, LIVE_COLUMNS } from '../run/claim.js';
import type { Suspension } from './suspension.js';

/** A run whose worker's place is given up. */
export interface Suspended {
  readonly requestId: string;
  readonly leaseToken: string;
  readonly suspension: Suspension;
  /** Its type keeps no slot while it waits. */
  readonly slotless: boolean;
}

/** What became of it: it waits, or is to be ended by its holder, whose lease stands. */
export type Awaited = 'waits' | 'canceling' | 'completed' | 'no-token';

interface AwaitedRow {
  readonly request_id: string;
  readonly canceling: boolean;
  readonly completed: boolean;
  readonly until: Date | null;
}

/** Whether an operation that waits without a worker needs somebody. */
export const DUE_AWAITING = `EXISTS (SELECT FROM live_operation WHERE awaits = 'completion' AND look_at <= now() ORDER BY awaits, look_at LIMIT 1)
  OR EXISTS (SELECT FROM live_operation WHERE awaits = 'poll' AND look_at <= now() ORDER BY awaits, look_at LIMIT 1)`;

/** Every statement on operations that are Executing without a worker. */
@Injectable()
export class AwaitingStore {
  private readonly suspensions = new GroupCommit((items: Suspended[]) => this.suspendMany(items), {
    rowOf: (item) => item.requestId,
  });

  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
    private readonly config: OperationConfig,
  ) {}

  /** Leaves a run to its completion or to a later run of its handler; null when the lease was lost. */
  suspend(item: Suspended): Promise<Awaited | null> {
    return this.suspensions.add(item);
  }

  /** Leases operations to the caller that wait for this and need somebody now. */
  async take(what: Suspension['awaits'], most: number): Promise<Claim[]> {
    const askedAt = performance.now();
    const rows = await this.database.query<ClaimRow>(
      `SELECT ${LIVE_COLUMNS}, clock_timestamp() AS claimed_at FROM take_awaiting($1, $2, make_interval(secs => $3))`,
      [what, most, this.config.leaseS],
    );
    return rows.map((row) => claimOf(this.rows, row, askedAt));
  }

  private async suspendMany(items: Suspended[]): Promise<(Awaited | null)[]> {
    const sorted = items.toSorted((one, other) => Number(BigInt(one.requestId) - BigInt(other.requestId)));
    const rows = await this.database.query<AwaitedRow>('SELECT * FROM await_operations($1)', [
      jsonRows(
        sorted.map(({ requestId, leaseToken, slotless, suspension }) => ({
          request_id: requestId,
          token: leaseToken,
          awaits: suspension.awaits,
          wait_s: suspension.waitS,
          slotless,
          checkpoint: suspension.checkpoint,
        })),
      ),
    ]);
    const held = new Map(rows.map((row) => [row.request_id, row]));
    return items.map(({ requestId }) => {
      const row = held.get(requestId);
      if (!row) return null;
      if (row.canceling) return 'canceling';
      if (row.completed) return 'completed';
      return row.until === null ? 'no-token' : 'waits';
    });
  }
}
