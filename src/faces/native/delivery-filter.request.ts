import { IsIn, IsOptional, Matches } from 'class-validator';
import { type DeliveryFilter, ERROR_CLASSES, type ErrorClass } from '../../deliveries/delivery-filter.js';
import { DELIVERY_STATES } from '../../deliveries/delivery.state.js';
import { EVENT_TYPES } from '../../endpoints/events.js';
import { IsListOf, IsOrigin, toOrigin, words } from '../../http/filter-fields.js';
import { dateOf, IsInstant } from '../../http/instant.js';

/** Which deliveries are meant, as lists and bulk actions are told. */
export class DeliveryFilterRequest {
  /** Several by comma. */
  @IsOptional()
  @IsListOf(DELIVERY_STATES)
  status?: string;

  /** Id of an endpoint. */
  @IsOptional()
  @Matches(/^ep_[0-9a-f]{32}$/, { message: 'endpoint must be an endpoint id: ep_ and 32 hex digits' })
  endpoint?: string;

  /** Id of an operation. */
  @IsOptional()
  @Matches(/^[0-9a-f]{32}$/, { message: 'operation must be an operation id: 32 hex digits' })
  operation?: string;

  /** Scheme, host and port of their URL, like `https://example.com`. */
  @IsOptional()
  @IsOrigin()
  origin?: string;

  /** `operation.finished` and the like; `endpoint.test` of samples. */
  @IsOptional()
  @IsIn([...EVENT_TYPES, 'endpoint.test'])
  event?: string;

  /** How their last attempt failed, of those that aren't Delivered. */
  @IsOptional()
  @IsIn(ERROR_CLASSES)
  error?: ErrorClass;

  /** Made at or after this time (RFC 3339). */
  @IsOptional()
  @IsInstant()
  since?: string;

  /** Made before this time (RFC 3339). */
  @IsOptional()
  @IsInstant()
  until?: string;
}

/** The filter that a request means; `account` is null for all accounts, `operation` the request id of the one that it names. */
export function deliveryFilter(
  request: DeliveryFilterRequest,
  account: string | null,
  operation: string | undefined,
): DeliveryFilter {
  return {
    account,
    states: words(request.status),
    endpoint: request.endpoint,
    operation,
    origin: toOrigin(request.origin) ?? undefined,
    event: request.event,
    error: request.error,
    since: dateOf(request.since),
    until: dateOf(request.until),
  };
}
