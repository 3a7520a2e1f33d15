import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import {
  KEY_BYTES,
  KEY_ID,
  refuseDoubledIds,
  type SecretKey,
  SecretKeysError,
} from '../config/secret-keys.js';
import type { SealedColumnName } from './sealed-columns.js';

/** The place a secret is stored in. A sealed value moved to another account, row or column does not open. */
export interface SecretPlace {
  account: string;
  row: string;
  column: SealedColumnName;
}

/**
 * A sealed value that does not open. `unknown_key`: the key that sealed it is not configured;
 * `malformed`: it is no sealed value; `not_authentic`: it was changed, moved, or sealed with another key of that name.
 */
export class SecretBoxError extends Error {
  override readonly name = 'SecretBoxError';
  constructor(
    readonly code: 'unknown_key' | 'malformed' | 'not_authentic',
    message: string,
  ) {
    super(message);
  }
}

const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Seals secrets at rest with AES-256-GCM, bound to their place. The first key seals, every key opens:
 * to rotate, put a new key in front, and drop the old one once all is sealed anew.
 */
export class SecretBox {
  readonly #first: SecretKey;
  readonly #keys: ReadonlyMap<string, Buffer>;

  constructor(keys: readonly SecretKey[]) {
    const [first] = keys;
    if (first === undefined) throw new SecretKeysError('a secret box needs a key: set RINGBACK_SECRET_KEYS');
    for (const { id, key } of keys) {
      if (!KEY_ID.test(id))
        throw new SecretKeysError(`the secret key name "${id}" is unusable: use letters, digits, "_" or "-"`);
      if (key.length !== KEY_BYTES)
        throw new SecretKeysError(`secret key "${id}" must have ${KEY_BYTES} bytes, not ${key.length}`);
    }
    refuseDoubledIds(keys);
    this.#first = first;
    this.#keys = new Map(keys.map(({ id, key }) => [id, key]));
  }

  /** Of the key that seals. */
  get firstKeyId(): string {
    return this.#first.id;
  }

  /** Whether there are keys that only open. */
  get hasOlderKeys(): boolean {
    return this.#keys.size > 1;
  }

  /** Encrypts for one place: `v1.<key id>.<iv>.<ciphertext>.<tag>`, the last three base64url. */
  seal(plain: string, place: SecretPlace): string {
    const { id, key } = this.#first;
    // NIST SP 800-38D: random 96-bit IVs are safe for 2^32 seals under one key, far above what rotations need.
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES });
    cipher.setAAD(associatedData(id, place));
    const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
    return ['v1', id, ...[iv, sealed, cipher.getAuthTag()].map((part) => part.toString('base64url'))].join(
      '.',
    );
  }

  /** Decrypts what `seal` made for the same place; throws `SecretBoxError` otherwise. */
  open(sealed: string, place: SecretPlace): string {
    const { id, iv, ciphertext, tag } = parseSealed(sealed);
    const key = this.keyNamed(id, place);
    const decipher = createDecipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES });
    decipher.setAAD(associatedData(id, place));
    decipher.setAuthTag(tag);
    const plain = decipher.update(ciphertext);
    try {
      return Buffer.concat([plain, decipher.final()]).toString('utf8');
    } catch (cause) {
      const error = new SecretBoxError(
        'not_authentic',
        `${place.column} does not open with the key "${id}": it was changed or moved, or another key has that name now; restore the key, or rotate the secret`,
      );
      error.cause = cause;
      throw error;
    }
  }

  private keyNamed(id: string, { column }: SecretPlace): Buffer {
    const key = this.#keys.get(id);
    if (key) return key;
    throw new SecretBoxError(
      'unknown_key',
      `${column} was sealed with the key "${id}", which is not configured: add it to RINGBACK_SECRET_KEYS`,
    );
  }
}

function parseSealed(sealed: string): { id: string; iv: Buffer; ciphertext: Buffer; tag: Buffer } {
  const [version, id = '', ...rest] = sealed.split('.');
  const [iv, ciphertext, tag] = rest.map(decodePart);
  // GCM itself accepts a shorter tag, which is easier to forge: lengths are checked here.
  if (
    version !== 'v1' ||
    !KEY_ID.test(id) ||
    rest.length !== 3 ||
    iv?.length !== IV_BYTES ||
    tag?.length !== TAG_BYTES ||
    !ciphertext
  ) {
    throw new SecretBoxError(
      'malformed',
      'this is no sealed secret: expected v1.<key id>.<iv>.<ciphertext>.<tag>',
    );
  }
  return { id, iv, ciphertext, tag };
}

/** Buffer.from skips what it can't read, so two texts would open to one secret: only the canonical text counts. */
function decodePart(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

/** JSON keeps the parts apart: joined by a bare separator, ("a:b", "c") and ("a", "b:c") would be the same place. */
function associatedData(keyId: string, { account, row, column }: SecretPlace): Buffer {
  return Buffer.from(JSON.stringify(['v1', keyId, account, row, column]));
}
