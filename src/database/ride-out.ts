import { setTimeout as delay } from 'node:timers/promises';
import { DatabaseUnavailableError } from './database-errors.js';

/** How often PostgreSQL is asked again while it is away, milliseconds. */
const AGAIN_MS = 250;

/**
 * Does `work` again while PostgreSQL is away, until it is done or `over` says that nobody waits for it any more; then it fails
 * with the outage. What was asked last may have been done without an answer, so `work` must bear being repeated.
 */
export async function rideOut<T>(work: () => Promise<T>, over: () => boolean): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DatabaseUnavailableError) || over()) throw error;
      await delay(AGAIN_MS, undefined, { ref: false });
    }
  }
}
