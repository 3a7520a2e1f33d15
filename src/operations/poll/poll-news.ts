import type { Decision } from './poll-decision.js';
import type { PollNews, TakenPoll } from './poll.store.js';

type Again = Extract<Decision, { kind: 'again' }>;

/** After so many polls in a row that told nothing, people are told why. */
const TOLD_AFTER = 3;
/** A job that can't be asked is asked less often, up to so many times its pace, or every so many seconds. */
const MAX_SLOWER = 64;
const SLOW_S = 300;
/** A job is polled no later than this, whatever its API asks for; seconds. */
const MAX_RETRY_AFTER_S = 3_600;
/** Jobs that began together are not asked together for ever. */
const JITTER = 0.1;

/** What people are shown of a job of which its API says no more than that it runs. */
export function plainText(url: string): string {
  return `The job at ${url.split('/', 3)[2]} runs`;
}

/** Seconds until the next poll, after so many in a row that told nothing. `random` is between 0 and 1. */
export function pollDelay(
  everyS: number,
  retryAfterS: number | null,
  failures: number,
  random: number,
): number {
  const slower = Math.max(everyS, Math.min(everyS * Math.min(2 ** failures, MAX_SLOWER), SLOW_S));
  const asked = Math.min(retryAfterS ?? 0, MAX_RETRY_AFTER_S);
  return Math.max(slower, asked) * (1 + JITTER * random);
}

/**
 * What an answer changes of what is shown; null where it changes nothing. The history gets an entry of each whole percent and of each
 * text that isn't the last one with other numbers: it doesn't grow with every poll.
 */
export function newsOf(poll: TakenPoll, answer: Again, failures: number, plain: string): PollNews | null {
  const { requestId } = poll;
  if (answer.trouble !== null) {
    if (failures !== TOLD_AFTER) return null;
    const text = `No answer of the job ${failures} times: ${answer.trouble}`;
    return { requestId, progress: poll.progress, text, news: 'log' };
  }
  const progress = answer.progress ?? poll.progress;
  const text = answer.text ?? plain;
  // PostgreSQL's real has some seven digits.
  const same = Math.abs(progress - poll.progress) < 0.001;
  if (same && text === poll.statusText) return null;
  const isNews =
    Math.floor(progress) !== Math.floor(poll.progress + 0.001) ||
    numberless(text) !== numberless(poll.statusText ?? '');
  return { requestId, progress, text, news: isNews ? 'progress' : null };
}

function numberless(text: string): string {
  return text.replace(/\d+(?:[.,]\d+)*/g, '#');
}
