import type { FeedEntry } from '../../operations/feed/feed.store.js';
import type { OperationState } from '../../operations/operation.state.js';
import { ApiInteger, ApiLargeInteger, ApiTime } from '../../http/api-properties.js';
import type { AttemptTrigger } from '../../deliveries/delivery.entity.js';
import { shownUrl } from './operation.response.js';

/** An operation that has ended; `GET /v1/operations/:id` has more. */
export class FeedOperationResponse {
  id: string;
  @ApiLargeInteger()
  request_id: number;
  type: string;
  status: OperationState;
  correlation: string | null;
  error_code: string | null;
  @ApiTime()
  created_at: string;
  @ApiTime()
  finished_at: string;
}

/** An attempt that was made; `GET /v1/deliveries/:id` has more. */
export class FeedAttemptResponse {
  delivery_id: string;
  operation_id: string | null;
  /** Of the operation; null where the event is about none, and where it is no longer kept. */
  type: string | null;
  endpoint_id: string | null;
  /** A query string is not shown. Null of a pull endpoint. */
  url: string | null;
  event: string;
  @ApiInteger()
  number: number;
  trigger: AttemptTrigger;
  outcome: 'delivered' | 'failed' | 'unknown';
  @ApiInteger()
  http_status: number | null;
  error: string | null;
  duration_ms: number | null;
  /** Null where it was the last one. */
  @ApiTime()
  next_attempt_at: string | null;
}

/** An endpoint that was disabled. */
export class FeedEndpointResponse {
  id: string;
  /** A query string is not shown. Null of a pull endpoint. */
  url: string | null;
  reason: string | null;
}

/** Something that happened: with `operation`, `attempt` or `endpoint`, by its `kind`. */
export class FeedEventResponse {
  /** Its place in the feed, over all accounts: it grows, with gaps. */
  @ApiLargeInteger()
  id: number;
  kind: 'operation.ended' | 'attempt.made' | 'endpoint.disabled';
  @ApiTime()
  at: string;
  account_id: string;
  operation?: FeedOperationResponse;
  attempt?: FeedAttemptResponse;
  endpoint?: FeedEndpointResponse;

  static from(entry: FeedEntry): FeedEventResponse {
    const { id, kind, at, accountId } = entry;
    return { id, kind, at: at.toISOString(), account_id: accountId, ...subjectOf(entry) };
  }
}

function subjectOf({ kind, subject }: FeedEntry): Partial<FeedEventResponse> {
  switch (kind) {
    case 'operation.ended': {
      const { created_at, finished_at } = subject;
      return { operation: { ...subject, created_at: utc(created_at), finished_at: utc(finished_at) } };
    }
    case 'attempt.made': {
      const { url, next_attempt_at: next } = subject;
      return {
        attempt: { ...subject, url: shownUrl(url), next_attempt_at: next === null ? null : utc(next) },
      };
    }
    case 'endpoint.disabled':
      return { endpoint: { ...subject, url: shownUrl(subject.url) } };
    default:
      return kind satisfies never;
  }
}

/** A time of PostgreSQL's JSON as all others are shown. */
function utc(time: string): string {
  return new Date(time).toISOString();
}
