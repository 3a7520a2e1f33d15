import type { DeliveryState } from './delivery.state.js';

/** What kind of failure an attempt shows, as `error_class` in sql/functions tells it. */
export const ERROR_CLASSES = [
  'http_5xx',
  'http_4xx',
  'http_3xx',
  'http_1xx',
  'connect_refused',
  'connect_timeout',
  'connection_reset',
  'response_timeout',
  'request_timeout',
  'response_invalid',
  'dns_error',
  'dns_timeout',
  'tls_error',
  'proxy_error',
  'blocked_destination',
  'nacked',
  'unknown',
] as const;

export type ErrorClass = (typeof ERROR_CLASSES)[number];

/** Which deliveries are meant: those for which all of this holds. What isn't given lets all through. */
export interface DeliveryFilter {
  /** Id of an account; null: of all of them. */
  readonly account: string | null;
  readonly states?: readonly DeliveryState[] | undefined;
  /** Id of an endpoint. */
  readonly endpoint?: string | undefined;
  /** Request id of an operation. */
  readonly operation?: string | undefined;
  /** Scheme, host and port. */
  readonly origin?: string | undefined;
  readonly event?: string | undefined;
  /** Of their last attempt, where that failed and they aren't Delivered. */
  readonly error?: ErrorClass | undefined;
  /** Made at or after this time. */
  readonly since?: Date | undefined;
  /** Made before this time. */
  readonly until?: Date | undefined;
  /** Made before the record of this number. */
  readonly below?: string | undefined;
}
