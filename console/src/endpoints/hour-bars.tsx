import type { ReactNode } from 'react';
import type { EndpointHourResponse } from '../api-types.js';
import { count, span, utc } from '../words.js';

const HEIGHT = 64;

/** Attempts by hour as bars, what failed on top; each says its numbers, and all of them are in a table for who sees none. */
export function HourBars({ hours }: { hours: readonly EndpointHourResponse[] }): ReactNode {
  const most = Math.max(1, ...hours.map(({ succeeded, failed }) => succeeded + failed));
  return (
    <figure className="hours">
      <div className="hour-bars" aria-hidden="true">
        {hours.map((hour) => (
          <div key={hour.hour} className="hour" title={sentenceOf(hour)}>
            <div className="bar bad" style={{ height: (hour.failed / most) * HEIGHT }} />
            <div className="bar good" style={{ height: (hour.succeeded / most) * HEIGHT }} />
          </div>
        ))}
      </div>
      <figcaption className="quiet">
        <span>24 h ago</span>
        <span>up to {count(most)} an hour</span>
        <span>now</span>
      </figcaption>
      <ul className="hidden">
        {hours
          .filter(({ succeeded, failed }) => succeeded + failed > 0)
          .map((hour) => (
            <li key={hour.hour}>{sentenceOf(hour)}</li>
          ))}
      </ul>
    </figure>
  );
}

function sentenceOf({ hour, succeeded, failed, p95_ms }: EndpointHourResponse): string {
  const slow = p95_ms === null ? '' : `, 95 % within ${span(p95_ms)}`;
  return `${utc(hour).slice(0, 16)} UTC: ${count(succeeded)} succeeded, ${count(failed)} failed${slow}`;
}
