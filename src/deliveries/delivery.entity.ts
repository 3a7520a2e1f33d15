import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { DeliveryState } from './delivery.state.js';

/** Why an attempt was made. */
export type AttemptTrigger = 'schedule' | 'manual' | 'recovery' | 'test' | 'pull';

/** One event owed to one destination, as it stands. */
@Entity('delivery_view')
export class DeliveryEntity {
  @PrimaryColumn({ name: 'seq', type: 'bigint' })
  seq: string;

  @Column({ name: 'id', type: 'text', unique: true })
  id: string;

  @Column({ name: 'account_id', type: 'text' })
  accountId: string;

  @Column({ name: 'operation_id', type: 'bigint', nullable: true })
  operationId: string | null;

  @Column({ name: 'operation_rid', type: 'text', nullable: true })
  operationRid: string | null;

  @Column({ name: 'endpoint_id', type: 'text', nullable: true })
  endpointId: string | null;

  /** `callback`, or the endpoint's id. */
  @Column({ name: 'destination', type: 'text' })
  destination: string;

  @Column({ name: 'event_type', type: 'text' })
  eventType: string;

  @Column({ name: 'url', type: 'text' })
  url: string;

  @Column({ name: 'origin', type: 'text' })
  origin: string;

  /** What takes turns: the endpoint, or the origin of callbacks that no endpoint has. */
  @Column({ name: 'lane', type: 'text' })
  lane: string;

  /** Of callbacks what takes turns inside their origin: account and URL without its query, hashed; 0 of an endpoint. */
  @Column({ name: 'receiver', type: 'bigint' })
  receiver: string;

  /** Of its receiver when it was dispatched: 0 known to answer, 1 unknown, 2 silent or of an unproven origin. */
  @Column({ name: 'doubt', type: 'smallint' })
  doubt: 0 | 1 | 2;

  /** Sealed JSON of `[{ key, value }]`. */
  @Column({ name: 'headers', type: 'text', nullable: true })
  headers: string | null;

  /** The bytes of every attempt, serialised once. */
  @Column({ name: 'body', type: 'text' })
  body: string;

  @Column({ name: 'state', type: 'text' })
  state: DeliveryState;

  @Column({ name: 'phase', type: 'text', nullable: true })
  phase: 'scheduled' | 'ready' | 'dispatched' | 'running' | 'paused' | 'held' | null;

  /** Why it was given up, or `acknowledged_by_poll`. */
  @Column({ name: 'reason', type: 'text', nullable: true })
  reason: string | null;

  /** Of a callback that was given up, and then acknowledged by poll: why it was. Kept while it is redelivered by hand. */
  @Column({ name: 'given_up_reason', type: 'text', nullable: true })
  givenUpReason: string | null;

  @Column({ name: 'attempt_count', type: 'integer' })
  attemptCount: number;

  /** Attempts of the retry schedule that were made. */
  @Column({ name: 'schedule_step', type: 'integer' })
  scheduleStep: number;

  @Column({ name: 'trigger', type: 'text' })
  trigger: AttemptTrigger;

  /** After a redelivery by hand that fails: when the schedule goes on; null: exhausted. */
  @Column({ name: 'resume_at', type: 'timestamptz', nullable: true })
  resumeAt: Date | null;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  /** From when its deadline counts: when it was made, or released after it was paused, and later by what it waited for a consumer. */
  @Column({ name: 'owed_since', type: 'timestamptz' })
  owedSince: Date;

  /** When its operation was accepted; null where it tells of none. */
  @Column({ name: 'accepted_at', type: 'timestamptz', nullable: true })
  acceptedAt: Date | null;

  /** W3C trace context of its operation. */
  @Column({ name: 'traceparent', type: 'text', nullable: true })
  traceparent: string | null;

  /** The first time; it stays while it is sent again. */
  @Column({ name: 'delivered_at', type: 'timestamptz', nullable: true })
  deliveredAt: Date | null;

  /** When the next attempt is planned; null when none is. */
  @Column({ name: 'run_at', type: 'timestamptz', nullable: true })
  runAt: Date | null;

  /** When this row next needs somebody; null once it has ended. */
  @Column({ name: 'due_at', type: 'timestamptz', nullable: true })
  dueAt: Date | null;

  /** Since when it has had its place without a worker's claim; null where it isn't dispatched. */
  @Column({ name: 'dispatched_at', type: 'timestamptz', nullable: true })
  dispatchedAt: Date | null;

  @Column({ name: 'epoch', type: 'integer' })
  epoch: number;

  @Column({ name: 'lease_token', type: 'uuid', nullable: true })
  leaseToken: string | null;
}

/** One HTTP POST of a delivery, or one lease of a consumer that pulled it. */
@Entity('attempt_view')
export class AttemptEntity {
  @PrimaryColumn({ name: 'delivery_id', type: 'text' })
  deliveryId: string;

  @PrimaryColumn({ name: 'number', type: 'integer' })
  number: number;

  @Column({ name: 'id', type: 'text' })
  id: string;

  @Column({ name: 'trigger', type: 'text' })
  trigger: AttemptTrigger;

  @Column({ name: 'outcome', type: 'text' })
  outcome: 'started' | 'delivered' | 'failed' | 'unknown';

  @Column({ name: 'started_at', type: 'timestamptz' })
  startedAt: Date;

  @Column({ name: 'duration_ms', type: 'real', nullable: true })
  durationMs: number | null;

  /** JSON text of `{ dns, connect, tls, first_byte }`, milliseconds each. */
  @Column({ name: 'phases_ms', type: 'text', nullable: true })
  phasesMs: string | null;

  @Column({ name: 'http_status', type: 'integer', nullable: true })
  httpStatus: number | null;

  @Column({ name: 'error', type: 'text', nullable: true })
  error: string | null;

  /** For the operator alone: what an integrator isn't told of the error, such as an address. */
  @Column({ name: 'detail', type: 'text', nullable: true })
  detail: string | null;

  /** JSON text; values that are secret are redacted, the signature is never stored. */
  @Column({ name: 'request_headers', type: 'text', nullable: true })
  requestHeaders: string | null;

  @Column({ name: 'response_headers', type: 'text', nullable: true })
  responseHeaders: string | null;

  @Column({ name: 'response_body', type: 'text', nullable: true })
  responseBody: string | null;

  @Column({ name: 'response_truncated', type: 'boolean', nullable: true })
  responseTruncated: boolean | null;

  /** Sent once more over a new connection: the kept one broke before any answer. */
  @Column({ name: 'resent', type: 'boolean' })
  resent: boolean;

  @Column({ name: 'retry_after_s', type: 'integer', nullable: true })
  retryAfterS: number | null;

  @Column({ name: 'next_attempt_at', type: 'timestamptz', nullable: true })
  nextAttemptAt: Date | null;
}
