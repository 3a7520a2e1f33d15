import { type ReactNode, useEffect, useState } from 'react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { historyOf } from '../../../src/client/history-stream.js';
import { hasEnded, type HistoryEntry } from '../../../src/client/types.js';
import { useAccountQuery } from '../account-scope.js';
import { get, transport } from '../api.js';
import type { OperationResponse } from '../api-types.js';
import { BodyView, OthersText } from '../body-view.js';
import { Ago } from '../ui/ago.js';
import { Id } from '../ui/id.js';
import { Problem } from '../ui/problem.js';
import { Status } from '../ui/status.js';

const LOOK_MS = 1_000;
/** The last ones: an operation may log for hours. */
const SHOWN_ENTRIES = 200;

/** An operation from its submit to its end, and to that of its callback. */
export function Watch({ id }: { id: string }): ReactNode {
  const account = useAccountQuery();
  const { entries, error: streamError } = useHistory(id);
  const { data: operation, error } = useQuery({
    queryKey: ['operation', id, account, 'watched', entries.at(-1)?.id],
    queryFn: ({ signal }) => get<OperationResponse>(`/v1/operations/${id}`, account, signal),
    placeholderData: (before) => before,
    refetchInterval: ({ state }) => (isOver(state.data) ? false : LOOK_MS),
  });
  return (
    <section className="card" aria-label="What became of it">
      <header>
        <Link to="/operations/$id" params={{ id }}>
          Operation <Id id={id} />
        </Link>
        {operation && <Status of={operation.status} />}
        {operation && !hasEnded(operation.status) && (
          <progress aria-label="Progress" value={operation.progress} max={100} />
        )}
      </header>
      <div className="inside form">
        <Problem error={error ?? streamError} />
        <ol className="log" aria-label="History" role="log">
          {entries.map((entry) => (
            <li key={entry.id}>
              <Ago at={entry.created_at} />
              <OthersText text={sentenceOf(entry)} />
            </li>
          ))}
        </ol>
        {operation && <Outcome operation={operation} />}
      </div>
    </section>
  );
}

function Outcome({ operation }: { operation: OperationResponse }): ReactNode {
  const { error, result, file, callback } = operation;
  return (
    <>
      {error && (
        <p className="problem">
          <code>{error.code}</code> <OthersText text={error.message} />
        </p>
      )}
      {result !== null && result !== undefined && <BodyView label="result" body={JSON.stringify(result)} />}
      {file !== null && (
        <p>
          A file is its result: see{' '}
          <Link to="/operations/$id" params={{ id: operation.id }}>
            the operation
          </Link>
          .
        </p>
      )}
      {callback && (
        <p>
          Callback to <OthersText text={callback.url} />: <Status of={callback.state} />{' '}
          <Link to="/deliveries" search={{ operation: operation.id }}>
            its deliveries
          </Link>
        </p>
      )}
    </>
  );
}

function useHistory(id: string): { entries: readonly HistoryEntry[]; error: unknown } {
  const [entries, setEntries] = useState<readonly HistoryEntry[]>([]);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    const leaving = new AbortController();
    setEntries([]);
    setError(null);
    const follow = async (): Promise<void> => {
      try {
        for await (const entry of historyOf(transport, id, { signal: leaving.signal }))
          setEntries((before) => [...before, entry].slice(-SHOWN_ENTRIES));
      } catch (failure) {
        if (!leaving.signal.aborted) setError(failure);
      }
    };
    void follow();
    return () => leaving.abort();
  }, [id]);
  return { entries, error };
}

function sentenceOf({ kind, status, progress, text }: HistoryEntry): string {
  if (kind === 'transition') return status === null || text === status ? text : `${status}: ${text}`;
  return kind === 'progress' ? `${Math.round(progress ?? 0)} % ${text}` : text;
}

function isOver(operation: OperationResponse | undefined): boolean {
  return operation !== undefined && hasEnded(operation.status) && operation.callback?.state !== 'Pending';
}
