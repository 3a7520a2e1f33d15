import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { linger } from '../../http/linger.js';
import type { Problem } from '../../http/problem.js';

/** Answers with a problem; where an answer has begun already, it is cut, so that nobody takes it for a whole one. */
export function refuse(request: IncomingMessage, response: ServerResponse, problem: Problem): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const body = JSON.stringify(problem.toBody());
  const unread = !request.complete;
  linger(request, response);
  response.writeHead(problem.status, {
    ...problem.extras.headers,
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    ...(unread ? { connection: 'close' } : {}),
  });
  response.end(body);
}

/** Answers a connection that asked for another protocol, and ends it. */
export function refuseUpgrade(socket: Duplex, problem: Problem): void {
  if (!socket.writable) return;
  const body = JSON.stringify(problem.toBody());
  const { title } = problem.toBody() as { title: string };
  socket.end(
    [
      `HTTP/1.1 ${problem.status} ${title}`,
      'Connection: close',
      'Content-Type: application/problem+json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      '',
      body,
    ].join('\r\n'),
  );
}
