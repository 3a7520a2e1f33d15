import { accountShown, type Whose } from '../../accounts/whose.js';
import type { AttemptEntity, AttemptTrigger } from '../../deliveries/delivery.entity.js';
import type { ErrorClass } from '../../deliveries/delivery-filter.js';
import type { ShownDelivery } from '../../deliveries/delivery-reads.store.js';
import { ACKNOWLEDGED_BY_POLL, type DeliveryState } from '../../deliveries/delivery.state.js';
import { shownUrl } from './operation.response.js';
import { ApiInteger, ApiTime } from '../../http/api-properties.js';

/** One event owed to one destination. */
export class DeliveryResponse {
  /** The `webhook-id` of every attempt. */
  id: string;
  operation_id: string | null;
  endpoint_id: string | null;
  /** Whose it is; there where the request named an `account`. */
  account_id?: string;
  /** A query string is not shown. Null of a pull endpoint's. */
  url: string | null;
  /** `operation.finished` and the like; `endpoint.test` of a sample. */
  event: string;
  status: DeliveryState;
  @ApiInteger()
  attempt_count: number;
  @ApiTime()
  next_attempt_at: string | null;
  @ApiTime()
  created_at: string;
  @ApiTime()
  delivered_at: string | null;
  /** Why it was given up; null otherwise. */
  reason: string | null;
  /** How its last attempt failed, as lists are filtered by; null where none did, and once it is Delivered. */
  error: ErrorClass | null;
  /** `poll`: the caller has read how its `ack_by_poll` operation ended, and is told no more. */
  acknowledged_by?: 'poll';

  static from(delivery: ShownDelivery, whose?: Whose): DeliveryResponse {
    const acknowledged = delivery.reason === ACKNOWLEDGED_BY_POLL;
    return {
      id: delivery.id,
      operation_id: delivery.operationRid,
      endpoint_id: delivery.endpointId,
      ...accountShown(delivery.accountId, whose),
      url: shownUrl(delivery.url),
      event: delivery.eventType,
      status: delivery.state,
      attempt_count: delivery.attemptCount,
      next_attempt_at: delivery.state === 'Pending' ? (delivery.runAt?.toISOString() ?? null) : null,
      created_at: delivery.createdAt.toISOString(),
      delivered_at: delivery.deliveredAt?.toISOString() ?? null,
      reason: acknowledged && delivery.state !== 'Canceled' ? delivery.givenUpReason : delivery.reason,
      error: delivery.lastError,
      ...(acknowledged ? { acknowledged_by: 'poll' as const } : {}),
    };
  }
}

/** One HTTP POST of a delivery, or one lease of a consumer that pulled it. */
export class AttemptResponse {
  id: string;
  @ApiInteger()
  number: number;
  /** `pull`: a consumer asked for it. */
  trigger: AttemptTrigger;
  /** `started`: in flight; `unknown`: its worker died, or its consumer didn't acknowledge it in time: the receiver may have seen it. */
  outcome: 'started' | 'delivered' | 'failed' | 'unknown';
  @ApiTime()
  started_at: string;
  duration_ms: number | null;
  /** Milliseconds: `{ dns, connect, tls, first_byte }`; a reused connection has no first three. */
  phases_ms: Record<string, number | null> | null;
  @ApiInteger()
  http_status: number | null;
  error: string | null;
  /** For keys with the scope `admin`, where a name led to an address that may not be called: which one. */
  detail?: string;
  /** Secrets redacted; the signature is never stored. */
  request_headers: Record<string, string> | null;
  response_headers: Record<string, unknown> | null;
  /** The first 16 KiB. */
  response_body: string | null;
  response_truncated: boolean | null;
  /** There where it was sent twice: the receiver dropped a kept connection before any answer, and may have seen both. */
  resent?: boolean;
  retry_after_s: number | null;
  @ApiTime()
  next_attempt_at: string | null;

  /** `isOperator`: the reader's key has the scope `admin`. */
  static from(attempt: AttemptEntity, isOperator: boolean): AttemptResponse {
    return {
      id: attempt.id,
      number: attempt.number,
      trigger: attempt.trigger,
      outcome: attempt.outcome,
      started_at: attempt.startedAt.toISOString(),
      duration_ms: attempt.durationMs,
      phases_ms: parsed(attempt.phasesMs),
      http_status: attempt.httpStatus,
      error: attempt.error,
      ...(isOperator && attempt.detail !== null ? { detail: attempt.detail } : {}),
      request_headers: parsed(attempt.requestHeaders),
      response_headers: parsed(attempt.responseHeaders),
      response_body: attempt.responseBody,
      response_truncated: attempt.responseTruncated,
      ...(attempt.resent ? { resent: true } : {}),
      retry_after_s: attempt.retryAfterS,
      next_attempt_at: attempt.nextAttemptAt?.toISOString() ?? null,
    };
  }
}

/** One delivery with its bytes and its log. */
export class DeliveryDetailsResponse extends DeliveryResponse {
  /** The bytes of every attempt. */
  body: string;
  /**
   * The first 16 hex digits of the SHA-256 of each secret (`whsec_…`) and public key (`whpk_…`) that signs its attempts now: tells
   * whether one that you hold is among them. Empty where its endpoint is gone.
   */
  signing_fingerprints: string[];
  attempts: AttemptResponse[];
}

function parsed<T extends object>(text: string | null): T | null {
  return text === null ? null : (JSON.parse(text) as T);
}
