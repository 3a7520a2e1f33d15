import type { DeliveryState } from './delivery.state.js';

/** How an attempt ended, and what becomes of its delivery. */
export interface AttemptRecord {
  readonly seq: string;
  readonly leaseToken: string;
  readonly number: number;
  readonly outcome: 'delivered' | 'failed' | 'unknown';
  /** True where the attempt was cut off by us: it is made again at once and uses up nothing. */
  readonly interrupted: boolean;
  /** Whether it tells of the endpoint's health: a redelivery by hand or a test doesn't, a recovery only by its success. */
  readonly counts: boolean;
  /** For the account's other endpoints when the delivery is exhausted: the event's body. */
  readonly exhaustedBody: string | null;
  readonly state: DeliveryState;
  readonly reason: string | null;
  /** Seconds until the next attempt; null when none is planned. */
  readonly delayS: number | null;
  readonly durationMs: number;
  readonly phasesMs: string | null;
  readonly httpStatus: number | null;
  readonly error: string | null;
  /** What only an operator may know of the error. */
  readonly detail: string | null;
  readonly requestHeaders: string | null;
  readonly responseHeaders: string | null;
  readonly responseBody: string | null;
  readonly responseTruncated: boolean | null;
  readonly resent: boolean;
  readonly retryAfterS: number | null;
}

/** What `record_attempts` reads. */
export function recordRow(r: AttemptRecord): object {
  return {
    seq: r.seq,
    token: r.leaseToken,
    number: r.number,
    outcome: r.outcome,
    state: r.state,
    reason: r.reason,
    delay_s: r.delayS,
    duration_ms: r.durationMs,
    phases_ms: r.phasesMs,
    http_status: r.httpStatus,
    error: r.error,
    detail: r.detail,
    request_headers: r.requestHeaders,
    response_headers: r.responseHeaders,
    response_body: r.responseBody,
    response_truncated: r.responseTruncated,
    resent: r.resent,
    retry_after_s: r.retryAfterS,
    interrupted: r.interrupted,
    counts: r.counts,
    exhausted_body: r.exhaustedBody,
  };
}
