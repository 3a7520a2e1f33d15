import type { Duplex } from 'node:stream';

/**
 * How long one connection is used for further requests, milliseconds. Steady traffic never leaves a connection idle, so without a
 * bound it would go on to an address that DNS has long given up.
 */
export const MAX_AGE_MS = 10_000;

const BORN = new WeakMap<Duplex, number>();

/** Notes that a connection was made now. */
export function born<Socket extends Duplex>(socket: Socket): Socket {
  BORN.set(socket, performance.now());
  return socket;
}

/** Whether a connection may carry another request; one that nobody noted may. */
export function isYoung(socket: Duplex, mostMs = MAX_AGE_MS): boolean {
  return performance.now() - (BORN.get(socket) ?? Infinity) < mostMs;
}
