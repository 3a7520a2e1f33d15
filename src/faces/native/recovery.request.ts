import { IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { GIVEN_UP_REASONS, type GivenUpReason } from '../../deliveries/delivery.state.js';
import type { RecoveryScope } from '../../endpoints/recovery.store.js';
import { Problem } from '../../http/problem.js';
import { RecoverRequest } from './endpoint.request.js';

export class RecoverDeliveriesRequest extends RecoverRequest {
  /** Only callbacks to this origin: scheme, host and port, like `https://example.com`. */
  @IsOptional()
  @IsString()
  @MaxLength(2048)
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

/** The origin as deliveries have it. */
export function originOf(given: string | undefined): string | null {
  if (given === undefined) return null;
  const url = URL.canParse(given) ? new URL(given) : null;
  if (url && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`) return url.origin;
  const message = 'must be scheme, host and port alone, like https://example.com or https://example.com:8443';
  throw new Problem(422, 'invalid-request', `origin ${message}`, { errors: [{ path: 'origin', message }] });
}
