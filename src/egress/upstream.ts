import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';

/** One request to the provider's API, as it goes over the wire. */
export interface UpstreamRequest {
  readonly method: string;
  /** Path and query, byte for byte. */
  readonly target: string;
  /** Names and values in turn, in order and case; `Host` and the body's length included. */
  readonly headers: readonly string[];
  readonly body: Readable | Buffer | null;
  /** Whether a connection that an earlier request left open may be used: only where a repeat does no harm. */
  readonly kept: boolean;
  readonly signal: AbortSignal;
}

/** Idle connections are dropped before most servers do it (Node: 5 s); milliseconds. */
const IDLE_MS = 4_000;
const MOST_SOCKETS = 256;

/**
 * Calls the provider's own API. The operator named it, so it isn't judged as callers' URLs are; but no request goes
 * anywhere else, since the target is only ever a path, and no redirect is followed.
 */
export class UpstreamClient {
  private readonly url: URL;
  private readonly transport: typeof http | typeof https;
  private readonly agent: http.Agent;

  constructor(origin: string) {
    this.url = new URL(origin);
    this.transport = this.url.protocol === 'https:' ? https : http;
    this.agent = new this.transport.Agent({ keepAlive: true, timeout: IDLE_MS, maxSockets: MOST_SOCKETS });
  }

  /** Resolves with the head of the response, whatever its status; its body fails when the connection breaks. */
  send(request: UpstreamRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = this.transport.request({
        protocol: this.url.protocol,
        hostname: this.url.hostname.replace(/^\[|\]$/g, ''),
        port: this.url.port,
        method: request.method,
        path: request.target,
        headers: request.headers,
        agent: request.kept ? this.agent : false,
        signal: request.signal,
      });
      outgoing.once('response', resolve);
      outgoing.on('error', reject);
      outgoing.once('upgrade', (_response, socket: { destroy(): void }) => {
        socket.destroy();
        reject(Object.assign(new Error('the upstream switched protocols'), { code: 'HPE_INVALID_UPGRADE' }));
      });
      if (request.body === null || Buffer.isBuffer(request.body)) outgoing.end(request.body ?? undefined);
      else {
        request.body.once('error', (error) => outgoing.destroy(error));
        request.body.pipe(outgoing);
      }
    });
  }

  /** Drops every connection. */
  close(): void {
    this.agent.destroy();
  }
}
