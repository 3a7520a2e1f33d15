import helmet from '@fastify/helmet';
import { type LoggerService, type Type, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpConfig } from '../config/config.js';
import { admitFirst } from './admission.js';
import { MOST_BODY_BYTES, registerBodyParsers } from './body-parsers.js';
import { refuseConnection } from './client-error.js';
import { closeUnread, guardAnswers, guardListener, LISTENER } from './listener.js';
import { serveOpenApi } from './openapi.js';
import { Problem, sendProblem } from './problem.js';

/** The application with its HTTP listener configured, not yet listening. Without a logger, the process's stays what it is. */
export async function createApp(
  root: Type | DynamicModule,
  logger: LoggerService | false | undefined,
): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: MOST_BODY_BYTES,
    requestTimeout: LISTENER.requestTimeout,
    keepAliveTimeout: LISTENER.keepAliveTimeout,
    // A caller that holds a connection open must not keep the process from ending.
    forceCloseConnections: true,
    genReqId: (request: { headers: Record<string, unknown> }) => requestId(request.headers['x-request-id']),
    routerOptions: { maxParamLength: 200 },
    frameworkErrors: (
      error: Error & { statusCode?: number },
      request: FastifyRequest,
      reply: FastifyReply,
    ) => {
      // No hook is run for these.
      closeUnread(reply);
      sendProblem(reply.header('x-request-id', request.id), badUrl(error.statusCode ?? 400, error.message));
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
  const fastify = adapter.getInstance();
  await fastify.register(
    helmet as never,
    {
      contentSecurityPolicy: false,
      // What speaks TLS says so, and for which names: behind plain HTTP, nobody here knows.
      strictTransportSecurity: false,
    } as never,
  );
  admitFirst(app);
  await registerBodyParsers(fastify as never);
  fastify.addHook('onRequest', (request, _reply, done) => {
    // PostgreSQL's text cannot hold it, so no id, name or cursor has it.
    done(/%00/.test(request.url) ? badUrl(400, 'the URL contains NUL (%00)') : undefined);
  });
  fastify.addHook('onSend', (request, reply, payload, done) => {
    void reply.header('x-request-id', request.id);
    done(null, payload);
  });
  const config = app.get<HttpConfig>(HttpConfig, { strict: false });
  guardAnswers(fastify as never, config);
  guardListener(fastify.server as Server, config, { speaksFaces: true });
  if (config.docs) serveOpenApi(app);
  return app;
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
