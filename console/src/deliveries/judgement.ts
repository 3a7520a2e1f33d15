import { reasonText } from '../../../src/client/given-up.js';
import type { AttemptResponse, DeliveryResponse } from '../api-types.js';
import { relative, span } from '../words.js';

/** Why an attempt, or a delivery, was judged as it was: sentences; pure. */

type Judged = Pick<
  AttemptResponse,
  'outcome' | 'http_status' | 'error' | 'retry_after_s' | 'next_attempt_at' | 'duration_ms' | 'trigger'
>;

/** `HTTP 503`, or what went wrong before there was an answer. */
export function attemptResult({ outcome, http_status: status, error, trigger }: Judged): string {
  if (outcome === 'started') return 'in flight';
  if (outcome === 'unknown')
    return trigger === 'pull' ? 'unknown: its consumer said nothing in time' : 'unknown: its worker died';
  return error ?? `HTTP ${status}`;
}

/** One sentence for an attempt: `HTTP 503, and a Retry-After of 120 s: the next attempt is in 2 min.` */
export function attemptJudgement(
  attempt: Judged,
  isLast: boolean,
  delivery: DeliveryResponse,
  now: number,
): string {
  const { outcome, http_status: status, retry_after_s: asked, next_attempt_at: next, trigger } = attempt;
  const isPulled = trigger === 'pull';
  switch (outcome) {
    case 'started':
      return isPulled
        ? 'A consumer has it: it has not acknowledged it yet.'
        : 'It is in flight: no answer has come yet.';
    case 'delivered':
      if (isPulled) return 'Its consumer acknowledged it.';
      return `The receiver answered ${status}: a 2xx means that it has the callback.`;
    case 'unknown':
      if (isPulled)
        return 'Its consumer did not acknowledge it in time, and may have done it: it was offered again, with the same webhook-id.';
      return `The process that made it died before an answer was stored. The receiver may have seen it${isLast ? '' : '; so it was made again, with the same webhook-id'}.`;
    case 'failed': {
      const result = attemptResult(attempt);
      const wish = asked === null ? '' : `, and a Retry-After of ${asked} s`;
      return `${result}${wish}${whatFollows(isLast, next, delivery, now)}`;
    }
    default:
      return outcome satisfies never;
  }
}

function whatFollows(isLast: boolean, next: string | null, delivery: DeliveryResponse, now: number): string {
  if (isLast && delivery.status === 'Exhausted')
    return `. Given up: ${reasonText(delivery.reason ?? 'schedule_spent')}.`;
  if (isLast && delivery.status === 'Canceled')
    return `. Ended: ${reasonText(delivery.reason ?? 'canceled')}.`;
  if (next === null) return '.';
  return isLast ? `: the next attempt is due ${relative(Date.parse(next), now)}.` : ': it was tried again.';
}

/** One sentence for a delivery, to whoever waits for it. */
export function deliveryJudgement(
  delivery: DeliveryResponse & { readonly attempts: readonly AttemptResponse[] },
  now: number,
): string {
  const made = delivery.attempts.length;
  const last = delivery.attempts.at(-1);
  const tries = made === 1 ? 'one attempt' : `${made} attempts`;
  switch (delivery.status) {
    case 'Delivered':
      return `Delivered by ${tries}${last?.http_status ? `: the receiver answered ${last.http_status}` : ''}.`;
    case 'Exhausted':
      return `Given up after ${tries}: ${reasonText(delivery.reason ?? 'schedule_spent')}${last ? `. The last one: ${attemptResult(last)}` : ''}.`;
    case 'Canceled':
      return `Not sent any more: ${reasonText(delivery.reason ?? 'canceled')}.`;
    case 'Pending': {
      if (last?.outcome === 'started') return `Attempt ${last.number} is in flight.`;
      const when =
        delivery.next_attempt_at === null
          ? ''
          : `, the next one is due ${relative(Date.parse(delivery.next_attempt_at), now)}`;
      if (!last) return `Not attempted yet${when.replace('the next one', 'the first attempt')}.`;
      return `Not delivered yet: ${tries} failed${when}. The last one: ${attemptResult(last)}.`;
    }
    default:
      return delivery.status satisfies never;
  }
}

/** What is between two attempts, or before the next one, in words. */
export function delay(from: string, to: string): string {
  return span(Date.parse(to) - Date.parse(from));
}
