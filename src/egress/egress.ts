import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import https from 'node:https';
import { pipeline, Transform, type Readable } from 'node:stream';
import got, { type Got, type Request, type RequestFunction, type Response } from 'got';
import { stopWhenAnswered } from './early-answers.js';
import { BlockedDestinationError, InvalidResponseError, ResponseTooLargeError } from './egress-error.js';
import {
  ConnectionGuard,
  GuardedHttpAgent,
  GuardedHttpsAgent,
  type ConnectionGuardOptions,
} from './guarded-agent.js';
import { MAX_HEAD_BYTES } from './loose-head.js';
import { type Agents, makeSmallRequest, type SmallAnswer, type SmallRequest } from './small-request.js';
import { TlsTrust } from './tls-trust.js';
import type { UrlPolicy } from './url-policy.js';

export {
  classifyEgressError,
  describeEgressError,
  type EgressErrorCode,
  explainEgressError,
  operatorsDetail,
  tlsCodeOf,
} from './egress-error.js';

/** What an `Egress` is made of; times in milliseconds. */
export interface EgressOptions extends ConnectionGuardOptions {
  policy: UrlPolicy;
  /** Sent where the request names none. */
  userAgent?: string | undefined;
  /** PEMs of authorities that are trusted besides the usual ones. */
  roots?: readonly string[] | undefined;
  /** Connections to one origin at a time, 256 unless given; requests beyond wait, within their time. */
  maxSocketsPerOrigin?: number | undefined;
}

/** One request to a URL that a user gave. */
export interface EgressRequest {
  url: string;
  method: string;
  headers?: Record<string, string | string[]> | undefined;
  body?: string | Buffer | Readable | undefined;
  /** Everything, the response's body included; milliseconds. */
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  /** PEM of a certificate, its chain and its key, by which this side says who it is. */
  clientCertificate?: string | undefined;
  /**
   * `kept` may use a connection that an earlier request left open, and which the receiver may just be closing;
   * `fresh` costs a handshake and has no such race. `request()` picks `kept` for idempotent methods unless told.
   */
  connection?: 'kept' | 'fresh' | undefined;
}

/** The head of a response, and its body on the way; the body fails with the errors `classifyEgressError` knows. */
export interface EgressResponse {
  status: number;
  statusText: string;
  headers: IncomingHttpHeaders;
  body: Readable;
}

/** RFC 9110, 9.2.2: these may be repeated, so a stale kept connection does no harm. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']);

/** They belong to a connection or frame the body, and so to us (RFC 9110, 7.6.1); `host` is the URL's. */
const CONNECTION_HEADER =
  /^(?:host|connection|content-length|expect|keep-alive|te|trailer|transfer-encoding|upgrade|http2-settings|proxy-.*)$/i;

/** A query that `URL` writes otherwise than it was given, or drops. */
const WRITTEN_OTHERWISE = /\?$|\?.*["'<>]/;

/** Idle connections are dropped after this, before most servers do it (Node: 5 s); milliseconds. */
const IDLE_MS = 4_000;

/**
 * The one way out to URLs that users gave: judged by the policy, dialled by guarded agents, never redirected, retried,
 * decompressed or proxied. Every error is one that `classifyEgressError` knows.
 */
export class Egress {
  readonly policy: UrlPolicy;
  private readonly userAgent: string;
  private readonly kept: Got;
  private readonly fresh: Got;
  private readonly keptAgents: Agents;
  private readonly agents: (GuardedHttpAgent | GuardedHttpsAgent)[] = [];

  constructor(options: EgressOptions) {
    this.policy = options.policy;
    const guard = new ConnectionGuard(options);
    const trust = new TlsTrust(options.roots ?? []);
    const maxSockets = options.maxSocketsPerOrigin ?? 256;
    const userAgent = (this.userAgent = options.userAgent ?? 'Ringback');
    const kept = { keepAlive: true, timeout: IDLE_MS, maxSockets, maxFreeSockets: 64 };
    const agents = {
      http: new GuardedHttpAgent(guard, kept),
      https: new GuardedHttpsAgent(guard, trust, kept),
    };
    this.keptAgents = agents;
    this.kept = this.instance(userAgent, agents.http, agents.https);
    // No limit of sockets: Node then says `connection: close`.
    this.fresh = this.instance(userAgent, new GuardedHttpAgent(guard), new GuardedHttpsAgent(guard, trust));
  }

  /**
   * Starts a request and hands out got's stream, for callers that need its timings and every microsecond.
   * Throws `BlockedDestinationError` at once if the policy refuses the URL; the caller reads, or destroys, the stream.
   */
  open(request: EgressRequest): Request {
    const verdict = this.policy.check(request.url);
    // CONNECT would make of the response a tunnel to somewhere that nobody judged.
    if (!verdict.accepted || request.method.toUpperCase() === 'CONNECT') throw new BlockedDestinationError();
    const instance = request.connection === 'fresh' ? this.fresh : this.kept;
    const target = verdict.href.slice(verdict.origin.length);
    const stream = instance.stream(verdict.href, {
      ...(WRITTEN_OTHERWISE.test(target) ? { request: requestFor(target) } : undefined),
      method: request.method as 'POST',
      headers: { ...request.headers, 'accept-encoding': 'identity' },
      timeout: { request: request.timeoutMs },
      ...(request.body === undefined ? undefined : { body: request.body, allowGetBody: true }),
      ...(request.clientCertificate === undefined
        ? undefined
        : { https: { certificate: request.clientCertificate, key: request.clientCertificate } }),
      ...(request.signal === undefined ? undefined : { signal: request.signal }),
    });
    stream.once('upgrade', refuseUpgrade);
    stream.once('request', (outgoing) => {
      outgoing.once('response', (response: IncomingMessage) => stopWhenAnswered(outgoing, response));
    });
    return stream;
  }

  /**
   * Makes any request and answers as soon as the head is there, whatever its status.
   * `maxResponseBytes` bounds the body: beyond it the body fails with `ResponseTooLargeError`.
   */
  async request(request: EgressRequest & { maxResponseBytes: number }): Promise<EgressResponse> {
    const method = request.method.toUpperCase();
    const stream = this.open({
      ...request,
      headers: endToEnd(request.headers),
      body: method === 'HEAD' ? undefined : request.body,
      connection: request.connection ?? (IDEMPOTENT.has(method) ? 'kept' : 'fresh'),
    });
    // got waits for the end of its writable side unless it was given a body.
    if (stream.writable && !stream.isReadonly) stream.end();
    const head = await headOf(stream);
    return {
      status: head.statusCode,
      statusText: head.statusMessage ?? '',
      headers: head.headers,
      body: capped(stream, head, request.maxResponseBytes),
    };
  }

  /** Makes a request whose answer is small, at a small cost; throws as `request` does. */
  async small(request: SmallRequest): Promise<SmallAnswer> {
    const verdict = this.policy.check(request.url);
    if (!verdict.accepted) throw new BlockedDestinationError();
    const headers = { 'user-agent': this.userAgent, ...endToEnd(request.headers) } as Record<string, string>;
    return makeSmallRequest({ ...request, url: verdict.href, headers }, this.keptAgents);
  }

  /** Drops every connection, idle and busy. */
  close(): void {
    for (const agent of this.agents) agent.destroy();
  }

  private instance(userAgent: string, http: GuardedHttpAgent, https: GuardedHttpsAgent): Got {
    this.agents.push(http, https);
    return got.extend({
      // Always our own: NODE_USE_ENV_PROXY would divert the default ones.
      agent: { http, https },
      headers: { 'user-agent': userAgent },
      followRedirect: false,
      throwHttpErrors: false,
      retry: { limit: 0 },
      // 306 KB of gzip became 300 MB.
      decompress: false,
      maxHeaderSize: MAX_HEAD_BYTES,
      enableUnixSockets: false,
      http2: false,
    });
  }
}

/** got listens for upgrades, so Node hands the socket over and forgets it: close it, or it stays open for ever. */
function refuseUpgrade(this: Request, _response: unknown, socket: { destroy(): void }): void {
  socket.destroy();
  this.destroy(new InvalidResponseError());
}

/** Node's request with a target of its own: got takes it from a `URL`. */
function requestFor(target: string): RequestFunction {
  return (url, options, callback) =>
    (url.protocol === 'https:' ? https : http).request(url, { ...options, path: target }, callback);
}

function endToEnd(
  headers: Readonly<Record<string, string | string[]>> | undefined,
): Record<string, string | string[]> {
  return Object.fromEntries(Object.entries(headers ?? {}).filter(([name]) => !CONNECTION_HEADER.test(name)));
}

async function headOf(stream: Request): Promise<Response> {
  return new Promise((resolve, reject) => {
    stream.once('error', reject);
    stream.once('response', (response: Response) => {
      resolve(response);
    });
  });
}

function capped(stream: Request, head: Response, maxBytes: number): Readable {
  let received = 0;
  const limit = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      received += chunk.length;
      if (received > maxBytes) done(new ResponseTooLargeError());
      else done(null, chunk);
    },
  });
  // Its errors reach whoever reads the body, perhaps later: until then they must not end the process.
  limit.on('error', () => undefined);
  pipeline(stream, limit, () => undefined);
  if (Number(head.headers['content-length']) > maxBytes && head.request.options.method !== 'HEAD') {
    limit.destroy(new ResponseTooLargeError());
  }
  return limit;
}
