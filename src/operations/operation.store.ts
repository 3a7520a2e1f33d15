import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { OperationConfig } from '../config/config.js';
import { Database } from '../database/database.js';
import { DatabaseUnavailableError } from '../database/database-errors.js';
import { GroupCommit } from '../database/group-commit.js';
import { rideOut } from '../database/ride-out.js';
import { Rows } from '../database/rows.js';
import {
  owedEventParameters,
  owedParameters,
  type Owed,
  type OwedEvent,
  oweEventsStatement,
  oweStatement,
} from '../deliveries/owed.js';
import type { Hint } from '../queues/hint.js';
import { type Face, OperationEntity } from './operation.entity.js';
import type { TerminalState } from './operation.state.js';

/** What is stored of a new operation; the database adds ids and times. */
export interface NewOperation {
  readonly rid: string;
  readonly accountId: string;
  readonly type: string;
  readonly face: Face;
  readonly input: string | null;
  readonly callbackUrl: string | null;
  readonly callbackHeaders: string | null;
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

interface ClaimRow {
  readonly lease_token: string;
  readonly claimed_at: Date;
}

/** How an operation ends, and what that owes to whom. */
export interface Ending {
  readonly requestId: string;
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
  readonly owed: readonly Owed[];
  /** For the account's endpoints. */
  readonly event: OwedEvent;
}

/** An operation that was ended by us. */
export interface Settled {
  /** Whether deliveries were made. */
  readonly owes: boolean;
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
    rowOf: (ending) => ending.requestId,
  });
  private readonly returns = new GroupCommit((hints: Hint[]) => this.returnMany(hints));
  private readonly releases = new GroupCommit((items: Release[]) => this.releaseMany(items), {
    rowOf: (item) => item.requestId,
  });

  constructor(
    private readonly database: Database,
    private readonly rows: Rows,
    private readonly config: OperationConfig,
  ) {}

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
    const rows = await this.database.query<{ rid: string }>(
      `WITH incoming AS (
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
           $9::smallint[], $10::text[], $11::integer[], $12::float8[], $13::timestamptz[], $14::text[], $15::text[], $16::text[], $17::float8[], $18::text[], $19::boolean[])
         WITH ORDINALITY AS i (rid, account_id, type, face, input, callback_url, callback_headers, correlation,
           priority, retention, tries, timeout_s, run_at, rerun_of, key, fingerprint, silent_s, traceparent, ack_by_poll, place)
       ), kept AS (
         INSERT INTO idempotency_key (account_id, key, fingerprint, rid, expires_at)
         SELECT account_id, key, fingerprint, rid, now() + interval '24 hours' FROM incoming WHERE key IS NOT NULL
         ORDER BY account_id, key ON CONFLICT DO NOTHING RETURNING rid
       ), accepted AS (
         INSERT INTO operation (rid, account_id, type, face, input, callback_url, callback_headers, correlation, priority,
           retention, tries, timeout_s, run_at, rerun_of, silent_until, traceparent, ack_by_poll, state, phase, status_text, due_at)
         SELECT rid, account_id, type, face, input, callback_url, callback_headers, correlation, priority,
           retention, tries, timeout_s, run_at, rerun_of, now() + make_interval(secs => silent_s), traceparent, ack_by_poll, 'Waiting', CASE WHEN run_at > now() THEN 'scheduled' ELSE 'ready' END,
           'Waiting...', greatest(run_at, now())
         FROM incoming WHERE key IS NULL OR rid IN (SELECT rid FROM kept) ORDER BY place
         RETURNING request_id, rid, created_at, due_at, phase, callback_url, silent_until
       ), used AS (
         INSERT INTO file_use (operation_id, file_id)
         SELECT a.request_id, f.id FROM unnest($20::text[], $21::text[]) AS n (rid, file_id) JOIN accepted a USING (rid)
         JOIN file f ON f.id = n.file_id
       ), booked AS (
         INSERT INTO ledger_entry (accepted, destined) SELECT count(*), count(callback_url) FROM accepted HAVING count(*) > 0
       ), noted AS (
         INSERT INTO history_entry (operation_id, kind, state, text)
         SELECT request_id, 'transition', 'Waiting', 'Accepted' FROM accepted
       )
       SELECT * FROM accepted`,
      [
        items.map((o) => o.rid),
        items.map((o) => o.accountId),
        items.map((o) => o.type),
        items.map((o) => o.face),
        items.map((o) => o.input),
        items.map((o) => o.callbackUrl),
        items.map((o) => o.callbackHeaders),
        items.map((o) => o.correlation),
        items.map((o) => o.priority),
        items.map((o) => o.retention),
        items.map((o) => o.tries),
        items.map((o) => o.timeoutS),
        items.map((o) => o.runAt),
        items.map((o) => o.rerunOf),
        items.map((o) => o.idempotency?.key ?? null),
        items.map((o) => o.idempotency?.fingerprint ?? null),
        items.map((o) => o.silentS),
        items.map((o) => o.traceparent),
        items.map((o) => o.ackByPoll),
        items.flatMap((o) => o.files.map(() => o.rid)),
        items.flatMap((o) => o.files),
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
      `WITH wanted AS (
         SELECT * FROM unnest($1::bigint[], $2::integer[], $3::uuid[]) AS w (request_id, epoch, token)
       ), claimed AS (
         UPDATE operation o SET state = 'Executing', phase = 'running', attempt = attempt + 1, lease_token = w.token,
           due_at = now() + make_interval(secs => $4), started_at = coalesce(started_at, now()),
           hinted_at = NULL, status_text = 'Executing...', progress = 0
         FROM wanted w WHERE o.request_id = w.request_id AND o.epoch = w.epoch AND o.phase = 'hinted' AND o.state = 'Waiting'
         RETURNING o.*
       ), noted AS (
         INSERT INTO history_entry (operation_id, kind, state, text)
         SELECT request_id, 'transition', 'Executing', 'Attempt ' || attempt || ' of ' || tries FROM claimed
       )
       SELECT *, clock_timestamp() AS claimed_at FROM claimed`,
      [hints.map((hint) => hint.id), hints.map((hint) => hint.epoch), tokens, this.config.leaseS],
    );
  }

  private async settleMany(endings: Ending[]): Promise<(Settled | null)[]> {
    const rows = await this.database.query<{ request_id: string; told: boolean }>(
      `WITH ending AS (
         -- Locked in one order, as renewals and reports are: none of them waits for another in a circle.
         SELECT e.* FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::real[], $6::text[], $7::text[], $8::text[],
           $9::text[], $10::text[], $11::timestamptz[], $12::timestamptz[], $29::text[])
         AS e (request_id, token, state, status_text, progress, result, custom, error_code, error_message, file_id, finished_at, expires_at, stack)
         JOIN operation o USING (request_id) WHERE o.lease_token = e.token AND o.phase = 'running' ORDER BY request_id FOR NO KEY UPDATE OF o
       ), settled AS (
         UPDATE operation o SET state = e.state, phase = NULL, due_at = NULL, lease_token = NULL, status_text = e.status_text,
           progress = e.progress, result = e.result, custom = e.custom, error_code = e.error_code, error_message = e.error_message,
           file_id = e.file_id, finished_at = e.finished_at, expires_at = e.expires_at
         FROM ending e WHERE o.request_id = e.request_id AND o.lease_token = e.token AND o.phase = 'running'
         RETURNING o.request_id, o.silent_until, o.created_at, o.traceparent, o.face
       ), noted AS (
         INSERT INTO history_entry (operation_id, kind, state, progress, text, stack)
         SELECT request_id, kind, told.state, told.progress, text, stack FROM (
           SELECT request_id, 1 AS place, 'transition' AS kind, e.state, e.progress, coalesce(e.error_message, e.status_text) AS text, e.stack
           FROM ending e JOIN settled USING (request_id)
           -- What the bgrs face's callers wait for in the details.
           UNION ALL SELECT request_id, 2, 'log', NULL, NULL, 'done', NULL FROM settled WHERE face = 'bgrs'
         ) told ORDER BY place
       ), kept AS (
         -- What its runs stored lives as long as it does.
         UPDATE file f SET expires_at = e.expires_at FROM ending e JOIN settled USING (request_id)
         WHERE f.operation_id = e.request_id AND f.phase = 'stored'
       ), owed AS (${oweStatement(13)}), told AS (${oweEventsStatement(24)} RETURNING operation_id)
       SELECT request_id, EXISTS (SELECT FROM told t WHERE t.operation_id = settled.request_id) AS told FROM settled`,
      [
        endings.map((e) => e.requestId),
        endings.map((e) => e.leaseToken),
        endings.map((e) => e.state),
        endings.map((e) => e.statusText),
        endings.map((e) => e.progress),
        endings.map((e) => e.result),
        endings.map((e) => e.custom),
        endings.map((e) => e.errorCode),
        endings.map((e) => e.errorMessage),
        endings.map((e) => e.fileId),
        endings.map((e) => e.finishedAt),
        endings.map((e) => e.expiresAt),
        ...owedParameters(endings.flatMap((e) => e.owed)),
        ...owedEventParameters(endings.map((e) => e.event)),
        endings.map((e) => e.stack),
      ],
    );
    const settled = new Map(rows.map((row) => [row.request_id, row]));
    return endings.map((ending) => {
      const row = settled.get(ending.requestId);
      return row ? { owes: row.told || ending.owed.length > 0 } : null;
    });
  }

  private async releaseMany(items: Release[]): Promise<boolean[]> {
    const rows = await this.database.query<{ request_id: string }>(
      `WITH given AS (
         SELECT g.* FROM unnest($1::bigint[], $2::uuid[], $3::float8[], $4::boolean[], $5::text[], $6::text[])
         AS g (request_id, token, delay_s, counts, text, stack)
         JOIN operation o USING (request_id) WHERE o.lease_token = g.token ORDER BY request_id FOR NO KEY UPDATE OF o
       ), released AS (
         UPDATE operation o SET state = 'Waiting', phase = CASE WHEN g.delay_s > 0 THEN 'scheduled' ELSE 'ready' END,
           due_at = now() + make_interval(secs => g.delay_s),
           run_at = CASE WHEN g.delay_s > 0 THEN now() + make_interval(secs => g.delay_s) ELSE o.run_at END,
           lease_token = NULL, status_text = 'Waiting...', tries = CASE WHEN g.counts THEN o.tries ELSE o.tries + 1 END
         FROM given g WHERE o.request_id = g.request_id AND o.lease_token = g.token AND o.state = 'Executing'
         RETURNING o.request_id
       ), noted AS (
         INSERT INTO history_entry (operation_id, kind, state, text, stack)
         SELECT request_id, 'transition', 'Waiting', g.text, g.stack FROM given g JOIN released USING (request_id)
       )
       SELECT request_id FROM released`,
      [
        items.map((i) => i.requestId),
        items.map((i) => i.leaseToken),
        items.map((i) => i.delayS),
        items.map((i) => i.counts),
        items.map((i) => i.text),
        items.map((i) => i.stack),
      ],
    );
    const released = new Set(rows.map((row) => row.request_id));
    return items.map((item) => released.has(item.requestId));
  }

  /** Renews leases; answers those that are still ours, and of each whether a caller has asked to cancel it. */
  async renew(
    leases: readonly { requestId: string; leaseToken: string }[],
  ): Promise<Map<string, { canceling: boolean }>> {
    const rows = await this.database.query<{ request_id: string; canceling: boolean }>(
      `UPDATE operation o SET due_at = now() + make_interval(secs => $3)
       FROM (
         SELECT l.request_id, l.token FROM unnest($1::bigint[], $2::uuid[]) AS l (request_id, token)
         JOIN operation USING (request_id) ORDER BY request_id FOR UPDATE OF operation
       ) l WHERE o.request_id = l.request_id AND o.lease_token = l.token AND o.phase = 'running'
       RETURNING o.request_id, o.cancel_at IS NOT NULL AS canceling`,
      [leases.map((l) => l.requestId), leases.map((l) => l.leaseToken), this.config.leaseS],
    );
    return new Map(rows.map(({ request_id, canceling }) => [request_id, { canceling }]));
  }

  /** Lets the operation's end call back at once; false when it has ended already, in silence. */
  async speakUp(requestId: string): Promise<boolean> {
    const rows = await this.database.query(
      'UPDATE operation SET silent_until = NULL WHERE request_id = $1 AND due_at IS NOT NULL RETURNING request_id',
      [requestId],
    );
    return rows.length > 0;
  }

  /**
   * Finds due operations, reserves their slots and answers the hints to send; after an outage it spares leases first.
   * `mostHinted` may wait for a worker at once; hints are taken for lost `patienceS` after they are due.
   */
  async dispatch(
    most: number,
    { mostHinted, patienceS }: { mostHinted: number; patienceS: number },
  ): Promise<{ lost: Hint[]; fresh: Hint[] }> {
    const rows = await this.database.query<{ request_id: string; epoch: number; again: boolean }>(
      'SELECT * FROM dispatch_operations(spare_leases($1, make_interval(secs => $5)), make_interval(secs => $2), $3, make_interval(secs => $4))',
      [most, this.config.redispatchS, mostHinted, patienceS, this.config.leaseS],
    );
    const hints = (lost: boolean): Hint[] =>
      rows.filter(({ again }) => again === lost).map(({ request_id, epoch }) => ({ id: request_id, epoch }));
    return { lost: hints(true), fresh: hints(false) };
  }

  /** Looks for an outage, after which leases are spared, where nothing is dispatched. */
  async spareLeases(): Promise<void> {
    await this.database.query('SELECT spare_leases(0, make_interval(secs => $1))', [this.config.leaseS]);
  }

  private async returnMany(hints: Hint[]): Promise<void[]> {
    await this.database.query(
      `UPDATE operation o SET phase = 'ready', hinted_at = NULL, due_at = now() FROM unnest($1::bigint[], $2::integer[]) AS h (request_id, epoch)
       WHERE o.request_id = h.request_id AND o.epoch = h.epoch AND o.phase = 'hinted'`,
      [hints.map((hint) => hint.id), hints.map((hint) => hint.epoch)],
    );
    return hints.map(() => undefined);
  }

  /**
   * Asks the handler that runs an operation to stop, and answers the operation's request id; null where none runs it. After
   * `cancelGraceS` the operation may be ended whatever the handler does, by whoever finds it (`seizeOver`).
   */
  async askToStop(accountId: string, rid: string): Promise<string | null> {
    const [row] = await this.database.query<{ request_id: string }>(
      `WITH live AS (
         SELECT request_id, cancel_at FROM operation
         WHERE account_id = $1 AND rid = $2 AND state = 'Executing' AND phase = 'running' FOR UPDATE
       ), asked AS (
         UPDATE operation o SET cancel_at = now() + make_interval(secs => $3)
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
      'SELECT request_id FROM operation WHERE request_id = ANY ($1::bigint[]) AND cancel_at IS NOT NULL',
      [requestIds],
    );
    return rows.map(({ request_id }) => request_id);
  }

  /**
   * Takes over runs that no handler will end any more: the last try's worker went silent, or a cancel's grace time is over.
   * None for its silence before somebody has looked whether there was an outage.
   */
  async seizeOver(most: number): Promise<Claim[]> {
    return this.seize(
      `WITH spent AS (
         SELECT request_id FROM operation WHERE phase = 'running' AND state = 'Executing' AND due_at <= now() AND attempt >= tries
           AND (SELECT looked_at FROM lease_watch) > now() - make_interval(secs => $2) / 3
         ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
       ), canceled AS (
         SELECT request_id FROM operation WHERE cancel_at <= now() AND due_at IS NOT NULL
         ORDER BY cancel_at LIMIT $3 FOR UPDATE SKIP LOCKED
       )
       SELECT request_id FROM spent UNION SELECT request_id FROM canceled`,
      [most],
    );
  }

  /**
   * Takes over a live operation of the account that no handler runs, or whose time to stop is over, so that it can be ended;
   * null when there is none.
   */
  async seizeLive(accountId: string, rid: string): Promise<Claim | null> {
    const claims = await this.seize(
      `SELECT request_id FROM operation WHERE account_id = $3 AND rid = $4 AND due_at IS NOT NULL
         AND (state = 'Waiting' OR cancel_at <= now()) FOR UPDATE`,
      [accountId, rid],
    );
    return claims[0] ?? null;
  }

  private async seize(which: string, parameters: unknown[]): Promise<Claim[]> {
    const askedAt = performance.now();
    const rows = await this.database.query<ClaimRow>(
      `WITH which AS (${which})
       UPDATE operation o SET phase = 'running', hinted_at = NULL, lease_token = $1, due_at = now() + make_interval(secs => $2),
         -- Not found again before this lease is over.
         cancel_at = CASE WHEN cancel_at <= now() THEN now() + make_interval(secs => $2) ELSE cancel_at END
       FROM which WHERE o.request_id = which.request_id RETURNING o.*, clock_timestamp() AS claimed_at`,
      [randomUUID(), this.config.leaseS, ...parameters],
    );
    return rows.map((row) => this.toClaim(row, askedAt));
  }

  private toClaim(row: ClaimRow, askedAt: number): Claim {
    return {
      operation: this.rows.to(OperationEntity, row),
      leaseToken: row.lease_token,
      claimedAt: row.claimed_at,
      askedAt,
    };
  }
}

function fresh(item: NewOperation, stored: OperationEntity): OperationEntity {
  const { idempotency: _, files: __, silentS: ___, ...given } = item;
  return Object.assign(new OperationEntity(), {
    state: 'Waiting',
    attempt: 0,
    progress: 0,
    statusText: 'Waiting...',
    result: null,
    custom: null,
    errorCode: null,
    errorMessage: null,
    fileId: null,
    startedAt: null,
    finishedAt: null,
    expiresAt: null,
    sweepAt: null,
    emptiedAt: null,
    erasedAt: null,
    cancelAt: null,
    hintedAt: null,
    epoch: 0,
    leaseToken: null,
    silent: false,
    ...given,
    requestId: stored.requestId,
    createdAt: stored.createdAt,
    silentUntil: stored.silentUntil,
    dueAt: stored.dueAt,
    phase: stored.phase,
  } satisfies OperationEntity);
}
