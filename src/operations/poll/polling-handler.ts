import type { SmallAnswer } from '../../egress/small-request.js';
import type { OperationOutcome } from '../run/operation-type.js';
import type { GivenPoll } from './poll-input.js';

/** What a job is polled with: stored sealed, since URLs and headers hold credentials. */
export interface PollTarget {
  /** Of the first request. All URLs are as `URL` writes them. */
  readonly method: string;
  /** As the caller gave it, or a preset that has its own name. */
  readonly poll: GivenPoll;
  /** URL of the first request, whose headers its origin alone gets. */
  readonly asked: string;
  /** Of the first request, as far as they are no part of its body: names and values in turn. */
  readonly headers: readonly string[];
  /** To poll, or to fetch the result from. */
  readonly url: string;
  /** The job has ended, and its result is there. */
  readonly collect?: boolean;
  /** When it has taken too long, milliseconds since 1970. */
  readonly untilMs: number;
}

/** A response whose bytes are kept in a file. */
export interface KeptAnswer {
  readonly status: number;
  readonly headers: SmallAnswer['headers'];
  readonly contentType: string;
  readonly file: string;
  /** Where it is small and text. */
  readonly text: string | undefined;
}

/** A request about a job, which has no body. */
export interface JobRequest {
  readonly method: string;
  readonly url: string;
  readonly timeoutMs: number;
}

/** What the handler of a type knows whose operations may wait for jobs of other APIs. */
export interface PollingHandler {
  /** Asks for the job's state, or for its cancel. */
  ask(target: PollTarget, request: JobRequest): Promise<SmallAnswer>;
  /** Whether a URL leads to another origin than the first request: whoever names one could have anybody asked. */
  isStranger(target: PollTarget, url: string): boolean;
  /** What an operation ends with whose job has ended with this answer. */
  outcome(target: PollTarget, answer: KeptAnswer): OperationOutcome;
}

/** Whether a handler is one. */
export function isPolling(handler: object | undefined): handler is PollingHandler {
  return handler !== undefined && 'ask' in handler && 'outcome' in handler;
}

/** The longest body of an answer that is read to see how a job stands, bytes. */
export const MAX_ANSWER_BYTES = 1024 * 1024;

/** They are about the body of the first request, or about that request alone. */
const OF_FIRST = /^(?:content-.*|prefer|idempotency-key|transfer-encoding|if-.*|range|expect)$/i;

/** The headers of a first request that go with polls as well. */
export function pollHeaders(pairs: readonly (readonly [name: string, value: string])[]): string[] {
  return pairs.filter(([name]) => !OF_FIRST.test(name)).flat();
}

/**
 * Whether a URL gets the headers of the first request, among which are the caller's credentials: at the origin that was asked,
 * and at those that the caller has named. Where the answer names another one, that gets none.
 */
export function isTrusted({ asked, poll }: PollTarget, url: string): boolean {
  const origin = originOf(url);
  const named = typeof poll === 'string' ? undefined : poll.origins;
  return origin === originOf(asked) || named?.includes(origin) === true;
}

/** Origin of a URL as `URL` writes it: it ends where the path begins. */
export function originOf(href: string): string {
  return href.slice(0, href.indexOf('/', 'https://'.length));
}
