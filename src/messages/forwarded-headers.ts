import { HEADER_NAME, HEADER_VALUE, MAX_HEADER_VALUE_LENGTH, unprintableIn } from '../config/header-form.js';
import { isForbiddenHeader } from '../egress/header-rules.js';

/** They are of a connection, not of a message: whoever forwards all that it was sent means none of them. */
const OF_CONNECTION =
  /^(?:host|connection|keep-alive|te|upgrade|trailer|expect|transfer-encoding|content-length|accept-encoding|proxy-.*)$/i;
/** All names and values of one message. */
const MAX_LENGTH = 32 * 1024;

/** A text of ours as a header's value: what no header can hold would keep its message from ever being sent. */
export function headerValue(text: string): string {
  return HEADER_VALUE.test(text) ? text : encodeURIComponent(text.toWellFormed());
}

/** The headers that a message may be sent with; the others are left out, or told of as faults: what they are, and why not. */
export function forwardable(given: Readonly<Record<string, string>>): {
  readonly headers: Record<string, string>;
  readonly faults: { readonly name: string; readonly message: string }[];
} {
  const faults: { name: string; message: string }[] = [];
  const kept = Object.entries(given).filter(([name]) => !OF_CONNECTION.test(name));
  for (const [name, value] of kept) {
    if (!HEADER_NAME.test(name)) faults.push({ name, message: 'is not a header name' });
    else if (isForbiddenHeader(name))
      faults.push({ name, message: 'is set by Ringback or by proxies: leave it out' });
    else if (!HEADER_VALUE.test(value) || value.length > MAX_HEADER_VALUE_LENGTH)
      faults.push({
        name,
        message: `must be printable ASCII of at most ${MAX_HEADER_VALUE_LENGTH} characters${unprintableIn(value)}`,
      });
  }
  const length = kept.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (length > MAX_LENGTH)
    faults.push({
      name: '*',
      message: `have ${length} characters in all: at most ${MAX_LENGTH} can be forwarded`,
    });
  return { headers: Object.fromEntries(kept), faults };
}
