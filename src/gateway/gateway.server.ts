import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { GatewayConfig, HttpConfig, ProcessConfig } from '../config/config.js';
import { toProblem } from '../faces/problem.filter.js';
import { FileTooLargeError } from '../files/files.service.js';
import { refuseConnection } from '../http/client-error.js';
import { closeAfterAnswers } from '../http/hanging-up.js';
import { guardListener, LISTENER, refuse } from '../http/listener.js';
import { Problem } from '../http/problem.js';
import { BackgroundRequests } from './background-requests.js';
import { beginsArray } from './batch-body.js';
import { refuseUpgrade } from './gateway-refusals.js';
import { routeOf } from './gateway-route.js';
import { PassThrough } from './pass-through.js';

const SERVER = {
  ...LISTENER,
  /** All else that asks for an upgrade is taken as the plain request that it is too; Node 22 has no such option. */
  shouldUpgradeCallback: isWebSocket,
};

/** How often connections that have become idle are looked for while the server closes; milliseconds. */
const LOOK_MS = 50;

/** The gateway's listener: Ringback's own routes, requests for the background, and all else passed to the upstream. */
@Injectable()
export class GatewayServer implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger('Gateway');
  private readonly server: http.Server;
  private closed: Promise<void> | undefined;

  constructor(
    private readonly background: BackgroundRequests,
    private readonly passing: PassThrough,
    private readonly adapter: HttpAdapterHost,
    private readonly config: GatewayConfig,
    private readonly listener: HttpConfig,
    private readonly process_: ProcessConfig,
  ) {
    this.server = http.createServer(SERVER);
    // What lies below /api is the upstream's here, not a face of ours.
    guardListener(this.server, listener, { speaksFaces: false });
    this.server.on('clientError', refuseConnection);
    this.server.on('request', (request, response) => void this.take(request, response, () => undefined));
    this.server.on('checkContinue', (request, response) => {
      // The body is asked for here, not once more by the upstream.
      delete request.headers.expect;
      void this.take(request, response, () => response.writeContinue());
    });
    this.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      if (isWebSocket(request) && routeOf(this.describe(request)).kind === 'pass')
        this.passing.upgrade(request, socket, head);
      else
        refuseUpgrade(
          socket,
          new Problem(400, 'upgrade-refused', 'only a WebSocket of the API is passed on, without bgrs'),
        );
    });
    this.server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
      socket.on('error', () => socket.destroy());
      refuseUpgrade(socket, new Problem(400, 'invalid-request', 'this is no forward proxy'));
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

  /** Answers go on, each the last one of its connection. */
  leave(): void {
    closeAfterAnswers(this.server);
  }

  /** Begins here, where nobody waits, so that requests under way have the same grace time as operations. */
  onModuleDestroy(): void {
    this.leave();
    const until = performance.now() + this.process_.shutdownGraceS * 1000;
    const ending = setInterval(() => {
      this.passing.closeWebSockets();
      this.server.closeIdleConnections();
      if (performance.now() >= until) this.server.closeAllConnections();
    }, LOOK_MS);
    this.closed = new Promise<void>((resolve) => this.server.close(() => resolve())).finally(() =>
      clearInterval(ending),
    );
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.closed;
    this.passing.close();
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
          return this.passing.pass(request, response);
        case 'array':
          ready();
          // Before any credential: what is no batch is the API's, which judges its callers itself.
          if (await beginsArray(request))
            return await this.answer(request, response, { batches: true, prefers: false }, () => undefined);
          return this.passing.pass(request, response);
        case 'background':
          return await this.answer(request, response, route, ready);
        default:
          return route satisfies never;
      }
    } catch (error) {
      // The caller broke off in the middle of the request: nobody is left to answer, and it is no fault of ours.
      if (error === request.errored) return;
      const problem = toProblem(error instanceof FileTooLargeError ? tooLarge(error) : error);
      // A coding that nobody here knows is the caller's choice, and no fault of ours.
      if (problem.status >= 500 && problem.status !== 501)
        this.logger.error({ msg: 'gateway request failed', code: problem.code, error: String(error) });
      refuse(request, response, problem);
    }
  }

  private async answer(
    request: IncomingMessage,
    response: ServerResponse,
    route: { batches: boolean; prefers: boolean },
    ready: () => void,
  ): Promise<void> {
    const late = new Problem(408, 'request-timeout', 'the body stopped arriving');
    request.setTimeout(this.config.idleS * 1000, () => {
      // Should it go on after all, nothing of it may be taken.
      response.once('finish', () => request.destroy(late));
      refuse(request, response, late);
    });
    const rid = await this.background.accept(request, route.batches, ready);
    if (response.destroyed) return;
    const body = JSON.stringify({ request: rid });
    response.writeHead(route.prefers ? 202 : 200, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
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
}

/** Nobody who sends a request thinks of it as a file. */
function tooLarge({ code, mostBytes }: FileTooLargeError): Problem {
  const message = `may have at most ${mostBytes} bytes in the background`;
  return new Problem(413, code, `the body ${message}`, { errors: [{ path: 'body', message }] });
}

function isWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';
}
