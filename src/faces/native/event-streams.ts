import { NUMBER_KEY } from '../../http/page.js';
import { Problem } from '../../http/problem.js';

/** Headers of a stream of server-sent events, which no proxy is to keep or to hold up. */
export const EVENT_STREAM = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
};

/** The id that a client names as its last, or a Problem 400. */
export function checkedEventId(id: string): string {
  if (NUMBER_KEY.test(id)) return id;
  const message = 'must be the id of an event of this stream: a whole number';
  throw new Problem(400, 'invalid-query', `Last-Event-ID ${message}`, {
    errors: [{ path: 'Last-Event-ID', message }],
  });
}
