import { type Message, messageId, retriesOf } from '../../messages/message.js';
import type { ScheduleEntity } from '../../schedules/schedule.entity.js';
import type { ScheduledOperation } from '../../schedules/scheduled-operations.js';
import { present, seenBy, shownBody, shownHeaders, shownSending } from './message.response.js';
import type { LastMessage } from './schedule-states.store.js';

/** A schedule in QStash's words; times are milliseconds since 1970. */
export interface QstashScheduleResponse extends ReturnType<typeof shownSending> {
  readonly scheduleId: string;
  readonly cron: string;
  readonly createdAt: number;
  readonly destination: string;
  readonly method: string;
  readonly header: Readonly<Record<string, readonly string[]>>;
  readonly body?: string;
  readonly bodyBase64?: string;
  readonly retries: number;
  readonly delay?: number;
  readonly timeout?: number;
  readonly isPaused: boolean;
  readonly lastScheduleTime?: number;
  readonly nextScheduleTime?: number;
  readonly lastScheduleStates?: Readonly<Record<string, 'IN_PROGRESS' | 'SUCCESS' | 'FAIL'>>;
  readonly error?: string;
}

const STATES = { Waiting: 'IN_PROGRESS', Executing: 'IN_PROGRESS', Finished: 'SUCCESS' } as const;

/** A schedule as QStash's API shows it, with what has become of its last tick. */
export function scheduleResponse(
  schedule: ScheduleEntity,
  { input, delayS }: ScheduledOperation,
  last: readonly LastMessage[],
  whole: boolean,
): QstashScheduleResponse {
  const message = seenBy(whole, input as Message);
  const { pausedAt, createdAt, lastTick, nextTick, skippedTick, skippedReason } = schedule;
  const { topicName: _, endpointName: __, scheduleId: ___, ...sending } = shownSending(message);
  const isSkipped = skippedTick !== null && (lastTick === null || skippedTick > lastTick);
  return {
    scheduleId: message.scheduleId!,
    cron: cronOf(schedule),
    createdAt: createdAt.getTime(),
    destination: message.topicName ?? message.url,
    ...{ method: message.method, header: shownHeaders(message) },
    ...shownBody(message),
    ...{ retries: retriesOf(message), isPaused: pausedAt !== null },
    ...sending,
    ...present({
      delay: delayS,
      timeout: message.timeoutS,
      lastScheduleTime: lastTick?.getTime(),
      nextScheduleTime: nextTick?.getTime(),
      lastScheduleStates: last.length === 0 ? null : statesOf(last),
      error: isSkipped ? skippedReason : last.find(({ error }) => error !== null)?.error,
    }),
  };
}

function statesOf(last: readonly LastMessage[]): NonNullable<QstashScheduleResponse['lastScheduleStates']> {
  return Object.fromEntries(
    last.map(({ rid, state }) => [messageId(rid), STATES[state as keyof typeof STATES] ?? 'FAIL']),
  );
}

/** As it was given. */
function cronOf({ cron, timeZone }: ScheduleEntity): string {
  return timeZone === 'UTC' ? cron! : `CRON_TZ=${timeZone} ${cron!}`;
}
