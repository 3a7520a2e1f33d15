import type { ReactNode } from 'react';
import { useAccountQuery } from '../account-scope.js';
import { send, type Query } from '../api.js';
import type { Selection } from '../selection.js';
import { useMay } from '../session.js';
import { BulkBar } from '../ui/bulk-bar.js';

/** What can be done with the operations that are selected. */
export function OperationBulk({ selection, filter }: { selection: Selection; filter: Query }): ReactNode {
  const account = useAccountQuery();
  const may = useMay('operations:write');
  const post = (what: string) => (id: string) =>
    send('POST', `/v1/operations/${encodeURIComponent(id)}/${what}`, undefined, account);
  return (
    <BulkBar
      kind="operations"
      one="operation"
      selection={selection}
      filter={filter}
      allowed={may}
      actions={[
        { action: 'cancel', label: 'Cancel', act: post('cancel'), note: 'What has ended stays as it is.' },
        {
          action: 'rerun',
          label: 'Rerun',
          act: post('rerun'),
          note: 'Each is submitted once more, with its own callback.',
        },
      ]}
    />
  );
}
