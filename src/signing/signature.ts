import {
  createHash,
  createHmac,
  createPrivateKey,
  randomBytes,
  sign,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto';

/** A signing secret that cannot be used; `code` tells the kind of fault, the message the remedy. */
export class SigningSecretError extends Error {
  override readonly name = 'SigningSecretError';
  constructor(
    readonly code: 'malformed_secret' | 'malformed_private_key' | 'no_secret',
    message: string,
  ) {
    super(message);
  }
}

/** What is signed: one attempt of one delivery. */
export interface Signable {
  /** The `webhook-id`: the delivery's id, the same on every attempt. */
  id: string;
  /** Whole seconds since 1970, of this attempt. */
  timestamp: number;
  /** The exact bytes that are sent. */
  body: string | Buffer;
}

/** A `Signable` and the keys that sign it: every valid secret, the newest first. */
export interface SigningRequest extends Signable {
  /** `whsec_…`; at least one. */
  secrets: readonly string[];
  /** `whsk_…`; only the profile `standard+ed25519` needs it. */
  privateKey?: string | undefined;
}

const SECRET = 'whsec_';
const PRIVATE_KEY = 'whsk_';
const PUBLIC_KEY = 'whpk_';
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
/** RFC 8410's wrapping of a 32-byte Ed25519 seed: node:crypto takes no bare seed. */
const ED25519_PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Makes a signing secret: `whsec_` and the padded base64 of 32 random bytes. */
export function newSigningSecret(): string {
  return SECRET + randomBytes(32).toString('base64');
}

/** Makes an Ed25519 pair: `whsk_` holds seed and public key (64 bytes), `whpk_` the public key (32 bytes). */
export function newSigningKeyPair(): { privateKey: string; publicKey: string } {
  const seed = randomBytes(32);
  const jwk = privateKeyFromSeed(seed).export({ format: 'jwk' });
  const publicBytes = Buffer.from(jwk.x ?? '', 'base64url');
  return {
    privateKey: PRIVATE_KEY + Buffer.concat([seed, publicBytes]).toString('base64'),
    publicKey: PUBLIC_KEY + publicBytes.toString('base64'),
  };
}

/** Answers the `whpk_…` that belongs to a `whsk_…`. */
export function publicKeyOf(privateKey: string): string {
  return PUBLIC_KEY + decodePrivateKey(privateKey).subarray(32).toString('base64');
}

/** The first 16 hex digits of the SHA-256 of a secret's, or a public key's, whole text: tells two apart, and nothing of either. */
export function fingerprintOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex').slice(0, 16);
}

/**
 * Signs by Standard Webhooks: `v1,<base64 HMAC-SHA256 of id.timestamp.body>`, one per secret, separated by one space.
 * Throws `SigningSecretError` if there is no secret or one is malformed.
 */
export function signStandard({ secrets, id, timestamp, body }: SigningRequest): string {
  if (secrets.length === 0) {
    throw new SigningSecretError('no_secret', 'no signing secret given: an unsigned callback is never sent');
  }
  const head = `${id}.${timestamp}.`;
  let signatures = '';
  for (const secret of secrets) {
    const mac = createHmac('sha256', decodeSecret(secret)).update(head).update(body).digest('base64');
    signatures += signatures === '' ? `v1,${mac}` : ` v1,${mac}`;
  }
  return signatures;
}

/** Tells in constant time whether one of the signatures in `header` is one that these secrets make. */
export function verifyStandard(request: SigningRequest, header: string): boolean {
  const wanted = signStandard(request).split(' ').map(asBuffer);
  let accepted = false;
  for (const given of header.split(' ').map(asBuffer)) {
    for (const one of wanted) {
      if (one.length === given.length && timingSafeEqual(one, given)) accepted = true;
    }
  }
  return accepted;
}

/** Signs by Standard Webhooks' asymmetric scheme: `v1a,<base64 Ed25519 over id.timestamp.body>`, verified with the `whpk_…`. */
export function signEd25519({ privateKey, id, timestamp, body }: Signable & { privateKey: string }): string {
  const key = privateKeyFromSeed(decodePrivateKey(privateKey).subarray(0, 32));
  const content = Buffer.concat([asBuffer(`${id}.${timestamp}.`), asBuffer(body)]);
  return `v1a,${sign(null, content, key).toString('base64')}`;
}

/** Signs as GitHub does: `sha256=<hex>` over the body, keyed with the secret's whole text. */
export function signGithub(secret: string, body: string | Buffer): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}

/** Signs as Stripe does: `t=<seconds>,v1=<hex>` over `t.body`, one `v1` per secret, keyed with each secret's whole text. */
export function signStripe(secrets: readonly string[], timestamp: number, body: string | Buffer): string {
  const head = `${timestamp}.`;
  const macs = secrets.map((secret) => createHmac('sha256', secret).update(head).update(body).digest('hex'));
  return [`t=${timestamp}`, ...macs.map((mac) => `v1=${mac}`)].join(',');
}

/**
 * What each `signature_profile` of an endpoint adds to the three standard headers.
 * A header of the same name replaces the standard one. GitHub's carries one signature, so only the newest secret signs it.
 */
export const SIGNATURE_PROFILES = {
  standard: () => ({}),
  'standard+ed25519': (request) => ({
    'webhook-signature': `${signStandard(request)} ${signEd25519({ ...request, privateKey: needPrivateKey(request) })}`,
  }),
  github: ({ secrets, body }) => ({ 'x-hub-signature-256': signGithub(needSecret(secrets), body) }),
  stripe: ({ secrets, timestamp, body }) => ({ 'stripe-signature': signStripe(secrets, timestamp, body) }),
} as const satisfies Record<string, (request: SigningRequest) => Record<string, string>>;

/** The name of a signature profile: `standard`, `standard+ed25519`, `github` or `stripe`. */
export type SignatureProfile = keyof typeof SIGNATURE_PROFILES;

/** Answers every signature header of one attempt: the three standard ones, and what the profile adds. */
export function signatureHeaders(profile: SignatureProfile, request: SigningRequest): Record<string, string> {
  return {
    'webhook-id': request.id,
    'webhook-timestamp': String(request.timestamp),
    'webhook-signature': signStandard(request),
    ...SIGNATURE_PROFILES[profile](request),
  };
}

/** Whether a text is `whsec_` and base64 of at least 16 bytes: Standard Webhooks wants 24 to 64, senders differ. */
export function isSigningSecret(text: string): boolean {
  const bytes = text.slice(SECRET.length);
  return text.startsWith(SECRET) && BASE64.test(bytes) && Buffer.from(bytes, 'base64').length >= 16;
}

/** The key's bytes. Buffer.from skips what is not base64, so a mistyped secret would sign with the wrong key: refuse it. */
function decodeSecret(secret: string): Buffer {
  const text = secret.slice(SECRET.length);
  if (!secret.startsWith(SECRET) || !BASE64.test(text)) {
    // The message never shows the secret: it ends up in logs.
    throw new SigningSecretError(
      'malformed_secret',
      'a signing secret must be "whsec_" and base64: rotate it',
    );
  }
  return Buffer.from(text, 'base64');
}

function decodePrivateKey(privateKey: string): Buffer {
  const bytes = Buffer.from(privateKey.slice(PRIVATE_KEY.length), 'base64');
  if (!privateKey.startsWith(PRIVATE_KEY) || bytes.length !== 64) {
    throw new SigningSecretError(
      'malformed_private_key',
      'an Ed25519 signing key must be "whsk_" and the base64 of 64 bytes (seed and public key): make a new pair',
    );
  }
  return bytes;
}

function privateKeyFromSeed(seed: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([ED25519_PKCS8, seed]), format: 'der', type: 'pkcs8' });
}

function needPrivateKey({ privateKey }: SigningRequest): string {
  if (privateKey !== undefined) return privateKey;
  throw new SigningSecretError(
    'malformed_private_key',
    'the signature profile "standard+ed25519" needs a "whsk_" key: give the endpoint one',
  );
}

function needSecret(secrets: readonly string[]): string {
  const [newest] = secrets;
  if (newest !== undefined) return newest;
  throw new SigningSecretError('no_secret', 'no signing secret given: an unsigned callback is never sent');
}

function asBuffer(text: string | Buffer): Buffer {
  return typeof text === 'string' ? Buffer.from(text) : text;
}
