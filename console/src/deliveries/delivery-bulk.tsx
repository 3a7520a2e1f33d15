import type { ReactNode } from 'react';
import { useAccountQuery } from '../account-scope.js';
import { send, type Query } from '../api.js';
import type { Selection } from '../selection.js';
import { useMay } from '../session.js';
import { BulkBar } from '../ui/bulk-bar.js';

/** What can be done with many deliveries at once. */
export const DELIVERY_ACTIONS = [
  {
    action: 'redeliver',
    label: 'Send again',
    note: 'Each gets one attempt more, with the same bytes and webhook-id. What is Delivered or Canceled stays as it is.',
  },
  { action: 'cancel', label: 'Give up', note: 'No further attempt is made of those that are Pending.' },
] as const;

/** What can be done with the deliveries that are selected. */
export function DeliveryBulk({ selection, filter }: { selection: Selection; filter: Query }): ReactNode {
  const account = useAccountQuery();
  const may = useMay('deliveries:redeliver');
  const act = (action: string) => (id: string) =>
    send('POST', `/v1/deliveries/${encodeURIComponent(id)}/${action}`, undefined, account);
  return (
    <BulkBar
      kind="deliveries"
      one="delivery"
      selection={selection}
      filter={filter}
      allowed={may}
      actions={DELIVERY_ACTIONS.map((each) => ({ ...each, act: act(each.action) }))}
    />
  );
}
