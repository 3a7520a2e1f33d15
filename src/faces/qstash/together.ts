import { Logger } from '@nestjs/common';
import { toProblem } from '../problem.filter.js';

/** What became of one of several that are asked for at once. */
export type Outcome<T> = PromiseSettledResult<T>;

/** What one that is refused is answered in its place. */
export interface RefusedResponse {
  readonly error: string;
}

/** What whoever asks can't help: an outage, and what only the log is told. */
const FAULTS: ReadonlySet<number> = new Set([500, 503]);
const logger = new Logger('HTTP');

/** What becomes of it; never fails. */
export async function outcomeOf<T>(work: Promise<T>): Promise<Outcome<T>> {
  const [outcome] = await Promise.allSettled([work]);
  return outcome;
}

/**
 * The answer to each, or its error. Whoever is told of a failure asks for all of them again, which doubles what was accepted: so it
 * fails only where nothing was, and then by a fault of ours, as whoever looks at the status alone would take it for accepted; or, of
 * what is asked for `asOne`, by any refusal.
 */
export function answersTo<T>(
  outcomes: readonly Outcome<T>[],
  { asOne = false } = {},
): (T | RefusedResponse)[] {
  const refusals = outcomes.filter((outcome) => outcome.status === 'rejected');
  const worst = refusals.find(({ reason }) => isFault(reason)) ?? (asOne ? refusals[0] : undefined);
  if (worst && refusals.length === outcomes.length) throw worst.reason;
  return outcomes.map((outcome) =>
    outcome.status === 'fulfilled' ? outcome.value : { error: told(outcome.reason) },
  );
}

function isFault(reason: unknown): boolean {
  return FAULTS.has(toProblem(reason).status);
}

function told(reason: unknown): string {
  const { status, detail } = toProblem(reason);
  // Nothing else writes it down: the request has not failed.
  if (status === 500)
    logger.error({ msg: 'one of several failed', error: String(reason), stack: stackOf(reason) });
  return detail;
}

function stackOf(reason: unknown): string | undefined {
  return reason instanceof Error ? reason.stack : undefined;
}
