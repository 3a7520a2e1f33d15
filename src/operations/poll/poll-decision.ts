import { retryAfterOf } from '../../egress/retry-after.js';
import type { PollAnswer } from './poll-answer.js';
import type { PollPlan } from './poll-plan.js';
import { textAt, urlAt, valueAt } from './poll-source.js';

/** What an answer means for the job that it is about. */
export type Decision =
  | {
      readonly kind: 'again';
      /** Seconds until the next poll, as the API asks; null: it doesn't. */
      readonly retryAfterS: number | null;
      /** Percent; null where the answer doesn't say. */
      readonly progress: number | null;
      readonly text: string | null;
      /** Why the answer says nothing of the job; null where it does. */
      readonly trouble: string | null;
      /** The API doesn't know the caller, or not any more: it won't know it better soon. */
      readonly refused: boolean;
    }
  /** `from`: the URL of the result; null: the answer is it. */
  | { readonly kind: 'done'; readonly from: string | null }
  | { readonly kind: 'failed'; readonly code: PollFailure; readonly message: string };

/** Why an operation fails whose job was polled. */
export type PollFailure = 'job_failed' | 'job_refused' | 'no_job';

/** What a first answer means. */
export type Beginning =
  | Extract<Decision, { kind: 'done' | 'failed' }>
  | {
      readonly kind: 'poll';
      readonly url: string;
      readonly first: Pick<Extract<Decision, { kind: 'again' }>, 'retryAfterS' | 'progress' | 'text'>;
    };

const MAX_MESSAGE = 1_000;
/** What may be otherwise at another try: the job isn't known yet, the API is busy or has trouble of its own. */
const PASSING = new Set([404, 408, 425, 429]);
const RUNNING = { trouble: null, refused: false } as const;

/** Whether an answer of this status says nothing of the job, and may be another one at another try. */
export function mayPass(status: number): boolean {
  return status >= 500 || PASSING.has(status);
}

/** Reads the first answer: the job that it names, or the end that it tells at once. An error is the result, as without a poll. */
export function begin(plan: PollPlan, answer: PollAnswer, called: string, now: Date): Beginning {
  const { status } = answer;
  if (status < 200 || status > 299) return { kind: 'done', from: null };
  const word = plan.status === 'http' ? null : textAt(plan.status, answer);
  const ended = word === null ? null : endOf(plan, word, answer, called);
  if (ended) return ended;
  const url = urlAt(plan.location, answer, called);
  const byStatus = plan.status === 'http' || plan.unsaid === 'http';
  if (byStatus && status !== 202 && (url === null || plan.status === 'http'))
    return { kind: 'done', from: null };
  if (url !== null) return { kind: 'poll', url, first: runningOf(plan, answer, now) };
  const places = plan.location.join(' or ');
  const message = `the answer (${status}) names no job: no URL is at ${places}`;
  return { kind: 'failed', code: 'no_job', message };
}

/** Reads the answer to a poll of `called`. */
export function decide(plan: PollPlan, answer: PollAnswer, called: string, now: Date): Decision {
  const { status, headers } = answer;
  const unread = (trouble: string, refused = false): Decision => ({
    ...{ kind: 'again', progress: null, text: null, trouble, refused },
    retryAfterS: retryAfterOf(headers['retry-after'], now),
  });
  if (status === 401 || status === 403) return unread(`the status URL answers ${status}`, true);
  if (mayPass(status)) return unread(`the status URL answers ${status}`);
  if (status >= 400) {
    const message = withReason(`the status URL answers ${status}`, plan, answer);
    return { kind: 'failed', code: 'job_failed', message };
  }
  if (status >= 300) {
    // 302 and 303 lead from a job that has ended to its result; the others would have the job polled elsewhere.
    const from = status === 302 || status === 303 ? urlAt(['header:Location'], answer, called) : null;
    return from === null
      ? unread(`the status URL answers ${status}, which is not followed`)
      : { kind: 'done', from };
  }
  const word = plan.status === 'http' ? null : textAt(plan.status, answer);
  if (word !== null) return endOf(plan, word, answer, called) ?? running(plan, answer, now);
  if (plan.status === 'http' || plan.unsaid === 'http')
    return status === 202 ? running(plan, answer, now) : doneBy(plan, answer, called);
  if (answer.json !== undefined) return running(plan, answer, now);
  return unread(answer.whole ? 'the status URL answers no JSON' : 'the answer of the status URL is too long');
}

function running(plan: PollPlan, answer: PollAnswer, now: Date): Decision {
  return { kind: 'again', ...runningOf(plan, answer, now), ...RUNNING };
}

function runningOf(plan: PollPlan, answer: PollAnswer, now: Date) {
  const text = textAt(plan.text, answer);
  return {
    retryAfterS: retryAfterOf(answer.headers['retry-after'], now),
    progress: progressOf(plan, answer),
    text: text === null || text === '' ? null : text.slice(0, MAX_MESSAGE),
  };
}

/** The end that a word tells; null: the job runs. */
function endOf(
  plan: PollPlan,
  word: string,
  answer: PollAnswer,
  called: string,
): Extract<Decision, { kind: 'done' | 'failed' }> | null {
  const lower = word.toLowerCase();
  const failed = (what: string) =>
    ({ kind: 'failed', code: 'job_failed', message: withReason(what, plan, answer) }) as const;
  if (plan.failed.includes(lower)) return failed(`the job is ${word}`);
  if (plan.done.includes(lower) && reasonOf(plan, answer) !== null) return failed('the job has failed');
  return plan.done.includes(lower) ? doneBy(plan, answer, called) : null;
}

function doneBy(plan: PollPlan, answer: PollAnswer, called: string): { kind: 'done'; from: string | null } {
  for (const source of plan.result) {
    if (source === 'body') break;
    const from = urlAt([source], answer, called);
    if (from !== null) return { kind: 'done', from };
  }
  return { kind: 'done', from: null };
}

function withReason(what: string, plan: PollPlan, answer: PollAnswer): string {
  const reason = reasonOf(plan, answer);
  return (reason === null || reason === '' ? what : `${what}: ${reason}`).slice(0, MAX_MESSAGE);
}

/** The reason of a failure, for people: a text, or what of an object is one; null where there is none. */
function reasonOf(plan: PollPlan, answer: PollAnswer): string | null {
  for (const source of plan.error) {
    const value = valueAt(source, answer);
    if (value === undefined || value === null || value === '' || value === false) continue;
    if (typeof value !== 'object') return typeof value === 'string' ? value : JSON.stringify(value);
    const { message, code } = value as { message?: unknown; code?: unknown };
    if (typeof message !== 'string') return JSON.stringify(value);
    return typeof code === 'string' || typeof code === 'number' ? `${message} (${code})` : message;
  }
  return null;
}

/** Percent; of a text with several numbers the one before the percent sign. */
function progressOf(plan: PollPlan, answer: PollAnswer): number | null {
  const text = textAt(plan.progress, answer);
  const found = text === null ? null : (/(\d+(?:\.\d+)?)\s*%/.exec(text) ?? /^(\d+(?:\.\d+)?)$/.exec(text));
  if (!found) return null;
  const total = plan.total === null ? 100 : Number(textAt([plan.total], answer));
  const percent = (100 * Number(found[1])) / total;
  return Number.isFinite(percent) ? Math.min(100, Math.max(0, percent)) : null;
}
