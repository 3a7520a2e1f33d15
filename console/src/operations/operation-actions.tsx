import { type ReactNode, useState } from 'react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useAccountQuery } from '../account-scope.js';
import { send } from '../api.js';
import { MOUNT } from '../mount.js';
import type { Operation } from '../rows.js';
import { useMay } from '../session.js';
import { Action, AskedAction } from '../ui/action.js';
import { Copy } from '../ui/copy.js';
import { asCurl, requestQuery } from './request.js';
import { RerunDialog } from './rerun-dialog.js';

const NO_SCOPE = 'Your key has not the scope operations:write';

/** Cancel it, run it again, or take it away as a command. */
export function OperationActions({ operation }: { operation: Operation }): ReactNode {
  const account = useAccountQuery();
  const navigate = useNavigate();
  const may = useMay('operations:write');
  const [editing, setEditing] = useState(false);
  const { data: request } = useQuery(requestQuery(operation.id, account));
  const path = `/v1/operations/${encodeURIComponent(operation.id)}`;
  const title = may ? undefined : NO_SCOPE;
  const rerun = async (): Promise<void> => {
    const { id } = await send<Operation>('POST', `${path}/rerun`, undefined, account);
    await navigate({ to: '/operations/$id', params: { id } });
  };
  return (
    <div className="buttons">
      {operation.finished_at === null && (
        <AskedAction
          label="Cancel"
          className="danger"
          run={() => send('POST', `${path}/cancel`, undefined, account)}
          ask={<p>A running handler is asked to stop. Its callback tells that it was canceled.</p>}
          disabled={!may}
          title={title}
        />
      )}
      <Action label="Rerun" run={rerun} disabled={!may} title={title} />
      {request && (
        <>
          <button
            type="button"
            className="button"
            disabled={!may}
            title={title}
            onClick={() => setEditing(true)}
          >
            Rerun with changes
          </button>
          <Copy text={asCurl(request, new URL('..', MOUNT).href.replace(/\/$/, ''))}>Copy as curl</Copy>
        </>
      )}
      {editing && request && (
        <RerunDialog operation={operation} request={request} onClose={() => setEditing(false)} />
      )}
    </div>
  );
}
