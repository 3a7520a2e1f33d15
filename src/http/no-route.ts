import type { FastifyRequest } from 'fastify';
import { Problem } from './problem.js';
import { originForm } from './request-target.js';

/** A URL by which an operation is ended: it is handed to people, who open it. */
const COMPLETION = /^\/v1\/completions\/[^/?]+(?:\?|$)/;
/** The paths of QStash's own API. */
const QSTASH = /^\/v2\//;

/** What is answered to a request that no route takes: with what was meant, where that is known. */
export function noRoute({ method, url }: Pick<FastifyRequest, 'method' | 'url'>): Problem {
  const path = originForm(url);
  if (COMPLETION.test(path))
    return new Problem(405, 'method-not-allowed', 'POST the end here', { headers: { allow: 'POST' } });
  const meant = QSTASH.test(path) ? ': the QStash API is at /qstash' : '';
  return new Problem(404, 'not-found', `Cannot ${method} ${url.slice(0, 300)}${meant}`);
}
