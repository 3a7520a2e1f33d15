import {
  HEADER_NAME,
  HEADER_NAME_MESSAGE,
  HEADER_VALUE,
  headerValueMessage,
  MAX_HEADER_VALUE_LENGTH,
} from '../config/header-form.js';

/** One header as integrators give it. */
export interface GivenHeader {
  key: string;
  value: string;
}

/** One fault of a given list; `path` says where (`headers[2].value`), `message` names the remedy. */
export interface HeaderFault {
  path: string;
  message: string;
}

/** How many headers one callback may carry. */
export const MAX_HEADERS = 20;
/** Names and values of one callback, all together: what many servers take of a head is 8 KiB. */
const MAX_HEADERS_LENGTH = 8192;
/** Whoever sets these speaks for Ringback, for the connection, for a proxy or for another sender of webhooks. */
const FORBIDDEN =
  /^(?:host|connection|keep-alive|te|upgrade|trailer|expect|transfer-encoding|content-length|forwarded|via|x-real-ip|x-http-method-override|stripe-signature|x-hub-signature-256|(?:proxy|webhook|ringback|x-forwarded)-.*)$/i;
/** A callback's body is ours, and so is what tells of it. */
const CONTENT = /^content-/i;

/** Whether no user may set a header, by its name, of any request that leaves. */
export function isForbiddenHeader(name: string): boolean {
  return FORBIDDEN.test(folded(name));
}

/** Finds every reason why a list of headers may not be sent with a callback; an empty answer means it may. */
export function checkHeaders(headers: readonly GivenHeader[]): HeaderFault[] {
  if (headers.length > MAX_HEADERS) {
    return [{ path: 'headers', message: `at most ${MAX_HEADERS} headers can be given` }];
  }
  const length = headers.reduce((sum, { key, value }) => sum + String(key).length + String(value).length, 0);
  if (length > MAX_HEADERS_LENGTH) {
    const message = `names and values have ${length} characters: at most ${MAX_HEADERS_LENGTH} can be given in all`;
    return [{ path: 'headers', message }];
  }
  const seen = new Set<string>();
  return headers.flatMap(({ key, value }, index) => {
    const faults = [...checkName(key, index, seen), ...checkValue(value, index)];
    seen.add(String(key).toLowerCase());
    return faults;
  });
}

/** CGI and its heirs, WSGI and PHP among them, make the same name of `_` and `-`. */
function folded(key: string): string {
  return key.toLowerCase().replaceAll('_', '-');
}

function checkName(key: unknown, index: number, seen: ReadonlySet<string>): HeaderFault[] {
  const path = `headers[${index}].key`;
  if (typeof key !== 'string' || !HEADER_NAME.test(key)) {
    return [{ path, message: HEADER_NAME_MESSAGE }];
  }
  if (isForbiddenHeader(key) || CONTENT.test(folded(key)))
    return [{ path, message: `"${key}" is set by Ringback or the connection: leave it out` }];
  if (seen.has(key.toLowerCase())) return [{ path, message: `"${key}" is given twice: give it once` }];
  return [];
}

function checkValue(value: unknown, index: number): HeaderFault[] {
  const path = `headers[${index}].value`;
  if (typeof value !== 'string' || !HEADER_VALUE.test(value))
    return [{ path, message: headerValueMessage(value) }];
  if (value.length <= MAX_HEADER_VALUE_LENGTH) return [];
  return [{ path, message: `a header value has at most ${MAX_HEADER_VALUE_LENGTH} characters` }];
}
