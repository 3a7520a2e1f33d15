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
import { Fleet } from '../engine/fleet.js';
import { OperationHints } from '../engine/engine.module.js';
import { isRated } from './flow/flow.js';
import { OperationEntity } from './operation.entity.js';
import {
  acceptRow,
  type Ending,
  followerRows,
  fresh,
  keyRow,
  type NewOperation,
  type Release,
  type Settled,
  settleRow,
  startRow,
  tokenRow,
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

/** What `dispatch_round` answers; all null where it was refused. */
interface DispatchedRow {
  readonly request_id: string | null;
  readonly epoch: number | null;
  readonly again: boolean;
  readonly next_s: number | null;
}

/** What a round has found. */
export interface Dispatched {
  readonly lost: Hint[];
  readonly fresh: Hint[];
  readonly nextS: number | null;
}

/** Fewest operations that may wait for a worker at once: one that becomes free finds the next without a round in between. */
const MIN_DISPATCHED = 4;
const MAX_DISPATCHED = 200;
/** Every hot statement on operations, each for many rows. Times are decided by PostgreSQL's `now()`. */
@Injectable()
export class OperationStore {
  // One lane, so that ids follow the order in which this process was asked.
  private readonly accepts = new GroupCommit((items: NewOperation[]) => this.acceptMany(items), {
    lanes: 1,
    most: 250,
  });
  private readonly claims = new GroupCommit((hints: Hint[]) => this.claimMany(hints));
  private readonly settles = new GroupCommit((endings: Ending[]) => this.settleMany(endings), {
    // The second of two at once would find the dispatcher's lock taken by the first.
    lanes: 1,
    rowOf: (ending) => ending.operation.requestId,
  });
  private readonly returns = new GroupCommit((hints: Hint[]) => this.returnMany(hints));
  private readonly releases = new GroupCommit((items: Release[]) => this.releaseMany(items), {
    rowOf: (item) => item.requestId,
  });

  private waiting: (() => void) | undefined;
  private apart: (() => void) | undefined;

  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
    private readonly hints: OperationHints,
    private readonly config: OperationConfig,
    private readonly deliveries: DeliveryConfig,
    private readonly fleet: Fleet,
  ) {}

  /** As many as the workers could run: more would wait in the queue, where no other account's can overtake them. */
  private get maxDispatched(): number {
    const places = this.config.concurrency * this.fleet.workers;
    return Math.min(Math.max(places, MIN_DISPATCHED), MAX_DISPATCHED);
  }

  /** Called where operations wait for a slot that this process has just made free. */
  onWaiting(listener: () => void): void {
    this.waiting = listener;
  }

  /** Called where this process has accepted one that runs apart. */
  onApart(listener: () => void): void {
    this.apart = listener;
  }

  /** Commits a new operation; null when its idempotency key was taken. */
  accept(operation: NewOperation): Promise<OperationEntity | null> {
    return this.accepts.add(operation);
  }

  /** The same for one that runs apart: it gets no slot and waits for none. */
  async acceptApart(operation: NewOperation): Promise<OperationEntity | null> {
    const [row] = await this.database.query('SELECT * FROM accept_apart($1, $2)', [
      jsonRows([acceptRow(operation)]),
      operation.idempotency === null ? null : jsonRows([keyRow(operation)]),
    ]);
    if (!row) return null;
    this.apart?.();
    return fresh(operation, this.rows.to(OperationEntity, row));
  }

  /** What runs apart and that nobody runs. */
  async findApart(most: number): Promise<Hint[]> {
    const rows = await this.database.query<{ request_id: string; epoch: number }>(
      'SELECT * FROM find_apart($1)',
      [most],
    );
    return rows.map(({ request_id, epoch }) => ({ id: request_id, epoch }));
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

  /** Makes a hint that this process won't follow due at once, for others. */
  returnHint(hint: Hint): Promise<void> {
    return this.returns.add(hint);
  }

  private async acceptMany(items: NewOperation[]): Promise<(OperationEntity | null)[]> {
    const keyed = items.filter(({ idempotency }) => idempotency !== null);
    const due = items.filter(({ runAt, declared, flow }) => runAt === null && !declared && flow === null);
    const completable = items.filter(({ completion }) => completion !== null);
    const declared = items.filter((item) => item.declared);
    // What few have costs the others nothing.
    const accept = items.some(({ flow }) => flow !== null)
      ? 'accept_flowing'
      : completable.length === 0
        ? 'accept_operations'
        : 'accept_completable';
    const rows = await this.database.query<{ rid: string }>(
      `SELECT * FROM ${accept}($1, $2, $3, $4, make_interval(secs => $5), $6${accept === 'accept_operations' ? '' : ', $7'})`,
      [
        jsonRows(items.map(acceptRow)),
        keyed.length === 0 ? null : jsonRows(keyed.map(keyRow)),
        [...new Set(due.map(({ accountId }) => accountId))],
        this.config.fastStart && this.hints.isOpen ? this.maxDispatched : 0,
        this.config.redispatchS,
        declared.length === 0 ? null : [...new Set(declared.map(({ type }) => type))],
        ...(accept === 'accept_operations' ? [] : [jsonRows(completable.map(tokenRow))]),
      ],
    );
    const accepted = new Map(rows.map((row) => [row.rid, row]));
    return items.map((item) => {
      const row = accepted.get(item.rid);
      return row ? fresh(item, this.rows.to(OperationEntity, row)) : null;
    });
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

  /** Lets the operation's end call back at once; false when it has ended already, in silence. */
  async speakUp(requestId: string): Promise<boolean> {
    const rows = await this.database.query(
      'UPDATE live_operation SET silent_until = NULL WHERE request_id = $1 RETURNING request_id',
      [requestId],
    );
    return rows.length > 0;
  }

  /**
   * Finds due operations, reserves their slots and answers the hints to send; after an outage it spares leases first.
   * Hints are taken for lost `patienceS` after they are due. Null where somebody else dispatches. `nextS`: after so many seconds a
   * flow key has room for what waits for it; null: none, as far as is known.
   */
  async dispatch(most: number, patienceS: number): Promise<Dispatched | null> {
    const rows = await this.database.query<DispatchedRow>(
      'SELECT * FROM dispatch_round(spare_leases($1, make_interval(secs => $5)), make_interval(secs => $2), $3, make_interval(secs => $4))',
      [most, this.config.redispatchS, this.maxDispatched, patienceS, this.config.leaseS],
    );
    if (rows[0]?.epoch === null) return null;
    const hints = (lost: boolean): Hint[] =>
      rows.flatMap(({ request_id: id, epoch, again }) =>
        id !== null && again === lost ? [{ id, epoch: epoch! }] : [],
      );
    return { lost: hints(true), fresh: hints(false), nextS: rows.at(-1)?.next_s ?? null };
  }

  /** Looks for an outage, after which leases are spared, where nothing is dispatched. */
  async spareLeases(): Promise<void> {
    await this.database.query('SELECT spare_leases(0, make_interval(secs => $1))', [this.config.leaseS]);
  }

  private async returnMany(hints: Hint[]): Promise<void[]> {
    await this.database.query(
      `UPDATE live_operation o SET phase = 'ready', dispatched_at = NULL, look_at = now(), due_at = now()
       FROM unnest($1::bigint[], $2::integer[]) AS h (request_id, epoch)
       WHERE o.request_id = h.request_id AND o.epoch = h.epoch AND o.phase = 'placed' AND o.lease_token IS NULL`,
      [hints.map((hint) => hint.id), hints.map((hint) => hint.epoch)],
    );
    return hints.map(() => undefined);
  }
}

/** Statements that take many rows take them in one order: none waits for another in a circle. */
function byRequestId(one: { requestId: string }, other: { requestId: string }): number {
  return Number(BigInt(one.requestId) - BigInt(other.requestId));
}
