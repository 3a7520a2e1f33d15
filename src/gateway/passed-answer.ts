import { type IncomingMessage, type OutgoingMessage, ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { lengthLast } from './raw-headers.js';
import { framing, pairs, withoutConnection } from './upstream-headers.js';

/** Gives an answer of the upstream's to its caller as it comes; one that breaks off is cut. */
export function passAnswer(
  answer: IncomingMessage,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  // Nobody could be answered with less than 100.
  const status = answer.statusCode! < 100 ? 502 : answer.statusCode!;
  const headers = [...withoutConnection(answer.rawHeaders), ...answerFraming(answer, request)];
  response.writeHead(status, reasonOf(answer), lengthLast(headers));
  answer.on('error', () => undefined).once('close', () => answer.complete || response.destroy());
  passTrailers(answer, response, withoutConnection);
  answer.pipe(response);
}

/** Trailers go with the end of a message, so they are added before what is piped ends it. */
export function passTrailers(
  from: IncomingMessage,
  to: OutgoingMessage,
  passed: (raw: readonly string[]) => readonly string[],
): void {
  const add = (): void => {
    const trailers = pairs(passed(from.rawTrailers));
    if (trailers.length > 0) to.addTrailers(trailers);
  };
  // An empty body may have been looked into, and its end been told.
  if (from.readableEnded) add();
  else from.once('end', add);
}

/** The head of an answer that switches to another protocol: Node gives those no way out. */
export function switchedHead(answer: IncomingMessage): Buffer {
  const headers = pairs(answer.rawHeaders).filter(
    ([name]) => !/^(?:content-length|transfer-encoding|trailer)$/i.test(name),
  );
  const lines = [`HTTP/1.1 101 ${reasonOf(answer)}`, ...headers.map(([name, value]) => `${name}: ${value}`)];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

/** An answer, the last one, on a connection that asked for another protocol and that Node's server has let go of. */
export function answerOn(socket: Duplex, request: IncomingMessage): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket as Socket);
  socket.on('drain', () => response.emit('drain'));
  return response.once('finish', () => socket.end());
}

/** Only a caller of HTTP/1.1 knows chunks, and not where no body can be. */
function answerFraming(answer: IncomingMessage, request: IncomingMessage): string[] {
  const told = framing(answer);
  if (told[0] !== 'Transfer-Encoding') return told;
  const bodiless = answer.statusCode === 204 || answer.statusCode === 304;
  if (bodiless || request.httpVersion === '1.0') return [];
  return request.method === 'HEAD' ? told.slice(0, 2) : told;
}

/** Words that Node would refuse to write are replaced by the usual ones. */
function reasonOf({ statusCode, statusMessage }: IncomingMessage): string {
  const fits = statusMessage && /^[\t\x20-\x7e\x80-\xff]+$/.test(statusMessage);
  return fits ? statusMessage : (STATUS_CODES[statusCode!] ?? 'Unknown');
}
