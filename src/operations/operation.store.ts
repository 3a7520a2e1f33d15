import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DeliveryConfig, OperationConfig } from '../config/config.js';
import { Database } from '../database/database.js';
import { DatabaseUnavailableError } from '../database/database-errors.js';
import { GroupCommit } from '../database/group-commit.js';
import { rideOut } from '../database/ride-out.js';
import { Rows } from '../database/rows.js';
import { jsonRows } from '../database/json-rows.js';
import type { FirstAttempt } from '../deliveries/first-attempts.js';
import type { OwnCallback, OwedEvent, Started } from '../deliveries/owed.js';
import type { Hint } from '../engine/hint.js';
import { OperationHints } from '../engine/engine.module.js';
import { type Face, OperationEntity } from './operation.entity.js';
import type { TerminalState } from './operation.state.js';
import { RENEW_OPERATIONS } from './run/due-operations.js';

/** What is stored of a new operation; the database adds ids and times. */
export interface NewOperation {
  readonly rid: string;
  readonly accountId: string;
  readonly type: string;
  readonly face: Face;
  readonly input: string | null;
  readonly callbackUrl: string | null;
  readonly callbackHeaders: string | null;
  readonly callbackThinOver: number | null;
  readonly correlation: string | null;
  readonly priority: number;
  readonly retention: string;
  readonly tries: number;
  readonly timeoutS: number;
  readonly runAt: Date | null;
  readonly rerunOf: string | null;
  /** Seconds for which its own callback waits for the submit's answer to tell the end in its place; null: not at all. */
  readonly silentS: number | null;
  /** W3C trace context; null: none. */
  readonly traceparent: string | null;
  readonly ackByPoll: boolean;
  /** Ids of the files that its input may name: those that there are stay as long as it may run. */
  readonly files: readonly string[];
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | null;
}

/** A claimed operation: ours while `leaseToken` stands. */
export interface Claim {
  readonly operation: OperationEntity;
  readonly leaseToken: string;
  /** PostgreSQL's clock at the claim. */
  readonly claimedAt: Date;
  /** This process's monotonic clock right before it: the lease began no earlier. */
  readonly askedAt: number;
}

/** A record and its live row. */
interface ClaimRow {
  readonly lease_token: string;
  readonly claimed_at: Date;
  readonly status_text: string | null;
  readonly waits?: boolean;
}

/** How an operation ends, and what that owes to whom. */
export interface Ending {
  /** As it was claimed. */
  readonly operation: Pick<
    OperationEntity,
    'requestId' | 'rid' | 'accountId' | 'face' | 'createdAt' | 'traceparent'
  >;
  readonly leaseToken: string;
  readonly state: TerminalState;
  readonly statusText: string;
  readonly progress: number;
  readonly result: string | null;
  readonly custom: string | null;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly fileId: string | null;
  readonly finishedAt: Date;
  readonly expiresAt: Date;
  /** Where the handler failed, for keys with `admin`. */
  readonly stack: string | null;
  /** Null where it has none. */
  readonly callback: OwnCallback | null;
  /** A place for the callback's first attempt; null where this process has none. */
  readonly start: FirstAttempt | null;
  /** For the account's endpoints. */
  readonly event: OwedEvent;
}

/** An operation that was ended by us. */
export interface Settled {
  /** Whether deliveries were made that are to be dispatched. */
  readonly owes: boolean;
  /** Of its own callback, where that was leased to this process. */
  readonly started: Started | null;
}

interface SettledRow {
  readonly request_id: string;
  readonly callback: string | null;
  readonly started: boolean;
  readonly owes: boolean | null;
  readonly waits: boolean;
  readonly made_at: Date;
  readonly settled_at: Date;
}

/** A run given back: it waits again, at once or after `delayS`. */
export interface Release {
  readonly requestId: string;
  readonly leaseToken: string;
  readonly delayS: number;
  /** False where the run was no fault of the operation's (a shutdown): the try isn't used up. */
  readonly counts: boolean;
  readonly text: string;
  /** Where the handler failed, for keys with `admin`. */
  readonly stack: string | null;
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

  /** As many as this process could run: more would wait in the queue, where no other account's can overtake them. */
  private readonly maxDispatched: number;
  private waiting: (() => void) | undefined;

  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
    private readonly hints: OperationHints,
    private readonly config: OperationConfig,
    private readonly deliveries: DeliveryConfig,
  ) {
    this.maxDispatched = Math.min(Math.max(config.concurrency, MIN_DISPATCHED), MAX_DISPATCHED);
  }

  /** Called where operations wait for a slot that this process has just made free. */
  onWaiting(listener: () => void): void {
    this.waiting = listener;
  }

  /** Commits a new operation; null when its idempotency key was taken. */
  accept(operation: NewOperation): Promise<OperationEntity | null> {
    return this.accepts.add(operation);
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
    const due = items.filter(({ runAt }) => runAt === null);
    const rows = await this.database.query<{ rid: string }>(
      'SELECT * FROM accept_operations($1, $2, $3, $4, make_interval(secs => $5))',
      [
        jsonRows(items.map(acceptRow)),
        keyed.length === 0 ? null : jsonRows(keyed.map(keyRow)),
        [...new Set(due.map(({ accountId }) => accountId))],
        this.config.fastStart && this.hints.isOpen ? this.maxDispatched : 0,
        this.config.redispatchS,
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
    const claimed = new Map(rows.map((row) => [row.lease_token, row]));
    return tokens.map((token) => {
      const row = claimed.get(token);
      return row ? this.toClaim(row, askedAt) : null;
    });
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
      `SELECT (operation).*, (live).attempt, (live).tries, (live).epoch, (live).lease_token, (live).due_at, (live).run_at, (live).started_at,
         (live).cancel_at, (live).silent_until, (live).progress, (live).status_text, waits, clock_timestamp() AS claimed_at
       FROM claim_operations($1, make_interval(secs => $2))`,
      [
        jsonRows(hints.map(({ id, epoch }, place) => ({ request_id: id, epoch, token: tokens[place] }))),
        this.config.leaseS,
      ],
    );
  }

  private async settleMany(endings: Ending[]): Promise<(Settled | null)[]> {
    const sorted = endings.toSorted((one, other) => byRequestId(one.operation, other.operation));
    const starts = sorted.filter(({ start }) => start !== null);
    const askedAt = performance.now();
    const rows = await this.database.query<SettledRow>(
      `SELECT *, now() AS made_at, clock_timestamp() AS settled_at FROM settle_operations($1, $2, $3, make_interval(secs => $4))`,
      [
        jsonRows(sorted.map(settleRow)),
        starts.length === 0 ? null : jsonRows(starts.map(startRow)),
        this.deliveries.originInFlight,
        this.deliveries.leaseS,
      ],
    );
    if (rows.some(({ waits }) => waits)) this.waiting?.();
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
          items.toSorted(byRequestId).map(({ requestId, leaseToken, delayS, counts, text, stack }) => ({
            request_id: requestId,
            token: leaseToken,
            delay_s: delayS,
            counts,
            text,
            stack,
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
   * Hints are taken for lost `patienceS` after they are due. Null where somebody else dispatches.
   */
  async dispatch(most: number, patienceS: number): Promise<{ lost: Hint[]; fresh: Hint[] } | null> {
    const rows = await this.database.query<{ request_id: string | null; epoch: number; again: boolean }>(
      'SELECT * FROM dispatch_operations(spare_leases($1, make_interval(secs => $5)), make_interval(secs => $2), $3, make_interval(secs => $4))',
      [most, this.config.redispatchS, this.maxDispatched, patienceS, this.config.leaseS],
    );
    if (rows[0]?.request_id === null) return null;
    const hints = (lost: boolean): Hint[] =>
      rows.filter(({ again }) => again === lost).map(({ request_id, epoch }) => ({ id: request_id!, epoch }));
    return { lost: hints(true), fresh: hints(false) };
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

  /**
   * Asks the handler that runs an operation to stop, and answers the operation's request id; null where none runs it. After
   * `cancelGraceS` the operation may be ended whatever the handler does, by whoever finds it (`rescueOver`).
   */
  async askToStop(accountId: string, rid: string): Promise<string | null> {
    const [row] = await this.database.query<{ request_id: string }>(
      `WITH live AS (
         SELECT l.request_id, l.cancel_at FROM operation o JOIN live_operation l ON l.request_id = o.request_id
         WHERE o.account_id = $1 AND o.rid = $2 AND l.lease_token IS NOT NULL FOR UPDATE OF l
       ), asked AS (
         UPDATE live_operation o SET cancel_at = now() + make_interval(secs => $3)
         FROM live WHERE o.request_id = live.request_id AND live.cancel_at IS NULL RETURNING o.request_id
       ), noted AS (
         INSERT INTO history_entry (operation_id, kind, text) SELECT request_id, 'log', 'The caller asked to cancel' FROM asked
       )
       SELECT request_id FROM live`,
      [accountId, rid, this.config.cancelGraceS],
    );
    return row?.request_id ?? null;
  }

  /** Of these operations those that a caller has asked to cancel. */
  async toBeCanceled(requestIds: readonly string[]): Promise<string[]> {
    const rows = await this.database.query<{ request_id: string }>(
      'SELECT request_id FROM live_operation WHERE request_id = ANY ($1::bigint[]) AND cancel_at IS NOT NULL',
      [requestIds],
    );
    return rows.map(({ request_id }) => request_id);
  }

  /**
   * Takes over runs that no handler will end any more: the last try's worker went silent, or a cancel's grace time is over.
   * None for its silence before somebody has looked whether there was an outage.
   */
  async rescueOver(most: number): Promise<Claim[]> {
    return this.takeOver(
      `WITH spent AS (
         SELECT request_id FROM live_operation WHERE phase = 'placed' AND look_at <= now() AND lease_token IS NOT NULL AND due_at <= now()
           AND attempt >= tries AND (SELECT looked_at FROM lease_watch) > now() - make_interval(secs => $2) / 3
         ORDER BY look_at LIMIT $3 FOR UPDATE SKIP LOCKED
       ), canceled AS (
         SELECT request_id FROM live_operation WHERE cancel_at <= now() ORDER BY cancel_at LIMIT $3 FOR UPDATE SKIP LOCKED
       )
       SELECT request_id FROM spent UNION SELECT request_id FROM canceled`,
      [most],
    );
  }

  /**
   * Takes over a live operation of the account that no handler runs, or whose time to stop is over, so that it can be ended;
   * null when there is none.
   */
  async takeOverLive(accountId: string, rid: string): Promise<Claim | null> {
    const claims = await this.takeOver(
      `SELECT l.request_id FROM operation o JOIN live_operation l ON l.request_id = o.request_id
       WHERE o.account_id = $3 AND o.rid = $4 AND (l.lease_token IS NULL OR l.cancel_at <= now()) FOR UPDATE OF l`,
      [accountId, rid],
    );
    return claims[0] ?? null;
  }

  private async takeOver(which: string, parameters: unknown[]): Promise<Claim[]> {
    const askedAt = performance.now();
    const rows = await this.database.query<ClaimRow>(
      `WITH which AS (${which}), taken AS (
         UPDATE live_operation l SET phase = 'placed', dispatched_at = NULL, lease_token = $1,
           look_at = now() + make_interval(secs => $2), due_at = now() + make_interval(secs => $2),
           -- Not found again before this lease is over.
           cancel_at = CASE WHEN l.cancel_at <= now() THEN now() + make_interval(secs => $2) ELSE l.cancel_at END
         FROM which WHERE l.request_id = which.request_id RETURNING l.*
       )
       SELECT o.*, t.*, clock_timestamp() AS claimed_at FROM taken t JOIN operation o ON o.request_id = t.request_id`,
      [randomUUID(), this.config.leaseS, ...parameters],
    );
    return rows.map((row) => this.toClaim(row, askedAt));
  }

  private toClaim(row: ClaimRow, askedAt: number): Claim {
    const { status_text: told } = row;
    return {
      operation: {
        ...this.rows.to(OperationEntity, row),
        ...NOT_ENDED,
        state: 'Executing',
        phase: 'running',
        dispatchedAt: null,
        statusText: told ?? 'Executing...',
      },
      leaseToken: row.lease_token,
      claimedAt: row.claimed_at,
      askedAt,
    };
  }
}

/** What only its end tells of an operation. */
const NOT_ENDED = {
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

/** Statements that take many rows take them in one order: none waits for another in a circle. */
function byRequestId(one: { requestId: string }, other: { requestId: string }): number {
  return Number(BigInt(one.requestId) - BigInt(other.requestId));
}

/** What `accept_operations` reads. */
function acceptRow(o: NewOperation): object {
  return {
    rid: o.rid,
    account_id: o.accountId,
    type: o.type,
    face: o.face,
    input: o.input,
    callback_url: o.callbackUrl,
    callback_headers: o.callbackHeaders,
    correlation: o.correlation,
    priority: o.priority,
    retention: o.retention,
    tries: o.tries,
    timeout_s: o.timeoutS,
    run_at: o.runAt,
    rerun_of: o.rerunOf,
    silent_s: o.silentS,
    traceparent: o.traceparent,
    ack_by_poll: o.ackByPoll,
    callback_thin_over: o.callbackThinOver,
    keyed: o.idempotency !== null,
    files: o.files,
  };
}

function keyRow({ accountId, rid, idempotency }: NewOperation): object {
  return { account_id: accountId, key: idempotency!.key, fingerprint: idempotency!.fingerprint, rid };
}

/** What `settle_operations` reads. */
function settleRow(e: Ending): object {
  return {
    request_id: e.operation.requestId,
    token: e.leaseToken,
    rid: e.operation.rid,
    face: e.operation.face,
    created_at: e.operation.createdAt,
    traceparent: e.operation.traceparent,
    state: e.state,
    status_text: e.statusText,
    progress: e.progress,
    result: e.result,
    custom: e.custom,
    error_code: e.errorCode,
    error_message: e.errorMessage,
    file_id: e.fileId,
    finished_at: e.finishedAt,
    expires_at: e.expiresAt,
    stack: e.stack,
    callback: e.callback,
    event_type: e.event.eventType,
    event_body: e.event.body,
    event_thin: e.event.thin,
    event_bare: e.event.bare,
    thin_over: e.event.thinOver,
  };
}

function startRow({ operation, callback, start }: Ending): object {
  return {
    request_id: operation.requestId,
    token: start!.token,
    account_id: operation.accountId,
    origin: callback!.origin,
    url: callback!.url,
  };
}

function fresh(item: NewOperation, stored: OperationEntity): OperationEntity {
  const { idempotency: _, files: __, silentS: ___, ...given } = item;
  return {
    state: 'Waiting',
    attempt: 0,
    progress: 0,
    statusText: 'Waiting...',
    ...NOT_ENDED,
    startedAt: null,
    cancelAt: null,
    dispatchedAt: null,
    leaseToken: null,
    ...given,
    requestId: stored.requestId,
    createdAt: stored.createdAt,
    silentUntil: stored.silentUntil,
    dueAt: stored.dueAt,
    phase: stored.phase,
    epoch: stored.epoch,
  };
}
