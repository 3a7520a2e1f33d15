import type { ReactNode } from 'react';
import { useQuery } from '@tanstack/react-query';
import { useAccountQuery } from '../account-scope.js';
import { address, get, RingbackError } from '../api.js';
import type { FileResponse } from '../api-types.js';
import { BodyView, OthersText } from '../body-view.js';
import type { Operation } from '../rows.js';
import { Problem } from '../ui/problem.js';
import { size } from '../words.js';
import { requestQuery } from './request.js';

/** What went in, what came out. */
export function Payloads({ operation }: { operation: Operation }): ReactNode {
  return (
    <div className="halves">
      <Input operation={operation} />
      <Result operation={operation} />
    </div>
  );
}

function Input({ operation }: { operation: Operation }): ReactNode {
  const account = useAccountQuery();
  const { data, error } = useQuery(requestQuery(operation.id, account));
  const isGone = error instanceof RingbackError && error.status === 410;
  return (
    <section className="card" aria-labelledby="input-title">
      <header>
        <h2 id="input-title">Input</h2>
      </header>
      <div className="inside payload">
        {isGone ? <p className="quiet">{error.message}</p> : <Problem error={error} />}
        {data && data.withheld.length > 0 && (
          <p className="note">
            Withheld, because it may be secret: <code>{data.withheld.join(', ')}</code>
          </p>
        )}
        {data && <BodyView label="the input" body={JSON.stringify(data.input)} />}
      </div>
    </section>
  );
}

function Result({ operation }: { operation: Operation }): ReactNode {
  const { status, result, custom, error, file } = operation;
  return (
    <section className="card" aria-labelledby="result-title">
      <header>
        <h2 id="result-title">Result</h2>
      </header>
      <div className="inside payload">
        {error && <p className="quiet">None: it failed.</p>}
        {status === 'Canceled' && <p className="quiet">None: it was canceled.</p>}
        {status === 'Waiting' || status === 'Executing' ? (
          <p className="quiet">None before it has ended.</p>
        ) : null}
        {result !== null && <BodyView label="the result" body={JSON.stringify(result)} />}
        {custom !== null && (
          <>
            <h3>custom</h3>
            <BodyView label="custom" body={JSON.stringify(custom)} />
          </>
        )}
        {file !== null && <ResultFile operation={operation} file={file} />}
        {status === 'Finished' && result === null && custom === null && file === null && (
          <p className="quiet">It finished without a result.</p>
        )}
      </div>
    </section>
  );
}

function ResultFile({ operation, file }: { operation: Operation; file: string }): ReactNode {
  const account = useAccountQuery();
  const { data, error } = useQuery({
    queryKey: ['files', file, account],
    queryFn: ({ signal }) => get<FileResponse>(`/v1/files/${encodeURIComponent(file)}`, account, signal),
    staleTime: Infinity,
    retry: false,
  });
  return (
    <p className="file">
      <a
        className="button"
        href={address(`/v1/operations/${encodeURIComponent(operation.id)}/result`, account)}
        download
      >
        Download
      </a>{' '}
      {data ? (
        <>
          <OthersText text={data.name} />{' '}
          <span className="quiet">
            {data.content_type}, {size(data.size)}
          </span>
        </>
      ) : (
        <Problem error={error} />
      )}
    </p>
  );
}
