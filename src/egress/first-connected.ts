import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';

/** Opens a connection to one address, unless the signal fires: then it fails with its reason and leaves nothing open. */
export type Open = (address: string, signal: AbortSignal) => Promise<Socket>;

/**
 * The first connection that stands to any of some addresses, which are tried in their order (RFC 8305, 5): the next one when the
 * one before has failed or not answered for `staggerMs`, and none is given up for the next. Node gives each but the last a moment
 * only, so that a slow handshake fails where the other family is refused at once.
 */
export function firstConnected(
  addresses: readonly string[],
  open: Open,
  { staggerMs, signal }: { staggerMs: number; signal: AbortSignal },
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const others = new AbortController();
    const either = AbortSignal.any([signal, others.signal]);
    const left = addresses.values();
    let opening = 0;
    let first: unknown;
    let timer: NodeJS.Timeout | undefined;
    const next = (): void => {
      clearTimeout(timer);
      const { value: address, done } = left.next();
      if (done) {
        if (opening === 0) reject(first);
        return;
      }
      opening += 1;
      timer = setTimeout(next, staggerMs);
      open(address, either).then(
        (socket) => {
          clearTimeout(timer);
          if (others.signal.aborted) socket.destroy();
          else resolve(socket);
          others.abort();
        },
        (error: unknown) => {
          opening -= 1;
          first ??= error;
          if (!either.aborted) return next();
          clearTimeout(timer);
          reject(signal.aborted ? (signal.reason as Error) : (first as Error));
        },
      );
    };
    next();
  });
}

/** A TCP connection that stands. `check` may destroy it before anything else happens on it. */
export function dial(
  options: TcpNetConnectOpts,
  signal: AbortSignal,
  check?: (socket: Socket) => void,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(options);
    const giveUp = (): void => void socket.destroy(signal.reason as Error);
    signal.addEventListener('abort', giveUp, { once: true });
    check?.(socket);
    // Stays: until a request has taken the connection over, nobody else listens.
    socket.on('error', reject);
    socket.once('connect', () => {
      signal.removeEventListener('abort', giveUp);
      if (!socket.destroyed) resolve(socket);
    });
    socket.once('close', () => signal.removeEventListener('abort', giveUp));
    if (signal.aborted) giveUp();
  });
}
