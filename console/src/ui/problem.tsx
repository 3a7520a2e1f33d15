import type { ReactNode } from 'react';
import { RingbackError } from '../api.js';

/** An error as the API's problem says it. */
export function Problem({ error }: { error: unknown }): ReactNode {
  if (error === null || error === undefined) return null;
  if (!(error instanceof RingbackError))
    return (
      <p role="alert" className="problem">
        {error instanceof Error ? error.message : 'It failed, and nothing says why.'}
      </p>
    );
  const { status, code, message, errors } = error;
  return (
    <div role="alert" className="problem">
      <p>
        {message} <code className="quiet">{status === 0 ? code : `${status} ${code}`}</code>
      </p>
      {errors.length > 0 && (
        <ul>
          {errors.map((fault) => (
            <li key={`${fault.path} ${fault.message}`}>
              <code>{fault.path}</code> {fault.message}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
