import { type Column, localTime, printFacts, spanWords, statusStyle } from './output.js';
import { consoleLink } from './operation-facts.js';

/** A registered endpoint. */
export interface Endpoint {
  readonly id: string;
  readonly account_id?: string;
  /** Null where it is pulled from. */
  readonly url: string | null;
  readonly description: string;
  readonly events: readonly string[];
  readonly headers: readonly { readonly key: string; readonly value: string }[];
  readonly retry_schedule: readonly number[] | null;
  readonly max_in_flight: number | null;
  readonly rate_per_s: number | null;
  readonly signature_profile: string;
  readonly thin_over: number | null;
  readonly client_certificate: { readonly subject: string; readonly ends_at: string } | null;
  readonly disabled_at: string | null;
  readonly disabled_reason: string | null;
  readonly lease_s?: number | null;
  readonly ephemeral_s?: number | null;
  readonly last_pulled_at?: string | null;
  readonly created_at: string;
  readonly secret?: string;
}

function stateOf({ disabled_at: at }: Endpoint): 'enabled' | 'disabled' {
  return at === null ? 'enabled' : 'disabled';
}

function spanOf(seconds: number | null | undefined): string | null {
  return typeof seconds === 'number' ? spanWords(1000 * seconds) : null;
}

/** What a list shows of each endpoint. */
export const ENDPOINT_COLUMNS: readonly Column<Endpoint>[] = [
  { head: 'ID', of: ({ id }) => id },
  { head: 'STATE', of: stateOf, style: (endpoint) => statusStyle(stateOf(endpoint)) },
  { head: 'WHY', of: (endpoint) => endpoint.disabled_reason },
  { head: 'CREATED', of: (endpoint) => localTime(endpoint.created_at) },
  { head: 'DESCRIPTION', of: ({ description }) => description || null },
  { head: 'URL', of: ({ url }) => url ?? 'pull' },
];

/** Prints an endpoint for people. */
export function printEndpoint(endpoint: Endpoint, url: string): void {
  const certificate = endpoint.client_certificate;
  printFacts(
    {
      id: endpoint.id,
      account: endpoint.account_id,
      url: endpoint.url ?? 'none: it is pulled from',
      description: endpoint.description,
      state: stateOf(endpoint),
      since: localTime(endpoint.disabled_at),
      why: endpoint.disabled_reason,
      events: endpoint.events.join(', '),
      headers: endpoint.headers.map(({ key }) => key).join(', '),
      'retry schedule': endpoint.retry_schedule && `${endpoint.retry_schedule.join(', ')} s`,
      'in flight at once': endpoint.max_in_flight,
      'attempts a second': endpoint.rate_per_s,
      'thin over': endpoint.thin_over === null ? null : `${endpoint.thin_over} bytes`,
      signatures: endpoint.signature_profile,
      certificate: certificate && `${certificate.subject}, until ${localTime(certificate.ends_at)}`,
      'leased for': spanOf(endpoint.lease_s),
      'deleted after': spanOf(endpoint.ephemeral_s),
      'last pulled': localTime(endpoint.last_pulled_at),
      created: localTime(endpoint.created_at),
      secret: endpoint.secret,
      console: consoleLink(url, `endpoints/${endpoint.id}`),
    },
    { state: statusStyle(stateOf(endpoint)) },
  );
}
