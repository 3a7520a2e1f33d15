import type { ReactNode } from 'react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { accountsQuery } from './account-names.js';

/** Whose rows an administrator looks at: of all accounts, or of one. */
export function AccountChoice(): ReactNode {
  const { account = '*' } = useSearch({ strict: false });
  const navigate = useNavigate();
  const { data } = useQuery(accountsQuery);
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
