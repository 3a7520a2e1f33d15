import type { ReactNode } from 'react';
import type { AttemptResponse } from '../api-types.js';
import { OthersText } from '../body-view.js';
import type { DeliveryDetails } from '../rows.js';
import { Ago } from '../ui/ago.js';
import { Status } from '../ui/status.js';
import { span } from '../words.js';
import { attemptResult } from './judgement.js';
import { Waterfall } from './waterfall.js';

const TRIGGERS = {
  schedule: 'schedule',
  manual: 'by hand',
  recovery: 'recovery',
  test: 'test',
  pull: 'pull',
} as const;

/** Each attempt on a row, and the planned one; where its time went. */
export function AttemptTable({
  delivery,
  chosen,
  onChoose,
}: {
  delivery: DeliveryDetails;
  chosen: number | undefined;
  onChoose: (number: number) => void;
}): ReactNode {
  const { attempts, status, next_attempt_at: next } = delivery;
  const longest = Math.max(1, ...attempts.map(({ duration_ms }) => duration_ms ?? 0));
  return (
    <div className="table-frame">
      <table className="table attempts" aria-label="Attempts">
        <thead>
          <tr>
            <th className="number">#</th>
            <th>Outcome</th>
            <th>Answer</th>
            <th>When</th>
            <th>Trigger</th>
            <th className="number">Took</th>
            <th className="waterfall-head">Where its time went</th>
          </tr>
        </thead>
        <tbody>
          {attempts.map((attempt) => (
            <Row
              key={attempt.number}
              attempt={attempt}
              longest={longest}
              isChosen={attempt.number === chosen}
              onChoose={() => onChoose(attempt.number)}
            />
          ))}
          {status === 'Pending' && next !== null && attempts.at(-1)?.outcome !== 'started' && (
            <tr className="planned">
              <td className="number">{(attempts.at(-1)?.number ?? 0) + 1}</td>
              <td>
                <Status of="planned" />
              </td>
              <td />
              <td>
                <Ago at={next} />
              </td>
              <td>schedule</td>
              <td />
              <td />
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}

function Row({
  attempt,
  longest,
  isChosen,
  onChoose,
}: {
  attempt: AttemptResponse;
  longest: number;
  isChosen: boolean;
  onChoose: () => void;
}): ReactNode {
  return (
    <tr className={isChosen ? 'chosen' : undefined}>
      <td className="number">
        <button type="button" className="row-button" data-row aria-pressed={isChosen} onClick={onChoose}>
          <span className="hidden">Attempt </span>
          {attempt.number}
        </button>
      </td>
      <td>
        <Status of={attempt.outcome} />
      </td>
      <td className="wide" title={attempt.error ?? ''}>
        <OthersText text={attemptResult(attempt)} />
      </td>
      <td>
        <Ago at={attempt.started_at} />
      </td>
      <td>{TRIGGERS[attempt.trigger]}</td>
      <td className="number">{attempt.duration_ms === null ? '–' : span(attempt.duration_ms)}</td>
      <td>
        <Waterfall attempt={attempt} longest={longest} />
      </td>
    </tr>
  );
}
