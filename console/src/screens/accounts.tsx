import { type ReactNode, useState } from 'react';
import { Link, useNavigate } from '@tanstack/react-router';
import { AccountFormFields, accountFields } from '../accounts/account-form.js';
import { send } from '../api.js';
import type { AccountResponse } from '../api-types.js';
import { Ago } from '../ui/ago.js';
import { FormDialog } from '../ui/form-dialog.js';
import { Problem } from '../ui/problem.js';
import { usePages } from '../use-pages.js';
import { count, size } from '../words.js';

/** More are not counted. */
const MOST_WAITING = 10_000;

/** The accounts of the installation: what each runs, and what waits. */
export function Accounts(): ReactNode {
  const { rows, error, more } = usePages<AccountResponse>('/v1/accounts', { usage: true });
  return (
    <div className="screen">
      <div className="screen-head">
        <h1>Accounts</h1>
        <div className="buttons">
          <NewAccount />
        </div>
      </div>
      <Problem error={error} />
      {rows.length > 0 && (
        <div className="table-frame">
          <table className="table">
            <thead>
              <tr>
                <th>Name</th>
                <th>State</th>
                <th>Slots used</th>
                <th className="number">Waiting</th>
                <th>Limits</th>
                <th>Made</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((account) => (
                <Row key={account.id} account={account} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {more}
    </div>
  );
}

function Row({ account }: { account: AccountResponse }): ReactNode {
  const { id, name, slots, usage, disabled } = account;
  return (
    <tr>
      <td className="wide">
        <Link to="/accounts/$id" params={{ id }} data-row>
          {name}
        </Link>
      </td>
      <td>
        {disabled ? (
          <span className="status bad">Disabled</span>
        ) : (
          <span className="status good">Active</span>
        )}
      </td>
      <td>
        <Slots used={usage?.executing ?? 0} of={slots} />
      </td>
      <td className="number">{usage ? waiting(usage.waiting) : '–'}</td>
      <td>{limitsOf(account)}</td>
      <td>
        <Ago at={account.created_at} />
      </td>
    </tr>
  );
}

/** How much of what may run does. */
export function Slots({ used, of }: { used: number; of: number }): ReactNode {
  return (
    <span className="slots">
      <meter min={0} max={of} value={used} aria-label="Slots used" />
      {count(used)} of {count(of)}
    </span>
  );
}

function waiting(value: number): string {
  return value >= MOST_WAITING ? `${count(MOST_WAITING)} or more` : count(value);
}

/** Null is what the settings say, 0 is any. */
export function quota(value: number | null, shown: (value: number) => string): ReactNode {
  if (value === null) return <span className="quiet">default</span>;
  return value === 0 ? 'any' : shown(value);
}

/** Those of its own alone: the settings of the service have the others. */
function limitsOf({ requests_per_s, quota_waiting, quota_bytes }: AccountResponse): ReactNode {
  const own = [
    requests_per_s === null ? [] : `${requests_per_s === 0 ? 'any' : count(requests_per_s)} requests/s`,
    quota_waiting === null ? [] : `${quota_waiting === 0 ? 'any' : count(quota_waiting)} waiting`,
    quota_bytes === null ? [] : quota_bytes === 0 ? 'any size' : size(quota_bytes),
  ].flat();
  return own.length === 0 ? <span className="quiet">the service’s</span> : own.join(', ');
}

function NewAccount(): ReactNode {
  const navigate = useNavigate();
  const [asking, ask] = useState(false);
  return (
    <>
      <button type="button" className="button primary" onClick={() => ask(true)}>
        New account …
      </button>
      {asking && (
        <FormDialog
          title="New account"
          verb="Create"
          onClose={() => ask(false)}
          onSubmit={async (given) => {
            const made = await send<AccountResponse>('POST', '/v1/accounts', accountFields(given));
            await navigate({ to: '/accounts/$id', params: { id: made.id } });
          }}
        >
          <AccountFormFields />
        </FormDialog>
      )}
    </>
  );
}
