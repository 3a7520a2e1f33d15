import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { SettingError } from '../config/settings.js';
import { originForm } from '../http/request-target.js';

/** Requests that a host's Fastify hands over as they came: before its hooks, parsers, guards, pipes and filters. */
export class Mount {
  private readonly open = new Set<ServerResponse>();

  private constructor(
    private readonly path: string,
    private readonly serve: (request: IncomingMessage, response: ServerResponse) => void,
  ) {}

  /** Serves everything under `path` with `inner`, which never listens itself. */
  static on(host: HttpAdapterHost, path: string, inner: FastifyInstance): Mount {
    const adapter = host.httpAdapter as HttpAdapterHost['httpAdapter'] | undefined;
    if (adapter?.getType() !== 'fastify') {
      throw new SettingError(
        `mount "${path}" needs an application on Fastify: make it with FastifyAdapter, or leave mount out`,
      );
    }
    const mount = new Mount(path, (request, response) => inner.routing(request, response));
    adapter.getInstance<FastifyInstance>().addHook('onRequest', (request, reply, done) => {
      const rest = mount.inside(originForm(request.raw.url ?? '/'));
      if (rest === null) return done();
      reply.hijack();
      mount.pass(request.raw, reply.raw, rest);
    });
    return mount;
  }

  /** Ends what is still being answered: the host closes its server only when nobody is connected. */
  close(): void {
    for (const response of this.open) response.destroy();
  }

  /** The URL below the path; null for one that isn't. */
  private inside(url: string): string | null {
    if (!url.startsWith(this.path)) return null;
    const rest = url.slice(this.path.length);
    if (rest === '' || rest.startsWith('?')) return `/${rest}`;
    return rest.startsWith('/') ? rest : null;
  }

  private pass(request: IncomingMessage, response: ServerResponse, url: string): void {
    this.open.add(response);
    response.once('close', () => this.open.delete(response));
    request.url = url;
    this.serve(request, response);
  }
}
