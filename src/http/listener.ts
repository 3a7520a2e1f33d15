import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { HttpConfig } from '../config/config.js';
import { ConnectionCaps } from './connection-caps.js';
import { SlowBodies } from './slow-bodies.js';
import { hangUp, isEnding } from './hanging-up.js';

/** What both listeners are made with: a balancer in front must not find two habits behind one host name. */
export const LISTENER = {
  /** Bodies have limits of their own. */
  requestTimeout: 0,
  headersTimeout: 10_000,
  /** Above the 60 s that many balancers keep a connection: the side that sends should be the one that closes it. */
  keepAliveTimeout: 72_000,
  /** How often that is looked at: Node's 30 s would let headers take 40. */
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 16 * 1024,
} as const;

/** What a server tells of a request by. */
const REQUESTS = new Set<string | symbol>([
  'request',
  'checkContinue',
  'checkExpectation',
  'upgrade',
  'connect',
]);

/** Keeps callers of a listener from holding connections: caps them, cuts bodies that drip, and hangs up on unread ones. */
export function guardListener(server: Server, config: HttpConfig): void {
  const bodies = new SlowBodies(config);
  const arrived = (request: IncomingMessage, response: ServerResponse): void => {
    if (!hasBody(request)) return;
    bodies.watch(request, response);
    request.socket.destroySoon = () => hangUp(request);
  };
  // A request behind one that was answered early would be begun, and its answer lost.
  const emit = server.emit.bind(server) as (event: string | symbol, ...given: unknown[]) => boolean;
  server.emit = (event: string | symbol, ...given: unknown[]): boolean => {
    if (REQUESTS.has(event) && isEnding((given[0] as IncomingMessage).socket)) return true;
    // No listener for these: Node leaves the answer to whoever listens, and would no longer give it by itself.
    if (event === 'request' || event === 'checkContinue')
      arrived(given[0] as IncomingMessage, given[1] as ServerResponse);
    return emit(event, ...given);
  };
  new ConnectionCaps(config).guard(server);
}

/** What fits into the buffers of a connection whose other side reads nothing. */
const MOST_BUFFERED = 16 * 1024;

/** Closes connections behind errors to bodies that nobody will read, and those whose caller doesn't take its answer. */
export function guardAnswers(app: FastifyInstance, { answerIdleS }: HttpConfig): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    if (reply.statusCode >= 400) closeUnread(reply);
    if (mayHang(reply, payload)) request.raw.socket.setTimeout(answerIdleS * 1000);
    done(null, payload);
  });
}

/** Says with an answer that no further request is taken behind a body of which the rest won't be read. */
export function closeUnread(reply: FastifyReply): void {
  if (isUnread(reply.request.raw)) void reply.header('connection', 'close');
}

/** Whether an answer could wait for ever for a caller that doesn't take it. A stream of events may be silent for longer. */
function mayHang(reply: FastifyReply, payload: unknown): boolean {
  if (typeof payload === 'string' || Buffer.isBuffer(payload)) return payload.length > MOST_BUFFERED;
  return (
    payload instanceof Readable && !String(reply.getHeader('content-type')).startsWith('text/event-stream')
  );
}

/** Whether a request announces a body. */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Whether the answer to a request overtakes its body, of which the rest will never be read. */
export function isUnread(request: IncomingMessage): boolean {
  return hasBody(request) && !request.complete;
}
