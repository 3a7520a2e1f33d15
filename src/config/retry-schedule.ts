import { SettingError } from './settings.js';

/** A retry schedule cannot be used; the message names the step and the remedy. */
export class RetryScheduleError extends SettingError {
  override readonly name = 'RetryScheduleError';
  readonly code = 'malformed_retry_schedule';
}

/** The most steps a schedule may have. */
export const MAX_RETRY_STEPS = 50;
/** The longest a schedule may last, jitter aside; seconds. */
export const MAX_RETRY_SPAN_S = 30 * 86_400;

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
