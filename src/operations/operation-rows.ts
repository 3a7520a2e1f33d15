import type { FirstAttempt } from '../deliveries/first-attempts.js';
import type { OwnCallback, OwedEvent, Started } from '../deliveries/owed.js';
import type { AcceptedToken } from './await/completion-offers.js';
import { type Flow, flowRow, storedFlow } from './flow/flow.js';
import type { Face, OperationEntity } from './operation.entity.js';
import type { TerminalState } from './operation.state.js';
import { NOT_ENDED } from './run/claim.js';

/** What is stored of a new operation; the database adds ids and times. */
export interface NewOperation {
  readonly rid: string;
  readonly accountId: string;
  readonly type: string;
  /** Of a type that remote workers run. */
  readonly declared: boolean;
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
  /** Of the schedule that has it submitted, and for which of its times; null where none does. */
  readonly scheduleId: string | null;
  readonly tick: Date | null;
  /** Ids of the files that its input may name: those that there are stay as long as it may run. */
  readonly files: readonly string[];
  readonly idempotency: {
    readonly key: string;
    readonly fingerprint: string;
    /** For so long, seconds; a day where it isn't given. */
    readonly keptS?: number | undefined;
  } | null;
  /** Null: it waits for no key. */
  readonly flow: Flow | null;
  /** Ends it, in the hands of who is answered; null: its type has none. */
  readonly completion: AcceptedToken | null;
}

/** One that Ringback itself makes: what isn't given is as for an operation whose caller asks for nothing. */
export function ownRow(
  given: Pick<NewOperation, 'rid' | 'accountId' | 'type' | 'face' | 'input' | 'tries' | 'timeoutS'> &
    Partial<NewOperation>,
): NewOperation {
  return {
    declared: false,
    callbackUrl: null,
    callbackHeaders: null,
    callbackThinOver: null,
    correlation: null,
    priority: 0,
    retention: 'keep1m',
    runAt: null,
    rerunOf: null,
    silentS: null,
    traceparent: null,
    ackByPoll: false,
    scheduleId: null,
    tick: null,
    files: [],
    idempotency: null,
    flow: null,
    completion: null,
    ...given,
  };
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
  /** Accepted in the same commit; nobody is answered, so they have no idempotency key. Null: nothing ever follows on its type. */
  readonly followUps: readonly NewOperation[] | null;
}

/** An operation that was ended by us. */
export interface Settled {
  /** Whether deliveries were made that are to be dispatched. */
  readonly owes: boolean;
  /** Of its own callback, where that was leased to this process. */
  readonly started: Started | null;
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
  /** How far it has come, for the next run; what stands stays where it isn't given. */
  readonly checkpoint?: string | null;
  /** The worker has no handler of its type. */
  readonly unhandled?: true;
}

/** What `accept_operations` reads. */
export function acceptRow(o: NewOperation): object {
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
    ...(o.scheduleId === null ? {} : { schedule_id: o.scheduleId, tick: o.tick }),
    ...(o.flow === null ? {} : flowRow(o.flow)),
    keyed: o.idempotency !== null,
    files: o.files,
  };
}

/** Its idempotency key, likewise. */
export function keyRow({ accountId, rid, idempotency }: NewOperation): object {
  return {
    account_id: accountId,
    key: idempotency!.key,
    fingerprint: idempotency!.fingerprint,
    kept_s: idempotency!.keptS,
    rid,
  };
}

/** The token that ends it, likewise. */
export function tokenRow({ rid, accountId, runAt, completion }: NewOperation): object {
  const { hash, expiresS, verify } = completion!;
  return { hash, rid, account_id: accountId, run_at: runAt, expires_s: expiresS, verify };
}

/** Operations that follow on an end, as `settle_followed` reads them. */
export function followerRows({ operation, followUps }: Ending): object[] {
  return (followUps ?? []).map((followUp) => ({ ...acceptRow(followUp), after: operation.requestId }));
}

/** What `settle_operations` reads. */
export function settleRow(e: Ending): object {
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
    ...(e.followUps === null ? {} : { followed: true }),
  };
}

/** The first attempt that `settle_operations` may begin. */
export function startRow({ operation, callback, start }: Ending): object {
  return {
    request_id: operation.requestId,
    token: start!.token,
    account_id: operation.accountId,
    origin: callback!.origin,
    url: callback!.url,
  };
}

/** A new operation as it stands once it is stored. */
export function fresh(item: NewOperation, stored: OperationEntity): OperationEntity {
  const { idempotency: _, files: __, silentS: ___, declared: ____, completion: _____, flow, ...given } = item;
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
    flow: flow && storedFlow(flow),
    requestId: stored.requestId,
    createdAt: stored.createdAt,
    silentUntil: stored.silentUntil,
    dueAt: stored.dueAt,
    phase: stored.phase,
    epoch: stored.epoch,
  };
}
