import type { Socket } from 'node:net';
import { writeProblem } from './hanging-up.js';
import { Problem } from './problem.js';

/** Answers what could not be read as HTTP, before there is any request, and hangs up. */
export function refuseConnection(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  writeProblem(socket, problemOf(error.code));
  socket.destroy(error);
}

function problemOf(code: string | undefined): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new Problem(431, 'headers-too-large', 'the request line and headers are over 16 KiB');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Problem(408, 'request-timeout', 'the request did not arrive in time');
    default:
      return new Problem(400, 'malformed-request', 'this is not an HTTP request');
  }
}
