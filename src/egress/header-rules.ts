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
/** The longest value, in characters (which are bytes: only ASCII is allowed). */
export const MAX_HEADER_VALUE_LENGTH = 1024;

const NAME = /^[A-Za-z0-9-]{1,64}$/;
const VALUE = /^[\x20-\x7e]*$/;
/** Whoever sets these speaks for Ringback, for the connection or for a proxy. */
const RESERVED =
  /^(?:host|connection|te|upgrade|trailer|expect|transfer-encoding|(?:content|proxy|webhook|ringback|x-forwarded)-.*)$/i;

/** Finds every reason why a list of headers may not be sent with a callback; an empty answer means it may. */
export function checkHeaders(headers: readonly GivenHeader[]): HeaderFault[] {
  if (headers.length > MAX_HEADERS) {
    return [{ path: 'headers', message: `at most ${MAX_HEADERS} headers can be given` }];
  }
  const seen = new Set<string>();
  return headers.flatMap(({ key, value }, index) => {
    const faults = [...checkName(key, index, seen), ...checkValue(value, index)];
    seen.add(String(key).toLowerCase());
    return faults;
  });
}

function checkName(key: unknown, index: number, seen: ReadonlySet<string>): HeaderFault[] {
  const path = `headers[${index}].key`;
  if (typeof key !== 'string' || !NAME.test(key)) {
    return [{ path, message: 'a header name is 1 to 64 letters, digits and hyphens' }];
  }
  if (RESERVED.test(key))
    return [{ path, message: `"${key}" is set by Ringback or the connection: leave it out` }];
  if (seen.has(key.toLowerCase())) return [{ path, message: `"${key}" is given twice: give it once` }];
  return [];
}

function checkValue(value: unknown, index: number): HeaderFault[] {
  const path = `headers[${index}].value`;
  if (typeof value !== 'string' || !VALUE.test(value))
    return [{ path, message: 'a header value is printable ASCII' }];
  if (value.length <= MAX_HEADER_VALUE_LENGTH) return [];
  return [{ path, message: `a header value has at most ${MAX_HEADER_VALUE_LENGTH} characters` }];
}
