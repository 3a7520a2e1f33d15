import { createHash } from 'node:crypto';
import { Cron, CronPattern } from 'croner';
import type { ScheduleEntity } from './schedule.entity.js';

/** What says when a schedule ticks. */
export type Times = Pick<
  ScheduleEntity,
  'cron' | 'everyS' | 'at' | 'timeZone' | 'jitterS' | 'endsAt' | 'createdAt'
>;

/** What is to become of the ticks of a schedule that are due. */
export interface Owed {
  /** To be submitted, oldest first. */
  readonly ticks: readonly Date[];
  /** The last of those that are left out. */
  readonly missed: Date | null;
  /** The first tick after all these; null where none is left. */
  readonly next: Date | null;
}

/** A tick that is later than this, milliseconds, was held up by an outage. */
const LATE_MS = 60_000;

/** A cron pattern of five or six fields, or a name like `@daily`; fails with what is wrong with it. */
export function readCron(pattern: string, timeZone: string): Cron {
  if (pattern.trim().split(/\s+/).length > 6)
    throw new SyntaxError('has more than six fields: a year is none of them');
  const times = fixedTimes(pattern);
  return new Cron(times ?? pattern, {
    timezone: timeZone,
    paused: true,
    fixedTimeRule: times === null ? 'single-value' : 'no-wildcard',
  });
}

/**
 * A pattern that leaves hours out names times of the day: one that a day doesn't have is not lost, one that it has twice comes once.
 * The library sees it so where seconds, minutes and hours are lists. Null for a pattern of every hour: it comes in each that there is.
 */
function fixedTimes(given: string): string | null {
  // A time with its date, which the library takes as well.
  if (given.includes(':')) return null;
  const { pattern, second, minute, hour } = new CronPattern(given);
  if (!hour.includes(0)) return null;
  const lists = [second, minute, hour].map((has) => [...has.keys()].filter((value) => has[value]).join());
  return [...lists, ...pattern.trim().split(/\s+/).slice(-3)].join(' ');
}

/** The first tick after a time; null where none is left. */
export function tickAfter(times: Times, after: Date): Date | null {
  const tick = unendedAfter(times, after);
  return tick !== null && times.endsAt !== null && tick > times.endsAt ? null : tick;
}

/** Several of them. */
export function ticksAfter(times: Times, after: Date, most: number): Date[] {
  const ticks: Date[] = [];
  for (
    let tick = tickAfter(times, after);
    tick !== null && ticks.length < most;
    tick = tickAfter(times, tick)
  )
    ticks.push(tick);
  return ticks;
}

/** When a tick is submitted: later by a part of the jitter that is always the same for it. */
export function dueTime({ jitterS }: Pick<Times, 'jitterS'>, id: string, tick: Date): Date {
  if (jitterS === 0) return tick;
  const digest = createHash('sha256').update(`${id} ${tick.toISOString()}`).digest();
  return new Date(tick.getTime() + Math.floor((digest.readUInt32BE() / 2 ** 32) * jitterS * 1000));
}

type Ticking = Times & Pick<ScheduleEntity, 'id' | 'missed'>;

/**
 * What is owed of the ticks from `first` on that are due `now`, `most` of them at once: all, unless an outage has held the first up.
 * The clock may have been set back since: what was ticked isn't ticked again, for ticks follow each other and not the clock.
 */
export function owedTicks(schedule: Ticking, first: Date, now: Date, most: number): Owed {
  const isOutage = isLate(schedule, first, now);
  if (isOutage && schedule.missed !== 'all') return owedAfterOutage(schedule, first, now);
  const ticks = [first];
  let next = tickAfter(schedule, first);
  for (; next !== null && ticks.length < most && isDue(schedule, next, now); next = tickAfter(schedule, next))
    ticks.push(next);
  return { ticks, missed: null, next };
}

/** Of all ticks that are due the last one, unless it is left out too. */
function owedAfterOutage(schedule: Ticking, first: Date, now: Date): Owed {
  let last = first;
  for (
    let tick = lastBefore(schedule, now);
    tick !== null && tick > first;
    tick = lastBefore(schedule, tick)
  ) {
    if (!isDue(schedule, tick, now)) continue;
    last = tick;
    break;
  }
  const left = schedule.missed === 'skip' && isLate(schedule, last, now);
  return {
    ticks: left ? [] : [last],
    missed: left ? last : last > first ? lastBefore(schedule, last) : null,
    next: tickAfter(schedule, last),
  };
}

function isDue(schedule: Ticking, tick: Date, now: Date): boolean {
  return dueTime(schedule, schedule.id, tick) <= now;
}

function isLate(schedule: Ticking, tick: Date, now: Date): boolean {
  return now.getTime() - dueTime(schedule, schedule.id, tick).getTime() > LATE_MS;
}

function unendedAfter({ cron, everyS, at, timeZone, createdAt }: Times, after: Date): Date | null {
  if (at !== null) return at > after ? at : null;
  if (cron !== null) return cronOf(cron, timeZone).nextRun(after);
  const everyMs = everyS! * 1000;
  const passed = Math.floor((after.getTime() - createdAt.getTime()) / everyMs + 1e-6);
  return new Date(createdAt.getTime() + Math.round((Math.max(passed, 0) + 1) * everyMs));
}

/** The last tick before a time, as far as there is one. */
function lastBefore(times: Times, before: Date): Date | null {
  const { cron, everyS, at, timeZone, createdAt, endsAt } = times;
  const until = endsAt !== null && endsAt < before ? new Date(endsAt.getTime() + 1) : before;
  if (at !== null) return at < until ? at : null;
  if (cron !== null) return cronOf(cron, timeZone).previousRuns(1, until)[0] ?? null;
  const everyMs = everyS! * 1000;
  const passed = Math.ceil((until.getTime() - createdAt.getTime()) / everyMs - 1e-6) - 1;
  return passed < 1 ? null : new Date(createdAt.getTime() + Math.round(passed * everyMs));
}

/** Patterns that were read lately. */
const READ = new Map<string, Cron>();
const MOST_READ = 1_000;

function cronOf(pattern: string, timeZone: string): Cron {
  const key = `${timeZone} ${pattern}`;
  let cron = READ.get(key);
  if (!cron) {
    if (READ.size >= MOST_READ) READ.clear();
    cron = readCron(pattern, timeZone);
    READ.set(key, cron);
  }
  return cron;
}
