/** Where an operation stands. Finished, Failed and Canceled are for good. */
export type OperationStatus = 'Waiting' | 'Executing' | 'Finished' | 'Failed' | 'Canceled';

/** An operation, as polling shows it and as a callback's `data` carries it. Times are RFC 3339 in UTC. */
export interface Operation<Result = unknown, Custom = unknown> {
  /** 32 hex digits, unguessable. */
  readonly id: string;
  /** Strictly increasing; the order of acceptance. */
  readonly request_id: number;
  readonly type: string;
  readonly status: OperationStatus;
  /** One line for people. */
  readonly status_text: string;
  /** Why it failed; null otherwise. */
  readonly status_info: string | null;
  /** 0 to 100. */
  readonly progress: number;
  readonly attempt: number;
  /** Of a Waiting one, read by its id: its place among the account's own, an estimate. */
  readonly queue_position?: number | undefined;
  /** Whose it is; there where the request named an `account`. */
  readonly account_id?: string;
  readonly correlation: string | null;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  /** When the ended operation may be deleted. */
  readonly expires_at: string | null;
  /** When it was erased, and its input and result with it; absent where it wasn't. */
  readonly erased_at?: string;
  /** JSON of the handler; null before the end, and where the handler gave none. */
  readonly result: Result | null;
  /** JSON of the handler, like `result`. */
  readonly custom: Custom | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  /** Id of the stored result. */
  readonly file: string | null;
  readonly callback: { readonly url: string; readonly state: DeliveryStatus } | null;
  /** Whoever POSTs to it ends the operation: `complete`. Only in the answer to a submit or rerun of what is done elsewhere. */
  readonly completion_url?: string;
  /** Id of the operation that this one repeats. */
  readonly rerun_of: string | null;
  /** What had it submitted, and for when; absent where no schedule did. */
  readonly schedule?: { readonly id: string; readonly tick: string };
  /** Its flow key, and the values that were given with it; absent where it has none. */
  readonly flow?: {
    readonly key: string;
    readonly parallelism?: number;
    readonly rate?: number;
    readonly period_s?: number;
  };
  readonly links: Readonly<Record<'self' | 'history' | 'result' | 'deliveries' | 'cancel', string>>;
}

/** What is submitted. */
export interface SubmitRequest<Input = unknown> {
  /** Name of an operation type. */
  readonly type: string;
  readonly input?: Input;
  /** Where the end is told, with headers of yours. */
  readonly callback?: {
    readonly url: string;
    readonly headers?: readonly { readonly key: string; readonly value: string }[];
    /** Bytes: a larger body leaves `result` out, and says so by `result_omitted`. */
    readonly thin_over?: number | null;
  } | null;
  /** Yours, echoed in every answer and callback; at most 512 characters. */
  readonly correlation?: string | null;
  /** −100 to 100; higher goes first among the account's own waiting operations. */
  readonly priority?: number;
  /** Not before this time (RFC 3339), at most 366 days ahead. */
  readonly run_at?: string | null;
  /** Seconds a run may take; at most what the type allows. */
  readonly timeout_s?: number | null;
  /** Retention class: how long the ended operation is kept. */
  readonly retention?: string | null;
  /** Whether reading the end ends its own callback's attempts. */
  readonly ack_by_poll?: boolean | null;
  /** Only so many operations with the same key run at once, or start in a time; the newest values hold for all of them. */
  readonly flow?: {
    readonly key: string;
    /** Most that are Executing. */
    readonly parallelism?: number | null;
    /** Most that start in any window of `period_s` seconds. */
    readonly rate?: number | null;
    /** 1 by default. */
    readonly period_s?: number | null;
  } | null;
}

/** What a rerun has otherwise than the operation that it repeats; what isn't given stays. */
export interface RerunRequest<Input = unknown> {
  readonly input?: Input;
  /** Null: without one. */
  readonly callback?: SubmitRequest['callback'];
}

/** What was submitted, as `GET /v1/operations/:id/request` shows it. */
export interface RequestedOperation<Input = unknown> {
  readonly type: string;
  readonly input: Input;
  /** Members of `input` that are left out because they may be secret, or left out in part. */
  readonly withheld: readonly string[];
  /** Its headers' values are redacted. */
  readonly callback: {
    readonly url: string;
    readonly headers: readonly { readonly key: string; readonly value: string }[];
  } | null;
  readonly correlation: string | null;
  readonly priority: number;
  readonly run_at: string | null;
  readonly timeout_s: number;
  readonly retention: string;
  /** 32 hex digits. */
  readonly trace_id: string | null;
}

/** One row of an operation's history. */
export interface HistoryEntry {
  /** Increasing within the operation. */
  readonly id: number;
  readonly kind: 'transition' | 'progress' | 'log';
  /** The state moved to; only of transitions. */
  readonly status: OperationStatus | null;
  readonly progress: number | null;
  readonly text: string;
  readonly created_at: string;
  /** Of a failed attempt, in lists for keys with the scope `admin`. */
  readonly stack?: string;
}

export type DeliveryStatus = 'Pending' | 'Delivered' | 'Exhausted' | 'Canceled';

/** What kind of failure an attempt shows. */
export type ErrorClass =
  | `http_${'1xx' | '3xx' | '4xx' | '5xx'}`
  | `connect_${'refused' | 'timeout'}`
  | 'connection_reset'
  | `response_${'timeout' | 'invalid'}`
  | 'request_timeout'
  | `dns_${'error' | 'timeout'}`
  | 'tls_error'
  | 'proxy_error'
  | 'blocked_destination'
  | 'nacked'
  | 'unknown';

/** One event owed to one destination. */
export interface Delivery {
  /** The `webhook-id` of every attempt. */
  readonly id: string;
  readonly operation_id: string | null;
  readonly endpoint_id: string | null;
  /** Whose it is; there where the request named an `account`. */
  readonly account_id?: string;
  /** A query string is not shown. Null of a pull endpoint's. */
  readonly url: string | null;
  readonly event: string;
  readonly status: DeliveryStatus;
  readonly attempt_count: number;
  readonly next_attempt_at: string | null;
  readonly created_at: string;
  readonly delivered_at: string | null;
  /** Why it was given up; null otherwise. */
  readonly reason: string | null;
  /** How its last attempt failed: `http_5xx`, `connect_refused`, …; null where none did, and once it is Delivered. */
  readonly error: ErrorClass | null;
  /** `poll`: the caller has read how its `ack_by_poll` operation ended, and is told no more. */
  readonly acknowledged_by?: 'poll';
}

/** Which operations are listed; times are RFC 3339. */
export interface OperationFilter {
  /** Several by comma. */
  readonly status?: OperationStatus | (string & {});
  /** Several by comma. */
  readonly type?: string;
  readonly correlation?: string;
  readonly request_id?: number | string;
  /** Id of the schedule that had them submitted. */
  readonly schedule?: string;
  /** Their flow key. */
  readonly flow?: string;
  readonly error_code?: string;
  /** Several by comma. */
  readonly callback_state?: DeliveryStatus | (string & {});
  /** Of their own callback: scheme, host and port. */
  readonly origin?: string;
  readonly created_after?: string;
  readonly created_before?: string;
  readonly finished_after?: string;
  readonly finished_before?: string;
  /** Only operations of which a callback has not been delivered. */
  readonly undelivered?: boolean;
  /** The oldest first by default. */
  readonly order?: 'asc' | 'desc';
  /** Id of an account, or `*` for all; for keys with the scope `admin`. */
  readonly account?: string;
}

/** Which deliveries are listed; times are RFC 3339. */
export interface DeliveryFilter {
  /** Id of an operation. */
  readonly operation?: string;
  /** Id of an endpoint. */
  readonly endpoint?: string;
  /** Several by comma. */
  readonly status?: DeliveryStatus | (string & {});
  /** Scheme, host and port. */
  readonly origin?: string;
  readonly event?: string;
  /** How their last attempt failed, of those that aren't Delivered: `http_5xx`, `connect_refused` and the like. */
  readonly error?: string;
  readonly since?: string;
  readonly until?: string;
  /** The oldest first by default. */
  readonly order?: 'asc' | 'desc';
  /** Id of an account, or `*` for all; for keys with the scope `admin`. */
  readonly account?: string;
}

/** Something that was found by an id, a `request_id` or a correlation. */
export interface SearchResult {
  readonly kind: 'operation' | 'delivery' | 'endpoint' | 'file' | 'account';
  readonly id: string;
  /** Whose it is; there where the request named an `account`. */
  readonly account_id?: string;
  /** One line for people. */
  readonly label: string;
}

/** Of which account, for keys with the scope `admin`: its id, or `*` for all; the key's own by default. */
interface OfAccount {
  readonly account?: string;
}

/** What is done with all operations that a filter means. */
export interface BulkOperationsRequest {
  readonly action: 'cancel' | 'rerun';
  /** `{}` for all. */
  readonly filter: OperationFilter & OfAccount;
}

/** What is done with all deliveries that a filter means. */
export interface BulkDeliveriesRequest {
  readonly action: 'redeliver' | 'cancel';
  /** `{}` for all. */
  readonly filter: DeliveryFilter & OfAccount;
}

/** What a bulk action has done when it ends. */
export interface BulkResult {
  /** What the filter meant when it began. */
  readonly matched: number;
  readonly done: number;
  /** What couldn't be acted on when its turn came. */
  readonly skipped: number;
}

/** The account whose key it is: what it uses, and what it may use; a quota that is null takes any. */
export interface Account {
  readonly id: string;
  readonly name: string;
  readonly slots: number;
  readonly usage: { readonly bytes: number; readonly waiting: number; readonly executing: number };
  readonly quotas: {
    readonly bytes: number | null;
    readonly waiting: number | null;
    readonly requests_per_s: number | null;
  };
}

/** A process of the installation that runs. */
export interface RingbackProcess {
  readonly id: string;
  /** `all`, or of `api`, `worker` and `gateway`, by comma. */
  readonly role: string;
  readonly version: string;
  readonly since: string;
  readonly host: string;
  /** Operations that it runs, and those that it may run at once. */
  readonly running: number;
  readonly last_seen_at: string;
  readonly capacity: number;
  /** Operation types that it runs. */
  readonly handlers: readonly string[];
}

/** Something that was done, as the audit has it. */
export interface AuditEntry {
  readonly at: string;
  readonly account_id: string | null;
  readonly actor: { readonly key_id: string; readonly name: string } | null;
  readonly address: string | null;
  /** `console` where it was done there; null for the API. */
  readonly via: 'console' | null;
  /** Such as `key.created`. */
  readonly action: string;
  readonly target: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Which entries of the audit are listed; times are RFC 3339. */
export interface AuditFilter {
  /** Id of an account; all by default. */
  readonly account?: string;
  /** Id or name of a key. */
  readonly actor?: string;
  /** Several by comma. */
  readonly action?: string;
  readonly since?: string;
  readonly until?: string;
  /** The oldest first by default. */
  readonly order?: 'asc' | 'desc';
}

/** Of which time, and in what buckets, statistics are; times are RFC 3339. */
export interface StatsFilter {
  /** A day before `to` by default. */
  readonly from?: string;
  /** Now by default. */
  readonly to?: string;
  /** Seconds of a bucket; 3600 by default. */
  readonly step?: 60 | 3600 | 86400;
  /** For keys with the scope `admin`: id of an account, or `*` for all. */
  readonly account?: string;
}

/** A value, and how often it came. */
export interface StatsTop {
  readonly value: string;
  readonly count: number;
}

/** Counts of operations; `p50_s` and `p95_s` are seconds from when they could run to their end, null where none ended. */
export interface OperationStats {
  readonly buckets: readonly {
    readonly at: string;
    readonly accepted: number;
    readonly finished: number;
    readonly failed: number;
    readonly canceled: number;
    readonly p50_s: number | null;
    readonly p95_s: number | null;
  }[];
  readonly top: { readonly types: readonly StatsTop[]; readonly error_codes: readonly StatsTop[] };
}

/** Counts of attempts, and of deliveries that were given up. */
export interface DeliveryStats {
  readonly buckets: readonly {
    readonly at: string;
    readonly delivered: number;
    readonly exhausted: number;
    readonly failed_attempts: number;
  }[];
  readonly top: { readonly origins: readonly StatsTop[]; readonly errors: readonly StatsTop[] };
}

/** Something that happened. `reset` says that more happened since `after` than is told: read the lists. */
export type FeedEvent =
  | { readonly id: number; readonly kind: 'reset' }
  | ({ readonly id: number; readonly at: string; readonly account_id: string } & (
      | { readonly kind: 'operation.ended'; readonly operation: FeedOperation }
      | { readonly kind: 'attempt.made'; readonly attempt: FeedAttempt }
      | { readonly kind: 'endpoint.disabled'; readonly endpoint: FeedEndpoint }
    ));

/** An operation that has ended. */
export interface FeedOperation extends Pick<
  Operation,
  'id' | 'request_id' | 'type' | 'status' | 'correlation' | 'created_at'
> {
  readonly error_code: string | null;
  readonly finished_at: string;
}

/** An attempt that was made. */
export interface FeedAttempt {
  readonly delivery_id: string;
  readonly operation_id: string | null;
  /** Of the operation; null where the event is about none, and where it is no longer kept. */
  readonly type: string | null;
  readonly endpoint_id: string | null;
  readonly url: string | null;
  readonly event: string;
  readonly number: number;
  readonly trigger: 'schedule' | 'manual' | 'recovery' | 'test' | 'pull';
  /** `unknown`: cut off, the receiver may have seen it. */
  readonly outcome: 'delivered' | 'failed' | 'unknown';
  readonly http_status: number | null;
  readonly error: string | null;
  readonly duration_ms: number | null;
  /** Null where it was the last one. */
  readonly next_attempt_at: string | null;
}

/** An endpoint that was disabled. */
export interface FeedEndpoint {
  readonly id: string;
  readonly url: string | null;
  readonly reason: string | null;
}

/** Which deliveries a recovery brings forward; times are RFC 3339. */
export interface RecoverRequest {
  /** Made at or after this time. */
  readonly since: string;
  /** Made before this time; now by default. */
  readonly until?: string;
  /** Also those that wait for their next attempt. */
  readonly pending?: boolean;
}

/** Which of the operations' own callbacks a recovery brings forward. */
export interface RecoverDeliveriesRequest extends RecoverRequest {
  /** Scheme, host and port. */
  readonly origin?: string;
  /** Of the Exhausted ones only those that were given up for this reason. */
  readonly reason?: string;
}

/** A job that brings deliveries forward. */
export interface Recovery {
  readonly id: string;
  /** `finished`: each has had its attempt. */
  readonly state: 'running' | 'finished' | 'canceled';
  readonly found: number;
  readonly sent: number;
  readonly created_at: string;
  readonly finished_at: string | null;
}

/** What became of one operation of a batch. */
export type BatchItem =
  | { readonly operation: Operation; readonly error: null }
  | { readonly operation: null; readonly error: import('./error.js').RingbackError };

/** True when the operation has ended. */
export function hasEnded(status: OperationStatus | null): boolean {
  return status === 'Finished' || status === 'Failed' || status === 'Canceled';
}
