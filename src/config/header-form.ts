/** The longest value, in characters (which are bytes: only ASCII is allowed). Tokens of some identity providers have 3 KiB. */
export const MAX_HEADER_VALUE_LENGTH = 4096;
/** What names and values may hold, and how that is said. */
export const HEADER_NAME = /^[A-Za-z0-9_-]{1,64}$/;
export const HEADER_NAME_MESSAGE = 'a header name is 1 to 64 letters, digits, hyphens and underscores';
export const HEADER_VALUE = /^[\x20-\x7e]*$/;
export const HEADER_VALUE_MESSAGE = 'a header value is printable ASCII';
