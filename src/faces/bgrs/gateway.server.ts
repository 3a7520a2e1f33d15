import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { createProxyServer, type ProxyServer } from 'httpxy';
import { GatewayConfig, HttpConfig } from '../../config/config.js';
import { Problem } from '../../http/problem.js';
import { toProblem } from '../problem.filter.js';
import { BackgroundRequests } from './background-requests.js';
import { routeOf } from './gateway-route.js';

/** Idle connections to the upstream are dropped before most servers do it (Node: 5 s); milliseconds. */
const IDLE_MS = 4_000;
/** How much of a refused body is still read, so that the answer isn't lost in a reset connection; milliseconds. */
const LINGER_MS = 2_000;

/** The gateway's listener: Ringback's own routes, requests for the background, and all else passed to the upstream. */
@Injectable()
export class GatewayServer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Gateway');
  private readonly server: http.Server;
  private readonly agent: http.Agent;
  private readonly proxy: ProxyServer;
  private readonly upgraded = new Set<Duplex>();

  constructor(
    private readonly background: BackgroundRequests,
    private readonly adapter: HttpAdapterHost,
    private readonly config: GatewayConfig,
    private readonly listener: HttpConfig,
  ) {
    const Agent = config.upstream!.startsWith('https:') ? https.Agent : http.Agent;
    this.agent = new Agent({ keepAlive: true, timeout: IDLE_MS, maxFreeSockets: 64 });
    this.proxy = createProxyServer({
      target: config.upstream!,
      agent: this.agent as never,
      preserveHeaderKeyCase: true,
    });
    this.proxy.on('error', (error, _request, response) => this.upstreamFailed(error, response as never));
    this.proxy.on('proxyRes', (answer, _request, response) => {
      // Before the library's own listener ends the response.
      answer.on('end', () => {
        if (answer.rawTrailers.length === 0) return;
        const trailers: [string, string][] = [];
        for (let at = 0; at + 1 < answer.rawTrailers.length; at += 2)
          trailers.push([answer.rawTrailers[at]!, answer.rawTrailers[at + 1]!]);
        response.addTrailers(trailers);
      });
    });
    this.server = http.createServer({ requestTimeout: 0, headersTimeout: 10_000, maxHeaderSize: 16 * 1024 });
    this.server.on('request', (request, response) => void this.take(request, response, () => undefined));
    this.server.on('checkContinue', (request, response) => {
      // The body is asked for here, not once more by the upstream.
      delete request.headers.expect;
      void this.take(request, response, () => response.writeContinue());
    });
    this.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.upgraded.add(socket);
      socket.once('close', () => this.upgraded.delete(socket));
      socket.on('error', () => socket.destroy());
      if (routeOf(this.describe(request)).kind === 'pass')
        void this.proxy.ws(request, socket as Socket, {}, head)?.catch?.(() => socket.destroy());
      else socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.adapter.httpAdapter.getInstance<FastifyInstance>().ready();
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.config.port, this.listener.host, resolve);
    });
    this.logger.log(`the gateway listens on port ${this.config.port}, in front of ${this.config.upstream}`);
  }

  async beforeApplicationShutdown(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.upgraded) socket.destroy();
    this.server.closeAllConnections();
    this.agent.destroy();
    await closed;
  }

  private async take(request: IncomingMessage, response: ServerResponse, ready: () => void): Promise<void> {
    try {
      const route = routeOf(this.describe(request));
      switch (route.kind) {
        case 'refused':
          throw new Problem(400, 'invalid-request', `${route.field} ${route.message}`, {
            errors: [{ path: route.field, message: route.message }],
          });
        case 'own':
          ready();
          request.url = route.target;
          this.adapter.httpAdapter.getInstance<FastifyInstance>().routing(request, response);
          return;
        case 'pass':
          ready();
          await this.proxy.web(request, response);
          return;
        case 'background':
          return await this.answer(request, response, route, ready);
        default:
          return route satisfies never;
      }
    } catch (error) {
      this.refuse(request, response, toProblem(error));
    }
  }

  private async answer(
    request: IncomingMessage,
    response: ServerResponse,
    route: { batch: boolean; prefers: boolean },
    ready: () => void,
  ): Promise<void> {
    const rid = await this.background.accept(request, route.batch, ready);
    if (response.destroyed) return;
    const body = JSON.stringify({ request: rid });
    response.writeHead(route.prefers ? 202 : 200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...(route.prefers
        ? { location: `${this.config.publicUrl}/bgrs/${rid}`, 'preference-applied': 'respond-async' }
        : {}),
    });
    response.end(body);
  }

  private describe(request: IncomingMessage) {
    return {
      method: request.method!,
      target: request.url!,
      contentType: request.headers['content-type'],
      prefer: request.headers.prefer as string | undefined,
      batchPaths: this.config.batchPaths,
    };
  }

  private refuse(request: IncomingMessage, response: ServerResponse, problem: Problem): void {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    if (problem.status >= 500) this.logger.error({ msg: 'gateway request failed', code: problem.code });
    const body = JSON.stringify(problem.toBody());
    const unread = !request.complete;
    response.writeHead(problem.status, {
      ...problem.extras.headers,
      'content-type': 'application/problem+json',
      'content-length': Buffer.byteLength(body),
      ...(unread ? { connection: 'close' } : {}),
    });
    response.end(body);
    if (!unread) return;
    request.on('error', () => undefined).resume();
    setTimeout(() => request.socket.destroy(), LINGER_MS).unref();
  }

  private upstreamFailed(error: Error, response: ServerResponse | Duplex): void {
    this.logger.warn({ msg: 'the upstream could not be reached', code: (error as { code?: string }).code });
    if (!('writeHead' in response)) {
      if (response.writable)
        response.end('HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    this.refuse(
      response.req,
      response,
      new Problem(
        502,
        'upstream-unreachable',
        'the API behind this gateway cannot be reached; try again later',
      ),
    );
  }
}
