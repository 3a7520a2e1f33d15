import type { RecoveryEntity } from '../../endpoints/endpoint.entity.js';
import type { RecoveryView } from '../../endpoints/recovery.store.js';
import { ApiInteger, ApiTime } from '../../http/api-properties.js';

/** A recovery that has begun. */
export class RecoveryBegunResponse {
  /** For `GET /v1/recoveries/:id`. */
  id: string;
  /** Deliveries that it brings forward. */
  @ApiInteger()
  found: number;

  static from({ id, found }: RecoveryEntity): RecoveryBegunResponse {
    return { id, found };
  }
}

/** A job that brings many deliveries forward. */
export class RecoveryResponse {
  id: string;
  /** `finished`: each has had its attempt. */
  state: RecoveryEntity['state'];
  /** Deliveries that it brings forward, as counted when it began. */
  @ApiInteger()
  found: number;
  /** Those that have had their attempt; fewer than `found` where some were delivered meanwhile without it. */
  @ApiInteger()
  sent: number;
  @ApiTime()
  created_at: string;
  @ApiTime()
  finished_at: string | null;

  static from({ recovery, sent }: RecoveryView): RecoveryResponse {
    return {
      id: recovery.id,
      state: recovery.state,
      found: recovery.found,
      sent,
      created_at: recovery.createdAt.toISOString(),
      finished_at: recovery.finishedAt?.toISOString() ?? null,
    };
  }
}
