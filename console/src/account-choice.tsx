import type { ReactNode } from 'react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { get, type Page } from './api.js';
import type { AccountResponse } from './api-types.js';

/** Whose rows an administrator looks at: of all accounts, or of one. */
export function AccountChoice(): ReactNode {
  const { account = '*' } = useSearch({ strict: false });
  const navigate = useNavigate();
  const { data } = useQuery({
    queryKey: ['accounts', 'choice'],
    queryFn: ({ signal }) => get<Page<AccountResponse>>('/v1/accounts', { limit: 250 }, signal),
    staleTime: 60_000,
  });
  const accounts = data?.data ?? [];
  return (
    <select
      aria-label="Account"
      value={account}
      onChange={({ target }) => {
        const chosen = target.value === '*' ? undefined : target.value;
        // `retain` would put back a parameter that is left out.
        void navigate({ to: '.', search: (before) => ({ ...before, account: chosen ?? '' }) });
      }}
    >
      <option value="*">All accounts</option>
      {accounts.map(({ id, name }) => (
        <option key={id} value={id}>
          {name}
        </option>
      ))}
      {account !== '*' && accounts.every(({ id }) => id !== account) && (
        <option value={account}>{account}</option>
      )}
    </select>
  );
}
