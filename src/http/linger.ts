import type { IncomingMessage, ServerResponse } from 'node:http';

/** How long what a caller still sends is read after its answer, as long as it keeps coming; milliseconds. */
const MOST_MS = 30_000;
/** How long it may stop coming; milliseconds. */
const SILENT_MS = 2_000;

/**
 * To be called before the end of an answer to a request whose body isn't read to its end: reads the rest and drops it, for
 * a bounded time after the answer, and closes the connection only then. Closed at once, it would be reset, and a caller that
 * is still sending would lose the answer (RFC 9112, 9.6).
 */
export function linger(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete) return;
  const { socket } = request;
  const closeSoon = socket.destroySoon.bind(socket);
  // What Node calls after an answer that is the last on its connection.
  socket.destroySoon = () => {
    socket.end();
    if (request.closed) closeSoon();
    else request.once('close', closeSoon);
  };
  request.once('close', () => {
    socket.destroySoon = closeSoon;
  });
  request.on('error', () => undefined).resume();
  response.once('finish', () => bound(request));
}

/** Destroys the connection of a request that goes on for too long, or doesn't go on. */
function bound(request: IncomingMessage): void {
  if (request.closed) return;
  const end = () => void request.socket.destroy();
  const whole = setTimeout(end, MOST_MS);
  const silent = setTimeout(end, SILENT_MS);
  request.on('data', () => silent.refresh());
  request.once('close', () => {
    clearTimeout(whole);
    clearTimeout(silent);
  });
}
