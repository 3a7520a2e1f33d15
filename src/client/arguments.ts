/**
 * What can never be sent, or would be waited for without end, is a mistake in the caller's code and no outage: a `TypeError`
 * before any try.
 */

/** The URL that paths are appended to; a relative one where there is a page, or a `fetch` of the caller's, that resolves it. */
export function baseOf(url: unknown, ownFetch: boolean): string {
  const base = String(url).replace(/\/+$/, '');
  // With what follows it: only then `http://` is seen to name no host.
  if (typeof url === 'string' && isCallable(`${base}/`, ownFetch)) return base;
  // A password must not get into logs; its URL is refused because `fetch` takes none.
  const shown = String(url).replace(/\/\/.*@/s, '//…@');
  throw new TypeError(
    `url "${shown}" can't be called: give a string that begins with http:// or https:// and holds no user name or password`,
  );
}

function isCallable(url: string, ownFetch: boolean): boolean {
  const page = (globalThis as { location?: { href: string } }).location?.href;
  try {
    const { protocol, username, password } = new URL(url, page ?? (ownFetch ? 'http://anywhere' : undefined));
    return /^https?:$/.test(protocol) && username === '' && password === '';
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

/** Refuses what is no whole number from `least` to `most`. */
export function wholeNumber(name: string, value: unknown, least: number, most: number): void {
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > most)
    throw new TypeError(`${name} is ${String(value)}: give a whole number from ${least} to ${most}`);
}

/** A body's JSON, in which nothing has become null that was a number. */
export function jsonOf(body: unknown): string | undefined {
  return JSON.stringify(body, (key, value: unknown) => {
    if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value)))
      throw new TypeError(`${key} is ${String(value)}, which JSON can't hold: give it as a string`);
    return value;
  });
}
