import { createHash, randomBytes } from 'node:crypto';

/** So that a token is known for one where it turns up; its 43 characters are 256 random bits. */
const PREFIX = 'rbc_';
const FORM = /^rbc_[A-Za-z0-9_-]{43}$/;

/** A token that ends one operation. Only its hash is stored. */
export interface CompletionToken {
  readonly token: string;
  readonly hash: string;
}

export function newCompletionToken(): CompletionToken {
  const token = PREFIX + randomBytes(32).toString('base64url');
  return { token, hash: hashOf(token) };
}

/** Null for what can be no token. */
export function tokenHash(given: string): string | null {
  return FORM.test(given) ? hashOf(given) : null;
}

/** Random bits need no salt and no slow hash. */
function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
