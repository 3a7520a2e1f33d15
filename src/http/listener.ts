import { type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { HttpConfig } from '../config/config.js';
import { ConnectionCaps } from './connection-caps.js';
import { SlowBodies } from './slow-bodies.js';
import { hangUp, isEnding, isLeaving, lastAnswers, lingeringClose, writeProblem } from './hanging-up.js';
import { Problem, spoken } from './problem.js';
import { originForm } from './request-target.js';

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
  /** Looked at below: Node's refusal says nothing. */
  requireHostHeader: false,
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
export function guardListener(
  server: Server,
  config: HttpConfig,
  /** Whether errors below a face's path are said in its words. */
  { speaksFaces }: { readonly speaksFaces: boolean },
): void {
  const bodies = new SlowBodies(config);
  const asked = (request: IncomingMessage): string | null => (speaksFaces ? originForm(request.url!) : null);
  const arrived = (request: IncomingMessage, response: ServerResponse): void => {
    if (!hasBody(request)) return;
    bodies.watch(request, response, asked(request));
    // Remembered: whatever destroys a request as a stream takes its socket off.
    const { socket } = request;
    socket.destroySoon = () => hangUp(request, socket);
  };
  // A request behind one that was answered early would be begun, and its answer lost.
  const emit = server.emit.bind(server) as (event: string | symbol, ...given: unknown[]) => boolean;
  server.emit = (event: string | symbol, ...given: unknown[]): boolean => {
    if (!REQUESTS.has(event)) return emit(event, ...given);
    const [request, answered] = given as [IncomingMessage, ServerResponse | Socket];
    if (isEnding(request.socket)) return true;
    if (answered instanceof ServerResponse) {
      if (isLeaving(server)) answered.shouldKeepAlive = false;
      arrived(request, answered);
    }
    const problem = hostProblem(request);
    if (!problem) return emit(event, ...given);
    if (answered instanceof ServerResponse) {
      // Who can't say whom it asks may not be who it seems to be: nothing more is taken from it.
      answered.shouldKeepAlive = false;
      refuse(request, answered, problem, asked(request));
    } else {
      writeProblem(answered, problem, asked(request));
      lingeringClose(answered);
    }
    return true;
  };
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) =>
    refuse(request, response, unmet(request), asked(request)),
  );
  new ConnectionCaps(config).guard(server);
}

/** Exactly one `Host` (RFC 9112, 3.2): of two, a proxy in front may have gone by the other one. HTTP/1.0 knows none. */
function hostProblem({ rawHeaders, httpVersion }: IncomingMessage): Problem | null {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (rawHeaders[at]!.length === 4 && rawHeaders[at]!.toLowerCase() === 'host') hosts++;
  if (hosts === 1 || (hosts === 0 && httpVersion === '1.0')) return null;
  const message = hosts === 0 ? 'is missing' : 'is given more than once';
  return new Problem(400, 'malformed-request', `Host ${message}`, { errors: [{ path: 'Host', message }] });
}

function unmet({ headers }: IncomingMessage): Problem {
  const message = `${String(headers.expect).slice(0, 100)} is not understood: only 100-continue is`;
  return new Problem(417, 'expectation-failed', `Expect: ${message}`, {
    errors: [{ path: 'Expect', message }],
  });
}

/** Answers a request with a problem; where an answer has begun already, it is cut, so that nobody takes it for a whole one. */
export function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  problem: Problem,
  asked: string | null = null,
): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const { status, type, body } = spoken(problem, asked);
  response.writeHead(status, {
    ...problem.extras.headers,
    'cache-control': 'no-store',
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    ...(isUnread(request) ? { connection: 'close' } : {}),
  });
  response.end(body);
  request.on('error', () => undefined);
}

/** What fits into the buffers of a connection whose other side reads nothing. */
const MAX_BUFFERED = 16 * 1024;

/** Closes connections behind errors to bodies that nobody will read, and those whose caller doesn't take its answer. */
export function guardAnswers(app: FastifyInstance, { answerIdleS }: HttpConfig): void {
  const { server } = app;
  app.addHook('preClose', () => lastAnswers(server));
  app.addHook('onSend', (request, reply, payload, done) => {
    if (reply.statusCode >= 400) closeUnread(reply);
    // What was asked before the process was told to go, a held poll for instance.
    if (isLeaving(server)) reply.raw.shouldKeepAlive = false;
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
  if (typeof payload === 'string' || Buffer.isBuffer(payload)) return payload.length > MAX_BUFFERED;
  return (
    payload instanceof Readable && !String(reply.getHeader('content-type')).startsWith('text/event-stream')
  );
}

/** Whether a request announces a body. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Whether the answer to a request overtakes its body, of which the rest will never be read. */
export function isUnread(request: IncomingMessage): boolean {
  return hasBody(request) && !request.complete;
}
