/** The longest value, in characters (which are bytes: only ASCII is allowed). Tokens of some identity providers have 3 KiB. */
export const MAX_HEADER_VALUE_LENGTH = 4096;
/** What names and values may hold, and how that is said. */
export const HEADER_NAME = /^[A-Za-z0-9_-]{1,64}$/;
export const HEADER_NAME_MESSAGE = 'a header name is 1 to 64 letters, digits, hyphens and underscores';
export const HEADER_VALUE = /^[\x20-\x7e]*$/;

/** Why a text is no header's value. */
export function headerValueMessage(value: unknown): string {
  return `a header value is printable ASCII${unprintableIn(value)}`;
}

/** The end of such a sentence: the first character that is none, by its number, as an editor may not show it; empty where all are. */
export function unprintableIn(value: unknown, { takesTabs = false } = {}): string {
  const wrong = takesTabs ? /[^\x20-\x7e\t]/u : /[^\x20-\x7e]/u;
  const [found] = (typeof value === 'string' && wrong.exec(value)) || [];
  if (found === undefined) return '';
  return `; this one has U+${found.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;
}
