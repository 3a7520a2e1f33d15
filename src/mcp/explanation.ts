import type { Attempt, DeliveryDetails } from '../client/delivery-details.js';
import { reasonText } from '../client/given-up.js';
import type { Delivery } from '../client/types.js';
import { remedyOf } from './remedies.js';
import type { Endpoint } from './service.js';
import { counted, originOf, relative, shortened } from './words.js';

/** Attempts that are told of one by one, and characters of an answer's body. */
const TOLD = 5;
const BODY = 300;

/** What is known besides of a delivery's receiver. */
export interface Receiver {
  /** Null where the delivery is an operation's own callback, or its endpoint is gone. */
  readonly endpoint: Endpoint | null;
  /** Its last deliveries. */
  readonly recent: readonly Delivery[];
}

/** Why a callback stands as it does, and what mends it: a line each; pure. */
export function explain(delivery: DeliveryDetails, receiver: Receiver, now: number): string[] {
  return [
    standing(delivery, receiver, now),
    ...delivery.attempts.slice(-TOLD).map((attempt) => attemptLine(attempt)),
    ...(delivery.attempts.length > TOLD
      ? [`(${delivery.attempts.length - TOLD} earlier attempts are left out)`]
      : []),
    ...receiverLines(delivery, receiver, now),
    ...remedyLines(delivery, receiver),
  ];
}

function standing(delivery: DeliveryDetails, { endpoint }: Receiver, now: number): string {
  const { status, attempts, reason, next_attempt_at: next, event } = delivery;
  const head = `The callback ${event} to ${placeOf(delivery)} is ${status}`;
  const tries = counted(attempts.filter(({ outcome }) => outcome !== 'started').length, 'attempt');
  switch (status) {
    case 'Delivered':
      return `${head}: the receiver took it, by ${tries}.`;
    case 'Canceled':
      return `${head}: ${reasonText(reason ?? 'canceled')}. It is not sent any more.`;
    case 'Exhausted':
      return `${head}: given up after ${tries}, since ${reasonText(reason ?? 'schedule_spent')}.`;
    case 'Pending':
      if (endpoint?.disabled_at) return `${head}, and held: its endpoint is disabled.`;
      if (attempts.at(-1)?.outcome === 'started') return `${head}: attempt ${attempts.length} is in flight.`;
      return `${head}: ${attempts.length === 0 ? 'not attempted yet' : `${tries} failed`}${next === null ? '' : `, the next one is due ${relative(next, now)} (${next})`}.`;
    default:
      return status satisfies never;
  }
}

function attemptLine(attempt: Attempt): string {
  const {
    number,
    started_at: at,
    trigger,
    duration_ms: ms,
    response_body: body,
    retry_after_s: asked,
  } = attempt;
  return [
    `#${number} ${at} (${trigger}): ${outcomeOf(attempt)}`,
    ...(ms === null ? [] : [`after ${Math.round(ms)} ms`]),
    ...(attempt.detail === undefined ? [] : [attempt.detail]),
    ...(asked === null ? [] : [`Retry-After ${asked} s`]),
    ...(body ? [`answer ${JSON.stringify(shortened(body, BODY))}`] : []),
  ].join(', ');
}

function outcomeOf({ outcome, http_status: status, error }: Attempt): string {
  if (outcome === 'started') return 'in flight';
  if (outcome === 'unknown') return 'unknown, its worker ended meanwhile';
  return error ?? `HTTP ${status}`;
}

function receiverLines(delivery: DeliveryDetails, { endpoint, recent }: Receiver, now: number): string[] {
  // What nobody has tried yet tells nothing.
  const others = recent.filter((other) => other.id !== delivery.id && other.attempt_count > 0);
  const arrived = others.filter(({ status }) => status === 'Delivered').length;
  const place = endpoint ? 'this endpoint' : (originOf(delivery.url) ?? 'it');
  const lines: string[] = [];
  if (endpoint?.disabled_at)
    lines.push(
      `The endpoint ${endpoint.id} was disabled ${relative(endpoint.disabled_at, now)}: ${endpoint.disabled_reason ?? 'by hand'}.`,
    );
  if (others.length > 0)
    lines.push(
      `${arrived} of the last ${others.length} other callbacks to ${place} arrived${verdict(arrived, others.length)}.`,
    );
  return lines;
}

/** A pull endpoint has no URL: its consumer comes for it. */
function placeOf({ url, endpoint_id: endpoint }: DeliveryDetails): string {
  return url ?? `whoever pulls ${endpoint}`;
}

function verdict(arrived: number, all: number): string {
  if (arrived === 0) return ': the receiver as a whole fails';
  return arrived === all ? ': the receiver is well, and this one is special' : '';
}

function remedyLines({ id, status, error, attempts }: DeliveryDetails, { endpoint }: Receiver): string[] {
  if (status === 'Delivered' || attempts.length === 0) return enabling(endpoint);
  const last = attempts.findLast(({ outcome }) => outcome === 'failed' || outcome === 'unknown');
  const lines = last ? [`Remedy: ${remedyOf(error, last.http_status)}.`] : [];
  if (status === 'Exhausted') lines.push(`Then redeliver it: ringback redeliver ${id}`);
  return [...lines, ...enabling(endpoint)];
}

function enabling(endpoint: Endpoint | null): string[] {
  return endpoint?.disabled_at
    ? [`Enable the endpoint once its receiver is well: what is held is sent then.`]
    : [];
}
