import type { IncomingHttpHeaders } from 'node:http';
import { retryAfterOf } from '../egress/retry-after.js';
import { delayExpression, DelayExpressionError } from './delay-expression.js';
import { durationS } from './durations.js';

/** No retry waits longer, seconds. */
const MAX_DELAY_S = 86_400;
/** Headers of an answer by which a receiver says when it wants the next attempt; the first that says so is heard. */
const RESET_HEADERS = [
  'retry-after',
  'x-ratelimit-reset',
  'x-ratelimit-reset-requests',
  'x-ratelimit-reset-tokens',
] as const;

/** An attempt that failed. */
export interface FailedDelivery {
  /** How often the message was retried before it: 0 for the first attempt. */
  readonly retried: number;
  /** Of the message; null: the default. */
  readonly expression: string | null;
  /** Of the answer; null where there was none. */
  readonly headers: IncomingHttpHeaders | null;
  readonly now: Date;
}

/** Seconds until a message is tried again: as its receiver asks, else as its publisher asked, else `e ** (2.5 n)`; a day at the most. */
export function messageDelayS({ retried, expression, headers, now }: FailedDelivery): number {
  return askedDelayS(headers ?? {}, now) ?? ownDelayS(expression, retried) ?? defaultDelayS(retried);
}

function defaultDelayS(retried: number): number {
  return Math.min(MAX_DELAY_S, Math.exp(2.5 * (retried + 1)));
}

/** What an expression says; null where that makes no sense as a delay. */
function ownDelayS(expression: string | null, retried: number): number | null {
  if (expression === null) return null;
  try {
    const seconds = delayExpression(expression, retried) / 1000;
    return seconds >= 0 ? Math.min(MAX_DELAY_S, seconds) : null;
  } catch (error) {
    if (error instanceof DelayExpressionError) return null;
    throw error;
  }
}

/** What is beyond the bound isn't heard, which is what a time since 1970 is too. */
function askedDelayS(headers: IncomingHttpHeaders, now: Date): number | null {
  for (const name of RESET_HEADERS) {
    const given = [headers[name]].flat()[0];
    if (given === undefined) continue;
    const seconds = /^\d+\.\d+$/.test(given.trim())
      ? Number(given)
      : (retryAfterOf(given, now) ?? durationS(given));
    if (seconds !== null && seconds <= MAX_DELAY_S) return seconds;
  }
  return null;
}
