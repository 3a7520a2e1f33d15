import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** Receivers that take a callback and never answer. */
export class HangingReceivers implements AsyncDisposable {
  private readonly sockets = new Set<Socket>();
  private readonly asked = new Set<Server>();
  private waiting: (() => void) | undefined;

  private constructor(private readonly servers: readonly Server[]) {}

  static async listen(count: number): Promise<HangingReceivers> {
    const servers = Array.from({ length: count }, () => createServer());
    const receivers = new HangingReceivers(servers);
    for (const server of servers) {
      server.on('connection', (socket) => receivers.take(server, socket));
      server.listen(0, '127.0.0.1');
    }
    await Promise.all(servers.map((server) => once(server, 'listening')));
    return receivers;
  }

  get ports(): number[] {
    return this.servers.map((server) => (server.address() as AddressInfo).port);
  }

  /** Resolves once each has an attempt that hangs. */
  async allAsked(): Promise<void> {
    if (this.asked.size < this.servers.length) await new Promise<void>((resolve) => (this.waiting = resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await Promise.all(this.servers.map((server) => new Promise((closed) => server.close(closed))));
  }

  private take(server: Server, socket: Socket): void {
    this.sockets.add(socket);
    socket
      .resume()
      .on('error', () => undefined)
      .on('close', () => this.sockets.delete(socket));
    this.asked.add(server);
    if (this.asked.size === this.servers.length) this.waiting?.();
  }
}
