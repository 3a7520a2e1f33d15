import { type FormEvent, type ReactNode } from 'react';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useAccountQuery } from '../account-scope.js';
import { useAccountNames } from '../account-names.js';
import type { AuditEntryResponse } from '../api-types.js';
import { OthersText } from '../body-view.js';
import { typed } from '../form-text.js';
import { Ago } from '../ui/ago.js';
import { Empty } from '../ui/empty.js';
import { Id } from '../ui/id.js';
import { Problem } from '../ui/problem.js';
import { usePages } from '../use-pages.js';

const ACTIONS = {
  keys: 'key.created,key.revoked',
  accounts: 'account.created,account.changed,account.disabled,account.deleted',
  secrets: 'secret.read,secret.rotated,secret.ended',
  endpoints: 'endpoint.created,endpoint.changed,endpoint.deleted,endpoint.enabled,endpoint.disabled',
  'many at once': 'bulk.started',
  'erased operations': 'operation.erased',
  logins: 'login.succeeded,login.failed',
} as const;

/** Who did what, newest first. */
export function AuditLog(): ReactNode {
  const { actor, action, since, until } = useSearch({ from: '/audit' });
  const account = useAccountQuery();
  const { rows, error, isPending, more } = usePages<AuditEntryResponse>('/v1/audit', {
    order: 'desc',
    actor,
    action,
    since,
    until,
    ...account,
  });
  return (
    <div className="screen">
      <div className="screen-head">
        <h1>Audit</h1>
        <Filters />
      </div>
      <Problem error={error} />
      {rows.length > 0 && <Rows rows={rows} />}
      {more}
      {rows.length === 0 && !isPending && error === null && (
        <Empty title="Nothing of that kind was done">
          <p>Changes of keys, accounts, secrets and endpoints are written down here, and logins.</p>
        </Empty>
      )}
    </div>
  );
}

function Filters(): ReactNode {
  const { actor, action } = useSearch({ from: '/audit' });
  const navigate = useNavigate({ from: '/audit' });
  const find = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const name = typed(new FormData(event.currentTarget), 'actor');
    void navigate({ search: (before) => ({ ...before, actor: name }) });
  };
  return (
    <form className="filters" role="search" aria-label="Audit" onSubmit={find}>
      <select
        aria-label="What was done"
        value={action ?? ''}
        onChange={({ target }) =>
          void navigate({ search: (before) => ({ ...before, action: target.value }) })
        }
      >
        <option value="">Everything</option>
        {Object.entries(ACTIONS).map(([name, actions]) => (
          <option key={name} value={actions}>
            {name}
          </option>
        ))}
        {action && !Object.values<string>(ACTIONS).includes(action) && <option>{action}</option>}
      </select>
      <input
        key={actor}
        name="actor"
        type="search"
        aria-label="Key"
        placeholder="Key, by name or id"
        defaultValue={actor}
      />
    </form>
  );
}

function Rows({ rows }: { rows: readonly AuditEntryResponse[] }): ReactNode {
  return (
    <div className="table-frame">
      <table className="table">
        <thead>
          <tr>
            <th>When</th>
            <th>Who</th>
            <th>Did</th>
            <th>To</th>
            <th>Account</th>
            <th>From</th>
            <th>Details</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((entry, index) => (
            // Entries have no id of their own.
            <Row key={`${entry.at} ${index}`} entry={entry} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ entry }: { entry: AuditEntryResponse }): ReactNode {
  const names = useAccountNames();
  const { at, account_id, actor, address, action, target, details } = entry;
  const more = Object.entries(details).map(([name, value]) => `${name}: ${textOf(value)}`);
  return (
    <tr>
      <td>
        <Ago at={at} />
      </td>
      <td title={actor?.key_id}>{actor ? <OthersText text={actor.name} /> : <Nobody address={address} />}</td>
      <td>
        <code>{action}</code>
      </td>
      <td>
        <Target id={target} />
      </td>
      <td>
        {account_id === null ? (
          <span className="quiet">–</span>
        ) : (
          <Link to="/accounts/$id" params={{ id: account_id }}>
            {names?.get(account_id) ?? <Id id={account_id} />}
          </Link>
        )}
      </td>
      <td>{address ?? <span className="quiet">–</span>}</td>
      <td className="wrap">
        <OthersText text={more.join(', ')} />
      </td>
    </tr>
  );
}

function Nobody({ address }: { address: string | null }): ReactNode {
  return <span className="quiet">{address === null ? 'Ringback itself' : 'somebody unknown'}</span>;
}

/** With its screen, where it has one. */
function Target({ id }: { id: string | null }): ReactNode {
  if (id === null) return <span className="quiet">–</span>;
  const shown = <Id id={id} />;
  const params = { id };
  if (id.startsWith('ep_')) return <Link to="/endpoints/$id" params={params} children={shown} />;
  if (id.startsWith('acc_')) return <Link to="/accounts/$id" params={params} children={shown} />;
  if (/^[0-9a-f]{32}$/.test(id)) return <Link to="/operations/$id" params={params} children={shown} />;
  return shown;
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(' ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
