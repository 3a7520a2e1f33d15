import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Duplex, Readable } from 'node:stream';
import { born, isYoung } from '../egress/connection-age.js';
import { readingOn, stopWhenAnswered } from '../egress/early-answers.js';
import { InvalidResponseError } from '../egress/egress-error.js';
import { lengthLast } from './raw-headers.js';
import { transferCodings } from './upstream-headers.js';

/** The head of a request to the provider's API, as it goes over the wire. */
export interface UpstreamHead {
  readonly method: string;
  /** Path and query, byte for byte. */
  readonly target: string;
  /** Names and values in turn, in order and case; how the body's end is told included. */
  readonly headers: readonly string[];
  /** Whether a body follows. */
  readonly hasBody: boolean;
  /** Whether a connection that an earlier request left open may be used: only where a repeat does no harm. */
  readonly kept: boolean;
  readonly signal?: AbortSignal;
}

/** One request with its body. */
export interface UpstreamRequest extends Omit<UpstreamHead, 'hasBody'> {
  readonly body: Readable | Buffer | null;
  /** Names and values of what follows the body; sent with a chunked one only. */
  readonly trailers?: readonly (readonly [name: string, value: string])[];
  readonly signal: AbortSignal;
}

/** Idle connections are dropped before most servers do it (Node: 5 s); milliseconds. */
const IDLE_MS = 4_000;
/** Methods of which no body is expected, so that its absence needn't be told (RFC 9110, 8.6). */
const BODILESS = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);
const MAX_SOCKETS = 256;
/** How long one address of several may take to connect before the next is tried; milliseconds. */
const ADDRESS_MS = 2_500;
/** How long a connection is silent until it is asked whether the other side is still there; milliseconds. */
const PROBE_MS = 30_000;

/**
 * Calls the provider's own API. The operator named it, so it isn't judged as callers' URLs are; but no request goes
 * anywhere else, since the target is only ever a path, and no redirect is followed.
 */
export class UpstreamClient {
  private readonly url: URL;
  private readonly transport: typeof http | typeof https;
  private readonly kept: http.Agent;
  private readonly fresh: http.Agent;

  /** `maxSockets`: of requests that may use a kept connection; those beyond wait. */
  constructor(origin: string, { maxSockets = MAX_SOCKETS }: { maxSockets?: number } = {}) {
    this.url = new URL(origin);
    this.transport = this.url.protocol === 'https:' ? https : http;
    this.kept = this.agent({ keepAlive: true, timeout: IDLE_MS, maxSockets, maxFreeSockets: 64 });
    // No limit of sockets: Node then says `connection: close`.
    this.fresh = this.agent({});
  }

  /** Starts a request; the caller writes its body, ends it, and listens for its response. */
  open({ method, target, headers, hasBody, kept, signal }: UpstreamHead): ClientRequest {
    const named = headers.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'host');
    return this.transport
      .request({
        protocol: this.url.protocol,
        hostname: this.url.hostname.replace(/^\[|\]$/g, ''),
        port: this.url.port,
        method,
        path: target,
        headers: lengthLast([
          // HTTP/1.0 needs no Host, but HTTP/1.1 does.
          ...(named ? [] : ['Host', this.url.host]),
          ...headers,
          // Node would send an empty chunked body, which some servers refuse.
          ...(hasBody || BODILESS.has(method) ? [] : ['Content-Length', '0']),
        ]),
        agent: kept ? this.kept : this.fresh,
        ...(signal && { signal }),
      })
      .once('response', function (this: ClientRequest, response) {
        stopWhenAnswered(this, response);
      });
  }

  /** Resolves with the head of the response, whatever its status; its body fails when the connection breaks. */
  send(request: UpstreamRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = this.open({ ...request, hasBody: request.body !== null });
      outgoing.setSocketKeepAlive(true, PROBE_MS);
      outgoing.once('response', (response) => {
        // Node reads any three digits, but nobody could be answered with less than 100.
        if (response.statusCode! < 100 || !isReadable(response)) {
          outgoing.destroy();
          reject(new InvalidResponseError());
        }
        resolve(response);
      });
      outgoing.on('error', reject);
      outgoing.once('upgrade', (_response, socket: { destroy(): void }) => {
        socket.destroy();
        reject(new InvalidResponseError());
      });
      write(request, outgoing);
    });
  }

  /** Drops every connection. */
  close(): void {
    this.kept.destroy();
    this.fresh.destroy();
  }

  private agent(options: http.AgentOptions): http.Agent {
    // Node's own half a second is too little for a slow handshake where the name has several addresses.
    const agent = new this.transport.Agent({ ...options, autoSelectFamilyAttemptTimeout: ADDRESS_MS });
    const dial = agent.createConnection.bind(agent);
    agent.createConnection = (target, connected) => {
      const socket = dial(target, connected);
      return socket && born(readingOn(socket));
    };
    const keep = agent.keepSocketAlive.bind(agent) as (socket: Duplex) => boolean;
    agent.keepSocketAlive = (socket) => isYoung(socket) && keep(socket);
    return agent;
  }
}

/**
 * Whether whoever gets the body of a response later can read it. What coded it for the way is told as the coding of its content then:
 * nothing else says so once it is stored.
 */
function isReadable({ rawHeaders, headers }: IncomingMessage): boolean {
  const codings = transferCodings(rawHeaders).filter((coding) => coding.toLowerCase() !== 'identity');
  if (codings.length === 0) return true;
  const { 'content-encoding': first } = headers;
  headers['content-encoding'] = [...(first === undefined ? [] : [first]), ...codings].join(', ');
  return codings.every((coding) => /^(?:(?:x-)?gzip|deflate)$/i.test(coding));
}

function write({ body, trailers = [] }: UpstreamRequest, outgoing: ClientRequest): void {
  if (body === null || Buffer.isBuffer(body)) {
    outgoing.end(body ?? undefined);
    return;
  }
  body.once('error', (error) => outgoing.destroy(error));
  // An upstream that breaks off before it has read the whole body must not leave a file open.
  outgoing.once('close', () => body.destroy());
  // Before the pipe's own listener ends the request.
  body.once('end', () => {
    if (trailers.length > 0) outgoing.addTrailers(trailers as [string, string][]);
  });
  body.pipe(outgoing);
}
