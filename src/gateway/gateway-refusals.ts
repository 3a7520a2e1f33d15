import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { lingeringClose, writeProblem } from '../http/hanging-up.js';
import { isUnread } from '../http/listener.js';
import type { Problem } from '../http/problem.js';

/** Answers with a problem; where an answer has begun already, it is cut, so that nobody takes it for a whole one. */
export function refuse(request: IncomingMessage, response: ServerResponse, problem: Problem): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const body = JSON.stringify(problem.toBody());
  response.writeHead(problem.status, {
    ...problem.extras.headers,
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    ...(isUnread(request) ? { connection: 'close' } : {}),
  });
  response.end(body);
  request.on('error', () => undefined);
}

/** Answers a connection that asked for another protocol, and ends it. */
export function refuseUpgrade(socket: Duplex, problem: Problem): void {
  writeProblem(socket as Socket, problem);
  lingeringClose(socket as Socket);
}
