import { type ReactNode, useState } from 'react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useAccountQuery } from '../account-scope.js';
import { get, type Query, send } from '../api.js';
import type { OperationResponse, ScheduleResponse } from '../api-types.js';
import { OthersText } from '../body-view.js';
import { ScheduleDialog } from '../schedules/schedule-dialog.js';
import { ScheduleState, Times } from '../schedules/times.js';
import { useMay } from '../session.js';
import { Action, AskedAction } from '../ui/action.js';
import { Ago } from '../ui/ago.js';
import { Copy } from '../ui/copy.js';
import { Id } from '../ui/id.js';
import { Problem } from '../ui/problem.js';
import { Status } from '../ui/status.js';
import { span, utc } from '../words.js';

const REFRESH_MS = 10_000;
const MISSED = { once: 'the last of the ticks', all: 'all of the ticks', skip: 'nothing' } as const;

/** One schedule: when it ticks next, what its last ticks became, and what can be done about it. */
export function Schedule(): ReactNode {
  const { id } = useParams({ from: '/schedules/$id' });
  const account = useAccountQuery();
  const { data: schedule, error } = useQuery({
    queryKey: ['schedule', id, account],
    queryFn: ({ signal }) => get<ScheduleResponse>(`/v1/schedules/${id}`, account, signal),
    refetchInterval: REFRESH_MS,
  });
  if (!schedule)
    return (
      <div className="screen">
        <h1>Schedule</h1>
        <Problem error={error} />
      </div>
    );
  return (
    <div className="screen">
      <div className="screen-head">
        <h1>
          <OthersText text={schedule.name} />
        </h1>
        <ScheduleState of={schedule} />
        <Buttons schedule={schedule} query={account} />
      </div>
      <Problem error={error} />
      {schedule.last_skipped && (
        <p className="note waiting">
          The tick of <time dateTime={schedule.last_skipped.tick}>{utc(schedule.last_skipped.tick)}</time> was
          left out: {schedule.last_skipped.reason}.
        </p>
      )}
      <div className="columns">
        <div className="stack">
          <NextTimes schedule={schedule} />
          <LastRuns schedule={schedule} />
        </div>
        <div className="stack">
          <Facts schedule={schedule} />
        </div>
      </div>
    </div>
  );
}

function Buttons({ schedule, query }: { schedule: ScheduleResponse; query: Query }): ReactNode {
  const navigate = useNavigate();
  const mayWrite = useMay('operations:write');
  const [changing, change] = useState(false);
  if (!mayWrite) return null;
  const path = `/v1/schedules/${schedule.id}`;
  return (
    <div className="buttons">
      <Action
        label="Run now"
        title="Submits its operation once, besides its ticks"
        run={async () => {
          const { id } = await send<OperationResponse>('POST', `${path}/run`, undefined, query);
          await navigate({ to: '/operations/$id', params: { id } });
        }}
      />
      <button type="button" className="button" onClick={() => change(true)}>
        Change …
      </button>
      {schedule.paused_at === null ? (
        <Action label="Pause" run={() => send('POST', `${path}/pause`, undefined, query)} />
      ) : (
        <Action
          label="Resume"
          className="primary"
          title="What would have come while it was paused is not owed"
          run={() => send('POST', `${path}/resume`, undefined, query)}
        />
      )}
      <AskedAction
        label="Delete"
        className="danger"
        run={async () => {
          await send('DELETE', path, undefined, query);
          await navigate({ to: '/schedules' });
        }}
        ask={<p>It submits nothing any more. What it has submitted stays.</p>}
      />
      {changing && <ScheduleDialog current={schedule} query={query} onClose={() => change(false)} />}
    </div>
  );
}

function NextTimes({ schedule: { next = [], paused_at } }: { schedule: ScheduleResponse }): ReactNode {
  return (
    <section className="card" aria-label="Next times">
      <header>
        <h2>Next times</h2>
      </header>
      {next.length === 0 ? (
        <p className="inside quiet">
          {paused_at === null ? 'There is none left.' : 'None until it is resumed.'}
        </p>
      ) : (
        <div className="table-frame">
          <table className="table">
            <tbody>
              {next.map((at) => (
                <tr key={at}>
                  <td>
                    <Ago at={at} />
                  </td>
                  <td className="rest">{utc(at)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function LastRuns({ schedule: { id, last_runs: runs = [] } }: { schedule: ScheduleResponse }): ReactNode {
  return (
    <section className="card" aria-label="Last runs">
      <header>
        <h2>Last runs</h2>
        <Link className="end" to="/operations" search={{ schedule: id }}>
          All of them
        </Link>
      </header>
      {runs.length === 0 ? (
        <p className="inside quiet">It has submitted nothing yet.</p>
      ) : (
        <div className="table-frame">
          <table className="table">
            <tbody>
              {runs.map(({ tick, operation, status }) => (
                <tr key={operation}>
                  <td>
                    <Status of={status} />
                  </td>
                  <td className="rest">
                    <Link to="/operations/$id" params={{ id: operation }} data-row>
                      {utc(tick)}
                    </Link>
                  </td>
                  <td>
                    <Ago at={tick} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Facts({ schedule }: { schedule: ScheduleResponse }): ReactNode {
  const { id, operation, missed, overlap, jitter_s: jitterS, ends_at: endsAt } = schedule;
  return (
    <section className="card" aria-label="Settings">
      <header>
        <h2>Settings</h2>
      </header>
      <dl className="inside facts">
        <dt>Id</dt>
        <dd>
          <Id id={id} /> <Copy text={id} />
        </dd>
        <dt>When</dt>
        <dd>
          <Times of={schedule} />
        </dd>
        <dt>Operation</dt>
        <dd>{operation.type}</dd>
        {operation.callback && (
          <>
            <dt>Callback</dt>
            <dd>
              <OthersText text={operation.callback.url} />
            </dd>
          </>
        )}
        <dt>After an outage</dt>
        <dd>owes {MISSED[missed]}</dd>
        <dt>Overlap</dt>
        <dd>{overlap === 'allow' ? 'allowed' : 'a tick is left out while the one before runs'}</dd>
        {jitterS > 0 && (
          <>
            <dt>Jitter</dt>
            <dd>{span(jitterS * 1000)}</dd>
          </>
        )}
        {endsAt !== null && (
          <>
            <dt>Ends</dt>
            <dd>
              <Ago at={endsAt} />
            </dd>
          </>
        )}
        {schedule.paused_at !== null && (
          <>
            <dt>Paused</dt>
            <dd>
              <Ago at={schedule.paused_at} />
            </dd>
          </>
        )}
        <dt>Made</dt>
        <dd>
          <Ago at={schedule.created_at} />
        </dd>
      </dl>
    </section>
  );
}
