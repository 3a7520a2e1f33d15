import type { LookupAddress, LookupOptions } from 'node:dns';
import { Agent as HttpAgent, type AgentOptions, type ClientRequestArgs } from 'node:http';
import { Agent as HttpsAgent, type RequestOptions } from 'node:https';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Logger } from '@nestjs/common';
import { AllowedHosts } from '../config/allowed-hosts.js';
import type { AllowedPrivate } from '../config/allowed-private.js';
import { readingOn } from './early-answers.js';
import {
  BlockedAnswerError,
  BlockedDestinationError,
  ConnectTimeoutError,
  DnsError,
} from './egress-error.js';
import { NameResolver, type NameResolverOptions } from './name-resolver.js';
import { isPublicAddress, isUsableAddress } from './public-address.js';

export type { AddressResolver } from './name-resolver.js';
export {
  BlockedAnswerError,
  BlockedDestinationError,
  ConnectTimeoutError,
  DnsError,
  DnsTimeoutError,
} from './egress-error.js';

/** What a guard lets through, and how long it waits; times in milliseconds. */
export interface ConnectionGuardOptions extends NameResolverOptions {
  allowedPrivate: AllowedPrivate;
  /** Names that may lead to private addresses; none unless given. */
  allowedHosts?: AllowedHosts | undefined;
  /** TCP and TLS together, counted from the DNS answer; 5,000 unless given. */
  connectTimeoutMs?: number | undefined;
}

type Connected = (error: Error | null, stream: Duplex) => void;
type Dial<Options> = (options: Options) => Duplex | null | undefined;
type DialOptions = { host?: string | null; port?: number | string | null; socketPath?: unknown };

/**
 * Judges every connection of the agents below, three times: a literal address before it is dialled, all DNS answers
 * before one is used, and the peer once connected. It relies on no URL having been checked before. What a text names ends
 * in `BlockedDestinationError`; what a name leads to, in `BlockedAnswerError`.
 */
export class ConnectionGuard {
  private readonly logger = new Logger('Egress');
  private readonly allowedPrivate: AllowedPrivate;
  private readonly allowedHosts: AllowedHosts;
  private readonly resolver: NameResolver;
  private readonly connectTimeoutMs: number;

  constructor(options: ConnectionGuardOptions) {
    this.allowedPrivate = options.allowedPrivate;
    this.allowedHosts = options.allowedHosts ?? AllowedHosts.none;
    this.connectTimeoutMs = options.connectTimeoutMs ?? 5_000;
    this.resolver = new NameResolver(options);
  }

  /** Tells whether this address may be connected to at this port. */
  permits(address: string, port: number): boolean {
    return isPublicAddress(address) || this.allowedPrivate.allows(address, port);
  }

  /** The same of an address that a host leads to: a name that the operator opened may lead to private ones. */
  private permitsFor(host: string, address: string, port: number): boolean {
    return this.permits(address, port) || (this.allowedHosts.allows(host, port) && isUsableAddress(address));
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
    this.watch(socket as Socket, host, port, timer);
    if (isLiteral) timer.start();
    return readingOn(socket);
  }

  /** Closes a socket whose peer, once connected, is not permitted: before one byte is sent to it. */
  watch(socket: Socket, host: string, port: number, timer?: ConnectTimer): void {
    // Ahead of the listeners that start TLS and flush the request.
    socket.prependOnceListener('connect', () => {
      const peer = socket.remoteAddress;
      if (peer !== undefined && this.permitsFor(host, peer, port)) return;
      socket.destroy(isIP(host) === 0 ? this.refuse(host, peer ?? 'nowhere') : new BlockedDestinationError());
    });
    timer?.watch(socket);
  }

  /** A `lookup` for one connection that fails if an answer is not permitted; `onResolved` is told of success. */
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
    const isAllowed = this.allowedHosts.allows(hostname, port);
    const isLocalhost = !isAllowed && hostname.toLowerCase() === 'localhost';
    const found = isLocalhost
      ? this.localhost(port)
      : toAnswers(await (isAllowed ? this.resolver.asMachine(hostname) : this.resolver.byDns(hostname)));
    const permitted = found.filter(({ address }) => this.permitsFor(hostname, address, port));
    const refused = found.find((answer) => !permitted.includes(answer));
    // A name that the operator opened may have link-local addresses beside its others, as mDNS answers them.
    if (refused !== undefined && !(isAllowed && permitted.length > 0))
      throw this.refuse(hostname, refused.address);
    const answers = family === 0 ? permitted : permitted.filter((answer) => answer.family === family);
    if (answers.length > 0) return answers;
    throw isLocalhost ? new BlockedDestinationError() : new DnsError();
  }

  /** Nobody but the operator is told where a name led. */
  private refuse(host: string, address: string): BlockedAnswerError {
    this.logger.warn({ msg: 'a name leads to an address that may not be called', host, address });
    return new BlockedAnswerError(host, address);
  }

  /** RFC 6761: `localhost` is loopback without asking DNS; of its two addresses only the opened ones. */
  private localhost(port: number): LookupAddress[] {
    return toAnswers(['127.0.0.1', '::1']).filter(({ address }) => this.allowedPrivate.allows(address, port));
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

function toAnswers(addresses: string[]): LookupAddress[] {
  return addresses.map((address) => ({ address, family: isIP(address) }));
}

function familyOf({ family }: LookupOptions): 0 | 4 | 6 {
  if (family === 4 || family === 'IPv4') return 4;
  return family === 6 || family === 'IPv6' ? 6 : 0;
}
