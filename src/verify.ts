/**
 * `ringback/verify`: verifies callbacks where they arrive, by Standard Webhooks (`v1` HMAC-SHA256, `v1a` Ed25519).
 * Only web-standard APIs and no dependency: it runs in Node, Deno, Bun, workers and edge functions.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */

/** Why a callback was refused, or could not be checked; stable. */
export type WebhookVerificationCode =
  /** `webhook-id`, `webhook-timestamp` or `webhook-signature` is absent or empty. */
  | 'missing_header'
  /** `webhook-timestamp` is not a whole number of seconds. */
  | 'malformed_timestamp'
  /** It was signed longer ago than the tolerance: a replay, or this clock is ahead. */
  | 'too_old'
  /** It was signed further ahead than the tolerance: this clock is behind. */
  | 'too_new'
  /** No signature is one of the given secrets' or keys': forged, changed, or signed with another secret. */
  | 'no_match'
  /** The signature is right, and the body is no JSON; or it is neither text nor bytes, but parsed already. */
  | 'malformed_body'
  /** Your own fault: no secret or key was given. */
  | 'no_secret'
  /** Your own fault: a secret is not `whsec_…` of at least 16 bytes, or a key not `whpk_…` of 32 bytes. */
  | 'malformed_secret'
  /** Your own fault: `toleranceS` or `now` is no number that time can be compared with. */
  | 'malformed_options';

/** The only error that `verify` rejects with. Answer 401, and never act on the body. */
export class WebhookVerificationError extends Error {
  override readonly name = 'WebhookVerificationError';
  constructor(
    readonly code: WebhookVerificationCode,
    message: string,
  ) {
    super(message);
  }
}

/** A `Headers`, or a record whose names may be in any case, such as Node's `request.headers`. */
export type WebhookHeaders =
  { get(name: string): string | null } | Readonly<Record<string, string | readonly string[] | undefined>>;

export interface VerifyOptions {
  /** Seconds that `webhook-timestamp` may differ from now, either way; 300 by default. */
  toleranceS?: number;
  /** Now, in milliseconds since 1970; `Date.now()` by default. */
  now?: number;
}

interface VerifyingKey {
  /** `v1` or `v1a`. */
  scheme: string;
  algorithm: 'HMAC' | 'Ed25519';
  key: CryptoKey;
}
type CryptoKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

const HMAC_PREFIX = 'whsec_';
const PUBLIC_PREFIX = 'whpk_';
/** The least key that a MAC is worth anything with; Standard Webhooks wants 24 to 64 bytes. */
const MIN_SECRET_BYTES = 16;

/**
 * Resolves with the parsed body of a callback that one of the secrets (`whsec_…`) or public keys (`whpk_…`) signed.
 * `body` must be what arrived, byte for byte: not parsed and written again. Rejects with `WebhookVerificationError`.
 */
export async function verify<T = unknown>(
  body: string | Uint8Array,
  headers: WebhookHeaders,
  secretOrKeys: string | readonly string[],
  options?: VerifyOptions,
): Promise<T> {
  const keys = await importKeys(typeof secretOrKeys === 'string' ? [secretOrKeys] : secretOrKeys);
  const id = header(headers, 'webhook-id');
  const timestamp = header(headers, 'webhook-timestamp');
  const signatures = header(headers, 'webhook-signature').split(' ');
  checkTimestamp(timestamp, options ?? {});
  const bytes = bytesOf(body);
  if (!(await signedByOne(signatures, keys, signedContent(`${id}.${timestamp}.`, bytes)))) {
    throw new WebhookVerificationError('no_match', 'no signature matches: was the body changed before this?');
  }
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as T;
  } catch {
    throw new WebhookVerificationError('malformed_body', 'the signature is right, but the body is no JSON');
  }
}

function bytesOf(body: string | Uint8Array): Uint8Array {
  if (typeof body === 'string') return new TextEncoder().encode(body);
  if (ArrayBuffer.isView(body)) return body;
  throw new WebhookVerificationError('malformed_body', 'give the body as it came, as text or bytes');
}

function header(headers: WebhookHeaders | undefined, name: string): string {
  const value = isHeaders(headers)
    ? headers.get(name)
    : Object.entries(headers ?? {}).find(([key]) => key.toLowerCase() === name)?.[1];
  if (typeof value === 'string' && value !== '') return value;
  throw new WebhookVerificationError('missing_header', `there is no ${name} header`);
}

function isHeaders(headers: WebhookHeaders | undefined): headers is { get(name: string): string | null } {
  return typeof headers?.get === 'function';
}

function checkTimestamp(timestamp: string, { toleranceS = 300, now = Date.now() }: VerifyOptions): void {
  // Every comparison with NaN is false: the replay window would be open for ever.
  if (!isTime(toleranceS) || !isTime(now)) {
    throw new WebhookVerificationError(
      'malformed_options',
      'toleranceS and now must be finite numbers, not below 0',
    );
  }
  if (!/^\d{1,15}$/.test(timestamp)) {
    throw new WebhookVerificationError('malformed_timestamp', 'webhook-timestamp is no number of seconds');
  }
  const ageS = Math.floor(now / 1000) - Number(timestamp);
  if (ageS > toleranceS) throw new WebhookVerificationError('too_old', `it was signed ${ageS} s ago`);
  if (-ageS > toleranceS) throw new WebhookVerificationError('too_new', `it was signed ${-ageS} s ahead`);
}

function isTime(given: unknown): given is number {
  return Number.isFinite(given) && (given as number) >= 0;
}

/** Constant-time: `subtle.verify` compares, never this code. */
async function signedByOne(signatures: string[], keys: VerifyingKey[], content: Uint8Array<ArrayBuffer>) {
  for (const { scheme, algorithm, key } of keys) {
    for (const signature of signatures) {
      const comma = signature.indexOf(',');
      const given = signature.slice(0, comma) === scheme ? decode(signature.slice(comma + 1)) : undefined;
      if (given && (await crypto.subtle.verify(algorithm, key, given, content))) return true;
    }
  }
  return false;
}

function signedContent(head: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const start = new TextEncoder().encode(head);
  const content = new Uint8Array(start.length + body.length);
  content.set(start);
  content.set(body, start.length);
  return content;
}

function importKeys(texts: readonly string[] | undefined): Promise<VerifyingKey[]> {
  if (Array.isArray(texts) && texts.length > 0) return Promise.all(texts.map(importKey));
  return Promise.reject(new WebhookVerificationError('no_secret', 'give a whsec_… secret or a whpk_… key'));
}

async function importKey(given: unknown): Promise<VerifyingKey> {
  // A list of environment variables may hold one that isn't set.
  const text = typeof given === 'string' ? given : '';
  const isPublic = text.startsWith(PUBLIC_PREFIX);
  const prefix = isPublic ? PUBLIC_PREFIX : HMAC_PREFIX;
  const raw = text.startsWith(prefix) ? decode(text.slice(prefix.length)) : undefined;
  // The message never shows the secret: it ends up in logs.
  if (!raw || (isPublic ? raw.length !== 32 : raw.length < MIN_SECRET_BYTES)) {
    throw new WebhookVerificationError(
      'malformed_secret',
      `expected whsec_ and base64 of at least ${MIN_SECRET_BYTES} bytes, or whpk_ and base64 of 32`,
    );
  }
  const algorithm = isPublic ? 'Ed25519' : { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', raw, algorithm, false, ['verify']);
  return { scheme: isPublic ? 'v1a' : 'v1', algorithm: isPublic ? 'Ed25519' : 'HMAC', key };
}

function decode(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}
