/** When a failed run of a type is tried again; what `@OperationType` says of it, with the defaults filled in. */
export interface RetryPolicy {
  /** Seconds before try 2, 3, …, the last one repeating, or a function of the try that failed. */
  readonly backoffS: readonly number[] | ((attempt: number) => number);
  readonly retryOn: readonly string[];
  readonly noRetryOn: readonly string[];
}

/** A run that failed. */
export interface FailedRun {
  /** 1 for the first try. */
  readonly attempt: number;
  readonly tries: number;
  readonly code: string;
  /** What the error itself says. */
  readonly retry: boolean;
  /** 0 ≤ random < 1. */
  readonly random: number;
}

/** At most so much is added to a delay, as its share: what failed together must not return together. */
const JITTER = 0.2;
const MAX_DELAY_S = 7 * 86_400;
const FALLBACK_S = 60;

/** Seconds until the next try; null where there is none. A type's word on a code beats the error's own. */
export function retryDelay(policy: RetryPolicy, run: FailedRun): number | null {
  const may = policy.retryOn.includes(run.code) || (run.retry && !policy.noRetryOn.includes(run.code));
  if (!may || run.attempt >= run.tries) return null;
  return backoff(policy.backoffS, run.attempt) * (1 + JITTER * run.random);
}

function backoff(backoffS: RetryPolicy['backoffS'], attempt: number): number {
  if (typeof backoffS !== 'function') return backoffS[Math.min(attempt, backoffS.length) - 1]!;
  // A function that fails or answers nonsense must not keep the run from being given back.
  try {
    const delayS = backoffS(attempt);
    return delayS >= 0 ? Math.min(delayS, MAX_DELAY_S) : FALLBACK_S;
  } catch {
    return FALLBACK_S;
  }
}

/** A type's policy, with the defaults for what it doesn't say. */
export function retryPolicy(given: Partial<RetryPolicy>): RetryPolicy {
  const { backoffS = [1, 4], retryOn = [], noRetryOn = [] } = given;
  const none = typeof backoffS !== 'function' && backoffS.length === 0;
  return { backoffS: none ? [1] : backoffS, retryOn, noRetryOn };
}

/** Why a policy can't be used; null where it can. */
export function retryPolicyFault({
  backoffS,
  retryOn = [],
  noRetryOn = [],
}: Partial<RetryPolicy>): string | null {
  const wrong =
    typeof backoffS === 'function'
      ? undefined
      : backoffS?.find((delayS) => !(delayS >= 0 && delayS <= MAX_DELAY_S));
  if (wrong !== undefined) return `backoffS has ${wrong}: give seconds from 0 to ${MAX_DELAY_S}`;
  const both = retryOn.find((code) => noRetryOn.includes(code));
  return both === undefined ? null : `"${both}" is in retryOn and in noRetryOn: leave it out of one`;
}
