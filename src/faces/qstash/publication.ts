import { delayExpression, DelayExpressionError } from '../../messages/delay-expression.js';
import { durationS } from '../../messages/durations.js';
import { forwardable } from '../../messages/forwarded-headers.js';
import {
  headerName,
  type MessageCallback,
  type MessageFlow,
  type Redaction,
  type Sending,
} from '../../messages/message.js';
import { Problem } from '../../http/problem.js';
import { FLOW_KEY } from '../native/flow.request.js';

/** Header fields by their names in lower case. */
export type Fields = ReadonlyMap<string, string>;

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
/** What no header field of a request can hold either (RFC 9110, 5.5); PostgreSQL's text cannot hold the first of them. */
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/;

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

/** Header fields of a request, as they came: names and values in turn. */
export function fieldsOf(rawHeaders: readonly string[]): Fields {
  const fields = new Map<string, string>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) add(fields, rawHeaders[at]!, rawHeaders[at + 1]!);
  return fields;
}

/** The same of an item of a batch. */
export function fieldsOfItem(headers: unknown): Fields {
  const fields = new Map<string, string>();
  if (headers === undefined || headers === null) return fields;
  if (typeof headers !== 'object' || Array.isArray(headers)) throw refused('headers', 'must be an object');
  for (const [name, value] of Object.entries(headers)) {
    if (!['string', 'number', 'boolean'].includes(typeof value)) throw refused(name, 'must be a string');
    const text = String(value);
    if (CONTROL.test(text)) throw refused(name, 'must have no control characters');
    add(fields, name, text);
  }
  return fields;
}

/** A caller's fault, told in QStash's way. */
export function refused(path: string, message: string): Problem {
  return new Problem(400, 'invalid-request', `${path} ${message}`, { errors: [{ path, message }] });
}

function add(fields: Map<string, string>, given: string, value: string): void {
  const name = given.toLowerCase();
  const before = fields.get(name);
  fields.set(name, before === undefined ? value : `${before}, ${value}`);
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

function named(fields: Fields, prefix: string): Record<string, string> {
  const found = [...fields].filter(([name]) => name.startsWith(prefix) && name.length > prefix.length);
  return Object.fromEntries(found.map(([name, value]) => [headerName(name.slice(prefix.length)), value]));
}

function checkedHeaders(given: Record<string, string>, prefix: string): Record<string, string> {
  const { headers, faults } = forwardable(given);
  const [fault] = faults;
  if (fault) throw refused(headerName(prefix) + fault.name, fault.message);
  return headers;
}

/** Whether a destination is a URL, and not the name of a URL group. */
export function isUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}

function checkUrl(text: string, field: string): void {
  if (!isUrl(text)) throw refused(headerName(field), 'must be a URL that begins with http:// or https://');
}

function readMethod(fields: Fields, field: string): string {
  const method = (fields.get(field) ?? 'POST').toUpperCase();
  if (METHODS.includes(method)) return method;
  throw refused(headerName(field), `must be one of ${METHODS.join(', ')}`);
}

function wholeNumber(fields: Fields, field: string, most: number): number | null {
  const text = fields.get(field);
  if (text === undefined) return null;
  if (/^\d{1,9}$/.test(text) && Number(text) <= most) return Number(text);
  throw refused(headerName(field), `must be a whole number from 0 to ${most}`);
}

function unixTime(fields: Fields, field: string): Date | null {
  const text = fields.get(field);
  if (text === undefined) return null;
  if (/^\d{1,11}$/.test(text)) return new Date(Number(text) * 1000);
  throw refused(headerName(field), 'must be a time in whole seconds since 1970');
}

/** A bare number is seconds. */
function readDuration(fields: Fields, field: string, mostS: number): number | null {
  const text = fields.get(field);
  if (text === undefined) return null;
  const seconds = /^\d+$/.test(text) ? Number(text) : durationS(text);
  if (seconds === null) throw refused(headerName(field), 'must be a duration such as 10s, 5m or 1d2h');
  if (seconds <= mostS) return seconds;
  throw refused(headerName(field), `must be at most ${mostS}s`);
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
  const labels = list(fields.get(field));
  if (labels.length > MAX_LABELS) throw refused(headerName(field), `must be at most ${MAX_LABELS} labels`);
  if (labels.join(',').length > MAX_TEXT)
    throw refused(headerName(field), `must have at most ${MAX_TEXT} characters`);
  return labels;
}

function list(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

/** `parallelism=3, rate=10, period=1m`. */
function readFlow(fields: Fields, prefix: string): MessageFlow | null {
  const [key, value] = [fields.get(`${prefix}-flow-control-key`), fields.get(`${prefix}-flow-control-value`)];
  if (key === undefined && value === undefined) return null;
  const field = headerName(`${prefix}-flow-control-value`);
  if (key === undefined || key.length > MAX_TEXT || !FLOW_KEY.test(key))
    throw refused(
      headerName(`${prefix}-flow-control-key`),
      `must be given, of at most ${MAX_TEXT} characters without control characters, and not begin with $`,
    );
  const parts = new Map(
    list(value).map((part) => {
      const [name = '', given = ''] = part.split('=').map((each) => each.trim());
      return [name.toLowerCase(), given];
    }),
  );
  const unknown = [...parts.keys()].find((name) => !FLOW_PARTS.includes(name));
  if (unknown !== undefined) throw refused(field, `has "${unknown}": it may have ${FLOW_PARTS.join(', ')}`);
  const rate = countOf(parts.get('rate') ?? parts.get('ratepersecond'), field);
  const parallelism = countOf(parts.get('parallelism'), field);
  if (rate === null && parallelism === null)
    throw refused(field, 'must have at least one of parallelism and rate');
  return { key, parallelism, rate, periodS: periodOf(parts.get('period'), field) };
}

const FLOW_PARTS = ['parallelism', 'rate', 'period', 'ratepersecond'];
const MAX_PERIOD_S = 7 * 86_400;

function countOf(text: string | undefined, field: string): number | null {
  if (text === undefined) return null;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw refused(field, `has "${text}": parallelism and rate are whole numbers from 1`);
}

function periodOf(text: string | undefined, field: string): number | null {
  if (text === undefined) return null;
  const seconds = /^\d+$/.test(text) ? Number(text) : durationS(text);
  if (seconds !== null && seconds >= 1 && seconds <= MAX_PERIOD_S) return seconds;
  throw refused(field, `has "${text}": period is a duration from 1s to 7d`);
}

/** `body, header[Authorization]`. */
function readRedaction(fields: Fields, field: string): Redaction | null {
  const parts = list(fields.get(field));
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
