import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** Below the ports that the system gives out by itself, so that one which is let go of can be had again. */
const PORTS = [12_000, 30_000] as const;

/** A port that stays while what is behind it comes and goes, and where connections can be made to fail in every way. */
export class Door {
  private readonly pairs = new Set<readonly [Socket, Socket]>();
  private server: Server | undefined;
  private holding = false;

  private constructor(
    readonly port: number,
    /** Port of the server behind. */
    public target: number,
  ) {}

  static async to(target: number): Promise<Door> {
    const door = new Door(await lowPort(), target);
    await door.open();
    return door;
  }

  /** Listens, also again. */
  async open(): Promise<void> {
    for (;;) {
      const server = createServer((socket) => this.pass(socket));
      const listening = await new Promise<boolean>((resolve) => {
        server.once('error', () => resolve(false)).listen(this.port, '127.0.0.1', () => resolve(true));
      });
      if (listening) {
        this.server = server;
        return;
      }
      await pause(50);
    }
  }

  /** Breaks every connection; new ones are refused until it is open again. */
  async refuse(): Promise<void> {
    const server = this.server;
    this.server = undefined;
    const closed = server && once(server, 'close');
    server?.close();
    this.reset();
    await closed;
  }

  /** Breaks every connection; new ones work. */
  reset(): void {
    for (const [one, other] of this.pairs) {
      one.resetAndDestroy();
      other.destroy();
    }
  }

  /** Nothing passes, on new connections either, and nobody is told. */
  hold(): void {
    this.holding = true;
    for (const pair of this.pairs) for (const socket of pair) socket.pause();
  }

  /** What was held comes through. */
  release(): void {
    this.holding = false;
    for (const pair of this.pairs) for (const socket of pair) socket.resume();
  }

  /** What is connected never gets an answer any more, as when a machine dies; new connections work. */
  silence(): void {
    for (const pair of this.pairs)
      for (const socket of pair) socket.removeAllListeners('data').on('data', () => undefined);
  }

  async close(): Promise<void> {
    if (this.server) await this.refuse();
  }

  private pass(socket: Socket): void {
    const behind = connect(this.target, '127.0.0.1');
    const pair = [socket, behind] as const;
    this.pairs.add(pair);
    for (const [one, other] of [pair, [behind, socket] as const]) {
      one.setNoDelay(true);
      one.on('data', (chunk: Buffer) => {
        if (!other.write(chunk)) one.pause();
      });
      one.on('drain', () => {
        if (!this.holding) other.resume();
      });
      one.on('end', () => other.end());
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.pairs.delete(pair);
        other.destroy();
      });
    }
    if (this.holding) for (const one of pair) one.pause();
  }
}

/** A port that is free, and that the system gives to nobody unasked. */
export async function lowPort(): Promise<number> {
  for (;;) {
    const port = PORTS[0] + Math.floor(Math.random() * (PORTS[1] - PORTS[0]));
    const probe = createServer();
    const free = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    probe.close();
    await once(probe, 'close');
    return port;
  }
}
