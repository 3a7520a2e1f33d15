import { type ReactNode, useState } from 'react';
import { send } from '../api.js';
import type { ApiKeyResponse } from '../api-types.js';
import { typed } from '../form-text.js';
import { useSession } from '../session.js';
import { AskedAction } from '../ui/action.js';
import { Ago } from '../ui/ago.js';
import { FormDialog, Labeled } from '../ui/form-dialog.js';
import { Id } from '../ui/id.js';
import { Problem } from '../ui/problem.js';
import { SecretOnce } from '../ui/secret-once.js';
import { usePages } from '../use-pages.js';
import { SCOPES } from './account-form.js';

/** An account's keys: when each was used last, a new one shown once, one that nobody needs revoked. */
export function Keys({ accountId }: { accountId: string }): ReactNode {
  const path = `/v1/accounts/${accountId}/keys`;
  const { rows, error, more } = usePages<ApiKeyResponse>(path, {});
  const { key: own } = useSession();
  return (
    <section className="card" aria-label="API keys">
      <header>
        <h2>API keys</h2>
        <div className="buttons">
          <NewKey path={path} />
        </div>
      </header>
      <Problem error={error} />
      <div className="table-frame">
        <table className="table">
          <thead>
            <tr>
              <th>Name</th>
              <th>Id</th>
              <th>Scopes</th>
              <th>Last used</th>
              <th>Expires</th>
              <th>Made</th>
              <th>
                <span className="hidden">Revoke</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((key) => (
              <tr key={key.id}>
                <td className="wide">
                  {key.name} {key.id === own.id && <span className="quiet">(yours)</span>}
                </td>
                <td>
                  <Id id={key.id} />
                </td>
                <td className="wide" title={key.scopes.join(', ')}>
                  {key.scopes.join(', ')}
                </td>
                <td>
                  {key.last_used_at === null ? (
                    <span className="quiet">never</span>
                  ) : (
                    <Ago at={key.last_used_at} />
                  )}
                </td>
                <td>
                  {key.expires_at === null ? (
                    <span className="quiet">never</span>
                  ) : (
                    <Ago at={key.expires_at} />
                  )}
                </td>
                <td>
                  <Ago at={key.created_at} />
                </td>
                <td>
                  <AskedAction
                    label="Revoke"
                    className="small danger"
                    run={() => send('DELETE', `${path}/${key.id}`)}
                    ask={
                      <p>
                        <strong>{key.name}</strong> is refused everywhere within 5 s
                        {key.id === own.id
                          ? ', and you are logged out: it is the key you logged in with.'
                          : '.'}
                      </p>
                    }
                  />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {more}
    </section>
  );
}

function NewKey({ path }: { path: string }): ReactNode {
  const { scopes } = useSession();
  const [asking, ask] = useState(false);
  const [made, setMade] = useState<string>();
  const mayGive = (scope: string): boolean => scopes.includes('admin') || scopes.includes(scope);
  return (
    <>
      <button type="button" className="button small" onClick={() => ask(true)}>
        New key …
      </button>
      {asking && (
        <FormDialog
          title="New API key"
          verb="Create"
          onClose={() => ask(false)}
          onSubmit={async (given) => {
            const { key } = await send<ApiKeyResponse>('POST', path, {
              name: typed(given, 'name'),
              scopes: given.getAll('scopes'),
              expires_at: expiryOf(typed(given, 'days')),
            });
            setMade(key);
          }}
        >
          <Labeled label="Name" hint="Who uses it, so that it can be told apart later.">
            <input name="name" required maxLength={100} autoFocus />
          </Labeled>
          <fieldset className="checks">
            <legend>It may</legend>
            {SCOPES.filter(([scope]) => mayGive(scope)).map(([scope, what]) => (
              <label key={scope}>
                <input
                  type="checkbox"
                  name="scopes"
                  value={scope}
                  defaultChecked={scope === 'operations:read' || scope === 'operations:write'}
                />
                <span>
                  <code>{scope}</code> <span className="quiet">{what}</span>
                </span>
              </label>
            ))}
          </fieldset>
          <Labeled label="Expires">
            <select name="days" defaultValue="">
              <option value="">never</option>
              <option value="1">in a day</option>
              <option value="30">in 30 days</option>
              <option value="90">in 90 days</option>
              <option value="365">in a year</option>
            </select>
          </Labeled>
        </FormDialog>
      )}
      {made !== undefined && (
        <SecretOnce title="The new API key" secret={made} onClose={() => setMade(undefined)}>
          It is shown this once: only its hash is kept.
        </SecretOnce>
      )}
    </>
  );
}

function expiryOf(days: string): string | null {
  return days === '' ? null : new Date(Date.now() + Number(days) * 86_400_000).toISOString();
}
