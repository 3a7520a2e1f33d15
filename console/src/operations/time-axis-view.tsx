import { type ReactNode, useMemo } from 'react';
import { Link } from '@tanstack/react-router';
import type { HistoryEntryResponse } from '../api-types.js';
import { useClock } from '../clock.js';
import type { DeliveryDetails, Operation } from '../rows.js';
import { span } from '../words.js';
import { type AxisRow, axisOf, type Scale } from './time-axis.js';

/** One axis of time: how it waited, each try, and each attempt of its callbacks, made and planned. */
export function TimeAxis({
  operation,
  history,
  deliveries,
}: {
  operation: Operation;
  history: readonly HistoryEntryResponse[];
  deliveries: readonly DeliveryDetails[];
}): ReactNode {
  const isOver = operation.finished_at !== null;
  const now = useClock((time) => (isOver ? 0 : time));
  const axis = useMemo(
    () => axisOf(operation, history, deliveries, now),
    [operation, history, deliveries, now],
  );
  return (
    <div className="axis">
      {axis.rows.map((row) => (
        <Row key={row.delivery ?? 'operation'} row={row} scale={axis.scale} />
      ))}
      <div className="axis-row" aria-hidden="true">
        <span />
        <div className="axis-ticks">
          {axis.scale.ticks.map((ms) => (
            <span key={ms} style={{ left: percent(axis.scale.place(axis.from + ms)) }}>
              {ms === 0 ? '0' : span(ms)}
            </span>
          ))}
        </div>
      </div>
      <p className="axis-note quiet">
        Time since it was accepted{axis.scale.kind === 'logarithmic' ? ', logarithmic' : ''}; all of it:{' '}
        {span(axis.to - axis.from)}.
      </p>
    </div>
  );
}

function Row({ row, scale }: { row: AxisRow; scale: Scale }): ReactNode {
  const { label, delivery, bars, dots } = row;
  return (
    <div className="axis-row">
      <span className="axis-label" title={label}>
        {delivery === null ? (
          label
        ) : (
          <Link to="/deliveries/$id" params={{ id: delivery }}>
            {label}
          </Link>
        )}
      </span>
      <div className="axis-track">
        {bars.map((bar) => (
          <span
            key={bar.from}
            className={`axis-bar ${delivery === null ? bar.tone : 'thin'}`}
            title={`${bar.title} (${span(bar.to - bar.from)})`}
            style={{
              left: percent(scale.place(bar.from)),
              width: percent(scale.place(bar.to) - scale.place(bar.from)),
            }}
          />
        ))}
        {dots.map((dot) => (
          <span
            key={dot.at}
            className={`axis-dot ${dot.tone}${dot.planned ? ' planned' : ''}`}
            title={dot.title}
            style={{ left: percent(scale.place(dot.at)) }}
          />
        ))}
      </div>
    </div>
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(3)}%`;
}
