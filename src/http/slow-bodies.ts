import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { HttpConfig } from '../config/config.js';
import { writeProblem } from './hanging-up.js';
import { Problem } from './problem.js';

/** How often bodies are looked at, at most and at least; milliseconds. */
const LOOK_MS = 1_000;
const MIN_LOOK_MS = 20;
const LOOKS_PER_LIMIT = 10;

/** A body on its way. Only looks that found us waiting for the caller are counted. */
interface Arriving {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The face that was asked, by its path; null where none was. */
  readonly asked: string | null;
  /** Bytes read on the connection at the counted looks, oldest first, no more than one window. */
  readonly reads: number[];
  idleLooks: number;
}

/** Cuts connections whose request body stands still, or drips: an honest upload is never that slow. */
export class SlowBodies {
  /** The newest request of each connection. */
  private readonly arriving = new Map<Socket, Arriving>();
  private readonly everyMs: number;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly limits: Pick<HttpConfig, 'bodyIdleS' | 'bodyMinRate' | 'bodyRateWindowS'>) {
    const shortestMs = Math.min(limits.bodyIdleS, limits.bodyRateWindowS) * 1000;
    this.everyMs = Math.max(MIN_LOOK_MS, Math.min(LOOK_MS, shortestMs / LOOKS_PER_LIMIT));
  }

  /** Looks at the body of this request until it is complete. */
  watch(request: IncomingMessage, response: ServerResponse, asked: string | null): void {
    const { socket } = request;
    this.arriving.set(socket, { request, response, asked, reads: [socket.bytesRead], idleLooks: 0 });
    this.timer ??= setInterval(() => this.look(), this.everyMs).unref();
  }

  private look(): void {
    for (const [socket, body] of this.arriving) {
      if (body.request.complete || socket.destroyed) this.arriving.delete(socket);
      else if (isAwaited(body.request)) this.count(socket, body);
      else body.idleLooks = 0;
    }
    if (this.arriving.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private count(socket: Socket, body: Arriving): void {
    const { bodyIdleS, bodyMinRate, bodyRateWindowS } = this.limits;
    const { reads } = body;
    body.idleLooks = socket.bytesRead === reads.at(-1) ? body.idleLooks + 1 : 0;
    reads.push(socket.bytesRead);
    if (body.idleLooks * this.everyMs >= bodyIdleS * 1000)
      return cut(socket, body, `stood still for ${bodyIdleS} s`);
    if ((reads.length - 1) * this.everyMs < bodyRateWindowS * 1000) return;
    if (socket.bytesRead - reads.shift()! < bodyMinRate * bodyRateWindowS)
      cut(socket, body, `came with less than ${bodyMinRate} bytes a second`);
  }
}

/** Whether it is the caller that we wait for: nobody reads the body yet, or not fast enough, where it lies here unread. */
function isAwaited(request: IncomingMessage): boolean {
  return request.readableFlowing !== null && request.readableLength === 0;
}

function cut(socket: Socket, { response, asked }: Arriving, what: string): void {
  // Within an answer, or before that of an earlier request, nothing can be said.
  if (!response.headersSent && response.socket === socket)
    writeProblem(
      socket,
      new Problem(408, 'request-timeout', `the body ${what}: send it again, faster`),
      asked,
    );
  // At once: should the body go on after all, nothing of it may be taken.
  socket.destroy();
}
