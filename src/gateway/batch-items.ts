import { METHODS } from 'node:http';
import { unprintableIn } from '../config/header-form.js';
import type { FieldError } from '../config/validation.js';

/** One request of a batch. */
export interface BatchItem {
  readonly method: string;
  /** Path and query of the upstream. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is when a string, else as JSON. */
  readonly body?: unknown;
}

/** How many requests a batch may have. */
export const MAX_ITEMS = 500;
/** What a batch may have besides: parsed, nesting and many small values take many times their bytes of memory. */
const MAX_DEPTH = 32;
const MAX_VALUES = 1_000_000;
const KNOWN_METHODS = new Set(METHODS.filter((method) => method !== 'CONNECT'));

/** Whether the text of a batch may be parsed; null when it may. It needn't be JSON: the parser tells that. */
export function checkBatchText(text: Buffer): FieldError | null {
  let [depth, values, quoted] = [0, 1, false];
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (quoted) {
      if (char === CHARS.backslash) at++;
      else if (char === CHARS.quote) quoted = false;
    } else if (char === CHARS.quote) quoted = true;
    else if (char === CHARS.comma) values++;
    else if (char === CHARS.openArray || char === CHARS.openObject) depth++;
    else if (char === CHARS.closeArray || char === CHARS.closeObject) depth--;
    if (depth > MAX_DEPTH)
      return {
        path: 'body',
        message: `is nested deeper than ${MAX_DEPTH} levels: give that body as a string`,
      };
    if (values > MAX_VALUES)
      return { path: 'body', message: `has more than ${MAX_VALUES} values: give bodies as strings` };
  }
  return null;
}

const CHARS = {
  quote: 0x22,
  backslash: 0x5c,
  comma: 0x2c,
  openArray: 0x5b,
  closeArray: 0x5d,
  openObject: 0x7b,
  closeObject: 0x7d,
} as const;

/** The first fault of every item of a batch, or of the batch itself; none when it may run. */
export function checkBatch(body: readonly unknown[]): FieldError[] {
  if (body.length > MAX_ITEMS)
    return [{ path: 'body', message: `has ${body.length} requests: at most ${MAX_ITEMS} are taken` }];
  return body.flatMap((item, index) => {
    const fault = faultOf(item);
    return fault ? [{ path: `body.${index}${fault.path}`, message: fault.message }] : [];
  });
}

function faultOf(item: unknown): FieldError | null {
  if (typeof item !== 'object' || item === null || Array.isArray(item))
    return { path: '', message: 'must be an object with method and path' };
  const { method, path, headers = {}, ...rest } = item as Record<string, unknown>;
  const unknown = Object.keys(rest).find((name) => name !== 'body');
  if (unknown !== undefined)
    return { path: `.${unknown.slice(0, 60)}`, message: 'is not known: use method, path, headers, body' };
  if (typeof method !== 'string' || !KNOWN_METHODS.has(method))
    return { path: '.method', message: 'must be an HTTP method in capitals, such as GET' };
  if (typeof path !== 'string' || !/^\/[\x21-\x7e]{0,8191}$/.test(path))
    return { path: '.path', message: 'must be a path that begins with / and is percent-encoded' };
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers))
    return { path: '.headers', message: 'must be an object of names and values' };
  const wrong = Object.entries(headers as Record<string, unknown>).find(
    ([name, value]) =>
      !/^[A-Za-z0-9_-]{1,64}$/.test(name) ||
      typeof value !== 'string' ||
      !/^[\x20-\x7e\t]{0,8192}$/.test(value),
  );
  if (wrong)
    return {
      path: `.headers.${wrong[0].slice(0, 64)}`,
      message: `must be a header name with a value of printable ASCII${unprintableIn(wrong[1], { takesTabs: true })}`,
    };
  return null;
}
