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

/** A tick this much late, milliseconds, is one that an outage has held up. */
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

/**
 * What is owed of the ticks from `first` on that are due `now`, `most` of them at once. The clock may have been set back since:
 * what was ticked isn't ticked again, for ticks follow each other and not the clock.
 */
export function owedTicks(
  { id, missed, ...times }: Times & Pick<ScheduleEntity, 'id' | 'missed'>,
  first: Date,
  now: Date,
  most: number,
): Owed {
  const isDue = (tick: Date): boolean => dueTime(times, id, tick) <= now;
  if (missed === 'all') {
    const ticks = [first];
    for (let tick = tickAfter(times, first); tick !== null && isDue(tick); tick = tickAfter(times, tick)) {
      if (ticks.length === most) return { ticks, missed: null, next: tick };
      ticks.push(tick);
    }
    return { ticks, missed: null, next: tickAfter(times, ticks.at(-1)!) };
  }
  let last = first;
  for (let tick = lastBefore(times, now); tick !== null && tick > first; tick = lastBefore(times, tick)) {
    if (!isDue(tick)) continue;
    last = tick;
    break;
  }
  const isLate = now.getTime() - dueTime(times, id, last).getTime() > LATE_MS;
  const left = missed === 'skip' && isLate;
  return {
    ticks: left ? [] : [last],
    missed: left ? last : last > first ? lastBefore(times, last) : null,
    next: tickAfter(times, last),
  };
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
