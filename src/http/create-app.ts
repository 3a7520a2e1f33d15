import { type LoggerService, type Type, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import helmet from 'helmet';
import { ConsoleConfig, HttpConfig } from '../config/config.js';
import type { TrustedProxies } from '../config/trusted-proxies.js';
import { admitFirst } from './admission.js';
import { MAX_BODY_BYTES, registerBodyParsers } from './body-parsers.js';
import { refuseConnection } from './client-error.js';
import { consoleTarget, isOfConsole } from './console-request.js';
import { closeUnread, guardAnswers, guardListener, LISTENER } from './listener.js';
import { serveOpenApi } from './openapi.js';
import { Problem, sendProblem } from './problem.js';
import { routable } from './raw-target.js';
import { serveStartPage } from './start-page.js';

/** What browsers show: the documentation. */
const PAGES = /\/docs(\/|$)/;
/** What also an answer that is no page tells browsers: what helmet sets besides is about pages. */
const OF_ALL = { 'x-content-type-options': 'nosniff' } as const;

/** The application with its HTTP listener configured, not yet listening. Without a logger, the process's stays what it is. */
export async function createApp(
  root: Type | DynamicModule,
  logger: LoggerService | false | undefined,
): Promise<NestFastifyApplication> {
  // Known once the application is made, which is before anybody asks.
  let trusted: TrustedProxies | undefined;
  let hasConsole = false;
  const adapter = new FastifyAdapter({
    trustProxy: (address: string) => trusted!.trusts(address),
    rewriteUrl: (request: IncomingMessage) => routable(hasConsole ? consoleTarget(request) : request.url!),
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: LISTENER.requestTimeout,
    keepAliveTimeout: LISTENER.keepAliveTimeout,
    // A caller that holds a connection open must not keep the process from ending.
    forceCloseConnections: true,
    genReqId: (request: { headers: Record<string, unknown> }) => requestId(request.headers['x-request-id']),
    // Callers' own names, which are the longest, have so many characters.
    routerOptions: { maxParamLength: 255 },
    frameworkErrors: (
      error: Error & { statusCode?: number },
      request: FastifyRequest,
      reply: FastifyReply,
    ) => {
      // No hook is run for these.
      closeUnread(reply);
      void reply.headers({ 'x-request-id': request.id, 'cache-control': 'no-store' });
      sendProblem(reply, badUrl(error.statusCode ?? 400, error.message));
    },
    clientErrorHandler: refuseConnection,
    http: LISTENER,
  } as ConstructorParameters<typeof FastifyAdapter>[0]);
  const app = await NestFactory.create<NestFastifyApplication>(root, adapter, {
    ...(logger === undefined ? {} : { logger }),
    abortOnError: false,
    bufferLogs: false,
    // Nest's would take urlencoded forms too, which any web page may send without asking.
    bodyParser: false,
  });
  const config = app.get<HttpConfig>(HttpConfig, { strict: false });
  const { isOn } = app.get<ConsoleConfig>(ConsoleConfig, { strict: false });
  trusted = config.trustedProxies;
  hasConsole = isOn;
  const fastify = adapter.getInstance();
  // What speaks TLS says so, and for which names: behind plain HTTP, nobody here knows.
  const ofPages = helmet({ contentSecurityPolicy: false, strictTransportSecurity: false });
  fastify.addHook('onRequest', (request, reply, done) => {
    if (PAGES.test(request.routeOptions.url ?? ''))
      ofPages(request.raw as IncomingMessage, reply.raw as ServerResponse, () => done());
    else done();
  });
  admitFirst(app);
  await registerBodyParsers(fastify as never);
  fastify.addHook('onRequest', (request, _reply, done) => {
    // PostgreSQL's text cannot hold it, so no id, name or cursor has it.
    done(/%00/.test(request.url) ? badUrl(400, 'the URL contains NUL (%00)') : undefined);
  });
  fastify.addHook('onSend', (request, reply, payload, done) => {
    void reply.header('x-request-id', request.id).headers(OF_ALL);
    // An id for one caller, a state that changes, a credential in the query: none may be kept by what stands in between.
    if (!reply.hasHeader('cache-control')) void reply.header('cache-control', 'no-store');
    if (isOfConsole(request.raw as IncomingMessage)) guardConsoleAnswer(reply as never);
    done(null, payload);
  });
  guardAnswers(fastify as never, config);
  guardListener(fastify.server as Server, config, { speaksFaces: true });
  serveStartPage(fastify as never);
  if (config.docs) serveOpenApi(app);
  return app;
}

/** What a caller, a handler or a receiver wrote must not become a page of the console's origin, nor stay in a browser. */
function guardConsoleAnswer(reply: FastifyReply): void {
  const headers = { 'cache-control': 'no-store', 'content-security-policy': "default-src 'none'; sandbox" };
  for (const [name, value] of Object.entries(headers))
    if (!reply.hasHeader(name)) void reply.header(name, value);
}

function badUrl(status: number, message: string): Problem {
  return new Problem(status, status === 414 ? 'uri-too-long' : 'malformed-url', message.slice(0, 300), {
    errors: [{ path: 'url', message: message.slice(0, 300) }],
  });
}

/** A caller's own request id is kept when it is harmless in logs and headers. */
function requestId(given: unknown): string {
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
}
