import { type ReactNode, useState } from 'react';
import { Link, useNavigate } from '@tanstack/react-router';
import { useAccountNames } from '../account-names.js';
import { useAccountQuery } from '../account-scope.js';
import type { ScheduleResponse } from '../api-types.js';
import { OthersText } from '../body-view.js';
import { ScheduleDialog } from '../schedules/schedule-dialog.js';
import { ScheduleState, Times } from '../schedules/times.js';
import { useMay } from '../session.js';
import { Ago } from '../ui/ago.js';
import { Empty } from '../ui/empty.js';
import { Problem } from '../ui/problem.js';
import { usePages } from '../use-pages.js';

/** Operations that are submitted at times known beforehand. */
export function Schedules(): ReactNode {
  const account = useAccountQuery();
  const mayWrite = useMay('operations:write');
  const { rows, error, isPending, more } = usePages<ScheduleResponse>('/v1/schedules', account);
  return (
    <div className="screen">
      <div className="screen-head">
        <h1>Schedules</h1>
        {mayWrite && <NewSchedule />}
      </div>
      <Problem error={error} />
      {rows.length > 0 && <Rows rows={rows} />}
      {more}
      {rows.length === 0 && !isPending && error === null && (
        <Empty title="No schedule yet">
          <p>
            A schedule submits an operation at times that it knows beforehand: every night, every 15 minutes.
          </p>
        </Empty>
      )}
    </div>
  );
}

function Rows({ rows }: { rows: readonly ScheduleResponse[] }): ReactNode {
  const names = useAccountNames();
  return (
    <div className="table-frame">
      <table className="table">
        <thead>
          <tr>
            <th>State</th>
            <th>Name</th>
            <th>When</th>
            <th>Operation</th>
            {names && <th>Account</th>}
            <th>Next</th>
            <th>Last</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((schedule) => (
            <tr key={schedule.id}>
              <td>
                <ScheduleState of={schedule} />
              </td>
              <td className="wide" title={schedule.name}>
                <Link to="/schedules/$id" params={{ id: schedule.id }} data-row>
                  <OthersText text={schedule.name} />
                </Link>
              </td>
              <td className="wide">
                <Times of={schedule} />
              </td>
              <td className="wide" title={schedule.operation.type}>
                {schedule.operation.type}
              </td>
              {names && <td>{names.get(schedule.account_id ?? '') ?? '–'}</td>}
              <td>
                <Ago at={schedule.next_at} />
              </td>
              <td>
                <Ago at={schedule.last_at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function NewSchedule(): ReactNode {
  const navigate = useNavigate();
  const [asking, ask] = useState(false);
  return (
    <div className="buttons">
      <button type="button" className="button primary" onClick={() => ask(true)}>
        New schedule …
      </button>
      {asking && (
        <ScheduleDialog
          query={{}}
          onDone={({ id }) => void navigate({ to: '/schedules/$id', params: { id } })}
          onClose={() => ask(false)}
        />
      )}
    </div>
  );
}
