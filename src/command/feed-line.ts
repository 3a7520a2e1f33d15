import type { FeedAttempt, FeedEvent, FeedOperation } from '../client/index.js';
import { clean, clockTime, spanWords, statusStyle, styled } from './output.js';

/** As wide as the longest word for what became of something. */
const WIDTH = 'delivered'.length;

/** An event of the feed as a line for people. */
export function feedLine(event: FeedEvent): string {
  switch (event.kind) {
    case 'operation.ended':
      return line(event.at, event.operation.status, operationWords(event.operation));
    case 'attempt.made':
      return line(event.at, event.attempt.outcome, attemptWords(event.attempt));
    case 'endpoint.disabled': {
      const { id, url, reason } = event.endpoint;
      return line(event.at, 'disabled', [id, url, reason]);
    }
    case 'reset':
      return styled('yellow', 'More has happened meanwhile than is told: the lists have it.');
    default:
      return event satisfies never;
  }
}

function line(at: string, what: string, words: readonly (string | null)[]): string {
  const style = statusStyle(what);
  const said = words.filter((word) => word !== null && word !== '').map((word) => clean(word!));
  const word = style === null ? what : styled(style, what);
  return `${styled('dim', clockTime(at))}  ${word}${' '.repeat(Math.max(0, WIDTH - what.length))}  ${said.join('  ')}`;
}

function operationWords({ id, request_id: requestId, type, error_code: code, correlation }: FeedOperation) {
  return [id, `#${requestId}`, type, code, correlation];
}

function attemptWords(attempt: FeedAttempt): (string | null)[] {
  const { http_status: status, error, duration_ms: ms, next_attempt_at: next } = attempt;
  return [
    attempt.delivery_id,
    attempt.event,
    attempt.url,
    `attempt ${attempt.number}`,
    error ?? (status === null ? null : `HTTP ${status}`),
    ms === null ? null : spanWords(ms),
    next === null ? null : `again at ${clockTime(next)}`,
  ];
}
