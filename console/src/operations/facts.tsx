import type { ReactNode } from 'react';
import { Link } from '@tanstack/react-router';
import { useQuery } from '@tanstack/react-query';
import { useAccountQuery } from '../account-scope.js';
import { useAccountNames } from '../account-names.js';
import { OthersText } from '../body-view.js';
import type { Operation } from '../rows.js';
import { Ago } from '../ui/ago.js';
import { Copy } from '../ui/copy.js';
import { Id } from '../ui/id.js';
import { count, span, utc } from '../words.js';
import { Duration } from './operation-table.js';
import { faceRows } from './faces.js';
import { requestQuery } from './request.js';

/** What is known of it, beside what happened. */
export function Facts({ operation }: { operation: Operation }): ReactNode {
  const account = useAccountQuery();
  const names = useAccountNames();
  const { data: request } = useQuery(requestQuery(operation.id, account));
  const { id, request_id, correlation, account_id, attempt, rerun_of, queue_position, schedule, flow } =
    operation;
  return (
    <section className="card" aria-labelledby="facts-title">
      <header>
        <h2 id="facts-title">Facts</h2>
      </header>
      <dl className="facts inside">
        <dt>Id</dt>
        <dd>
          <code>{id}</code> <Copy text={id} />
        </dd>
        <dt>Request id</dt>
        <dd>{request_id}</dd>
        {correlation !== null && (
          <>
            <dt>Correlation</dt>
            <dd>
              <OthersText text={correlation} />
            </dd>
          </>
        )}
        {account_id !== undefined && (
          <>
            <dt>Account</dt>
            <dd>
              <Link to="/accounts/$id" params={{ id: account_id }}>
                {names?.get(account_id) ?? account_id}
              </Link>
            </dd>
          </>
        )}
        <dt>Accepted</dt>
        <dd>
          <Ago at={operation.created_at} />
        </dd>
        <dt>Started</dt>
        <dd>
          <Ago at={operation.started_at} />
        </dd>
        <dt>Ended</dt>
        <dd>
          <Ago at={operation.finished_at} />
        </dd>
        <dt>Duration</dt>
        <dd>
          <Duration of={operation} />
        </dd>
        <dt>Tries</dt>
        <dd>{attempt}</dd>
        {queue_position !== undefined && (
          <>
            <dt>In the queue</dt>
            <dd>{queue_position}</dd>
          </>
        )}
        {flow && (
          <>
            <dt>Flow key</dt>
            <dd>
              <Link to="/operations" search={{ flow: flow.key }}>
                <OthersText text={flow.key} />
              </Link>
              {limitsOf(flow)}
            </dd>
          </>
        )}
        {schedule && (
          <>
            <dt>Schedule</dt>
            <dd>
              <Link to="/schedules/$id" params={{ id: schedule.id }}>
                <Id id={schedule.id} />
              </Link>
              , its tick of {utc(schedule.tick)}
            </dd>
          </>
        )}
        {rerun_of !== null && (
          <>
            <dt>Rerun of</dt>
            <dd>
              <Link to="/operations/$id" params={{ id: rerun_of }}>
                <code>{rerun_of}</code>
              </Link>
            </dd>
          </>
        )}
        {operation.expires_at !== null && (
          <>
            <dt>Kept until</dt>
            <dd>
              <Ago at={operation.expires_at} />
            </dd>
          </>
        )}
        {request && (
          <>
            <dt>Timeout</dt>
            <dd>{span(request.timeout_s * 1000)}</dd>
            <dt>Retention</dt>
            <dd>{request.retention}</dd>
            {request.trace_id !== null && (
              <>
                <dt>Trace</dt>
                <dd>
                  <code>{request.trace_id}</code>
                </dd>
              </>
            )}
          </>
        )}
      </dl>
    </section>
  );
}

/** The values that were given with a flow key. */
function limitsOf({ parallelism, rate, period_s: periodS }: NonNullable<Operation['flow']>): string {
  const limits = [
    parallelism === undefined ? [] : [`${count(parallelism)} at once`],
    rate === undefined ? [] : [`${count(rate)} in ${span((periodS ?? 1) * 1000)}`],
  ].flat();
  return limits.length === 0 ? '' : `: ${limits.join(', ')}`;
}

/** Its state in the words of each face, and where that face's clients poll. */
export function Faces({ operation }: { operation: Operation }): ReactNode {
  return (
    <section className="card" aria-labelledby="faces-title">
      <header>
        <h2 id="faces-title">On each face</h2>
      </header>
      <div className="table-frame">
        <table className="table">
          <thead>
            <tr>
              <th>Face</th>
              <th>Status</th>
              <th>Polled by</th>
            </tr>
          </thead>
          <tbody>
            {faceRows(operation).map(({ face, status, poll }) => (
              <tr key={face}>
                <td>{face}</td>
                <td>{status}</td>
                <td className="rest" title={poll}>
                  <code>{poll}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
