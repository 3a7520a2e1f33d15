import { Problem } from '../http/problem.js';
import type { KeyHolder } from './account.store.js';

/**
 * Whose rows a request with `account=` asks for: those of its key's account where it names none, or, for keys with the scope
 * `admin`, those of any account, and null for all of them (`*`).
 */
export function askedAccount({ accountId, scopes }: KeyHolder, asked: string | undefined): string | null {
  if (asked === undefined || asked === accountId) return accountId;
  if (!scopes.includes('admin'))
    throw new Problem(
      403,
      'forbidden',
      'account names another account: only keys with the scope admin see it',
    );
  return asked === '*' ? null : asked;
}
