import { type ReactNode, useState } from 'react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useAccountQuery } from '../account-scope.js';
import { get, type Page, type Query, send } from '../api.js';
import type { DeliveryResponse, EndpointResponse, EndpointStatsResponse } from '../api-types.js';
import { Destination } from '../endpoints/destination.js';
import { OthersText } from '../body-view.js';
import { EndpointDialog } from '../endpoints/endpoint-dialog.js';
import { HourBars } from '../endpoints/hour-bars.js';
import { lastHours } from '../endpoints/hours.js';
import { RecoverDialog } from '../endpoints/recover-dialog.js';
import { endpointSecrets, SigningSecrets } from '../endpoints/signing-secrets.js';
import { EndpointState, reasonOf } from '../endpoints/state.js';
import { TestButton } from '../endpoints/test-button.js';
import { useMay } from '../session.js';
import { Action, AskedAction } from '../ui/action.js';
import { Ago } from '../ui/ago.js';
import { Copy } from '../ui/copy.js';
import { Id } from '../ui/id.js';
import { Problem } from '../ui/problem.js';
import { Status } from '../ui/status.js';
import { count, counted } from '../words.js';

const REFRESH_MS = 10_000;
const LAST = 10;

/** One endpoint: how it does, what it is owed, and what can be done about it. */
export function Endpoint(): ReactNode {
  const { id } = useParams({ from: '/endpoints/$id' });
  const account = useAccountQuery();
  const { data: endpoint, error } = useQuery({
    queryKey: ['endpoint', id, account],
    queryFn: ({ signal }) => get<EndpointResponse>(`/v1/endpoints/${id}`, account, signal),
    refetchInterval: REFRESH_MS,
  });
  const { data: stats } = useQuery({
    queryKey: ['endpoint-stats', id, account],
    queryFn: ({ signal }) => get<EndpointStatsResponse>(`/v1/endpoints/${id}/stats`, account, signal),
    refetchInterval: REFRESH_MS,
    enabled: endpoint !== undefined,
  });
  if (!endpoint)
    return (
      <div className="screen">
        <h1>Endpoint</h1>
        <Problem error={error} />
      </div>
    );
  return (
    <div className="screen">
      <div className="screen-head">
        <h1>
          <Destination url={endpoint.url} />
        </h1>
        <EndpointState of={endpoint} />
        <Buttons endpoint={endpoint} query={account} />
      </div>
      <Problem error={error} />
      <Held endpoint={endpoint} stats={stats} />
      <div className="columns">
        <div className="stack">
          <Attempts stats={stats} />
          <LastDeliveries id={id} query={account} />
        </div>
        <div className="stack">
          <Facts endpoint={endpoint} />
          <Secrets id={id} query={account} />
        </div>
      </div>
    </div>
  );
}

function Held({
  endpoint,
  stats,
}: {
  endpoint: EndpointResponse;
  stats: EndpointStatsResponse | undefined;
}): ReactNode {
  if (endpoint.disabled_at === null) return null;
  return (
    <p className="note waiting">
      Disabled <Ago at={endpoint.disabled_at} />: {reasonOf(endpoint)}.{' '}
      {stats && stats.held > 0
        ? `${counted(stats.held, 'delivery is', 'deliveries are')} held for it: enabling it sends them.`
        : 'What it is owed is held, not dropped: enabling it sends it.'}
    </p>
  );
}

function Buttons({ endpoint, query }: { endpoint: EndpointResponse; query: Query }): ReactNode {
  const navigate = useNavigate();
  const mayWrite = useMay('endpoints:write');
  const mayRecover = useMay('deliveries:redeliver');
  const [dialog, open] = useState<'change' | 'recover'>();
  const path = `/v1/endpoints/${endpoint.id}`;
  const isDisabled = endpoint.disabled_at !== null;
  return (
    <div className="buttons">
      {mayWrite && (
        <>
          <TestButton id={endpoint.id} query={query} isDisabled={isDisabled} />
          <button type="button" className="button" onClick={() => open('change')}>
            Change …
          </button>
          {isDisabled ? (
            <Action
              label="Enable"
              className="primary"
              run={() => send('POST', `${path}/enable`, undefined, query)}
            />
          ) : (
            <AskedAction
              label="Disable"
              run={() => send('POST', `${path}/disable`, undefined, query)}
              ask={<p>What it is owed from now on is held until it is enabled again. Nothing is dropped.</p>}
            />
          )}
        </>
      )}
      {mayRecover && (
        <button type="button" className="button" onClick={() => open('recover')}>
          Recover …
        </button>
      )}
      {mayWrite && (
        <AskedAction
          label="Delete"
          className="danger"
          run={async () => {
            await send('DELETE', path, undefined, query);
            await navigate({ to: '/endpoints' });
          }}
          ask={<p>What it is still owed is canceled. The log of its deliveries stays.</p>}
        />
      )}
      {dialog === 'change' && (
        <EndpointDialog current={endpoint} query={query} onClose={() => open(undefined)} />
      )}
      {dialog === 'recover' && (
        <RecoverDialog endpoint={endpoint} query={query} onClose={() => open(undefined)} />
      )}
    </div>
  );
}

function Attempts({ stats }: { stats: EndpointStatsResponse | undefined }): ReactNode {
  return (
    <section className="card" aria-label="Attempts">
      <header>
        <h2>Attempts of the last 24 hours</h2>
      </header>
      <div className="inside form">
        {stats === undefined ? (
          <p className="quiet">Counting …</p>
        ) : (
          <>
            <dl className="figures">
              <Figure name="In flight" value={stats.in_flight} />
              <Figure name="Pending" value={stats.pending} />
              <Figure name="Held" value={stats.held} tone={stats.held > 0 ? 'waiting' : ''} />
              <Figure name="Succeeded" value={stats.succeeded} tone={stats.succeeded > 0 ? 'good' : ''} />
              <Figure name="Failed" value={stats.failed} tone={stats.failed > 0 ? 'bad' : ''} />
            </dl>
            <HourBars hours={lastHours(stats.hours, Date.now())} />
          </>
        )}
      </div>
    </section>
  );
}

function Figure({ name, value, tone = '' }: { name: string; value: number; tone?: string }): ReactNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd className={tone}>{count(value)}</dd>
    </div>
  );
}

function Facts({ endpoint }: { endpoint: EndpointResponse }): ReactNode {
  const { max_in_flight, rate_per_s, thin_over, retry_schedule, client_certificate: certificate } = endpoint;
  return (
    <section className="card" aria-label="Settings">
      <header>
        <h2>Settings</h2>
      </header>
      <dl className="inside facts">
        <dt>Id</dt>
        <dd>
          <Id id={endpoint.id} /> <Copy text={endpoint.id} />
        </dd>
        <dt>Description</dt>
        <dd>{endpoint.description === '' ? '–' : <OthersText text={endpoint.description} />}</dd>
        <dt>Events</dt>
        <dd>{endpoint.events.join(', ')}</dd>
        {endpoint.mode === 'pull' ? (
          <Pulled endpoint={endpoint} />
        ) : (
          <>
            <dt>Rate</dt>
            <dd>{rate_per_s === null ? 'as fast as they come' : `${rate_per_s} a second`}</dd>
            <dt>At once</dt>
            <dd>{max_in_flight === null ? 'the service’s own cap' : count(max_in_flight)}</dd>
          </>
        )}
        <dt>Retries after</dt>
        <dd>{retry_schedule === null ? 'the service’s own schedule' : `${retry_schedule.join(', ')} s`}</dd>
        <dt>Thin over</dt>
        <dd>{thin_over === null ? 'the service’s own limit' : `${count(thin_over)} bytes`}</dd>
        <dt>Signature</dt>
        <dd>{endpoint.signature_profile}</dd>
        <dt>Headers</dt>
        <dd>{endpoint.headers.length === 0 ? 'none' : endpoint.headers.map(({ key }) => key).join(', ')}</dd>
        {certificate && (
          <>
            <dt>Certificate</dt>
            <dd>
              <OthersText text={certificate.subject} />, ends <Ago at={certificate.ends_at} />
            </dd>
          </>
        )}
        <dt>Made</dt>
        <dd>
          <Ago at={endpoint.created_at} />
        </dd>
      </dl>
    </section>
  );
}

/** What only an endpoint has that consumers pull. */
function Pulled({ endpoint }: { endpoint: EndpointResponse }): ReactNode {
  const { lease_s: lease, ephemeral_s: ephemeral, last_pulled_at: pulled } = endpoint;
  return (
    <>
      <dt>Mode</dt>
      <dd>pull: its deliveries wait until a consumer asks for them</dd>
      <dt>Last pulled</dt>
      <dd>{pulled === null ? 'never' : <Ago at={pulled} />}</dd>
      <dt>Lease</dt>
      <dd>{lease ?? 30} s</dd>
      {ephemeral !== null && (
        <>
          <dt>Ephemeral</dt>
          <dd>deleted when nobody has pulled it for {count(ephemeral)} s</dd>
        </>
      )}
    </>
  );
}

function Secrets({ id, query }: { id: string; query: Query }): ReactNode {
  const mayWrite = useMay('endpoints:write');
  if (!mayWrite) return null;
  return (
    <SigningSecrets title="Signing secret" of={endpointSecrets(id)} query={query}>
      Signs what this endpoint is told, and nothing else.
    </SigningSecrets>
  );
}

function LastDeliveries({ id, query }: { id: string; query: Query }): ReactNode {
  const { data, error } = useQuery({
    queryKey: ['deliveries', { endpoint: id, last: LAST }, query],
    queryFn: ({ signal }) =>
      get<Page<DeliveryResponse>>(
        '/v1/deliveries',
        { endpoint: id, order: 'desc', limit: LAST, ...query },
        signal,
      ),
    refetchInterval: REFRESH_MS,
  });
  const rows = data?.data ?? [];
  return (
    <section className="card" aria-label="Last deliveries">
      <header>
        <h2>Last deliveries</h2>
        <Link className="end" to="/deliveries" search={{ endpoint: id }}>
          All of them
        </Link>
      </header>
      <Problem error={error} />
      {rows.length === 0 ? (
        <p className="inside quiet">{data ? 'Nothing was sent to it yet.' : 'Reading …'}</p>
      ) : (
        <div className="table-frame">
          <table className="table">
            <thead>
              <tr>
                <th>Delivery</th>
                <th>State</th>
                <th>Event</th>
                <th className="number">Attempts</th>
                <th>Made</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((delivery) => (
                <tr key={delivery.id}>
                  <td>
                    <Link to="/deliveries/$id" params={{ id: delivery.id }} data-row>
                      <Id id={delivery.id} />
                    </Link>
                  </td>
                  <td>
                    <Status of={delivery.status} />
                  </td>
                  <td>{delivery.event}</td>
                  <td className="number">{count(delivery.attempt_count)}</td>
                  <td>
                    <Ago at={delivery.created_at} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
