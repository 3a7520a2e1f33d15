import type { FieldError } from '../config/validation.js';
import type { ScheduleEntity } from './schedule.entity.js';
import { ScheduleRefusedError } from './schedule.errors.js';
import type { ScheduleSettings } from './schedule.store.js';
import { readCron, ticksAfter } from './schedule-times.js';
import type { ScheduleDescription } from './schedules.service.js';

/** Ticks that a jitter is held against. */
const LOOKED_AT = 10;

/** What is wrong with a description's times. */
export function checkTimes({
  cron,
  everyS,
  at,
  timeZone,
  endsAt,
  jitterS,
}: Omit<ScheduleDescription, 'operation'>): FieldError[] {
  const given = [cron, everyS, at].filter((value) => value !== null);
  if (given.length !== 1)
    return [{ path: 'cron', message: 'give one of cron, every_s and at: they say when it ticks' }];
  if (!isTimeZone(timeZone))
    return [{ path: 'time_zone', message: 'must be an IANA name, like Europe/Paris' }];
  if (endsAt !== null && endsAt.getTime() <= Date.now())
    return [{ path: 'ends_at', message: 'must be in the future' }];
  try {
    if (cron !== null) readCron(cron, timeZone);
  } catch (error) {
    const told = (error as Error).message.replace(/^CronPattern: /, '');
    return [{ path: 'cron', message: `must be a cron pattern of five or six fields: ${told}` }];
  }
  const now = new Date();
  const ticks = ticksAfter(
    { cron, everyS, at, timeZone, jitterS, endsAt: null, createdAt: now },
    now,
    LOOKED_AT,
  );
  const gaps = ticks.slice(1).map((tick, index) => tick.getTime() - ticks[index]!.getTime());
  // Else a tick would be due before the one that it comes after.
  if (jitterS * 1000 > Math.min(...gaps))
    return [{ path: 'jitter_s', message: 'must be no longer than the time between two ticks' }];
  return [];
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) instanceof Intl.DateTimeFormat;
  } catch {
    return false;
  }
}

/** Whether a change moves its times. */
export function isRetimed(before: ScheduleEntity, after: ScheduleSettings): boolean {
  return (
    before.cron !== after.cron ||
    before.everyS !== after.everyS ||
    before.at?.getTime() !== after.at?.getTime() ||
    before.timeZone !== after.timeZone ||
    before.jitterS !== after.jitterS ||
    before.endsAt?.getTime() !== after.endsAt?.getTime()
  );
}

/** Refuses what would never tick. */
export function refuseTickless({ nextTick, at, everyS }: ScheduleSettings): void {
  if (nextTick !== null) return;
  const path = at !== null ? 'at' : everyS !== null ? 'every_s' : 'cron';
  throw refused(path, 'has no time ahead at which it would tick');
}

/** The refusal of one field. */
export function refused(path: string, message: string): ScheduleRefusedError {
  return new ScheduleRefusedError([{ path, message }]);
}
