import type { LookupAddress, LookupOptions } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import { Agent as HttpAgent, type AgentOptions, type ClientRequestArgs } from 'node:http';
import { Agent as HttpsAgent, type RequestOptions } from 'node:https';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { AllowedPrivate } from '../config/allowed-private.js';
import { readingOn } from './early-answers.js';
import { BlockedDestinationError, ConnectTimeoutError, DnsError, DnsTimeoutError } from './egress-error.js';
import { isPublicAddress } from './public-address.js';

export { BlockedDestinationError, ConnectTimeoutError, DnsError, DnsTimeoutError } from './egress-error.js';

/** The part of `node:dns/promises`' Resolver that is used, so that a test can answer in its place. */
export interface AddressResolver {
  resolve4(hostname: string): Promise<string[]>;
  resolve6(hostname: string): Promise<string[]>;
}

/** What a guard lets through, and how long it waits; times in milliseconds. */
export interface ConnectionGuardOptions {
  allowedPrivate: AllowedPrivate;
  /** DNS by c-ares unless given. */
  resolver?: AddressResolver | undefined;
  /** 2,500 unless given. */
  dnsTimeoutMs?: number | undefined;
  /** TCP and TLS together, counted from the DNS answer; 5,000 unless given. */
  connectTimeoutMs?: number | undefined;
}

type Connected = (error: Error | null, stream: Duplex) => void;
type Dial<Options> = (options: Options) => Duplex | null | undefined;
type DialOptions = { host?: string | null; port?: number | string | null; socketPath?: unknown };

/**
 * Judges every connection of the agents below, three times: a literal address before it is dialled, all DNS answers
 * before one is used, and the peer once connected. It relies on no URL having been checked before.
 */
export class ConnectionGuard {
  private readonly allowedPrivate: AllowedPrivate;
  private readonly resolver: AddressResolver;
  private readonly dnsTimeoutMs: number;
  private readonly connectTimeoutMs: number;

  constructor(options: ConnectionGuardOptions) {
    this.allowedPrivate = options.allowedPrivate;
    this.dnsTimeoutMs = options.dnsTimeoutMs ?? 2_500;
    this.connectTimeoutMs = options.connectTimeoutMs ?? 5_000;
    // c-ares asks DNS servers only. The hosts file is left out on purpose: what an operator or a container runtime
    // put there (`db`, `metadata`) is internal by nature, and nobody expects integrators to name it.
    this.resolver = options.resolver ?? new Resolver({ timeout: this.dnsTimeoutMs, tries: 1 });
  }

  /** Tells whether this address may be connected to at this port. */
  permits(address: string, port: number): boolean {
    return isPublicAddress(address) || this.allowedPrivate.allows(address, port);
  }

  /** Dials with the guarded lookup in place, or fails with `BlockedDestinationError` before any socket exists. */
  connect<Options extends DialOptions>(options: Options, dial: Dial<Options>): Duplex | null | undefined {
    const { host, port: givenPort } = options;
    const port = Number(givenPort);
    if (options.socketPath || typeof host !== 'string' || host === '') throw new BlockedDestinationError();
    const isLiteral = isIP(host) !== 0;
    if (isLiteral && !this.permits(host, port)) throw new BlockedDestinationError();
    const timer = new ConnectTimer(this.connectTimeoutMs);
    const lookup = this.lookupFor(port, () => timer.start());
    // `path` would make net dial a unix socket.
    const socket = dial({ ...options, path: undefined, socketPath: undefined, lookup });
    if (!socket) return socket;
    this.watch(socket as Socket, port, timer);
    if (isLiteral) timer.start();
    return readingOn(socket);
  }

  /** Closes a socket whose peer, once connected, is not permitted: before one byte is sent to it. */
  watch(socket: Socket, port: number, timer?: ConnectTimer): void {
    // Ahead of the listeners that start TLS and flush the request.
    socket.prependOnceListener('connect', () => {
      const peer = socket.remoteAddress;
      if (peer === undefined || !this.permits(peer, port)) socket.destroy(new BlockedDestinationError());
    });
    timer?.watch(socket);
  }

  /** A `lookup` for one connection that fails if any answer is not permitted; `onResolved` is told of success. */
  lookupFor(port: number, onResolved?: () => void): LookupFunction {
    return (hostname, options, callback) => {
      void this.resolve(hostname, port, familyOf(options)).then(
        (answers) => {
          onResolved?.();
          const [first] = answers as [LookupAddress, ...LookupAddress[]];
          if (options.all) callback(null, answers);
          else callback(null, first.address, first.family);
        },
        (error: unknown) => callback(error as NodeJS.ErrnoException, []),
      );
    };
  }

  private async resolve(hostname: string, port: number, family: 0 | 4 | 6): Promise<LookupAddress[]> {
    const isLocalhost = hostname.toLowerCase() === 'localhost';
    const found = isLocalhost ? this.localhost(port) : await this.askDns(hostname);
    if (!isLocalhost && found.some(({ address }) => !this.permits(address, port)))
      throw new BlockedDestinationError();
    const answers = family === 0 ? found : found.filter((answer) => answer.family === family);
    if (answers.length > 0) return answers;
    throw isLocalhost ? new BlockedDestinationError() : new DnsError();
  }

  /** RFC 6761: `localhost` is loopback without asking DNS; of its two addresses only the opened ones. */
  private localhost(port: number): LookupAddress[] {
    return toAnswers(['127.0.0.1', '::1']).filter(({ address }) => this.allowedPrivate.allows(address, port));
  }

  private async askDns(hostname: string): Promise<LookupAddress[]> {
    let timer: NodeJS.Timeout | undefined;
    // c-ares' own timeout is per server and grows: this one is for the whole question.
    const late = new Promise<'late'>((settle) => {
      timer = setTimeout(settle, this.dnsTimeoutMs, 'late');
    });
    const questions = [this.resolver.resolve4(hostname), this.resolver.resolve6(hostname)];
    const results = await Promise.all(questions.map((question) => Promise.race([settled(question), late])));
    clearTimeout(timer);
    // One family that fails or is late doesn't stop the other: an answer that never comes is never dialled.
    const addresses = results.flatMap((result) => (result === 'late' ? [] : result.addresses));
    if (addresses.length > 0) return toAnswers(addresses);
    if (results.includes('late')) throw new DnsTimeoutError();
    const causes = results.flatMap((result) => (result === 'late' ? [] : [result.cause]));
    throw causes.some(isDnsTimeout) ? new DnsTimeoutError() : new DnsError(causes[0]);
  }
}

/** Bounds one connection from the moment its address is known until it can carry a request. */
class ConnectTimer {
  private timer: NodeJS.Timeout | undefined;
  private socket: Socket | undefined;
  private over = false;

  constructor(private readonly ms: number) {}

  start(): void {
    // The DNS answer may come after the request was given up.
    if (this.over) return;
    this.timer = setTimeout(() => this.socket?.destroy(new ConnectTimeoutError()), this.ms);
  }

  watch(socket: Socket): void {
    this.socket = socket;
    const stop = (): void => {
      this.over = true;
      clearTimeout(this.timer);
    };
    socket.once('encrypted' in socket ? 'secureConnect' : 'connect', stop).once('close', stop);
  }
}

/** An http agent that connects to permitted addresses only, and knows no proxy. */
export class GuardedHttpAgent extends HttpAgent {
  constructor(
    private readonly guard: ConnectionGuard,
    options?: AgentOptions,
  ) {
    super(options);
  }

  override createConnection(options: ClientRequestArgs, connected?: Connected): Duplex | null | undefined {
    return refusedByCallback(connected, () =>
      this.guard.connect(options, (safe) => super.createConnection(safe)),
    );
  }
}

/** An https agent that connects to permitted addresses only, and knows no proxy. */
export class GuardedHttpsAgent extends HttpsAgent {
  constructor(
    private readonly guard: ConnectionGuard,
    options?: AgentOptions,
  ) {
    super(options);
  }

  override createConnection(options: RequestOptions, connected?: Connected): Duplex | null | undefined {
    return refusedByCallback(connected, () =>
      this.guard.connect(options, (safe) => super.createConnection(safe)),
    );
  }
}

/** Node also connects from event handlers, for requests that had waited: an exception there would end the process. */
function refusedByCallback(connected: Connected | undefined, connect: () => Duplex | null | undefined) {
  try {
    return connect();
  } catch (error) {
    if (connected === undefined || !(error instanceof BlockedDestinationError)) throw error;
    connected(error, undefined as unknown as Duplex);
    return undefined;
  }
}

type DnsResult = { addresses: string[]; cause?: unknown };

async function settled(question: Promise<string[]>): Promise<DnsResult> {
  return question.then(
    (addresses) => ({ addresses }),
    (cause: unknown) => ({ addresses: [], cause }),
  );
}

function isDnsTimeout(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && (error.code === 'ETIMEOUT' || error.code === 'ETIMEDOUT')
  );
}

function toAnswers(addresses: string[]): LookupAddress[] {
  return addresses.map((address) => ({ address, family: isIP(address) }));
}

function familyOf({ family }: LookupOptions): 0 | 4 | 6 {
  if (family === 4 || family === 'IPv4') return 4;
  return family === 6 || family === 'IPv6' ? 6 : 0;
}
