import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** A port that stays while the server behind it comes and goes. */
export class Door implements AsyncDisposable {
  private readonly sockets = new Set<Socket>();
  private held: string | undefined;
  private readonly holding: (() => void)[] = [];

  private constructor(
    private readonly server: Server,
    /** Port of the server behind; null while there is none. */
    public target: number | null,
  ) {}

  static async to(target: number): Promise<Door> {
    const server = createServer();
    const door = new Door(server, target);
    server.on('connection', (socket) => door.pass(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return door;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Breaks every connection; new ones are refused until there is a target again. */
  close(): void {
    this.target = null;
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  /** Whoever sends something that has this text in it gets no answer, until `letGo`. */
  holdAnswersTo(text: string): void {
    this.held = text;
  }

  /** What was held arrives, and nothing is held any more. */
  letGo(): void {
    this.held = undefined;
    for (const arrive of this.holding.splice(0)) arrive();
  }

  /** What is connected gets no answer any more, and no word of it, as when a machine dies; new connections work. */
  swallow(): void {
    for (const socket of this.sockets) socket.unpipe().resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private pass(socket: Socket): void {
    if (this.target === null) return void socket.resetAndDestroy();
    const behind = connect(this.target, '127.0.0.1');
    // What PostgreSQL prepares over this connection is asked for by its name from then on.
    const prepared = new Map<string, string>();
    socket.on('data', (chunk: Buffer) => {
      const sent = chunk.toString('latin1');
      for (const [, name, text] of sent.matchAll(/(ringback_\d+)\0([^\0]+)\0/g))
        if (!prepared.has(name!)) prepared.set(name!, text!);
      const { held } = this;
      if (held === undefined) return;
      const asked = [...prepared].some(([name, text]) => text.includes(held) && sent.includes(`\0${name}\0`));
      if (!asked && !sent.includes(held)) return;
      behind.unpipe(socket);
      this.holding.push(() => behind.pipe(socket));
    });
    for (const [one, other] of [
      [socket, behind],
      [behind, socket],
    ] as const) {
      this.sockets.add(one);
      one
        .on('error', () => other.destroy())
        .on('close', () => {
          this.sockets.delete(one);
          other.destroy();
        });
      one.pipe(other);
    }
  }
}
