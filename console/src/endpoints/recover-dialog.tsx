import { type ReactNode, useState } from 'react';
import { useQuery } from '@tanstack/react-query';
import { get, type Query, send } from '../api.js';
import type { EndpointResponse, RecoveryBegunResponse, RecoveryResponse } from '../api-types.js';
import { Dialog } from '../ui/dialog.js';
import { FormDialog, Labeled } from '../ui/form-dialog.js';
import { Problem } from '../ui/problem.js';
import { counted } from '../words.js';

const HOURS = [
  ['1', 'the last hour'],
  ['24', 'the last 24 hours'],
  ['72', 'the last 3 days'],
  ['720', 'the last 30 days'],
] as const;
const HOUR_MS = 3_600_000;
const LOOK_MS = 1_000;

/** Sends what an endpoint missed in a time once more: how many that are is said before. */
export function RecoverDialog({
  endpoint,
  query,
  onClose,
}: {
  endpoint: EndpointResponse;
  query: Query;
  onClose: () => void;
}): ReactNode {
  const [hours, setHours] = useState('24');
  const [pending, setPending] = useState(false);
  // Of when it was chosen: what is counted is what is sent.
  const [now] = useState(Date.now);
  const [begun, setBegun] = useState<RecoveryBegunResponse>();
  const since = new Date(now - Number(hours) * HOUR_MS).toISOString();
  const counting = useQuery({
    queryKey: ['recoverable', endpoint.id, since, pending, query],
    queryFn: () => matched(endpoint.id, since, pending, query),
  });
  if (begun) return <Progress id={begun.id} query={query} onClose={onClose} />;
  return (
    <FormDialog
      title="Send again what it missed"
      verb="Recover"
      isIncomplete={counting.isPending || counting.data === 0}
      onClose={onClose}
      onDone={() => undefined}
      onSubmit={async () =>
        setBegun(
          await send<RecoveryBegunResponse>(
            'POST',
            `/v1/endpoints/${endpoint.id}/recover`,
            { since, pending },
            query,
          ),
        )
      }
    >
      <Labeled label="Made within">
        <select value={hours} onChange={({ target }) => setHours(target.value)}>
          {HOURS.map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      </Labeled>
      <div className="checks">
        <label>
          <input type="checkbox" checked={pending} onChange={({ target }) => setPending(target.checked)} />
          Also what still waits for its next attempt
        </label>
      </div>
      <p role="status" className="note">
        {counting.data === undefined
          ? counting.isPending
            ? 'Counting …'
            : 'How many these are is not known.'
          : `${counted(counting.data, 'delivery', 'deliveries')} would be sent again, at the endpoint’s own pace.`}
        {endpoint.disabled_at !== null && ' The endpoint is enabled by it.'}
      </p>
      <Problem error={counting.error} />
    </FormDialog>
  );
}

async function matched(endpoint: string, since: string, pending: boolean, query: Query): Promise<number> {
  const status = pending ? 'Exhausted,Pending' : 'Exhausted';
  const body = { action: 'redeliver', filter: { endpoint, since, status }, dry_run: true };
  return (await send<{ matched: number }>('POST', '/v1/deliveries/bulk', body, query)).matched;
}

function Progress({ id, query, onClose }: { id: string; query: Query; onClose: () => void }): ReactNode {
  const { data, error } = useQuery({
    queryKey: ['recovery', id, query],
    queryFn: ({ signal }) => get<RecoveryResponse>(`/v1/recoveries/${id}`, query, signal),
    refetchInterval: ({ state }) => (state.data?.state === 'running' ? LOOK_MS : false),
  });
  return (
    <Dialog title="Sent again" onClose={onClose}>
      <p role="status">
        {data
          ? `${data.state === 'running' ? 'Under way' : data.state}: ${data.sent} of ${data.found} have had their attempt.`
          : 'Begun …'}
      </p>
      <progress aria-label="Recovered" value={data?.sent ?? 0} max={Math.max(1, data?.found ?? 1)} />
      <Problem error={error} />
      <form method="dialog" className="dialog-buttons">
        <button className="button primary" autoFocus>
          Close
        </button>
      </form>
    </Dialog>
  );
}
