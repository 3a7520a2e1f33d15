import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A connection that asks to come through, by its startup packet. */
export interface Arrival {
  /** Its `application_name`; empty where it gave none. */
  readonly application: string;
  /** 1 for the application's first connection. */
  readonly number: number;
}

/** How a connection ends: by a FATAL ErrorResponse of this SQLSTATE, or by a reset. */
export type Ending = 'reset' | { readonly fatal: string };

/**
 * What becomes of a connection: it goes through; it ends before the server has seen it; nobody ever answers it; or it ends right
 * behind the server's n-th ReadyForQuery, in the same packet where the ending is a FATAL.
 */
export type Treatment =
  'forward' | 'silent' | Ending | { readonly ending: Ending; readonly behindReady: number };

const SSL_REQUEST = 80_877_103;
const STARTUP = 196_608;

/** Stands in front of PostgreSQL and does to connections what outages, failovers and poolers do. */
export class PostgresProxy implements AsyncDisposable {
  /** Asked for each connection that arrives. */
  treat: (arrival: Arrival) => Treatment = () => 'forward';
  private readonly arrived = new Map<string, number>();
  private readonly sockets = new Set<Socket>();
  private server: Server | undefined;

  private constructor(
    private readonly target: URL,
    private port: number,
  ) {}

  /** A proxy in front of the server of this URL. */
  static async before(databaseUrl: string): Promise<PostgresProxy> {
    const proxy = new PostgresProxy(new URL(databaseUrl), 0);
    await proxy.admit();
    return proxy;
  }

  /** The database's URL through the proxy. */
  get url(): string {
    const url = new URL(this.target);
    url.port = String(this.port);
    return url.href;
  }

  /** Connections of an application that have arrived so far. */
  count(application: string): number {
    return this.arrived.get(application) ?? 0;
  }

  /** From now on nobody listens (ECONNREFUSED); what is connected stays. */
  refuse(): void {
    this.server?.close();
    this.server = undefined;
  }

  /** Listens again, on the same port. */
  async admit(): Promise<void> {
    if (this.server) return;
    const server = createServer((socket) => this.arrive(socket));
    this.server = server;
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
  }

  /** Resets what is connected; new connections are treated as before. */
  cut(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { server } = this;
    const closed = server && new Promise((resolve) => server.close(resolve));
    this.refuse();
    this.cut();
    await closed;
  }

  private arrive(socket: Socket): void {
    this.keep(socket);
    let head = Buffer.alloc(0);
    const read = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk]);
      if (head.length < 8 || head.length < head.readInt32BE(0)) return;
      if (head.readInt32BE(4) === SSL_REQUEST) {
        head = head.subarray(8);
        socket.write('N');
        return;
      }
      socket.off('data', read).pause();
      this.begin(socket, head);
    };
    socket.on('data', read);
  }

  private begin(socket: Socket, head: Buffer): void {
    const application = applicationOf(head);
    const number = this.count(application) + 1;
    this.arrived.set(application, number);
    const treatment = this.treat({ application, number });
    if (treatment === 'silent') socket.resume();
    else if (treatment === 'reset' || (typeof treatment === 'object' && 'fatal' in treatment))
      end(socket, treatment);
    else this.forward(socket, head, treatment);
  }

  private forward(socket: Socket, head: Buffer, treatment: Treatment): void {
    const behind = connect(Number(this.target.port || 5432), this.target.hostname);
    this.keep(behind);
    behind.on('close', () => socket.destroy());
    socket.on('close', () => behind.destroy());
    behind.write(head);
    socket.pipe(behind);
    if (typeof treatment !== 'object' || !('behindReady' in treatment)) return void behind.pipe(socket);
    let readyLeft = treatment.behindReady;
    let rest = Buffer.alloc(0);
    behind.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      let at = 0;
      while (readyLeft > 0 && rest.length >= at + 5 && rest.length >= at + 1 + rest.readInt32BE(at + 1)) {
        if (rest[at] === 0x5a) readyLeft--;
        at += 1 + rest.readInt32BE(at + 1);
      }
      const whole = rest.subarray(0, at);
      rest = rest.subarray(at);
      if (readyLeft > 0) {
        socket.write(whole);
        return;
      }
      behind.removeAllListeners('data').resume();
      end(socket, treatment.ending, whole);
    });
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => this.sockets.delete(socket));
  }
}

/** Ends a connection behind what it is still told. */
function end(socket: Socket, ending: Ending, last = Buffer.alloc(0)): void {
  if (ending !== 'reset') return void socket.end(Buffer.concat([last, fatal(ending.fatal)]));
  // Once it is on its way, since a reset drops what isn't.
  socket.write(last, () => socket.resetAndDestroy());
}

/** A FATAL as the server writes it on the wire. */
function fatal(state: string): Buffer {
  const fields = `SFATAL\0VFATAL\0C${state}\0Mterminated by the test\0\0`;
  const message = Buffer.alloc(5 + fields.length);
  message.write('E', 0);
  message.writeInt32BE(4 + fields.length, 1);
  message.write(fields, 5);
  return message;
}

function applicationOf(startup: Buffer): string {
  return asked(startup).find(([name]) => name === 'application_name')?.[1] ?? '';
}

/** Names and values of a startup packet. */
function asked(startup: Buffer): [string, string][] {
  if (startup.readInt32BE(4) !== STARTUP) return [];
  const words = startup.subarray(8, startup.readInt32BE(0)).toString().split('\0');
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < words.length && words[at] !== ''; at += 2)
    pairs.push([words[at]!, words[at + 1]!]);
  return pairs;
}
