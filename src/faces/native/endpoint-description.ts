import type { EndpointEntity } from '../../endpoints/endpoint.entity.js';
import type { EndpointDescription } from '../../endpoints/endpoint-settings.js';
import { DEFAULT_EVENTS } from '../../endpoints/events.js';
import { type ChangeEndpointRequest, CreateEndpointRequest } from './endpoint.request.js';

/** The names alone: URLs and headers hold secrets. */
export function fieldsOf(request: object): string[] {
  return Object.entries(request).flatMap(([name, value]) => (value === undefined ? [] : [name]));
}

/** What is given over what stands, over the defaults. */
export function endpointDescription(
  request: ChangeEndpointRequest,
  current: EndpointEntity | null,
  url: string,
): EndpointDescription {
  return {
    mode: current?.mode ?? (request instanceof CreateEndpointRequest ? request.mode : undefined) ?? 'push',
    url: request.url ?? url,
    description: request.description ?? current?.description ?? '',
    events: request.events ?? current?.events ?? DEFAULT_EVENTS,
    headers: request.headers ?? undefined,
    retrySchedule:
      request.retry_schedule === undefined ? (current?.retrySchedule ?? null) : request.retry_schedule,
    maxInFlight: request.max_in_flight === undefined ? (current?.maxInFlight ?? null) : request.max_in_flight,
    ratePerS: request.rate_per_s === undefined ? (current?.ratePerS ?? null) : request.rate_per_s,
    signatureProfile: request.signature_profile ?? current?.signatureProfile ?? 'standard',
    thinOver: request.thin_over === undefined ? (current?.thinOver ?? null) : request.thin_over,
    clientCertificate: request.client_certificate,
    handshake: request.handshake ?? false,
    leaseS: request.lease_s === undefined ? (current?.leaseS ?? null) : request.lease_s,
    ephemeralS: request.ephemeral_s === undefined ? (current?.ephemeralS ?? null) : request.ephemeral_s,
  };
}
