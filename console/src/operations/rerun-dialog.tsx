import { type FormEvent, type ReactNode, useState } from 'react';
import { useNavigate } from '@tanstack/react-router';
import { useAccountQuery } from '../account-scope.js';
import { send } from '../api.js';
import type { OperationRequestResponse } from '../api-types.js';
import type { Operation } from '../rows.js';
import { Dialog } from '../ui/dialog.js';
import { Problem } from '../ui/problem.js';

/** Runs it once more with another input, or another callback. */
export function RerunDialog({
  operation,
  request,
  onClose,
}: {
  operation: Operation;
  request: OperationRequestResponse;
  onClose: () => void;
}): ReactNode {
  const account = useAccountQuery();
  const navigate = useNavigate();
  const before = JSON.stringify(request.input, null, 2);
  const [text, setText] = useState(before);
  const [url, setUrl] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    try {
      const changes = {
        ...(text === before ? {} : { input: parsed(text) }),
        ...(url.trim() === '' ? {} : { callback: { url: url.trim() } }),
      };
      const path = `/v1/operations/${encodeURIComponent(operation.id)}/rerun`;
      const { id } = await send<Operation>('POST', path, changes, account);
      onClose();
      await navigate({ to: '/operations/$id', params: { id } });
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  }

  return (
    <Dialog title={`Rerun ${operation.type} with changes`} onClose={onClose} wide>
      <form className="form" onSubmit={(event) => void submit(event)}>
        {request.withheld.length > 0 && (
          <p className="note">
            Withheld, because it may be secret: <code>{request.withheld.join(', ')}</code>. Leave the input as
            it is and they are sent as they were; change it and give them anew.
          </p>
        )}
        <label>
          <span>Input, JSON</span>
          <textarea
            className="mono"
            rows={Math.min(24, Math.max(8, text.split('\n').length + 1))}
            value={text}
            onChange={({ target }) => setText(target.value)}
            spellCheck={false}
            autoFocus
          />
        </label>
        <label>
          <span>Callback URL</span>
          <input
            type="url"
            value={url}
            onChange={({ target }) => setUrl(target.value)}
            placeholder={operation.callback ? `${operation.callback.url}, as before` : 'none, as before'}
          />
        </label>
        <Problem error={error} />
        <div className="dialog-buttons">
          <button type="button" className="button" onClick={onClose}>
            Leave it
          </button>
          <button className="button primary" disabled={busy}>
            Rerun
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`The input is no JSON: ${(error as Error).message}`, { cause: error });
  }
}
