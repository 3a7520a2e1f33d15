import { typed } from '../form-text.js';
import type { CreateEndpointRequest, EndpointResponse } from '../api-types.js';

export const EVENTS = [
  'operation.finished',
  'operation.failed',
  'operation.canceled',
  'delivery.exhausted',
  'endpoint.disabled',
] as const;
export const DEFAULT_EVENTS: readonly string[] = EVENTS.slice(0, 3);
export const PROFILES = ['standard', 'standard+ed25519', 'github', 'stripe'] as const;

export type EndpointFields = {
  -readonly [name in keyof CreateEndpointRequest]?: CreateEndpointRequest[name];
};

/** What a form says of an endpoint. Of one that is changed, headers and certificate stay where nothing is given. */
export function fieldsGiven(given: FormData, current: EndpointResponse | undefined): EndpointFields {
  const fields: EndpointFields = {
    description: typed(given, 'description'),
    events: given.getAll('events') as EndpointFields['events'],
    retry_schedule: seconds(typed(given, 'retry_schedule')),
    thin_over: number(typed(given, 'thin_over')),
    signature_profile: typed(given, 'signature_profile') as EndpointFields['signature_profile'],
    ...(current?.mode === 'pull' ? {} : fieldsOfReceiver(given)),
  };
  const headers = headerLines(typed(given, 'headers'));
  if (headers.length > 0 || !current) fields.headers = headers;
  if (given.get('no_headers') === 'on') fields.headers = [];
  const certificate = typed(given, 'client_certificate');
  if (certificate !== '') fields.client_certificate = certificate;
  return fields;
}

/** What a pull endpoint has not. */
function fieldsOfReceiver(given: FormData): EndpointFields {
  return {
    url: typed(given, 'url'),
    max_in_flight: number(typed(given, 'max_in_flight')),
    rate_per_s: number(typed(given, 'rate_per_s')),
    handshake: given.get('handshake') === 'on',
  };
}

/** `name: value`, each on a line of its own. The service judges names and values. */
export function headerLines(lines: string): { key: string; value: string }[] {
  return lines
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const colon = line.indexOf(':');
      if (colon === -1) return { key: line.trim(), value: '' };
      return { key: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim() };
    });
}

/** What is no number goes as it is: the service says what is wrong with it. */
function number(value: string): number | null {
  if (value === '') return null;
  const read = Number(value);
  return Number.isNaN(read) ? (value as unknown as number) : read;
}

function seconds(value: string): number[] | null {
  return value === '' ? null : value.split(/[\s,;]+/).map((one) => number(one)!);
}
