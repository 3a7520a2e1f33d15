/**
 * Computes in the browser what an attempt was signed with, by WebCrypto alone: a secret that somebody pastes here never
 * leaves the page. Standard Webhooks `v1` and `v1a`, and what the profiles `github` and `stripe` add.
 */

/** What is signed: one attempt of one delivery. */
export interface SignedAttempt {
  /** `webhook-id`. */
  readonly id: string;
  /** `webhook-timestamp`, of this attempt. */
  readonly timestamp: string;
  readonly body: string | Uint8Array<ArrayBuffer>;
}

/** What a secret is compared with, as far as it is known. */
export interface KnownSignature {
  /** The signature header that the receiver got. */
  readonly header?: string | undefined;
  /** Fingerprints of what signs, as the API tells them. */
  readonly fingerprints?: readonly string[] | undefined;
}

/** A header that this secret makes of the attempt. */
export interface ExpectedHeader {
  readonly name: string;
  readonly value: string;
}

export type SignatureResult =
  | { readonly kind: 'malformed'; readonly why: string }
  | {
      readonly kind: 'checked';
      readonly verdict: 'match' | 'no_match' | 'unknown';
      /** What it was compared with; null where nothing is known to compare with. */
      readonly by: 'header' | 'fingerprint' | null;
      /** None for a public key, which can only verify. */
      readonly expected: readonly ExpectedHeader[];
    };

const SECRET = 'whsec_';
const PUBLIC_KEY = 'whpk_';
const FINGERPRINT_DIGITS = 16;

/** The text before the body: `id.timestamp.` */
export function signedHead({ id, timestamp }: SignedAttempt): string {
  return `${id}.${timestamp}.`;
}

/** Whether `secret` (`whsec_…`, or a public key `whpk_…`) is what signed, and what it makes of the attempt. */
export async function checkSignature(
  secret: string,
  attempt: SignedAttempt,
  known: KnownSignature = {},
): Promise<SignatureResult> {
  const key = keyOf(secret.trim());
  if (typeof key === 'string') return { kind: 'malformed', why: key };
  const header = known.header?.trim() ?? '';
  const given = header === '' ? undefined : header;
  if (key.kind === 'public') {
    const verified = given === undefined ? undefined : await verifiedBy(key.bytes, attempt, given);
    return checked([], verified, known, await fingerprintOf(secret.trim()));
  }
  const expected = await expectedHeaders(key.text, key.bytes, attempt);
  const made = given === undefined ? undefined : expected.some(({ value }) => holds(given, value));
  return checked(expected, made, known, await fingerprintOf(key.text));
}

/** The first 16 hex digits of a secret's SHA-256: tells two apart, and nothing of either. */
export async function fingerprintOf(secret: string): Promise<string> {
  return hex(await crypto.subtle.digest('SHA-256', utf8(secret))).slice(0, FINGERPRINT_DIGITS);
}

function checked(
  expected: readonly ExpectedHeader[],
  byHeader: boolean | undefined,
  { fingerprints }: KnownSignature,
  fingerprint: string,
): SignatureResult {
  // The header that a receiver holds says more than which secrets sign now: an older one may have signed it.
  if (byHeader !== undefined)
    return { kind: 'checked', verdict: byHeader ? 'match' : 'no_match', by: 'header', expected };
  if (fingerprints === undefined || fingerprints.length === 0)
    return { kind: 'checked', verdict: 'unknown', by: null, expected };
  const verdict = fingerprints.includes(fingerprint) ? 'match' : 'no_match';
  return { kind: 'checked', verdict, by: 'fingerprint', expected };
}

type Key =
  | { readonly kind: 'secret'; readonly text: string; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'public'; readonly bytes: Uint8Array<ArrayBuffer> };

/** The key, or what is wrong with the text. */
function keyOf(text: string): Key | string {
  if (text.startsWith(PUBLIC_KEY)) {
    const bytes = decoded(text.slice(PUBLIC_KEY.length));
    return bytes?.length === 32 ? { kind: 'public', bytes } : 'A public key is whpk_ and base64 of 32 bytes.';
  }
  if (!text.startsWith(SECRET)) return 'A signing secret begins with whsec_, a public key with whpk_.';
  const bytes = decoded(text.slice(SECRET.length));
  return bytes !== undefined && bytes.length > 0
    ? { kind: 'secret', text, bytes }
    : 'What follows whsec_ is no base64: was it copied whole?';
}

async function expectedHeaders(
  text: string,
  bytes: Uint8Array<ArrayBuffer>,
  attempt: SignedAttempt,
): Promise<ExpectedHeader[]> {
  const body = bytesOf(attempt.body);
  const standard = await mac(bytes, joined(signedHead(attempt), body));
  // These two are keyed with the secret's whole text, as their verifiers do.
  const github = await mac(utf8(text), body);
  const stripe = await mac(utf8(text), joined(`${attempt.timestamp}.`, body));
  return [
    { name: 'webhook-signature', value: `v1,${base64(standard)}` },
    { name: 'x-hub-signature-256', value: `sha256=${hex(github)}` },
    { name: 'stripe-signature', value: `t=${attempt.timestamp},v1=${hex(stripe)}` },
  ];
}

/** A header may hold several signatures, of several secrets. */
function holds(header: string, value: string): boolean {
  if (value.startsWith('t=')) {
    const [time = '', signature = ''] = value.split(',');
    const parts = header.split(',');
    return parts.includes(time) && parts.includes(signature);
  }
  return header.split(' ').includes(value);
}

async function verifiedBy(
  key: Uint8Array<ArrayBuffer>,
  attempt: SignedAttempt,
  header: string,
): Promise<boolean> {
  const publicKey = await crypto.subtle.importKey('raw', key, 'Ed25519', false, ['verify']);
  const content = joined(signedHead(attempt), bytesOf(attempt.body));
  for (const one of header.split(' ')) {
    const signature = one.startsWith('v1a,') ? decoded(one.slice(4)) : undefined;
    if (signature && (await crypto.subtle.verify('Ed25519', publicKey, signature, content))) return true;
  }
  return false;
}

async function mac(key: Uint8Array<ArrayBuffer>, content: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const imported = await crypto.subtle.importKey('raw', key, algorithm, false, ['sign']);
  return crypto.subtle.sign('HMAC', imported, content);
}

function joined(head: string, body: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const start = utf8(head);
  const content = new Uint8Array(start.length + body.length);
  content.set(start);
  content.set(body, start.length);
  return content;
}

function bytesOf(body: string | Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return typeof body === 'string' ? utf8(body) : body;
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function base64(bytes: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(bytes)));
}

function hex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function decoded(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}
