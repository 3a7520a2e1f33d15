import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Problem } from './problem.js';

/** How long a refused body is still read and dropped, and how long nothing of it may come; milliseconds. */
const LINGER_MS = 5_000;
const LINGER_IDLE_MS = 1_000;

/**
 * Closes a connection whose caller may still be sending (RFC 9112, 9.6): closed at once, it would be reset, and the answer lost
 * to whoever reads it only after sending.
 */
export function lingeringClose(socket: Socket): void {
  // Past the parser: what comes now is no request any more.
  socket
    .removeAllListeners('data')
    .on('data', () => undefined)
    .resume();
  socket.end();
  const over = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(over)).setTimeout(LINGER_IDLE_MS, () => socket.destroy());
}

/** Answers a connection past the server, where there is no response to answer with; the caller closes it. */
export function writeProblem(socket: Socket, problem: Problem): void {
  if (!socket.writable) return;
  const body = JSON.stringify(problem.toBody());
  const headers = Object.entries(problem.extras.headers ?? {}).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  socket.write(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\ncontent-type: application/problem+json\r\n` +
      `${headers.join('')}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
