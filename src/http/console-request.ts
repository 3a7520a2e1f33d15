import type { IncomingMessage } from 'node:http';
import { Problem } from './problem.js';
import { originForm } from './request-target.js';

/** What the console asks for; pages and their files lie beside it. */
const CONSOLE_API = '/console/api';
const MIRROR = `${CONSOLE_API}/v1`;

const marked = new WeakSet<IncomingMessage>();

/**
 * The target that a request is routed by: below `/console/api/v1` that of the same route of `/v1`. What comes this way is
 * marked, for it has another credential.
 */
export function consoleTarget(request: IncomingMessage): string {
  const target = request.url!;
  // Most requests: nothing is to be looked at twice.
  if (!/console/i.test(target) && !target.includes('%')) return target;
  const path = originForm(target);
  if (!isBelow(path, CONSOLE_API)) return target;
  marked.add(request);
  return isBelow(path, MIRROR) ? path.slice(CONSOLE_API.length) : target;
}

/** Whether a request came by way of the console: a session is its credential, and no API key. */
export function isOfConsole(request: IncomingMessage): boolean {
  return marked.has(request);
}

/** Refuses what a page of another site made a browser send. A browser that says nothing, or no browser, is none. */
export function refuseCrossSite({ headers }: IncomingMessage): void {
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return;
  throw forged('Sec-Fetch-Site', `${String(site).slice(0, 100)} is refused: only the console's own page may`);
}

/** Refuses, besides, a change that may not have been meant: no other site's page can send the header unasked. */
export function refuseForged(request: IncomingMessage): void {
  refuseCrossSite(request);
  if (/^(GET|HEAD|OPTIONS)$/.test(request.method!)) return;
  if (request.headers['x-ringback-console'] !== '1')
    throw forged('X-Ringback-Console', 'must be 1 with a request that changes something');
}

function forged(path: string, message: string): Problem {
  return new Problem(403, 'cross-site', `${path} ${message}`, { errors: [{ path, message }] });
}

function isBelow(path: string, root: string): boolean {
  return path.startsWith(root) && /^([/?#]|$)/.test(path.slice(root.length));
}
