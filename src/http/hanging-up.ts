import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Problem, spoken } from './problem.js';

/** How long a refused body is still read and dropped, and how long nothing of it may come; milliseconds. */
const LINGER_MS = 5_000;
const LINGER_IDLE_MS = 1_000;

/** Connections of which the last request was answered. */
const ending = new WeakSet<Socket>();

/** Servers whose process is on its way out. */
const leaving = new WeakSet<Server>();

/** From now on each answer of this server is the last of its connection: who sends more connects anew, to another process. */
export function closeAfterAnswers(server: Server): void {
  leaving.add(server);
}

/** How long answers that are under way get to go out when their server closes; milliseconds. */
const LAST_ANSWERS_MS = 1_000;

/** Lets answers that are under way go out before a server cuts its connections. */
export async function lastAnswers(server: Server): Promise<void> {
  closeAfterAnswers(server);
  const until = performance.now() + LAST_ANSWERS_MS;
  const open = (): Promise<number> =>
    new Promise((resolve) => server.getConnections((_error, count) => resolve(count ?? 0)));
  do server.closeIdleConnections();
  while ((await open()) > 0 && performance.now() < until && (await delay(10, true)));
}

/** Whether answers of this server are the last of their connections. */
export function isLeaving(server: Server): boolean {
  return leaving.has(server);
}

/** Whether no further request may be taken on a connection: what comes on it is read only to be dropped. */
export function isEnding(socket: Socket): boolean {
  return ending.has(socket);
}

/**
 * Closes the connection of an answered request that may still be coming (RFC 9112, 9.6): closed at once, it would be reset, and
 * the answer lost to whoever reads it only after sending. Node calls it after `Connection: close`.
 */
export function hangUp(request: IncomingMessage, socket: Socket = request.socket): void {
  const close = (): void => Socket.prototype.destroySoon.call(socket);
  if (request.complete || request.destroyed) return close();
  const cut = (): void => void socket.destroy();
  const over = setTimeout(cut, LINGER_MS).unref();
  // By the connection: of a request that nobody has begun to read, Node tells no data.
  let seen = socket.bytesRead;
  const silent = setInterval(() => {
    if (socket.bytesRead === seen) cut();
    seen = socket.bytesRead;
  }, LINGER_IDLE_MS).unref();
  ending.add(socket);
  socket.end();
  // Through the parser: what it has stopped reading only the request's own flow starts again.
  request
    .on('error', () => undefined)
    .once('close', () => {
      clearTimeout(over);
      clearInterval(silent);
      close();
    })
    .resume();
}

/** The same for a connection past its parser. */
export function lingeringClose(socket: Socket): void {
  // What comes now is no request any more.
  socket
    .removeAllListeners('data')
    .on('data', () => undefined)
    .resume();
  socket.end();
  const over = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(over)).setTimeout(LINGER_IDLE_MS, () => socket.destroy());
}

/**
 * Answers a connection past the server, where there is no response to answer with, in the words of the face that was asked, if
 * any; the caller closes it.
 */
export function writeProblem(socket: Socket, problem: Problem, asked: string | null = null): void {
  if (!socket.writable) return;
  const { status, type, body } = spoken(problem, asked);
  const headers = Object.entries(problem.extras.headers ?? {}).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  socket.write(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: ${type}\r\ncache-control: no-store\r\n` +
      `${headers.join('')}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
