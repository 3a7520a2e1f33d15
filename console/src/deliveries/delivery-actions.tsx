import type { ReactNode } from 'react';
import { useAccountQuery } from '../account-scope.js';
import { send } from '../api.js';
import type { DeliveryDetails } from '../rows.js';
import { useMay } from '../session.js';
import { Action, AskedAction } from '../ui/action.js';

const NO_SCOPE = 'Your key has not the scope deliveries:redeliver';

/** One attempt more now, or none any more. */
export function DeliveryActions({
  delivery: { id, status, attempts },
}: {
  delivery: Pick<DeliveryDetails, 'id' | 'status' | 'attempts'>;
}): ReactNode {
  const account = useAccountQuery();
  const may = useMay('deliveries:redeliver');
  const inFlight = attempts.at(-1)?.outcome === 'started';
  const path = `/v1/deliveries/${encodeURIComponent(id)}`;
  const title = may ? undefined : NO_SCOPE;
  const again = (query = {}) => send('POST', `${path}/redeliver`, undefined, { ...account, ...query });
  return (
    <>
      {(status === 'Exhausted' || (status === 'Pending' && !inFlight)) && (
        <Action
          label={status === 'Exhausted' ? 'Send again' : 'Send now'}
          run={() => again()}
          disabled={!may}
          title={title}
          className="primary small"
        />
      )}
      {status === 'Delivered' && (
        <AskedAction
          label="Send again"
          className="small"
          run={() => again({ again: true })}
          ask={
            <p>
              The receiver has answered 2xx. It gets the same bytes once more, under the same webhook-id: one
              that looks for repeats will ignore it.
            </p>
          }
          disabled={!may}
          title={title}
        />
      )}
      {status === 'Pending' && (
        <AskedAction
          label="Give up"
          className="danger small"
          run={() => send('POST', `${path}/cancel`, undefined, account)}
          ask={<p>No further attempt is made. It stays in the log, as Canceled.</p>}
          disabled={!may}
          title={title}
        />
      )}
    </>
  );
}
