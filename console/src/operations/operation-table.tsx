import type { ReactNode } from 'react';
import { Link } from '@tanstack/react-router';
import { useAccountNames } from '../account-names.js';
import { OthersText } from '../body-view.js';
import { useClock } from '../clock.js';
import type { Operation } from '../rows.js';
import type { Selection } from '../selection.js';
import { Ago } from '../ui/ago.js';
import { Status } from '../ui/status.js';
import { shortId, span } from '../words.js';

/** Operations as rows. */
export function OperationTable({
  rows,
  selection,
  stale = false,
}: {
  rows: readonly Operation[];
  selection?: Selection;
  stale?: boolean;
}): ReactNode {
  const names = useAccountNames();
  return (
    <div className="table-frame">
      <table className="table cards" aria-busy={stale}>
        <thead>
          <tr>
            {selection && (
              <th className="select">
                <input
                  type="checkbox"
                  aria-label="Select all that are shown"
                  checked={rows.length > 0 && selection.ids.size === rows.length}
                  onChange={selection.toggleShown}
                />
              </th>
            )}
            <th>State</th>
            <th>Type</th>
            <th>Correlation</th>
            {names && <th>Account</th>}
            <th>Accepted</th>
            <th className="number">Duration</th>
            <th>Callback</th>
            <th>What happened</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={row.id} row={row} names={names} selection={selection} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({
  row,
  names,
  selection,
}: {
  row: Operation;
  names: ReadonlyMap<string, string> | null;
  selection: Selection | undefined;
}): ReactNode {
  return (
    <tr aria-selected={selection?.ids.has(row.id)}>
      {selection && (
        <td className="select">
          <input
            type="checkbox"
            aria-label={`Select ${row.correlation ?? row.id}`}
            checked={selection.ids.has(row.id)}
            onChange={() => selection.toggle(row.id)}
          />
        </td>
      )}
      <td>
        <Status of={row.status} />
        {row.status === 'Executing' && row.progress > 0 && (
          <progress max={100} value={row.progress} aria-label="Progress" />
        )}
      </td>
      <td className="wide" title={row.type}>
        <Link to="/operations/$id" params={{ id: row.id }} data-row>
          {row.type}
        </Link>
      </td>
      <td className="wide" title={row.correlation ?? ''}>
        {row.correlation === null ? (
          <span className="quiet mono">{shortId(row.id)}</span>
        ) : (
          <OthersText text={row.correlation} />
        )}
      </td>
      {names && <td className="wide">{names.get(row.account_id ?? '') ?? row.account_id}</td>}
      <td>
        <Ago at={row.created_at} />
      </td>
      <td className="number">
        <Duration of={row} />
      </td>
      <td>{row.callback ? <Status of={row.callback.state} /> : <span className="quiet">none</span>}</td>
      <td className="rest" title={row.error?.message ?? row.status_text}>
        {row.error ? (
          <>
            <code className="bad-text">{row.error.code}</code> <OthersText text={row.error.message} />
          </>
        ) : (
          <span className="quiet">
            <OthersText text={row.status_text} />
          </span>
        )}
      </td>
    </tr>
  );
}

/** From its first try to its end, or to now. */
export function Duration({ of }: { of: Pick<Operation, 'started_at' | 'finished_at'> }): ReactNode {
  const { started_at: from, finished_at: to } = of;
  if (from === null) return <span className="quiet">–</span>;
  return to === null ? <Running from={from} /> : span(Date.parse(to) - Date.parse(from));
}

function Running({ from }: { from: string }): ReactNode {
  return useClock((now) => span(Math.max(0, now - Date.parse(from))));
}
