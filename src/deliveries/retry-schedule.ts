/** A retry schedule cannot be used; the message names the step and the remedy. */
export class RetryScheduleError extends Error {
  override readonly name = 'RetryScheduleError';
  readonly code = 'malformed_retry_schedule';
}

/** What the next delay depends on; seconds. */
export interface NextDelayInput {
  /** The delays before attempt 2, 3, …. */
  schedule: readonly number[];
  /** 1 after the first attempt. */
  attemptsMade: number;
  /** What the receiver asked for, null for nothing. */
  retryAfterS: number | null;
  /** 0 ≤ random < 1. */
  random: number;
}

/** The most steps a schedule may have. */
export const MAX_RETRY_STEPS = 50;
/** The longest a schedule may last, jitter aside; seconds. */
export const MAX_RETRY_SPAN_S = 30 * 86_400;

const JITTER = 0.2;
const RETRY_AFTER_FLOOR_OF_CAP_S = 3_600;

/**
 * Seconds until the next attempt, null when the schedule is spent. The schedule's delay has ± 20 % jitter, so that
 * deliveries that failed together don't return together; Retry-After can make it longer, up to twice the step or 1 h.
 */
export function nextDelay({ schedule, attemptsMade, retryAfterS, random }: NextDelayInput): number | null {
  const step = schedule[attemptsMade - 1];
  if (step === undefined) return null;
  const delay = step * (1 - JITTER + 2 * JITTER * random);
  if (retryAfterS === null) return delay;
  return Math.min(Math.max(retryAfterS, delay), Math.max(2 * step, RETRY_AFTER_FLOOR_OF_CAP_S));
}

/**
 * Whether a next attempt may still be planned: in `delayS` seconds, of a delivery that is `ageS` old. The deadline is
 * `deadlineS`, or the schedule's own length with its jitter where that is longer: what makes a delivery late is asked
 * for by the receiver (Retry-After) or due to the others that wait for the same origin.
 */
export function isWithinDeadline({
  schedule,
  deadlineS,
  ageS,
  delayS,
}: {
  schedule: readonly number[];
  deadlineS: number;
  ageS: number;
  delayS: number;
}): boolean {
  const spanS = schedule.reduce((sum, step) => sum + step, 0) * (1 + JITTER);
  return ageS + delayS <= Math.max(deadlineS, spanS);
}

/** Reads `5,300,0.5`: seconds before attempt 2, 3, …. */
export function parseRetrySchedule(text: string): number[] {
  if (text.trim() === '')
    throw new RetryScheduleError('the retry schedule is empty: give seconds, as in 5,300,1800');
  return checkRetrySchedule(text.split(',').map(parseStep));
}

/** Answers the schedule itself if it may be used, and throws `RetryScheduleError` if it may not. */
export function checkRetrySchedule(schedule: number[]): number[] {
  if (schedule.length > MAX_RETRY_STEPS) {
    throw new RetryScheduleError(
      `the retry schedule has ${schedule.length} steps: give at most ${MAX_RETRY_STEPS}`,
    );
  }
  for (const [index, step] of schedule.entries()) {
    if (!(Number.isFinite(step) && step >= 0)) {
      throw new RetryScheduleError(
        `step ${index + 1} of the retry schedule is ${step}: give 0 or more seconds`,
      );
    }
  }
  const span = schedule.reduce((sum, step) => sum + step, 0);
  if (span > MAX_RETRY_SPAN_S) {
    throw new RetryScheduleError(
      `the retry schedule lasts ${span} s: at most 30 days, ${MAX_RETRY_SPAN_S} s, are kept`,
    );
  }
  return schedule;
}

function parseStep(text: string, index: number): number {
  const step = text.trim();
  if (/^\d+(?:\.\d+)?$/.test(step)) return Number(step);
  throw new RetryScheduleError(
    `step ${index + 1} of the retry schedule, "${step}", is no number of seconds: write it as in 5,300,0.5`,
  );
}
