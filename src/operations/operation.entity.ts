import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { OperationState } from './operation.state.js';

/** The dialect in which an operation was submitted, and in which its own callback speaks. */
export type Face = 'native' | 'trm' | 'bgrs';

/** One piece of background work as it stands. Its live row is the truth and the outbox; the queue only holds hints to it. */
@Entity('operation_view')
export class OperationEntity {
  @PrimaryColumn({ name: 'request_id', type: 'bigint' })
  requestId: string;

  @Column({ name: 'rid', type: 'text', unique: true })
  rid: string;

  @Column({ name: 'account_id', type: 'text' })
  accountId: string;

  @Column({ name: 'type', type: 'text' })
  type: string;

  @Column({ name: 'face', type: 'text' })
  face: Face;

  @Column({ name: 'state', type: 'text' })
  state: OperationState;

  @Column({ name: 'phase', type: 'text', nullable: true })
  phase: 'scheduled' | 'keyed' | 'ready' | 'offered' | 'dispatched' | 'running' | 'awaiting' | null;

  /** JSON text, as it came. */
  @Column({ name: 'input', type: 'text', nullable: true })
  input: string | null;

  @Column({ name: 'callback_url', type: 'text', nullable: true })
  callbackUrl: string | null;

  /** Sealed JSON of `[{ key, value }]`. */
  @Column({ name: 'callback_headers', type: 'text', nullable: true })
  callbackHeaders: string | null;

  /** Bytes: a larger body of its own callback leaves the result out; null: the setting's. */
  @Column({ name: 'callback_thin_over', type: 'integer', nullable: true })
  callbackThinOver: number | null;

  @Column({ name: 'correlation', type: 'text', nullable: true })
  correlation: string | null;

  @Column({ name: 'priority', type: 'smallint' })
  priority: number;

  @Column({ name: 'retention', type: 'text' })
  retention: string;

  @Column({ name: 'tries', type: 'integer' })
  tries: number;

  @Column({ name: 'timeout_s', type: 'double precision' })
  timeoutS: number;

  @Column({ name: 'attempt', type: 'integer' })
  attempt: number;

  @Column({ name: 'progress', type: 'real' })
  progress: number;

  @Column({ name: 'status_text', type: 'text' })
  statusText: string;

  /** JSON text, as the handler gave it. */
  @Column({ name: 'result', type: 'text', nullable: true })
  result: string | null;

  /** JSON text, as the handler gave it. */
  @Column({ name: 'custom', type: 'text', nullable: true })
  custom: string | null;

  @Column({ name: 'error_code', type: 'text', nullable: true })
  errorCode: string | null;

  @Column({ name: 'error_message', type: 'text', nullable: true })
  errorMessage: string | null;

  @Column({ name: 'file_id', type: 'text', nullable: true })
  fileId: string | null;

  @Column({ name: 'rerun_of', type: 'text', nullable: true })
  rerunOf: string | null;

  /** The submit's answer has told the end: its own callback is owed nothing. */
  @Column({ name: 'silent', type: 'boolean' })
  silent: boolean;

  /** Until when its own callback waits for the submit's answer to tell the end in its place. */
  @Column({ name: 'silent_until', type: 'timestamptz', nullable: true })
  silentUntil: Date | null;

  /** A caller that has read the end needs no callback: that ends its delivery. */
  @Column({ name: 'ack_by_poll', type: 'boolean' })
  ackByPoll: boolean;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  @Column({ name: 'started_at', type: 'timestamptz', nullable: true })
  startedAt: Date | null;

  @Column({ name: 'finished_at', type: 'timestamptz', nullable: true })
  finishedAt: Date | null;

  @Column({ name: 'expires_at', type: 'timestamptz', nullable: true })
  expiresAt: Date | null;

  /** When housekeeping next looks at an ended row; null: at `expiresAt`. */
  @Column({ name: 'sweep_at', type: 'timestamptz', nullable: true })
  sweepAt: Date | null;

  /** When input, result and the bodies of its deliveries were deleted. */
  @Column({ name: 'emptied_at', type: 'timestamptz', nullable: true })
  emptiedAt: Date | null;

  /** When its caller had it emptied; `emptiedAt` is set then, too. */
  @Column({ name: 'erased_at', type: 'timestamptz', nullable: true })
  erasedAt: Date | null;

  /** W3C trace context of the request that submitted it. */
  @Column({ name: 'traceparent', type: 'text', nullable: true })
  traceparent: string | null;

  /** Of the schedule that had it submitted; null where none did. */
  @Column({ name: 'schedule_id', type: 'text', nullable: true })
  scheduleId: string | null;

  /** For which of its times that was. */
  @Column({ name: 'tick', type: 'timestamptz', nullable: true })
  tick: Date | null;

  /** A caller asked to cancel it: when it ends as Canceled whatever its handler does. */
  @Column({ name: 'cancel_at', type: 'timestamptz', nullable: true })
  cancelAt: Date | null;

  @Column({ name: 'run_at', type: 'timestamptz', nullable: true })
  runAt: Date | null;

  /** When this row next needs somebody; null once it has ended. */
  @Column({ name: 'due_at', type: 'timestamptz', nullable: true })
  dueAt: Date | null;

  /** Since when it has had a slot without a worker's claim; null where it isn't dispatched. */
  @Column({ name: 'dispatched_at', type: 'timestamptz', nullable: true })
  dispatchedAt: Date | null;

  @Column({ name: 'epoch', type: 'integer' })
  epoch: number;

  @Column({ name: 'lease_token', type: 'uuid', nullable: true })
  leaseToken: string | null;

  /** JSON of a `StoredFlow`; null: it has no flow key. */
  @Column({ name: 'flow', type: 'text', nullable: true })
  flow: string | null;
}

/** One row of an operation's history: a transition, a progress step or a log line. */
@Entity('history_view')
export class HistoryEntryEntity {
  @PrimaryColumn({ name: 'operation_id', type: 'bigint' })
  operationId: string;

  @PrimaryColumn({ name: 'id', type: 'bigint' })
  id: string;

  @Column({ name: 'kind', type: 'text' })
  kind: 'transition' | 'progress' | 'log';

  @Column({ name: 'state', type: 'text', nullable: true })
  state: OperationState | null;

  @Column({ name: 'progress', type: 'real', nullable: true })
  progress: number | null;

  @Column({ name: 'text', type: 'text' })
  text: string;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  /** Of a failed attempt; for keys with the scope `admin` only. */
  @Column({ name: 'stack', type: 'text', nullable: true })
  stack: string | null;
}

/** Remembers which operation an `Idempotency-Key` made, and for which body. */
@Entity('idempotency_key')
export class IdempotencyKeyEntity {
  @PrimaryColumn({ name: 'account_id', type: 'text' })
  accountId: string;

  @PrimaryColumn({ name: 'key', type: 'text' })
  key: string;

  @Column({ name: 'fingerprint', type: 'text' })
  fingerprint: string;

  @Column({ name: 'rid', type: 'text' })
  rid: string;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt: Date;
}

/** Whom the last round of dispatch served last, or looked at last: the next one begins behind it. */
@Entity('fairness_cursor')
export class FairnessCursorEntity {
  @PrimaryColumn({ name: 'of', type: 'text' })
  of: 'operations' | 'deliveries' | 'paused' | 'work';

  /** Id of an account, a lane, id of an endpoint; empty at first. */
  @Column({ name: 'served', type: 'text' })
  served: string;
}

/** An account whose next free slot is left to an operation that is offered. */
@Entity('slot_wanted')
export class SlotWantedEntity {
  @PrimaryColumn({ name: 'account_id', type: 'text' })
  accountId: string;

  @Column({ name: 'until', type: 'timestamptz' })
  until: Date;
}

/** One row: when a process last looked for leases that have run out. A gap tells of an outage, in which none could be renewed. */
@Entity('lease_watch')
export class LeaseWatchEntity {
  @PrimaryColumn({ name: 'one', type: 'boolean' })
  one: boolean;

  @Column({ name: 'looked_at', type: 'timestamptz' })
  lookedAt: Date;
}
