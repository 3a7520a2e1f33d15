/**
 * What can never be sent, or would be waited for without end, is a mistake in the caller's code and no outage: a `TypeError`
 * before any try.
 */

/** The URL that paths are appended to. */
export function baseOf(url: unknown): string {
  const base = String(url).replace(/\/+$/, '');
  // With what follows it: only then `http://` is seen to name no host.
  if (typeof url === 'string' && isCallable(`${base}/`)) return base;
  // A password must not get into logs; its URL is refused because `fetch` takes none.
  const shown = String(url).replace(/\/\/.*@/s, '//…@');
  throw new TypeError(
    `url "${shown}" can't be called: give a string that begins with http:// or https:// and holds no user name or password`,
  );
}

/** Resolves as `fetch` will, so that a page may give a URL that is relative to its own. */
function isCallable(url: string): boolean {
  try {
    return /^https?:$/.test(new URL(new Request(url).url).protocol);
  } catch {
    return false;
  }
}

/** A header's value; stricter than `Headers`, which lets control characters pass that Node then doesn't send (RFC 9110, 5.5). */
export function headerValue(name: string, value: unknown): string {
  if (typeof value === 'string' && /^[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff][\t\n\r ]*$/.test(value))
    return value;
  throw new TypeError(
    `${name} is missing or can't be the value of a header: give ASCII characters on one line`,
  );
}

/** Refuses what is below `least`, and NaN: compared with that, no time is ever up. */
export function atLeast(least: number, name: string, value: unknown): void {
  if (typeof value !== 'number' || !(value >= least))
    throw new TypeError(`${name} is ${String(value)}: give a number that is ${least} or more`);
}

/** A body's JSON. */
export function jsonOf(body: unknown): string {
  try {
    return JSON.stringify(body);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(
      `the request can't be written as JSON: give a BigInt as a string, and nothing that holds itself (${why})`,
      { cause },
    );
  }
}
