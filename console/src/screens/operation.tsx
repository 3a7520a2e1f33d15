import type { ReactNode } from 'react';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useAccountQuery } from '../account-scope.js';
import { RingbackError } from '../api.js';
import { OthersText } from '../body-view.js';
import { useClock } from '../clock.js';
import { useFeed } from '../feed.js';
import { Callbacks } from '../operations/callbacks.js';
import { Faces, Facts } from '../operations/facts.js';
import { HistoryLog } from '../operations/history-log.js';
import { OperationActions } from '../operations/operation-actions.js';
import { Payloads } from '../operations/payloads.js';
import { requestQuery } from '../operations/request.js';
import { TimeAxis } from '../operations/time-axis-view.js';
import { useHistory } from '../operations/use-history.js';
import { type Operation as Shown, operationQuery, owedQuery, SLOW_LOOK_MS } from '../rows.js';
import { Ago } from '../ui/ago.js';
import { Empty } from '../ui/empty.js';
import { Problem } from '../ui/problem.js';
import { Status } from '../ui/status.js';

const route = getRouteApi('/operations/$id');

/** One operation: what happened when, what went in and out, and whether its callbacks have arrived. */
export function Operation(): ReactNode {
  const { id } = route.useParams();
  const account = useAccountQuery();
  // The stream of its history says when to look; this is for what tells nothing, such as a cancel that is awaited.
  const { data, error } = useQuery({
    ...operationQuery(id, account),
    refetchInterval: ({ state }) => (state.data?.finished_at ? false : SLOW_LOOK_MS),
  });
  if (!data)
    return (
      <div className="screen">
        {error instanceof RingbackError && error.status === 404 ? (
          <Unknown id={id} />
        ) : (
          <Problem error={error} />
        )}
        {!error && <p className="quiet">Loading …</p>}
      </div>
    );
  return <Found key={data.id} operation={data} />;
}

function Unknown({ id }: { id: string }): ReactNode {
  return (
    <Empty title={`No operation ${id}`}>
      <p>It may have been deleted when its retention was over, or belong to another account.</p>
      <p>
        <Link to="/operations">To the operations</Link>
      </p>
    </Empty>
  );
}

const FED = [['deliveries', 'of']];

function Found({ operation }: { operation: Shown }): ReactNode {
  const account = useAccountQuery();
  const { id, finished_at: finished } = operation;
  const history = useHistory(id, finished !== null, account);
  const owed = useQuery(owedQuery(id, account));
  useFeed(FED);
  const deliveries = owed.data ?? [];
  return (
    <div className="screen">
      <header className="screen-head">
        <h1>
          {operation.correlation === null ? operation.type : <OthersText text={operation.correlation} />}
        </h1>
        <Status of={operation.status} />
        {operation.correlation !== null && <span className="quiet">{operation.type}</span>}
        <OperationActions operation={operation} />
      </header>
      <Standing operation={operation} />
      <Callbacks operation={operation} deliveries={deliveries} />
      <Problem error={owed.error} />
      <div className="columns">
        <div className="stack">
          <section className="card" aria-labelledby="axis-title">
            <header>
              <h2 id="axis-title">What happened when</h2>
            </header>
            <div className="inside">
              <TimeAxis operation={operation} history={history.entries} deliveries={deliveries} />
            </div>
            <HistoryLog entries={history.entries} />
            <Problem error={history.error} />
          </section>
          <Payloads operation={operation} />
        </div>
        <div className="stack">
          <Facts operation={operation} />
          <Faces operation={operation} />
        </div>
      </div>
    </div>
  );
}

/** Why it failed, or how far it is. */
function Standing({ operation }: { operation: Shown }): ReactNode {
  const { error, finished_at: finished, progress, status, status_text: text } = operation;
  if (error)
    return (
      <p className="problem">
        <code>{error.code}</code> <OthersText text={error.message} />
      </p>
    );
  if (finished !== null) return null;
  if (status === 'Waiting') return <Waiting operation={operation} />;
  return (
    <div className="standing">
      <progress max={100} value={progress} aria-label="Progress" />
      <span className="number">{progress} %</span>
      <OthersText text={text} />
    </div>
  );
}

/** Why it does not run yet. */
function Waiting({ operation }: { operation: Shown }): ReactNode {
  const account = useAccountQuery();
  const { data: request } = useQuery({ ...requestQuery(operation.id, account), staleTime: SLOW_LOOK_MS });
  const { attempt, queue_position: place, status_text: text } = operation;
  const later = useClock((now) => Number(Date.parse(request?.run_at ?? '') > now));
  return (
    <p className="note">
      {later && request ? (
        <>
          {attempt === 0 ? 'It was asked to run ' : 'Its next try comes '}
          <Ago at={request.run_at} />.
        </>
      ) : place === undefined ? (
        'It waits for a slot of its account, and for a worker.'
      ) : (
        `It waits for a slot of its account: number ${place} of those that do.`
      )}{' '}
      <span className="quiet">
        <OthersText text={text} />
      </span>
    </p>
  );
}
