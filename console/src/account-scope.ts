import { useSearch } from '@tanstack/react-router';
import type { Query } from './api.js';
import { useMay } from './session.js';

/**
 * Whose rows are shown, as a query: of all accounts for an administrator who hasn't chosen one, and of the key's own account
 * for everybody else.
 */
export function useAccountQuery(): Query {
  const { account } = useSearch({ strict: false });
  const isAdmin = useMay('admin');
  return isAdmin ? { account: account ?? '*' } : {};
}
