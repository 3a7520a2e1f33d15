import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

type Written = (error?: NodeJS.ErrnoException | null) => void;

/** What a write says once the other side has closed the connection. */
const CLOSED = new Set(['EPIPE', 'ECONNRESET']);

/**
 * Makes a socket that the other side closed while it was written to give what it received before it fails. A server may
 * answer and close without reading the request's body (RFC 9112, 9.6); Node would drop that answer with the write's
 * error. The write stands still instead, so nothing more is sent, and the socket fails when all has been read.
 */
export function readingOn<Socket extends Duplex>(socket: Socket): Socket {
  let fault: Error | undefined;
  const standing =
    (written: Written): Written =>
    (error) => {
      // A write that stands still never ends, whatever else is told of it.
      if (fault !== undefined) return;
      if (error && CLOSED.has(error.code ?? '') && !socket.readableEnded) fault = error;
      else written(error);
    };
  const write = socket._write.bind(socket);
  socket._write = (chunk, encoding, written) => write(chunk, encoding, standing(written));
  const writev = socket._writev?.bind(socket);
  if (writev) socket._writev = (chunks, written) => writev(chunks, standing(written));
  const push = socket.push.bind(socket);
  socket.push = (chunk: unknown, encoding) => {
    // The end of a connection that was reset is no end of a response that has no other.
    if (chunk !== null || fault === undefined || socket.readableLength > 0) return push(chunk, encoding);
    socket.destroy(fault);
    return false;
  };
  return socket;
}

/** Gives up sending a request once its response is complete: the rest of the body is wanted by nobody. */
export function stopWhenAnswered(request: ClientRequest, response: IncomingMessage): void {
  response.once('close', () => request.writableFinished || request.destroy());
}
