import { Suspension } from '../await/suspension.js';
import { CANCELED, type How } from '../end/operation-ender.js';
import type { OperationEntity } from '../operation.entity.js';
import type { Release } from '../operation-rows.js';
import type { Claim } from './claim.js';
import { RunAborted, storable } from './operation-run.js';
import type { RegisteredType } from './registered-type.js';
import { type RetryPolicy, retryDelay } from './retry-policy.js';
import { type Failure, failureOf } from './run-ending.js';
import { stackOf } from './stack.js';
import type { StartOver } from './start-over.js';

/** What becomes of a run. */
export type Verdict =
  | { readonly kind: 'end'; readonly how: How }
  | ({ readonly kind: 'release' } & Pick<
      Release,
      'delayS' | 'counts' | 'text' | 'stack' | 'checkpoint' | 'unhandled'
    >)
  | { readonly kind: 'suspend'; readonly suspension: Suspension }
  | { readonly kind: 'lost' };

/** A run that failed by itself, to be logged; a delay where it is tried again. */
export interface FailedAttempt extends Failure {
  readonly stack: string | null;
  readonly delayS: number | null;
}

/** How long a worker that has the type's handler is waited for, seconds. */
const MAX_UNHANDLED_S = 1_800;
/** Workers that may go silent in runs that go on after a wait, where tries are fewer: those repeat nothing, so tries alone don't end them. */
const MAX_SILENT = 25;

/** What becomes of a run whose handler is not started: its claim came back after the shutdown had begun, or too late. */
export function notBegun(claim: Claim, why: string): Verdict {
  return givenBack(claim, `The worker ${why} before it began; waiting for another`);
}

/** The end of an operation that goes on after a wait, and whose workers go silent whenever it does; null: it goes on. */
export function silenced({ awaited, operation }: Claim): Verdict | null {
  const { attempt, tries } = operation;
  if (awaited === null || attempt <= Math.max(tries, MAX_SILENT)) return null;
  return end('attempts_exhausted', `the worker went silent during attempt ${attempt - 1}, after a wait`);
}

/** What becomes of a run whose handler failed, or was stopped; `attempt` is there where it failed by itself. */
export function failedVerdict(
  claim: Claim,
  type: RegisteredType,
  signal: AbortSignal,
  error: unknown,
): { verdict: Verdict; attempt?: FailedAttempt } {
  const { operation } = claim;
  const abort = signal.aborted ? (signal.reason as RunAborted).cause : null;
  if (abort === 'lease-lost') return { verdict: { kind: 'lost' } };
  if (abort === 'canceled') return { verdict: { kind: 'end', how: CANCELED } };
  if (abort === 'shutdown') {
    // What goes on after a wait repeats nothing.
    const again = operation.tries > 1 || claim.awaited !== null;
    return {
      verdict: again
        ? givenBack(claim, 'The worker shut down; waiting for another')
        : end('interrupted', 'the worker shut down, and this type is never tried twice'),
    };
  }
  const failure = abort === 'timeout' ? timedOut(operation) : failureOf(error);
  // Our own signal says nothing of where the handler was.
  const stack = error instanceof RunAborted ? null : stackOf(error);
  const verdict = afterFailure(type.retry, operation, failure, stack);
  const delayS = verdict.kind === 'release' ? verdict.delayS : null;
  return { verdict, attempt: { ...failure, stack, delayS } };
}

/** What becomes of an operation after a failure: another try, as its type says, or its end. */
export function afterFailure(
  policy: RetryPolicy,
  operation: OperationEntity,
  { code, message, retry, fileId, result = null, again = null }: Failure,
  stack: string | null = null,
): Extract<Verdict, { kind: 'end' | 'release' }> {
  const asked = again !== null && operation.attempt < operation.tries ? again.delayS : null;
  const delayS = asked ?? retryDelay(policy, { ...operation, code, retry, random: Math.random() });
  if (delayS === null) return end(code, message, stack, fileId, result);
  const text = storable(`Attempt ${operation.attempt} failed (${code}): ${message}`);
  return { kind: 'release', delayS, counts: true, text, stack, checkpoint: again?.checkpoint ?? null };
}

/** During an upgrade only some workers may know a type; one that no worker knows must end all the same, and tell so. */
export function withoutHandler({ operation: { type, attempt }, unhandledS }: Claim): Verdict {
  if (unhandledS >= MAX_UNHANDLED_S)
    return end(
      'no_handler',
      `no worker has a handler for ${type}: start one that has, and rerun this operation`,
    );
  return {
    kind: 'release',
    delayS: Math.min(5 * attempt, 60),
    counts: false,
    text: `This worker has no handler for ${type}; waiting for one that has`,
    stack: null,
    unhandled: true,
  };
}

/** What becomes of a run that isn't to count as the start of what it does. */
export function startedOver({ checkpoint, text }: StartOver): Verdict {
  return { kind: 'release', delayS: 0, counts: false, text, stack: null, checkpoint };
}

/** What a trace shows of a run that did not finish. */
export function faultOf(verdict: Verdict): string | null {
  if (verdict.kind === 'suspend') return null;
  if (verdict.kind === 'release') return verdict.text;
  if (verdict.kind === 'lost') return 'the lease was lost';
  if (verdict.how.state === 'Canceled') return 'canceled';
  return verdict.how.state === 'Failed' ? verdict.how.code : null;
}

/** Runs that were cut off use up no try; one that went on after a wait goes on where it stands. */
function givenBack({ awaited }: Claim, text: string): Verdict {
  if (awaited !== null) return { kind: 'suspend', suspension: Suspension.goOn(0, null) };
  return { kind: 'release', delayS: 0, counts: false, text, stack: null };
}

function end(
  code: string,
  message: string,
  stack: string | null = null,
  fileId: string | null = null,
  result: string | null = null,
): Extract<Verdict, { kind: 'end' }> {
  const told = { code: storable(code), message: storable(message) };
  const how = { state: 'Failed', ...told, stack, fileId, result } as const;
  return { kind: 'end', how };
}

/** What went wrong in a run that took too long. */
export function timedOut({ timeoutS }: OperationEntity): Failure {
  return { code: 'timeout', message: `the run took longer than ${timeoutS} s`, retry: false, fileId: null };
}
