import { IsIn, IsOptional } from 'class-validator';
import { GIVEN_UP_REASONS, type GivenUpReason } from '../../deliveries/delivery.state.js';
import type { RecoveryScope } from '../../endpoints/recovery.store.js';
import { IsOrigin } from '../../http/filter-fields.js';
import { RecoverRequest } from './endpoint.request.js';

export class RecoverDeliveriesRequest extends RecoverRequest {
  /** Only callbacks to this origin: scheme, host and port, like `https://example.com`. */
  @IsOptional()
  @IsOrigin()
  origin?: string;

  /** Of the Exhausted ones only those that were given up for this reason. */
  @IsOptional()
  @IsIn(GIVEN_UP_REASONS)
  reason?: GivenUpReason;
}

/** The time span of a recovery, and whether it takes what waits. */
export function spanOf(request: RecoverRequest): Pick<RecoveryScope, 'since' | 'until' | 'pending'> {
  return {
    since: new Date(request.since),
    until: request.until === undefined ? new Date() : new Date(request.until),
    pending: request.pending ?? false,
  };
}
