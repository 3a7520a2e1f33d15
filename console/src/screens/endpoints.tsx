import { type ReactNode, useState } from 'react';
import { Link, useNavigate } from '@tanstack/react-router';
import { useAccountNames } from '../account-names.js';
import { useAccountQuery } from '../account-scope.js';

import type { EndpointResponse } from '../api-types.js';
import { Destination } from '../endpoints/destination.js';
import { OthersText } from '../body-view.js';
import { EndpointDialog } from '../endpoints/endpoint-dialog.js';
import { ACCOUNT_SECRETS, SigningSecrets } from '../endpoints/signing-secrets.js';
import { EndpointState, reasonOf } from '../endpoints/state.js';
import { useMay, useSession } from '../session.js';
import { Ago } from '../ui/ago.js';
import { Empty } from '../ui/empty.js';
import { Problem } from '../ui/problem.js';
import { SecretOnce } from '../ui/secret-once.js';
import { usePages } from '../use-pages.js';

/** URLs that are told of every operation, and the secret of the operations' own callbacks. */
export function Endpoints(): ReactNode {
  const account = useAccountQuery();
  const session = useSession();
  const mayWrite = useMay('endpoints:write');
  const { rows, error, isPending, more } = usePages<EndpointResponse>('/v1/endpoints', account);
  return (
    <div className="screen">
      <div className="screen-head">
        <h1>Endpoints</h1>
        {mayWrite && <NewEndpoint />}
      </div>
      <Problem error={error} />
      {rows.length > 0 && <Rows rows={rows} />}
      {more}
      {rows.length === 0 && !isPending && error === null && (
        <Empty title="No endpoint yet">
          <p>An endpoint is a URL that you register once: it is told of every operation of the account.</p>
        </Empty>
      )}
      {mayWrite && (
        <SigningSecrets
          title={`Signing secret of the account ${session.account.name}`}
          of={ACCOUNT_SECRETS}
          query={{}}
        >
          Signs what operations with a <code>callback</code> of their own are told. Endpoints have secrets of
          their own.
        </SigningSecrets>
      )}
    </div>
  );
}

/** In lists of all accounts they say whose they are. */
type Row = EndpointResponse & { readonly account_id?: string };

function Rows({ rows }: { rows: readonly Row[] }): ReactNode {
  const names = useAccountNames();
  return (
    <div className="table-frame">
      <table className="table">
        <thead>
          <tr>
            <th>State</th>
            <th>URL</th>
            <th>Description</th>
            <th>Events</th>
            <th>Rate</th>
            {names && <th>Account</th>}
            <th>Made</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((endpoint) => (
            <tr key={endpoint.id}>
              <td title={reasonOf(endpoint)}>
                <EndpointState of={endpoint} />
              </td>
              <td className="wide">
                <Link to="/endpoints/$id" params={{ id: endpoint.id }} data-row>
                  <Destination url={endpoint.url} />
                </Link>
              </td>
              <td className="wide">
                <OthersText text={endpoint.description} />
              </td>
              <td className="wide" title={endpoint.events.join(', ')}>
                {shortEvents(endpoint.events)}
              </td>
              <td>
                {endpoint.rate_per_s === null ? (
                  <span className="quiet">any</span>
                ) : (
                  `${endpoint.rate_per_s}/s`
                )}
              </td>
              {names && <td>{names.get(endpoint.account_id ?? '') ?? '–'}</td>}
              <td>
                <Ago at={endpoint.created_at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function shortEvents(events: readonly string[]): string {
  return events.map((event) => event.replace('operation.', '')).join(', ');
}

function NewEndpoint(): ReactNode {
  const navigate = useNavigate();
  const [asking, ask] = useState(false);
  const [made, setMade] = useState<EndpointResponse>();
  return (
    <div className="buttons">
      <button type="button" className="button primary" onClick={() => ask(true)}>
        New endpoint …
      </button>
      {asking && <EndpointDialog query={{}} onDone={setMade} onClose={() => ask(false)} />}
      {made?.secret && (
        <SecretOnce
          title="The endpoint’s signing secret"
          secret={made.secret}
          onClose={() => {
            setMade(undefined);
            void navigate({ to: '/endpoints/$id', params: { id: made.id } });
          }}
        >
          Give it to the receiver as it is, <code>whsec_</code> included: it verifies what this endpoint is
          told.
        </SecretOnce>
      )}
    </div>
  );
}
