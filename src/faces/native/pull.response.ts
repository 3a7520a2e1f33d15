import type { DeliveryState } from '../../deliveries/delivery.state.js';
import type { AckOutcome } from '../../endpoints/pull/pull-acks.service.js';
import { ApiInteger, ApiTime } from '../../http/api-properties.js';

/** A delivery as its POST would be. */
export class PulledDeliveryResponse {
  /** The delivery's: its `webhook-id`. */
  id: string;
  @ApiInteger()
  attempt: number;
  /** Names in lower case; signed as those of a POST. */
  headers: Record<string, string>;
  /** The bytes that are signed: verify them as they are, before you parse them. */
  body: string;
}

/** What was leased to this consumer, the oldest first. */
export class PullResponse {
  data: PulledDeliveryResponse[];
}

/** What became of an acknowledgement. */
export class AckResponse {
  id: string;
  /** `late`: its lease is over or the delivery has ended, nothing was changed; `unknown`: this endpoint has no such delivery. */
  result: 'acked' | 'nacked' | 'late' | 'unknown';
  /** The delivery's, as it stands; null of an unknown one. */
  status: DeliveryState | null;
  /** When it is offered again. */
  @ApiTime()
  next_attempt_at: string | null;

  static from({ id, result, state, nextAttemptAt }: AckOutcome): AckResponse {
    return { id, result, status: state, next_attempt_at: nextAttemptAt?.toISOString() ?? null };
  }
}

/** In the order of the request. */
export class AcksResponse {
  data: AckResponse[];
}
