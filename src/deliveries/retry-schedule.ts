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
