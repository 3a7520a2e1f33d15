import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DeliveryConfig, OperationConfig } from '../config/config.js';
import { Database } from '../database/database.js';
import { DatabaseUnavailableError } from '../database/database-errors.js';
import { GroupCommit } from '../database/group-commit.js';
import { rideOut } from '../database/ride-out.js';
import { Rows } from '../database/rows.js';
import { jsonRows } from '../database/json-rows.js';
import type { Hint } from '../engine/hint.js';
import { isRated } from './flow/flow.js';
import {
  type Ending,
  followerRows,
  type Release,
  type Settled,
  settleRow,
  startRow,
} from './operation-rows.js';
import { type Claim, claimOf, type ClaimRow, LIVE_COLUMNS } from './run/claim.js';
import { RENEW_OPERATIONS } from './run/due-operations.js';

interface SettledRow {
  readonly request_id: string;
  readonly callback: string | null;
  readonly started: boolean;
  readonly owes: boolean | null;
  readonly waits: boolean;
  readonly made_at: Date;
  readonly settled_at: Date;
}

/**
 * Every statement of a run, from its claim to its end or its release, each for many rows and fenced by the lease. Times are decided by
 * PostgreSQL's `now()`.
 */
@Injectable()
export class OperationStore {
  private readonly claims = new GroupCommit((hints: Hint[]) => this.claimMany(hints));
  private readonly settles = new GroupCommit((endings: Ending[]) => this.settleMany(endings), {
    // The second of two at once would find the dispatcher's lock taken by the first.
    lanes: 1,
    rowOf: (ending) => ending.operation.requestId,
  });
  private readonly releases = new GroupCommit((items: Release[]) => this.releaseMany(items), {
    rowOf: (item) => item.requestId,
  });

  private waiting: (() => void) | undefined;

  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
    private readonly config: OperationConfig,
    private readonly deliveries: DeliveryConfig,
  ) {}

  /** Called where operations wait for a slot that this process has just made free. */
  onWaiting(listener: () => void): void {
    this.waiting = listener;
  }

  /**
   * Leases an operation to this worker; null when somebody else has it. In an outage the claim may be committed without an
   * answer: it is given back then, as soon as PostgreSQL is back.
   */
  claim(hint: Hint): Promise<Claim | null> {
    return this.claims.add(hint);
  }

  /** Ends an operation and owes what it tells, in one commit; null when the lease was lost. */
  settle(ending: Ending): Promise<Settled | null> {
    return this.settles.add(ending);
  }

  /** Gives a run back; false when the lease was lost. */
  release(item: Release): Promise<boolean> {
    return this.releases.add(item);
  }

  private async claimMany(hints: Hint[]): Promise<(Claim | null)[]> {
    const tokens = hints.map(() => randomUUID());
    const askedAt = performance.now();
    const rows = await this.claimAs(hints, tokens).catch((error: unknown) => {
      if (error instanceof DatabaseUnavailableError) this.giveBack(hints, tokens);
      throw error;
    });
    // The queue has room for others.
    if (rows[0]?.waits) this.waiting?.();
    else this.started(rows);
    const claimed = new Map(rows.map((row) => [row.lease_token, row]));
    return tokens.map((token) => {
      const row = claimed.get(token);
      return row ? claimOf(this.rows, row, askedAt) : null;
    });
  }

  /** Has the dispatcher see starts that are counted: what waits for the next window goes by when it saw them. */
  started(rows: readonly { readonly flow: string | null }[]): void {
    if (rows.some(({ flow }) => isRated(flow))) this.waiting?.();
  }

  /** Runs that this process may have claimed, and never begins: without it, a run-once operation would be used up by that. */
  private giveBack(hints: readonly Hint[], tokens: readonly string[]): void {
    const text = 'The worker did not hear that it had it; waiting for another';
    for (const [index, { id }] of hints.entries()) {
      const release = {
        requestId: id,
        leaseToken: tokens[index]!,
        delayS: 0,
        counts: false,
        text,
        stack: null,
      };
      rideOut(
        () => this.release(release),
        () => false,
      ).catch(() => undefined);
    }
  }

  private claimAs(hints: readonly Hint[], tokens: readonly string[]): Promise<ClaimRow[]> {
    return this.database.query<ClaimRow>(
      `SELECT ${LIVE_COLUMNS}, waits, clock_timestamp() AS claimed_at FROM claim_operations($1, make_interval(secs => $2))`,
      [
        jsonRows(
          hints.map(({ id, epoch }, place) => ({ request_id: id, epoch, token: tokens[place], knows: 1 })),
        ),
        this.config.leaseS,
      ],
    );
  }

  private async settleMany(endings: Ending[]): Promise<(Settled | null)[]> {
    const sorted = endings.toSorted((one, other) => byRequestId(one.operation, other.operation));
    const starts = sorted.filter(({ start }) => start !== null);
    const followers = sorted.flatMap(followerRows);
    const settle =
      followers.length === 0
        ? 'settle_operations($1, $2, $3, make_interval(secs => $4))'
        : 'settle_followed($1, $2, $3, make_interval(secs => $4), $5)';
    const askedAt = performance.now();
    const rows = await this.database.query<SettledRow>(
      `SELECT *, now() AS made_at, clock_timestamp() AS settled_at FROM ${settle}`,
      [
        jsonRows(sorted.map(settleRow)),
        starts.length === 0 ? null : jsonRows(starts.map(startRow)),
        this.deliveries.originInFlight,
        this.deliveries.leaseS,
        ...(followers.length === 0 ? [] : [jsonRows(followers)]),
      ],
    );
    if (rows.some(({ waits }) => waits) || followers.length > 0) this.waiting?.();
    const settled = new Map(rows.map((row) => [row.request_id, row]));
    return endings.map((ending) => {
      const row = settled.get(ending.operation.requestId);
      return row
        ? {
            owes: row.owes === true,
            started: row.started
              ? { seq: row.callback!, createdAt: row.made_at, claimedAt: row.settled_at, askedAt }
              : null,
          }
        : null;
    });
  }

  private async releaseMany(items: Release[]): Promise<boolean[]> {
    const rows = await this.database.query<{ request_id: string }>(
      'SELECT request_id FROM release_operations($1) AS request_id',
      [
        jsonRows(
          items
            .toSorted(byRequestId)
            .map(({ requestId, leaseToken, delayS, counts, text, stack, checkpoint, unhandled }) => ({
              request_id: requestId,
              token: leaseToken,
              delay_s: delayS,
              counts,
              text,
              stack,
              ...(checkpoint ? { checkpoint } : {}),
              ...(unhandled ? { unhandled } : {}),
            })),
        ),
      ],
    );
    const released = new Set(rows.map((row) => row.request_id));
    return items.map((item) => released.has(item.requestId));
  }

  /** Renews leases; answers those that are still ours, and of each whether a caller has asked to cancel it. */
  async renew(
    leases: readonly { requestId: string; leaseToken: string }[],
  ): Promise<Map<string, { canceling: boolean }>> {
    const rows = await this.database.query<{ request_id: string; canceling: boolean }>(RENEW_OPERATIONS, [
      leases.map((l) => l.requestId),
      leases.map((l) => l.leaseToken),
      this.config.leaseS,
    ]);
    return new Map(rows.map(({ request_id, canceling }) => [request_id, { canceling }]));
  }
}

/** Statements that take many rows take them in one order: none waits for another in a circle. */
function byRequestId(one: { requestId: string }, other: { requestId: string }): number {
  return Number(BigInt(one.requestId) - BigInt(other.requestId));
}
