import { accountShown, type Whose } from '../../accounts/whose.js';
import { ApiTime } from '../../http/api-properties.js';
import { storedFlow, wholeFlow } from '../../operations/flow/flow.js';
import type { OperationState } from '../../operations/operation.state.js';
import type { OperationView } from '../../operations/read/operation-reads.store.js';
import { MISSED, OVERLAPS, type ScheduleEntity } from '../../schedules/schedule.entity.js';
import type { ScheduledOperation } from '../../schedules/scheduled-operations.js';
import { OperationFlowResponse, withoutQuery, RequestedCallbackResponse } from './operation.response.js';

export class ScheduledOperationResponse {
  type: string;
  /** Its callback; values of headers and a query string are not shown. */
  callback: RequestedCallbackResponse | null;
  correlation: string | null;
  priority: number;
  timeout_s: number | null;
  retention: string | null;
  flow: OperationFlowResponse | null;
}

/** A tick of which no operation has become. */
export class SkippedTickResponse {
  @ApiTime()
  tick: string;
  /** For people. */
  reason: string;
}

/** An operation that a tick has submitted. */
export class ScheduleRunResponse {
  @ApiTime()
  tick: string;
  /** Id of the operation. */
  operation: string;
  status: OperationState;
}

/** Operations that are submitted at times known beforehand. */
export class ScheduleResponse {
  id: string;
  name: string;
  /** Whose it is; there where the request named an `account`. */
  account_id?: string;
  cron: string | null;
  every_s: number | null;
  @ApiTime()
  at: string | null;
  time_zone: string;
  missed: (typeof MISSED)[number];
  overlap: (typeof OVERLAPS)[number];
  jitter_s: number;
  @ApiTime()
  ends_at: string | null;
  /** What is submitted. Its input may be secret and isn't shown. */
  operation: ScheduledOperationResponse;
  @ApiTime()
  created_at: string;
  /** Null while it ticks. */
  @ApiTime()
  paused_at: string | null;
  /** The next time; null where none is left, or it is paused. */
  @ApiTime()
  next_at: string | null;
  @ApiTime()
  last_at: string | null;
  /** The last tick of which no operation has become; null where there was none. */
  last_skipped: SkippedTickResponse | null;
  /** The next five times; absent in lists. */
  next?: string[];
  /** The last operations, newest first; absent in lists. */
  last_runs?: ScheduleRunResponse[];

  static from(
    schedule: ScheduleEntity,
    operation: ScheduledOperation,
    more: { next?: readonly Date[]; runs?: readonly OperationView[]; whose?: Whose | undefined } = {},
  ): ScheduleResponse {
    const { skippedTick, skippedReason } = schedule;
    return {
      id: schedule.id,
      name: schedule.name,
      ...accountShown(schedule.accountId, more.whose),
      cron: schedule.cron,
      every_s: schedule.everyS,
      at: iso(schedule.at),
      time_zone: schedule.timeZone,
      missed: schedule.missed,
      overlap: schedule.overlap,
      jitter_s: schedule.jitterS,
      ends_at: iso(schedule.endsAt),
      operation: shown(operation),
      created_at: schedule.createdAt.toISOString(),
      paused_at: iso(schedule.pausedAt),
      next_at: iso(schedule.nextTick),
      last_at: iso(schedule.lastTick),
      last_skipped:
        skippedTick === null ? null : { tick: skippedTick.toISOString(), reason: skippedReason ?? '' },
      ...(more.next ? { next: more.next.map((tick) => tick.toISOString()) } : {}),
      ...(more.runs ? { last_runs: more.runs.map(run) } : {}),
    };
  }
}

function run({ operation }: OperationView): ScheduleRunResponse {
  return { tick: operation.tick!.toISOString(), operation: operation.rid, status: operation.state };
}

function shown({
  type,
  callback,
  correlation,
  priority,
  timeoutS,
  retention,
  flow,
}: ScheduledOperation): ScheduledOperationResponse {
  return {
    type,
    callback: callback && {
      url: withoutQuery(callback.url),
      headers: callback.headers.map(({ key }) => ({ key, value: '[redacted]' })),
    },
    correlation,
    priority,
    timeout_s: timeoutS,
    retention,
    flow: flow ? (JSON.parse(storedFlow(wholeFlow(flow))) as OperationFlowResponse) : null,
  };
}

function iso(time: Date | null): string | null {
  return time?.toISOString() ?? null;
}
