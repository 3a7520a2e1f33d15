import type { ReactNode } from 'react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { BodyView, OthersText } from '../body-view.js';
import { useFeed } from '../feed.js';
import { Callbacks } from '../operations/callbacks.js';
import { HistoryLog } from '../operations/history-log.js';
import { useHistory } from '../operations/use-history.js';
import { type Operation, operationQuery, owedQuery } from '../rows.js';
import { Id } from '../ui/id.js';
import { Problem } from '../ui/problem.js';
import { Status } from '../ui/status.js';

/** Milliseconds between looks at a callback that is on its way. */
const LOOK_MS = 1_000;
const NOT_NAMED = {};
const FED = [['deliveries', 'of']];

/** An operation from its submit to its end, and to that of its callbacks. */
export function Watch({ id }: { id: string }): ReactNode {
  // It is the key's own, whosever rows are shown elsewhere.
  const account = NOT_NAMED;
  const { data: operation, error } = useQuery(operationQuery(id, account));
  const hasEnded = operation && operation.finished_at !== null;
  const history = useHistory(id, hasEnded, account);
  const owed = useQuery({
    ...owedQuery(id, account),
    refetchInterval: ({ state }) =>
      state.data?.some(({ status, attempts }) => status === 'Pending' && attempts.length === 0)
        ? LOOK_MS
        : false,
  });
  useFeed(FED);
  return (
    <div className="stack">
      <section className="card" aria-label="What becomes of it">
        <header>
          <Link to="/operations/$id" params={{ id }}>
            Operation <Id id={id} />
          </Link>
          {operation && <Status of={operation.status} />}
          {hasEnded === false && <progress aria-label="Progress" value={operation?.progress} max={100} />}
        </header>
        <Problem error={error ?? history.error} />
        <HistoryLog entries={history.entries} />
        {operation && <Outcome operation={operation} />}
      </section>
      {operation && <Callbacks operation={operation} deliveries={owed.data ?? []} />}
    </div>
  );
}

function Outcome({ operation: { id, error, result, file } }: { operation: Operation }): ReactNode {
  if (!error && file === null && (result === null || result === undefined)) return null;
  return (
    <div className="inside form">
      {error && (
        <p className="problem">
          <code>{error.code}</code> <OthersText text={error.message} />
        </p>
      )}
      {result !== null && result !== undefined && <BodyView label="result" body={JSON.stringify(result)} />}
      {file !== null && (
        <p>
          Its result is a file, which{' '}
          <Link to="/operations/$id" params={{ id }}>
            the operation
          </Link>{' '}
          has.
        </p>
      )}
    </div>
  );
}
