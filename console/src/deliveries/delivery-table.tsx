import type { ReactNode } from 'react';
import { Link } from '@tanstack/react-router';
import { useAccountNames } from '../account-names.js';
import { Destination } from '../endpoints/destination.js';
import type { Delivery } from '../rows.js';
import type { Selection } from '../selection.js';
import { Ago } from '../ui/ago.js';
import { Id } from '../ui/id.js';
import { Status } from '../ui/status.js';
import { reasonText } from '../../../src/client/given-up.js';

/** Deliveries as rows. */
export function DeliveryTable({
  rows,
  selection,
  stale = false,
}: {
  rows: readonly Delivery[];
  selection: Selection;
  stale?: boolean;
}): ReactNode {
  const names = useAccountNames();
  return (
    <div className="table-frame">
      <table className="table cards" aria-busy={stale}>
        <thead>
          <tr>
            <th className="select">
              <input
                type="checkbox"
                aria-label="Select all that are shown"
                checked={rows.length > 0 && selection.ids.size === rows.length}
                onChange={selection.toggleShown}
              />
            </th>
            <th>State</th>
            <th>Event</th>
            <th>To</th>
            <th>Operation</th>
            {names && <th>Account</th>}
            <th>Made</th>
            <th className="number">Attempts</th>
            <th>Next attempt</th>
            <th>Why</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id} aria-selected={selection.ids.has(row.id)}>
              <td className="select">
                <input
                  type="checkbox"
                  aria-label={`Select ${row.id}`}
                  checked={selection.ids.has(row.id)}
                  onChange={() => selection.toggle(row.id)}
                />
              </td>
              <td>
                <Status of={row.status} />
              </td>
              <td>
                <Link to="/deliveries/$id" params={{ id: row.id }} data-row>
                  {row.event}
                </Link>
              </td>
              <td className="wide" title={row.url ?? undefined}>
                <Destination url={row.url} />
              </td>
              <td>
                {row.operation_id !== null && (
                  <Link to="/operations/$id" params={{ id: row.operation_id }}>
                    <Id id={row.operation_id} />
                  </Link>
                )}
              </td>
              {names && <td className="wide">{names.get(row.account_id ?? '') ?? row.account_id}</td>}
              <td>
                <Ago at={row.created_at} />
              </td>
              <td className="number">{row.attempt_count}</td>
              <td>
                <Ago at={row.next_attempt_at} />
              </td>
              <td className="rest">
                <Why row={row} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Why({ row }: { row: Delivery }): ReactNode {
  const error = row.status === 'Delivered' ? null : row.error;
  if (!error && row.reason === null) return null;
  return (
    <>
      {error && <code className="bad-text">{error}</code>}{' '}
      {row.reason !== null && <span title={row.reason}>{reasonText(row.reason)}</span>}
    </>
  );
}
