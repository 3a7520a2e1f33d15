import type { ReactNode } from 'react';
import type { AttemptResponse } from '../api-types.js';
import { BodyView, HeadersTable, OthersText } from '../body-view.js';
import { useClock } from '../clock.js';
import type { DeliveryDetails } from '../rows.js';
import { span, utc } from '../words.js';
import { attemptJudgement } from './judgement.js';
import { phasesOf } from './waterfall.js';

/** What was sent and what was answered, side by side, and why it was judged so. */
export function AttemptDetails({
  delivery,
  attempt,
}: {
  delivery: DeliveryDetails;
  attempt: AttemptResponse;
}): ReactNode {
  const isLast = attempt === delivery.attempts.at(-1);
  const why = useClock((now) => attemptJudgement(attempt, isLast, delivery, now));
  const phases = phasesOf(attempt);
  return (
    <section className="card" aria-labelledby="attempt-title">
      <header>
        <h2 id="attempt-title">Attempt {attempt.number}</h2>
        <time className="quiet" dateTime={attempt.started_at}>
          {utc(attempt.started_at)}
        </time>
        <ul className="phases end">
          {phases.map(({ key, name, ms }) => (
            <li key={key} className={`phase-name ${key}`}>
              {name} {span(ms)}
            </li>
          ))}
        </ul>
      </header>
      <p className="inside why">
        <OthersText text={why} />
        {attempt.detail !== undefined && (
          <>
            {' '}
            <OthersText text={attempt.detail} />
          </>
        )}
        {attempt.resent === true && ' It was sent twice: a kept connection broke before any answer.'}
      </p>
      <div className="halves inside">
        <div className="message">
          <h3>Request</h3>
          <HeadersTable label="Request headers" headers={attempt.request_headers} />
          <BodyView label="the request body" body={delivery.body} />
        </div>
        <div className="message">
          <h3>Response{attempt.http_status === null ? '' : `: HTTP ${attempt.http_status}`}</h3>
          <HeadersTable label="Response headers" headers={attempt.response_headers} />
          <BodyView
            label="the response body"
            body={attempt.response_body}
            {...(attempt.response_truncated ? { note: 'the first 16 KiB' } : {})}
          />
        </div>
      </div>
    </section>
  );
}
