import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import helmet from 'helmet';
import { ConsoleConfig } from '../config/config.js';
import { originForm } from '../http/request-target.js';
import { ConsolePage } from './console-page.js';

/** Everything comes from here, nothing runs that stands in a page, and nobody frames it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "form-action 'self'",
  "base-uri 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/** What is no page, whoever asks: a script that is gone must not be answered with one. */
const NO_PAGE = /^(api|assets)(\/|$)/;

/** Serves the console at `/console`, from what was built. */
@Injectable()
export class ConsolePages implements OnModuleInit {
  private readonly logger = new Logger('Console');

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly config: ConsoleConfig,
  ) {}

  onModuleInit(): void {
    const index = join(this.config.folder, 'index.html');
    if (!existsSync(index)) {
      this.logger.warn('the console has not been built, and is not served: npm run build makes it');
      return;
    }
    const page = new ConsolePage(readFileSync(index, 'utf8'));
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    // Not awaited: that would have Fastify finish the routes which are there, before Nest has said how they tell errors.
    void fastify.register((scope, _options, done) => {
      scope.addHook('onRequest', guardPage);
      serveFiles(scope, this.config.folder);
      servePage(scope, page);
      done();
    });
  }
}

// What speaks TLS says so: behind plain HTTP, nobody here knows.
const forPages = helmet({
  contentSecurityPolicy: false,
  strictTransportSecurity: false,
  xFrameOptions: { action: 'deny' },
});

function guardPage(request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void {
  void reply.header('content-security-policy', POLICY);
  forPages(request.raw, reply.raw, () => done());
}

function serveFiles(scope: FastifyInstance, root: string): void {
  // Files whose names change with what is in them.
  const hashed = join(root, 'assets', '/');
  void scope.register(fastifyStatic, {
    root,
    prefix: '/console/',
    // Only what there is at the start has a route: nothing else of the disk can be asked for.
    wildcard: false,
    globIgnore: ['index.html', '**/*.br'],
    index: false,
    dotfiles: 'deny',
    decorateReply: false,
    preCompressed: true,
    cacheControl: false,
    setHeaders: (reply, path) => {
      const lasting = 'public, max-age=31536000, immutable';
      void reply.header('cache-control', path.startsWith(hashed) ? lasting : 'no-cache');
    },
  });
}

function servePage(scope: FastifyInstance, page: ConsolePage): void {
  // Relative, for the path that it is below is the browser's knowledge.
  scope.get('/console', (_request, reply) => reply.redirect('console/'));
  scope.get<{ Params: { '*': string } }>('/console/*', (request, reply) => {
    const html = NO_PAGE.test(request.params['*']) ? null : page.at(pathOf(request.raw.url!));
    if (html === null) return reply.callNotFound();
    return reply
      .headers({ 'cache-control': 'no-store', 'content-type': 'text/html; charset=utf-8' })
      .send(html);
  });
}

/** As the browser sees it: an escaped slash is none for it. */
function pathOf(target: string): string {
  return originForm(target)
    .replace(/[?#].*$/s, '')
    .slice('/console/'.length);
}
