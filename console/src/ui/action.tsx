import { type ReactNode, useState } from 'react';
import { type QueryKey, useQueryClient } from '@tanstack/react-query';
import { Dialog } from './dialog.js';
import { Problem } from './problem.js';

interface ActionProps {
  /** What the button says, a verb. */
  readonly label: string;
  readonly run: () => Promise<unknown>;
  /** What is read again after it; everything by default. */
  readonly changes?: QueryKey;
  readonly className?: string;
  readonly disabled?: boolean;
  /** Why it can't be done, where it is disabled. */
  readonly title?: string | undefined;
}

/** A button that changes something; what the service refuses is said below it. */
export function Action({ label, run, changes, className = '', disabled, title }: ActionProps): ReactNode {
  const queries = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  async function act(): Promise<void> {
    setBusy(true);
    setError(null);
    try {
      await run();
    } catch (failure) {
      setError(failure);
    }
    await queries.invalidateQueries(changes ? { queryKey: changes } : {});
    setBusy(false);
  }
  return (
    <>
      <button
        type="button"
        className={`button ${className}`}
        disabled={busy || disabled}
        title={title}
        onClick={() => void act()}
      >
        {label}
      </button>
      {error !== null && (
        <Dialog title={`${label}: refused`} onClose={() => setError(null)}>
          <Problem error={error} />
          <form method="dialog" className="dialog-buttons">
            <button className="button">Close</button>
          </form>
        </Dialog>
      )}
    </>
  );
}

/** An `Action` that asks before. */
export function AskedAction({ ask, ...action }: ActionProps & { readonly ask: ReactNode }): ReactNode {
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  async function act(): Promise<void> {
    setBusy(true);
    try {
      await action.run();
      setAsking(false);
      setError(null);
    } catch (failure) {
      setError(failure);
    }
    await queries.invalidateQueries(action.changes ? { queryKey: action.changes } : {});
    setBusy(false);
  }
  return (
    <>
      <button
        type="button"
        className={`button ${action.className ?? ''}`}
        disabled={action.disabled}
        title={action.title}
        onClick={() => setAsking(true)}
      >
        {action.label}
      </button>
      {asking && (
        <Dialog
          title={action.label}
          onClose={() => {
            setAsking(false);
            setError(null);
          }}
        >
          {ask}
          <Problem error={error} />
          <div className="dialog-buttons">
            <button type="button" className="button" onClick={() => setAsking(false)}>
              Leave it
            </button>
            <button
              type="button"
              className={`button primary ${action.className ?? ''}`}
              disabled={busy}
              onClick={() => void act()}
              autoFocus
            >
              {action.label}
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}
