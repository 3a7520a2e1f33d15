import { type ReactNode, useEffect, useState } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import type { Query } from '../api.js';
import { beginBulk, countBulk, type Done, each } from '../bulk.js';
import type { Selection } from '../selection.js';
import { counted } from '../words.js';
import { Dialog } from './dialog.js';
import { Problem } from './problem.js';

export interface BulkAction {
  /** As the API calls it. */
  readonly action: string;
  /** A verb. */
  readonly label: string;
  readonly note: string;
  /** Does it with one. */
  readonly act: (id: string) => Promise<unknown>;
}

interface BulkProps {
  readonly kind: 'operations' | 'deliveries';
  readonly one: string;
  readonly selection: Selection;
  readonly filter: Query;
  readonly allowed: boolean;
  readonly actions: readonly BulkAction[];
}

/** Says how many are selected, and offers what can be done with them; there only while some are. */
export function BulkBar(props: BulkProps): ReactNode {
  const { selection, one, kind, actions, allowed } = props;
  const [asking, setAsking] = useState<BulkAction | null>(null);
  const count = selection.ids.size;
  if (count === 0) return null;
  return (
    <div className="bulk-bar" role="region" aria-label="Selected">
      <strong>{selection.isAll ? `All that match` : `${counted(count, one, kind)} selected`}</strong>
      {!selection.isAll && (
        <button type="button" className="button small plain" onClick={selection.chooseAll}>
          Select all that match
        </button>
      )}
      {actions.map((action) => (
        <button
          key={action.action}
          type="button"
          className="button small"
          disabled={!allowed}
          title={allowed ? undefined : 'Your key has no scope for it'}
          onClick={() => setAsking(action)}
        >
          {action.label}
        </button>
      ))}
      <button type="button" className="button small plain" onClick={selection.clear}>
        Clear
      </button>
      {asking && <BulkDialog {...props} action={asking} onClose={() => setAsking(null)} />}
    </div>
  );
}

/** Asks with the count first; what was selected by hand is done at once, all that match by an operation of its own. */
export function BulkDialog({
  kind,
  one,
  selection,
  filter,
  action,
  onClose,
}: Omit<BulkProps, 'actions' | 'allowed'> & { action: BulkAction; onClose: () => void }): ReactNode {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [done, setDone] = useState<Done | null>(null);
  const count = useCount(kind, action.action, filter, selection, setError);

  async function go(): Promise<void> {
    setBusy(true);
    try {
      if (selection.isAll) {
        const { id } = await beginBulk(kind, action.action, filter);
        selection.clear();
        await navigate({ to: '/operations/$id', params: { id } });
        return;
      }
      const outcome = await each(selection.ids, action.act);
      await queries.invalidateQueries();
      if (outcome.refused.length === 0) {
        selection.clear();
        onClose();
      } else setDone(outcome);
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  }

  return (
    <Dialog title={`${action.label} ${count === null ? '…' : counted(count, one, kind)}?`} onClose={onClose}>
      <p>{action.note}</p>
      {selection.isAll && (
        <p className="quiet">It is done by an operation of its own, which you can follow.</p>
      )}
      {done && (
        <>
          <p>
            {counted(done.done, one, kind)} done, {done.refused.length} refused:
          </p>
          <Problem error={done.refused[0]!.error} />
        </>
      )}
      <Problem error={error} />
      <div className="dialog-buttons">
        <button type="button" className="button" onClick={onClose}>
          {done ? 'Close' : 'Leave it'}
        </button>
        {!done && (
          <button
            type="button"
            className="button primary"
            disabled={busy || count === null || count === 0}
            onClick={() => void go()}
            autoFocus
          >
            {action.label}
          </button>
        )}
      </div>
    </Dialog>
  );
}

function useCount(
  kind: BulkProps['kind'],
  action: string,
  filter: Query,
  selection: Selection,
  onError: (error: unknown) => void,
): number | null {
  const [count, setCount] = useState<number | null>(selection.isAll ? null : selection.ids.size);
  useEffect(() => {
    if (selection.isAll) countBulk(kind, action, filter).then(setCount, onError);
    // Counted once, when it is asked.
  }, []);
  return count;
}
