import { Agent as HttpAgent, type AgentOptions, type ClientRequestArgs } from 'node:http';
import { Agent as HttpsAgent, type RequestOptions } from 'node:https';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { Logger } from '@nestjs/common';
import { AllowedHosts } from '../config/allowed-hosts.js';
import type { AllowedPrivate } from '../config/allowed-private.js';
import { born, isYoung } from './connection-age.js';
import { readingOn } from './early-answers.js';
import {
  BlockedAnswerError,
  BlockedDestinationError,
  ConnectionClosedError,
  ConnectTimeoutError,
  DnsError,
} from './egress-error.js';
import type { EgressProxy } from './egress-proxy.js';
import { dial, firstConnected, type Open } from './first-connected.js';
import { NameResolver, type NameResolverOptions } from './name-resolver.js';
import { isPublicAddress, isUsableAddress } from './public-address.js';
import { TlsTrust } from './tls-trust.js';

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
  /** Through which connections are made; directly unless given. */
  proxy?: EgressProxy | undefined;
  /** How long a connection is used for further requests; `MAX_AGE_MS` unless given. */
  mostAgeMs?: number | undefined;
}

type Connected = (error: Error | null, stream: Duplex) => void;
type DialOptions = { host?: string | null; port?: number | string | null; socketPath?: unknown };
/** Makes of a TCP connection what requests are written to. */
type Over<Options> = (options: Options & { socket: Socket }) => Duplex;

/** How long one address may stand alone before the next is tried beside it (RFC 8305, 8); milliseconds. */
const STAGGER_MS = 250;
/** The same of a proxy, which has a way of its own to go. */
const PROXY_STAGGER_MS = 1_000;

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
  private readonly mostAgeMs: number | undefined;
  private readonly proxy: EgressProxy | undefined;

  constructor(options: ConnectionGuardOptions) {
    this.allowedPrivate = options.allowedPrivate;
    this.allowedHosts = options.allowedHosts ?? AllowedHosts.none;
    this.connectTimeoutMs = options.connectTimeoutMs ?? 5_000;
    this.mostAgeMs = options.mostAgeMs;
    this.proxy = options.proxy;
    this.resolver = new NameResolver(options);
  }

  /** Tells whether a connection may be kept for another request. */
  mayKeep(socket: Duplex): boolean {
    return isYoung(socket, this.mostAgeMs);
  }

  /** Tells whether this address may be connected to at this port. */
  permits(address: string, port: number): boolean {
    return isPublicAddress(address) || this.allowedPrivate.allows(address, port);
  }

  /** The same of an address that a host leads to: a name that the operator opened may lead to private ones. */
  private permitsFor(host: string, address: string, port: number): boolean {
    return this.permits(address, port) || (this.allowedHosts.allows(host, port) && isUsableAddress(address));
  }

  /**
   * Connects, and tells `connected` once a request can be written; or fails with `BlockedDestinationError` before any socket
   * exists.
   */
  connect<Options extends DialOptions>(options: Options, over: Over<Options>, connected: Connected): void {
    const { host, port: givenPort } = options;
    const port = Number(givenPort);
    if (options.socketPath || typeof host !== 'string' || host === '') throw new BlockedDestinationError();
    if (isIP(host) !== 0 && !this.permits(host, port)) throw new BlockedDestinationError();
    this.open({ ...options, host, port }, over).then(
      (socket) => connected(null, socket),
      (error: Error) => connected(error, undefined as unknown as Duplex),
    );
  }

  private async open<Options extends DialOptions>(
    options: Options & { host: string; port: number },
    over: Over<Options>,
  ): Promise<Duplex> {
    const { host, port } = options;
    const phases = new PhaseClock();
    const addresses = await this.addressesOf(host, port);
    // A literal address costs none.
    if (isIP(host) === 0) phases.end('dnsPhase');
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new ConnectTimeoutError()), this.connectTimeoutMs);
    try {
      // `path` would make net dial a unix socket.
      const safe = { ...options, path: undefined, socketPath: undefined };
      const open: Open = (address, signal) =>
        this.proxy?.tunnel(address, port, signal) ??
        dial({ ...safe, host: address, port }, signal, (socket) => this.watch(socket, host, port));
      const staggerMs = this.proxy ? PROXY_STAGGER_MS : STAGGER_MS;
      const tcp = await firstConnected(addresses, open, { staggerMs, signal: late.signal });
      phases.end('tcpPhase');
      const socket = over({ ...safe, socket: tcp });
      if (socket instanceof TLSSocket) {
        await secured(socket, late.signal);
        phases.end('tlsPhase');
      }
      return born(readingOn(phases.noteOn(socket)));
    } finally {
      clearTimeout(timer);
    }
  }

  private async addressesOf(host: string, port: number): Promise<string[]> {
    if (isIP(host) !== 0) return [host];
    // What a name leads to is left to a proxy that resolves; what `localhost` is, is known without asking.
    if (!this.proxy?.resolves || host.toLowerCase() === 'localhost') return this.resolve(host, port);
    return [host];
  }

  /** Closes a socket whose peer, once connected, is not permitted: before one byte is sent to it. */
  watch(socket: Socket, host: string, port: number): void {
    // Ahead of the listeners that start TLS and flush the request.
    socket.prependOnceListener('connect', () => {
      const peer = socket.remoteAddress;
      if (peer !== undefined && this.permitsFor(host, peer, port)) return;
      socket.destroy(isIP(host) === 0 ? this.refuse(host, peer ?? 'nowhere') : new BlockedDestinationError());
    });
  }

  /** The addresses that a name leads to; fails if one of them is not permitted. */
  async resolve(hostname: string, port: number): Promise<string[]> {
    const isAllowed = this.allowedHosts.allows(hostname, port);
    const isLocalhost = !isAllowed && hostname.toLowerCase() === 'localhost';
    const found = isLocalhost
      ? this.localhost(port)
      : await (isAllowed ? this.resolver.asMachine(hostname) : this.resolver.byDns(hostname));
    const permitted = found.filter((address) => this.permitsFor(hostname, address, port));
    const refused = found.find((address) => !permitted.includes(address));
    // A name that the operator opened may have link-local addresses beside its others, as mDNS answers them.
    if (refused !== undefined && !(isAllowed && permitted.length > 0)) throw this.refuse(hostname, refused);
    if (permitted.length > 0) return permitted;
    throw isLocalhost ? new BlockedDestinationError() : new DnsError();
  }

  /** Nobody but the operator is told where a name led. */
  private refuse(host: string, address: string): BlockedAnswerError {
    this.logger.warn({ msg: 'a name leads to an address that may not be called', host, address });
    return new BlockedAnswerError(host, address);
  }

  /** RFC 6761: `localhost` is loopback without asking DNS; of its two addresses only the opened ones. */
  private localhost(port: number): string[] {
    return ['127.0.0.1', '::1'].filter((address) => this.allowedPrivate.allows(address, port));
  }
}

/** Resolves once TLS stands. */
function secured(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => void socket.destroy(signal.reason as Error);
    const settle = (by: () => void) => (): void => {
      signal.removeEventListener('abort', giveUp);
      by();
    };
    signal.addEventListener('abort', giveUp, { once: true });
    // Stays: until a request has taken the connection over, nobody else listens.
    socket.on('error', (error) => settle(() => reject(error))());
    socket.once('secureConnect', settle(resolve));
    // The other side left without an error.
    socket.once(
      'close',
      settle(() => reject(new ConnectionClosedError())),
    );
    if (signal.aborted) giveUp();
  });
}

/** Measures a connection's phases, and leaves them where got looks for those of a connection that it has not seen opened. */
class PhaseClock {
  private readonly phases: Partial<Record<'dnsPhase' | 'tcpPhase' | 'tlsPhase', number>> = { dnsPhase: 0 };
  private since = performance.now();

  end(phase: 'dnsPhase' | 'tcpPhase' | 'tlsPhase'): void {
    const now = performance.now();
    this.phases[phase] = Math.round(now - this.since);
    this.since = now;
  }

  noteOn<S extends Duplex>(socket: S): S {
    return Object.assign(socket, { __initial_connection_timings__: this.phases });
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

  /** Node reads the answer: false closes the connection. */
  override keepSocketAlive(socket: Duplex): boolean {
    return this.guard.mayKeep(socket) && (super.keepSocketAlive(socket) as unknown as boolean);
  }

  override createConnection(options: ClientRequestArgs, connected?: Connected): Duplex | null | undefined {
    return byCallback(connected, (told) => this.guard.connect(options, ({ socket }) => socket, told));
  }
}

/** An https agent that connects to permitted addresses only, and knows no proxy. */
export class GuardedHttpsAgent extends HttpsAgent {
  constructor(
    private readonly guard: ConnectionGuard,
    private readonly trust: TlsTrust = new TlsTrust([]),
    options?: AgentOptions,
  ) {
    super(options);
  }

  /** Node reads the answer: false closes the connection. */
  override keepSocketAlive(socket: Duplex): boolean {
    return this.guard.mayKeep(socket) && (super.keepSocketAlive(socket) as unknown as boolean);
  }

  override createConnection(options: RequestOptions, connected?: Connected): Duplex | null | undefined {
    return byCallback(connected, (told) =>
      this.guard.connect(
        options,
        (safe) => super.createConnection({ ...safe, ...this.trust.optionsFor(safe) })!,
        told,
      ),
    );
  }
}

/** Node also connects from event handlers, for requests that had waited: an exception there would end the process. */
function byCallback(connected: Connected | undefined, connect: (told: Connected) => void): undefined {
  if (connected === undefined) throw new TypeError('a guarded agent connects asynchronously only');
  try {
    connect(connected);
  } catch (error) {
    if (!(error instanceof BlockedDestinationError)) throw error;
    connected(error, undefined as unknown as Duplex);
  }
}
