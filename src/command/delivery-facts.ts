import type { Attempt, DeliveryDetails } from '../client/delivery-details.js';
import type { Delivery } from '../client/index.js';
import {
  type Column,
  localTime,
  printFacts,
  spanWords,
  statusStyle,
  styled,
  cleanLines,
  clean,
  write,
} from './output.js';
import { consoleLink } from './operation-facts.js';

export type { Attempt, DeliveryDetails };

/** What a list shows of each delivery. */
export const DELIVERY_COLUMNS: readonly Column<Delivery>[] = [
  { head: 'ID', of: ({ id }) => id },
  { head: 'EVENT', of: ({ event }) => event },
  { head: 'STATUS', of: ({ status }) => status, style: ({ status }) => statusStyle(status) },
  { head: 'ATTEMPTS', of: ({ attempt_count: made }) => made },
  { head: 'ERROR', of: ({ error }) => error, style: ({ error }) => (error === null ? null : 'red') },
  { head: 'CREATED', of: (delivery) => localTime(delivery.created_at) },
  { head: 'NEXT ATTEMPT', of: (delivery) => localTime(delivery.next_attempt_at) },
  { head: 'URL', of: ({ url }) => url },
];

/** Prints a delivery's forensics: every attempt with what was sent and what was answered. */
export function printDelivery(delivery: DeliveryDetails, url: string): void {
  printFacts(
    {
      id: delivery.id,
      operation: delivery.operation_id,
      endpoint: delivery.endpoint_id,
      account: delivery.account_id,
      url: delivery.url,
      event: delivery.event,
      status: delivery.status,
      reason: delivery.reason,
      'acknowledged by': delivery.acknowledged_by,
      created: localTime(delivery.created_at),
      delivered: localTime(delivery.delivered_at),
      'next attempt': localTime(delivery.next_attempt_at),
      body:
        delivery.body === ''
          ? 'gone'
          : `${Buffer.byteLength(delivery.body).toLocaleString('en')} bytes; --body prints it`,
      'signed with': delivery.signing_fingerprints.join(', '),
      console: consoleLink(url, `deliveries/${delivery.id}`),
    },
    { status: statusStyle(delivery.status) },
  );
  for (const attempt of delivery.attempts) printAttempt(attempt);
}

/** How an attempt went, in one line. */
export function attemptLine({
  number,
  outcome,
  http_status: status,
  error,
  duration_ms: ms,
}: Attempt): string {
  const verdict = outcome === 'started' ? 'under way' : outcome;
  const code = status === null ? null : `HTTP ${status}`;
  // The log may say of an error what the status says.
  const why = [code, error === code ? null : error].filter((one) => one !== null).join(', ');
  return [
    `attempt ${number}: ${styled(statusStyle(outcome) ?? 'cyan', verdict)}`,
    ...(why === '' ? [] : [clean(why)]),
    ...(ms === null ? [] : [`after ${spanWords(ms)}`]),
  ].join(', ');
}

function printAttempt(attempt: Attempt): void {
  const line = attemptLine(attempt);
  write(`\n${line.charAt(0).toUpperCase()}${line.slice(1)}\n`);
  const {
    phases_ms: phases,
    request_headers: sent,
    response_headers: answered,
    response_body: body,
  } = attempt;
  printBlock({
    started: localTime(attempt.started_at),
    trigger: attempt.trigger,
    phases: phases && phasesOf(phases),
    detail: attempt.detail,
    resent: attempt.resent ? 'yes: the receiver dropped a kept connection before any answer' : null,
    'asked to wait': attempt.retry_after_s === null ? null : spanWords(1000 * attempt.retry_after_s),
    'next attempt': localTime(attempt.next_attempt_at),
  });
  if (sent) printHeaders('sent', sent);
  if (answered) printHeaders('answered', answered);
  if (body !== null && body !== '') {
    const cut = attempt.response_truncated ? styled('dim', '\n    … and more, which is not kept') : '';
    write(`\n${indented(cleanLines(body).trimEnd(), 4)}${cut}\n`);
  }
}

function phasesOf(phases: Readonly<Record<string, number | null>>): string {
  return Object.entries(phases)
    .filter(([, ms]) => ms !== null)
    .map(([name, ms]) => `${name.replaceAll('_', ' ')} ${spanWords(ms!)}`)
    .join(', ');
}

function printHeaders(title: string, headers: Readonly<Record<string, unknown>>): void {
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => `${clean(name)}: ${clean(String(one))}`),
  );
  write(`  ${styled('dim', title)}\n${lines.map((line) => `    ${line}\n`).join('')}`);
}

function printBlock(facts: Readonly<Record<string, string | null | undefined>>): void {
  const told = Object.entries(facts).filter(
    ([, value]) => value !== null && value !== undefined && value !== '',
  );
  const width = Math.max(...told.map(([name]) => name.length));
  for (const [name, value] of told) write(`  ${styled('dim', name.padEnd(width))}  ${clean(value!)}\n`);
}

function indented(text: string, by: number): string {
  return text.replaceAll(/^/gm, ' '.repeat(by));
}
