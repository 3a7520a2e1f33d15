import http, {
  type ClientRequest,
  type IncomingMessage,
  type OutgoingMessage,
  type ServerResponse,
} from 'node:http';
import https from 'node:https';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Injectable, Logger } from '@nestjs/common';
import { createProxyServer, type ProxyServer } from 'httpxy';
import { GatewayConfig } from '../../config/config.js';
import { Problem } from '../../http/problem.js';
import { endToEndHeaders, pairs } from '../../operations/types/upstream-headers.js';
import { refuse, refuseUpgrade } from './gateway-refusals.js';

/** Idle connections to the upstream are dropped before most servers do it (Node: 5 s); milliseconds. */
const IDLE_MS = 4_000;

/** Passes requests to the upstream and its answers back, as they are, streaming both ways. */
@Injectable()
export class PassThrough {
  private readonly logger = new Logger('Gateway');
  private readonly agent: http.Agent;
  private readonly proxy: ProxyServer;
  /** Connections that asked for a WebSocket; true once the upstream has answered. */
  private readonly upgrades = new Map<Duplex, boolean>();

  constructor(config: GatewayConfig) {
    const { protocol, hostname } = new URL(config.upstream!);
    const options = { keepAlive: true, timeout: IDLE_MS, maxFreeSockets: 64 };
    this.agent =
      protocol === 'https:'
        ? // Node would expect a certificate for the caller's `Host` header; an address has no server name.
          new https.Agent({ ...options, servername: isIP(hostname.replace(/^\[|\]$/g, '')) ? '' : hostname })
        : new http.Agent(options);
    this.proxy = createProxyServer({
      target: config.upstream!,
      agent: this.agent as never,
      preserveHeaderKeyCase: true,
      proxyTimeout: config.idleS * 1000,
      upgradeTimeout: config.idleS * 1000,
    });
    this.proxy.on('proxyReq', (outgoing, request, response) => this.sending(outgoing, request, response));
    this.proxy.on('proxyRes', (answer, request, response) => answered(answer, request, response));
    this.proxy.on('proxyReqWs', (outgoing, _request, socket) => this.upgrading(outgoing, socket));
    this.proxy.on('error', (error, _request, response) => this.failed(error, response as never));
  }

  /** Resolves once the answer has been given, whichever it is. */
  async pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { headers } = request;
    delete headers['x-ringback-key'];
    // Node refuses to announce trailers where none can follow.
    if (headers['transfer-encoding'] === undefined) delete headers.trailer;
    if (headers.upgrade !== undefined) {
      // Of another protocol than WebSocket, h2c for instance: a server may leave that (RFC 9110, 7.8).
      delete headers.upgrade;
      delete headers['http2-settings'];
      headers.connection = 'close';
    }
    await this.proxy.web(request, response);
  }

  /** Passes a WebSocket, from its first request on. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    delete request.headers['x-ringback-key'];
    delete request.headers.trailer;
    this.upgrades.set(socket, false);
    socket.once('close', () => this.upgrades.delete(socket));
    this.proxy.ws(request, socket as Socket, {}, head).catch(() => socket.destroy());
  }

  /** Ends WebSockets, which would not end by themselves; their callers connect again, elsewhere. */
  closeWebSockets(): void {
    for (const socket of this.upgrades.keys()) socket.destroy();
  }

  /** Drops every connection. */
  close(): void {
    this.closeWebSockets();
    this.agent.destroy();
  }

  private sending(outgoing: ClientRequest, request: IncomingMessage, response: ServerResponse): void {
    passTrailers(request, outgoing, endToEndHeaders);
    outgoing.once('upgrade', (_answer, upstream) => {
      upstream.destroy();
      this.failed(Object.assign(new Error(), { code: 'HPE_INVALID_UPGRADE' }), response);
    });
  }

  private upgrading(outgoing: ClientRequest, socket: Duplex): void {
    socket.once('close', () => outgoing.destroy());
    outgoing.once('response', () => this.upgrades.set(socket, true));
    outgoing.once('upgrade', (_answer, upstream) => {
      this.upgrades.set(socket, true);
      // Where one side is gone without a word, the other mustn't wait for it.
      socket.once('close', () => upstream.destroy());
      upstream.once('close', () => socket.end());
    });
  }

  private failed(error: Error, response: ServerResponse | Duplex): void {
    // The caller has gone: that is no fault of the upstream's.
    if (response.destroyed) return;
    this.logger.warn({
      msg: 'the upstream could not be reached, or broke off',
      code: (error as { code?: string }).code,
    });
    const problem = new Problem(
      502,
      'upstream-unreachable',
      'the API behind this gateway cannot be reached, or did not answer; try again later',
    );
    if ('writeHead' in response) refuse(response.req, response, problem);
    // What follows an answer would be taken for a part of it.
    else if (this.upgrades.get(response) === true) response.destroy();
    else refuseUpgrade(response, problem);
  }
}

/** Makes of the upstream's answer one that Node can give; what it can't say would be thrown where nobody catches it. */
function answered(answer: IncomingMessage, request: IncomingMessage, response: ServerResponse): void {
  const { statusCode: status = 0, headers } = answer;
  const trailed =
    headers['transfer-encoding'] !== undefined &&
    request.httpVersion !== '1.0' &&
    request.method !== 'HEAD' &&
    status !== 204 &&
    status !== 304;
  if (!trailed) delete headers.trailer;
  if (status < 100) answer.statusCode = 502;
  if (/[^\t\x20-\x7e\x80-\xff]/.test(answer.statusMessage ?? '')) answer.statusMessage = '';
  passTrailers(answer, response, (raw) => raw);
}

/** Trailers go with the end of a message, so they are added before what is piped ends it. */
function passTrailers(
  from: IncomingMessage,
  to: OutgoingMessage,
  passed: (raw: readonly string[]) => readonly string[],
): void {
  from.once('end', () => {
    const trailers = pairs(passed(from.rawTrailers));
    if (trailers.length > 0) to.addTrailers(trailers);
  });
}
