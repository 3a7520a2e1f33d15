import { METHODS } from 'node:http';
import type { FieldError } from '../../config/validation.js';

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
export const MOST_ITEMS = 500;
const KNOWN_METHODS = new Set(METHODS.filter((method) => method !== 'CONNECT'));

/** The first fault of every item of a batch, or of the batch itself; none when it may run. */
export function checkBatch(body: unknown): FieldError[] {
  if (!Array.isArray(body))
    return [{ path: 'body', message: 'must be an array of requests; bgrs=no passes it to the upstream' }];
  if (body.length > MOST_ITEMS)
    return [{ path: 'body', message: `has ${body.length} requests: at most ${MOST_ITEMS} are taken` }];
  return body.flatMap((item: unknown, index) => {
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
      message: 'must be a header name with a value of printable ASCII',
    };
  return null;
}
