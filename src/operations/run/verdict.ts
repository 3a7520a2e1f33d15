import type { How } from '../end/operation-ender.js';
import type { OperationEntity } from '../operation.entity.js';
import type { Release } from '../operation-rows.js';
import { storable } from './operation-run.js';
import { type RetryPolicy, retryDelay } from './retry-policy.js';
import type { Failure } from './run-ending.js';

/** What becomes of a run. */
export type Verdict =
  | { readonly kind: 'end'; readonly how: How }
  | ({ readonly kind: 'release' } & Pick<Release, 'delayS' | 'counts' | 'text' | 'stack'>)
  | { readonly kind: 'lost' };

/** What becomes of a run that failed: another try, as its type says, or its end. */
export function afterFailure(
  policy: RetryPolicy,
  { attempt, tries }: Pick<OperationEntity, 'attempt' | 'tries'>,
  { code, message, retry, stack = null }: Failure & { readonly stack?: string | null },
): Exclude<Verdict, { kind: 'lost' }> {
  const delayS = retryDelay(policy, { attempt, tries, code, retry, random: Math.random() });
  if (delayS === null) return endAsFailed(code, message, stack);
  const text = storable(`Attempt ${attempt} failed (${code}): ${message}`);
  return { kind: 'release', delayS, counts: true, text, stack };
}

/** The end as Failed. */
export function endAsFailed(
  code: string,
  message: string,
  stack: string | null = null,
): Extract<Verdict, { kind: 'end' }> {
  return { kind: 'end', how: { state: 'Failed', code: storable(code), message: storable(message), stack } };
}

/** What went wrong in a run that took too long. */
export function timedOut({ timeoutS }: OperationEntity): Failure {
  return { code: 'timeout', message: `the run took longer than ${timeoutS} s`, retry: false };
}
