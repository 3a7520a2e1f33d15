import { SettingError } from './settings.js';

/** One named 256-bit key. The name is written into what it seals, so that it can be found again after a rotation. */
export interface SecretKey {
  id: string;
  key: Buffer;
}

/** Keys that cannot be used (`RINGBACK_SECRET_KEYS`); the message names the entry and the remedy, never the key. */
export class SecretKeysError extends SettingError {
  override readonly name = 'SecretKeysError';
  readonly code = 'malformed_secret_keys';
}

/** What AES-256 takes. */
export const KEY_BYTES = 32;
/** What a key may be named. No dot: it separates the parts of a sealed value. */
export const KEY_ID = /^[A-Za-z0-9_-]{1,64}$/;
const KEY_TEXT = /^[A-Za-z0-9+/]+={0,2}$/;

/** Reads `id:base64(32 bytes),…`; the first key is the one that encrypts. Throws `SecretKeysError`. */
export function parseSecretKeys(text: string): SecretKey[] {
  const entries = text.split(',').map((entry) => entry.trim());
  if (entries.every((entry) => entry === '')) {
    throw new SecretKeysError(
      'no secret key given: write id:base64(32 bytes), made with "openssl rand -base64 32"',
    );
  }
  const keys = entries.map(parseSecretKey);
  refuseDoubledIds(keys);
  return keys;
}

function parseSecretKey(entry: string, index: number): SecretKey {
  const colon = entry.indexOf(':');
  const at = `secret key ${index + 1}`;
  if (colon < 1) throw new SecretKeysError(`${at} has no name: write id:base64(32 bytes)`);
  const id = entry.slice(0, colon);
  if (!KEY_ID.test(id)) {
    throw new SecretKeysError(`${at} has an unusable name: use 1 to 64 letters, digits, "_" or "-"`);
  }
  const encoded = entry.slice(colon + 1).trim();
  const key = Buffer.from(encoded, 'base64');
  if (!KEY_TEXT.test(encoded) || key.length !== KEY_BYTES) {
    const found = KEY_TEXT.test(encoded) ? `${key.length} bytes` : 'something else';
    throw new SecretKeysError(
      `secret key "${id}" must be the base64 of ${KEY_BYTES} bytes, and is ${found}: make one with "openssl rand -base64 32"`,
    );
  }
  return { id, key };
}

/** A name means one key: what was sealed says no more than the name. */
export function refuseDoubledIds(keys: readonly SecretKey[]): void {
  const seen = new Set<string>();
  for (const { id } of keys) {
    if (seen.has(id)) throw new SecretKeysError(`two secret keys are named "${id}": rename one`);
    seen.add(id);
  }
}
