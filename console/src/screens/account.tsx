import { type ReactNode, useState } from 'react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { AccountFormFields, accountFields } from '../accounts/account-form.js';
import { Keys } from '../accounts/keys.js';
import { get, send } from '../api.js';
import type { AccountResponse } from '../api-types.js';
import { useMay, useSession } from '../session.js';
import { Action, AskedAction } from '../ui/action.js';
import { Ago } from '../ui/ago.js';
import { Copy } from '../ui/copy.js';
import { FormDialog } from '../ui/form-dialog.js';
import { Id } from '../ui/id.js';
import { Problem } from '../ui/problem.js';
import { count, size } from '../words.js';
import { quota } from './accounts.js';

/** One account and its keys; of the holder of a key with `keys:write`, the keys alone. */
export function Account(): ReactNode {
  const { id } = useParams({ from: '/accounts/$id' });
  const isAdmin = useMay('admin');
  const { account: own } = useSession();
  const { data: account, error } = useQuery({
    queryKey: ['account', id],
    queryFn: ({ signal }) => get<AccountResponse>(`/v1/accounts/${id}`, {}, signal),
    enabled: isAdmin,
  });
  const name = account?.name ?? (id === own.id ? own.name : 'Account');
  return (
    <div className="screen">
      <div className="screen-head">
        <h1>{name}</h1>
        {account &&
          (account.disabled ? (
            <span className="status bad">Disabled</span>
          ) : (
            <span className="status good">Active</span>
          ))}
        {account && <Buttons account={account} />}
      </div>
      <Problem error={error} />
      {account && <Facts account={account} />}
      <Keys accountId={id} />
    </div>
  );
}

function Facts({ account }: { account: AccountResponse }): ReactNode {
  return (
    <section className="card" aria-label="Settings">
      <dl className="inside facts">
        <dt>Id</dt>
        <dd>
          <Id id={account.id} /> <Copy text={account.id} />
        </dd>
        <dt>Number</dt>
        <dd>{account.number}</dd>
        <dt>Slots</dt>
        <dd>{count(account.slots)}</dd>
        <dt>Requests a second</dt>
        <dd>{quota(account.requests_per_s, count)}</dd>
        <dt>Operations waiting</dt>
        <dd>{quota(account.quota_waiting, count)}</dd>
        <dt>Bytes stored</dt>
        <dd>{quota(account.quota_bytes, size)}</dd>
        <dt>Made</dt>
        <dd>
          <Ago at={account.created_at} />
        </dd>
        <dt>Look at</dt>
        <dd>
          <Link to="/operations" search={{ account: account.id }}>
            its operations
          </Link>
          {', '}
          <Link to="/deliveries" search={{ account: account.id }}>
            its deliveries
          </Link>
          {', '}
          <Link to="/endpoints" search={{ account: account.id }}>
            its endpoints
          </Link>
          {', '}
          <Link to="/audit" search={{ account: account.id }}>
            its audit
          </Link>
        </dd>
      </dl>
    </section>
  );
}

function Buttons({ account }: { account: AccountResponse }): ReactNode {
  const navigate = useNavigate();
  const { account: own } = useSession();
  const [changing, change] = useState(false);
  const path = `/v1/accounts/${account.id}`;
  // The service refuses it for its own reason; here it isn't even asked.
  const isNeeded = account.id === own.id || account.name === 'default';
  const why = isNeeded ? 'Your own account, and default, stay' : undefined;
  return (
    <div className="buttons">
      <button type="button" className="button" onClick={() => change(true)}>
        Change …
      </button>
      {account.disabled ? (
        <Action label="Enable" className="primary" run={() => send('PATCH', path, { disabled: false })} />
      ) : (
        <AskedAction
          label="Disable"
          disabled={isNeeded}
          title={why}
          run={() => send('PATCH', path, { disabled: true })}
          ask={<p>Within 5 s all its keys are refused. What was accepted runs on and calls back.</p>}
        />
      )}
      <AskedAction
        label="Delete"
        className="danger"
        disabled={isNeeded}
        title={why}
        run={async () => {
          await send('DELETE', path);
          await navigate({ to: '/accounts' });
        }}
        ask={
          <p>
            Its keys, operations, deliveries, endpoints, files and secrets are deleted, and what runs is
            stopped. Nothing of <strong>{account.name}</strong> can be had again.
          </p>
        }
      />
      {changing && (
        <FormDialog
          title="Change the account"
          verb="Change"
          onClose={() => change(false)}
          onSubmit={(given) => send('PATCH', path, accountFields(given))}
        >
          <AccountFormFields current={account} />
        </FormDialog>
      )}
    </div>
  );
}
