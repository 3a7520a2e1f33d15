/**
 * Milliseconds after the start at which operation `number`, from 0, is to be sent at `rate` a second. It is set before anything
 * is sent: a service that stalls delays no later send, and what waits meanwhile counts.
 */
export function intendedMs(number: number, rate: number): number {
  return (number * 1000) / rate;
}

/** How many of `count` are to be sent within the first `ms` milliseconds. */
export function dueWithin(ms: number, rate: number, count: number): number {
  if (ms < 0) return 0;
  return Math.min(count, Math.floor((ms * rate) / 1000) + 1);
}
