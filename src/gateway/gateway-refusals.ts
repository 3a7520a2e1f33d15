import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { lingeringClose, writeProblem } from '../http/hanging-up.js';
import type { Problem } from '../http/problem.js';

/** Answers a connection that asked for another protocol, and ends it. */
export function refuseUpgrade(socket: Duplex, problem: Problem): void {
  writeProblem(socket as Socket, problem);
  lingeringClose(socket as Socket);
}
