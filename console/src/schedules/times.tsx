import type { ReactNode } from 'react';
import type { ScheduleResponse } from '../api-types.js';
import { Ago } from '../ui/ago.js';
import { span } from '../words.js';

/** When a schedule ticks, as it was said. */
export function Times({ of: { cron, every_s, at, time_zone } }: { of: ScheduleResponse }): ReactNode {
  if (cron !== null)
    return (
      <>
        <code>{cron}</code> <span className="quiet">{time_zone}</span>
      </>
    );
  if (every_s !== null) return `every ${span(every_s * 1000)}`;
  return (
    <>
      once, <Ago at={at} />
    </>
  );
}

/** Whether it ticks. */
export function ScheduleState({ of: { paused_at, next_at } }: { of: ScheduleResponse }): ReactNode {
  if (paused_at !== null) return <span className="status waiting">Paused</span>;
  if (next_at !== null) return <span className="status good">Active</span>;
  return (
    <span className="status ended" title="It has no time ahead">
      Over
    </span>
  );
}
