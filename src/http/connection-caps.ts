import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Logger } from '@nestjs/common';
import type { HttpConfig } from '../config/config.js';
import { networkOf } from './client-address.js';
import { lingeringClose, writeProblem } from './hanging-up.js';
import { Problem } from './problem.js';

/** Refused connections that are answered at once; the others are closed without a word. */
const MAX_ANSWERED = 100;
/** How long a refused connection may take to say anything; milliseconds. */
const SILENT_MS = 1_000;
/** What a log says of refusals, it says no more often; milliseconds. */
const LOGGED_MS = 60_000;

/** Caps the connections of a listener, in all and per client address. */
export class ConnectionCaps {
  private readonly logger = new Logger('HTTP');
  private readonly ofAddress = new Map<string, number>();
  private open = 0;
  private answered = 0;
  private refused = 0;
  private loggedAt = -Infinity;

  constructor(private readonly limits: Pick<HttpConfig, 'connections' | 'connectionsPerAddress'>) {}

  /** Lets the server see only the connections that are within the caps. */
  guard(server: Server): void {
    const serve = server.listeners('connection') as ((socket: Socket) => void)[];
    server.removeAllListeners('connection').on('connection', (socket: Socket) => {
      const problem = this.admit(socket);
      if (problem) this.refuse(socket, problem);
      else for (const listener of serve) listener.call(server, socket);
    });
  }

  private admit(socket: Socket): Problem | null {
    const address = networkOf(socket.remoteAddress);
    const ofAddress = this.ofAddress.get(address) ?? 0;
    if (this.open >= this.limits.connections) return tooMany(503, 'this service has', 'RINGBACK_CONNECTIONS');
    if (ofAddress >= this.limits.connectionsPerAddress)
      return tooMany(429, 'your address has', 'RINGBACK_CONNECTIONS_PER_ADDRESS');
    this.open++;
    this.ofAddress.set(address, ofAddress + 1);
    socket.once('close', () => {
      this.open--;
      const left = this.ofAddress.get(address)! - 1;
      if (left > 0) this.ofAddress.set(address, left);
      else this.ofAddress.delete(address);
    });
    return null;
  }

  private refuse(socket: Socket, problem: Problem): void {
    this.log(problem);
    socket.on('error', () => undefined);
    if (this.answered >= MAX_ANSWERED) {
      socket.destroy();
      return;
    }
    this.answered++;
    // An answer that comes before anything was asked would not be read by every client.
    socket
      .once('data', () => {
        writeProblem(socket, problem);
        lingeringClose(socket);
      })
      .once('close', () => this.answered--)
      .setTimeout(SILENT_MS, () => socket.destroy());
  }

  private log({ detail }: Problem): void {
    this.refused++;
    if (performance.now() - this.loggedAt < LOGGED_MS) return;
    this.logger.warn({ msg: 'connections refused', count: this.refused, why: detail });
    this.loggedAt = performance.now();
    this.refused = 0;
  }
}

function tooMany(status: number, who: string, setting: string): Problem {
  return new Problem(
    status,
    'too-many-connections',
    `${who} too many connections open: close some, or keep them for more requests (${setting})`,
    { headers: { 'retry-after': '5' } },
  );
}
