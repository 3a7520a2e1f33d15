import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Injectable, Logger } from '@nestjs/common';
import { GatewayConfig } from '../config/config.js';
import { hangUp } from '../http/hanging-up.js';
import { refuse } from '../http/listener.js';
import { Problem } from '../http/problem.js';
import { refuseUpgrade } from './gateway-refusals.js';
import { answerOn, passAnswer, passTrailers, switchedHead } from './passed-answer.js';
import { PassedUpstream } from './passed-upstream.js';
import { framing, passedHeaders } from './upstream-headers.js';

/** Passes requests to the upstream and its answers back, as they are, streaming both ways. */
@Injectable()
export class PassThrough {
  private readonly logger = new Logger('Gateway');
  /** Connections that asked for a WebSocket. */
  private readonly webSockets = new Set<Duplex>();
  private readonly idleMs: number;

  constructor(
    private readonly upstream: PassedUpstream,
    config: GatewayConfig,
  ) {
    this.idleMs = config.idleS * 1000;
  }

  /** Takes a request, whose answer will be given, whichever it is. */
  pass(request: IncomingMessage, response: ServerResponse): void {
    // A server may leave another protocol than WebSocket, h2c for instance (RFC 9110, 7.8); what follows may be in it.
    if (request.headers.upgrade !== undefined) response.shouldKeepAlive = false;
    const told = framing(request);
    const outgoing = this.open(request, told.length > 0, [...trailersWanted(request), ...told]);
    this.answered(outgoing, response, {
      by: (answer) => {
        // What is left of the request when its answer is complete is for nobody.
        answer.once('end', () => {
          if (outgoing.writableFinished) return;
          // Read on at once: a caller that sends before it reads would not take the rest of a long answer.
          request.unpipe(outgoing).resume();
          response.once('finish', () => request.complete || hangUp(request));
        });
        passAnswer(answer, request, response);
      },
      refuse: (problem) => {
        request.unpipe(outgoing);
        refuse(request, response, problem);
      },
    });
    outgoing.once('upgrade', (_answer, upstream) => {
      upstream.destroy();
      outgoing.emit('error', Object.assign(new Error(), { code: 'HPE_INVALID_UPGRADE' }));
    });
    passTrailers(request, outgoing, passedHeaders);
    request.pipe(outgoing);
  }

  /** Passes a WebSocket, from its first request on. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.webSockets.add(socket);
    socket.once('close', () => this.webSockets.delete(socket));
    const outgoing = this.open(request, false, [
      'Connection',
      'Upgrade',
      'Upgrade',
      request.headers.upgrade!,
    ]);
    this.answered(outgoing, socket, {
      by: (answer) => passAnswer(answer, request, answerOn(socket, request)),
      refuse: (problem) => refuseUpgrade(socket, problem),
    });
    outgoing.once('upgrade', (answer, upstream: Socket, first) => {
      upstream.on('error', () => undefined).setTimeout(0);
      for (const side of [request.socket, upstream]) side.setKeepAlive(true);
      // Where one side is gone without a word, the other mustn't wait for it.
      socket.once('close', () => upstream.destroy());
      upstream.once('close', () => socket.end());
      socket.write(Buffer.concat([switchedHead(answer), first]));
      if (head.length > 0) upstream.write(head);
      upstream.pipe(socket).pipe(upstream);
    });
    outgoing.end();
  }

  /** Ends WebSockets, which would not end by themselves; their callers connect again, elsewhere. */
  closeWebSockets(): void {
    for (const socket of this.webSockets) socket.destroy();
  }

  /** Drops every connection. */
  close(): void {
    this.closeWebSockets();
    this.upstream.close();
  }

  private open(request: IncomingMessage, hasBody: boolean, others: string[]): ClientRequest {
    const outgoing = this.upstream.open({
      method: request.method!,
      target: request.url!,
      headers: [...passedHeaders(request.rawHeaders), ...others],
      hasBody,
      kept: true,
    });
    return outgoing.setTimeout(this.idleMs, () => void outgoing.destroy());
  }

  /** Sees to it that there is an answer: the upstream's, or that there is none. */
  private answered(
    outgoing: ClientRequest,
    caller: ServerResponse | Duplex,
    { by, refuse }: { by: (answer: IncomingMessage) => void; refuse: (problem: Problem) => void },
  ): void {
    let [hasBegun, isRefused] = [false, false];
    // A caller who leaves takes the upstream's request along.
    caller.once('close', () => caller.writableFinished || outgoing.destroy());
    const failed = (error: NodeJS.ErrnoException) => {
      // Once the caller has gone, it is no fault of the upstream's.
      if (caller.destroyed || isRefused) return;
      this.logger.warn({ msg: 'the upstream could not be reached, or broke off', code: error.code });
      // An answer that breaks off is cut where it is passed on: it may be complete.
      if (hasBegun) return;
      isRefused = true;
      refuse(unreachable());
    };
    outgoing.on('error', failed).once('response', (answer) => {
      try {
        by(answer);
        hasBegun = true;
      } catch (error) {
        // Node read what it would not write; thrown from here, that would end the process.
        outgoing.destroy();
        failed(error as Error);
      }
    });
  }
}

/** Whether the caller takes trailers (RFC 9110, 10.1.4); the gateway passes them, and nothing else that TE may name. */
function trailersWanted({ headers: { te } }: IncomingMessage): string[] {
  return /(?:^|,)\s*trailers\s*(?:,|$)/i.test(String(te)) ? ['Connection', 'TE', 'TE', 'trailers'] : [];
}

function unreachable(): Problem {
  return new Problem(
    502,
    'upstream-unreachable',
    'the API behind this gateway cannot be reached, or did not answer; try again later',
  );
}
