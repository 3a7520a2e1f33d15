import { delayExpression, DelayExpressionError } from '../../messages/delay-expression.js';
import { forwardable } from '../../messages/forwarded-headers.js';
import { headerName, type MessageCallback, type Redaction, type Sending } from '../../messages/message.js';
import { isUrl } from './destinations.js';
import { type Fields, listOf, named, readDuration, unixTime, wholeNumber } from './fields.js';
import { readFlow } from './flow-fields.js';
import { refused } from './refusal.js';

/** What the header fields of a publish, or of an item of a batch, say: all of a message but where it goes, and its body. */
export interface Publication extends Omit<Sending, 'url'> {
  readonly callback: MessageCallback | null;
  readonly failureCallback: MessageCallback | null;
  /** Seconds from when the message is made; not given where `notBefore` is. */
  readonly delayS: number | null;
  readonly notBefore: Date | null;
  /** What is published once: an id, or all that has the same content. */
  readonly deduplication: { readonly id: string } | 'content' | null;
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];
const MAX_RETRIES = 1_000;
const MAX_TIMEOUT_S = 86_400;
/** A year and a day. */
const MAX_DELAY_S = 366 * 86_400;
const MAX_LABELS = 20;
const MAX_TEXT = 255;

/** Reads them all, or fails with a Problem that names the first that is wrong. */
export function readPublication(fields: Fields): Publication {
  const prefix = 'upstash';
  const contentType = fields.get('content-type');
  const own = readSending(fields, prefix);
  const headers = { ...(contentType === undefined ? {} : { 'Content-Type': contentType }), ...own.headers };
  const notBefore = unixTime(fields, `${prefix}-not-before`);
  return {
    ...own,
    headers: checkedHeaders(headers, `${prefix}-forward-`),
    delayS: notBefore === null ? readDuration(fields, `${prefix}-delay`, MAX_DELAY_S) : null,
    notBefore,
    callback: readCallback(fields, `${prefix}-callback`),
    failureCallback: readCallback(fields, `${prefix}-failure-callback`),
    deduplication: readDeduplication(fields),
  };
}

/** What is said alike of a message and, with another prefix, of its callbacks. */
function readSending(fields: Fields, prefix: string): Omit<Sending, 'url'> {
  const retryDelay = fields.get(`${prefix}-retry-delay`) ?? null;
  if (retryDelay !== null) checkExpression(retryDelay, `${prefix}-retry-delay`);
  return {
    method: readMethod(fields, `${prefix}-method`),
    headers: named(fields, `${prefix}-forward-`),
    retries: wholeNumber(fields, `${prefix}-retries`, MAX_RETRIES),
    retryDelay,
    timeoutS: readDuration(fields, `${prefix}-timeout`, MAX_TIMEOUT_S),
    labels: readLabels(fields, `${prefix}-label`),
    flow: readFlow(fields, prefix),
    redact: readRedaction(fields, `${prefix}-redact-fields`),
  };
}

/** Fields of a callback that aren't to be forwarded with it. */
const OF_CALLBACKS = new Set(
  ['method', 'retries', 'retry-delay', 'timeout', 'delay', 'not-before', 'label', 'redact-fields'].concat([
    'flow-control-key',
    'flow-control-value',
    'queue',
    'deduplication-id',
    'content-based-deduplication',
  ]),
);

function readCallback(fields: Fields, prefix: string): MessageCallback | null {
  const url = fields.get(prefix);
  if (url === undefined) return null;
  checkUrl(url, prefix);
  const own = readSending(fields, prefix);
  // The Python client has no other way to name a header that is to be forwarded.
  const others = Object.entries(named(fields, `${prefix}-`)).filter(([name]) => {
    const lower = name.toLowerCase();
    return !OF_CALLBACKS.has(lower) && !lower.startsWith('forward-');
  });
  return {
    ...own,
    url,
    headers: checkedHeaders(
      { 'Content-Type': 'application/json', ...Object.fromEntries(others), ...own.headers },
      `${prefix}-forward-`,
    ),
    delayS: readDuration(fields, `${prefix}-delay`, MAX_DELAY_S),
  };
}

function checkedHeaders(given: Record<string, string>, prefix: string): Record<string, string> {
  const { headers, faults } = forwardable(given);
  const [fault] = faults;
  if (fault) throw refused(headerName(prefix) + fault.name, fault.message);
  return headers;
}

function checkUrl(text: string, field: string): void {
  if (!isUrl(text)) throw refused(headerName(field), 'must be a URL that begins with http:// or https://');
}

function readMethod(fields: Fields, field: string): string {
  const method = (fields.get(field) ?? 'POST').toUpperCase();
  if (METHODS.includes(method)) return method;
  throw refused(headerName(field), `must be one of ${METHODS.join(', ')}`);
}

function checkExpression(text: string, field: string): void {
  try {
    delayExpression(text, 0);
  } catch (error) {
    if (error instanceof DelayExpressionError) throw refused(headerName(field), error.message);
    throw error;
  }
}

function readLabels(fields: Fields, field: string): string[] {
  const labels = listOf(fields.get(field));
  if (labels.length > MAX_LABELS) throw refused(headerName(field), `must be at most ${MAX_LABELS} labels`);
  if (labels.join(',').length > MAX_TEXT)
    throw refused(headerName(field), `must have at most ${MAX_TEXT} characters`);
  return labels;
}

/** `body, header[Authorization]`. */
function readRedaction(fields: Fields, field: string): Redaction | null {
  const parts = listOf(fields.get(field));
  if (parts.length === 0) return null;
  const names: string[] = [];
  let [body, all] = [false, false];
  for (const part of parts) {
    const name = /^headers?\[([^\]]+)\]$/i.exec(part)?.[1];
    if (/^body$/i.test(part)) body = true;
    else if (/^headers?$/i.test(part)) all = true;
    else if (name !== undefined) names.push(headerName(name.trim()));
    else throw refused(headerName(field), `has "${part}": it may have body, header and header[name]`);
  }
  return { body, headers: all || names };
}

function readDeduplication(fields: Fields): Publication['deduplication'] {
  const id = fields.get('upstash-deduplication-id');
  if (id !== undefined && (id === '' || id.length > MAX_TEXT))
    throw refused('Upstash-Deduplication-Id', `must have 1 to ${MAX_TEXT} characters`);
  if (id !== undefined) return { id };
  const byContent = fields.get('upstash-content-based-deduplication') ?? 'false';
  if (!/^(?:true|false)$/i.test(byContent))
    throw refused('Upstash-Content-Based-Deduplication', 'must be true or false');
  return /^true$/i.test(byContent) ? 'content' : null;
}
