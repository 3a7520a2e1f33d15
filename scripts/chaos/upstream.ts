import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RunFact } from './facts.js';

/** The API behind the gateway, which `http.request` calls too. It notes each POST: no operation may make two. */
export class Upstream {
  readonly posts: RunFact[] = [];

  private constructor(private readonly server: Server) {}

  static async start(): Promise<Upstream> {
    const server = createServer({ keepAliveTimeout: 30_000 });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const upstream = new Upstream(server);
    server.on('request', (request, response) => upstream.listen(request, response));
    return upstream;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private listen(request: IncomingMessage, response: ServerResponse): void {
    const operation = request.headers['x-ringback-operation'];
    if (request.method === 'POST' && typeof operation === 'string') {
      const now = Date.now();
      this.posts.push({ operation, attempt: 0, pid: 0, once: true, startedAt: now, endedAt: now });
    }
    const query = new URL(request.url!, this.url).searchParams;
    request.resume().on('error', () => undefined);
    response.on('error', () => undefined);
    setTimeout(
      () => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ item: Number(query.get('n')) }));
      },
      Number(query.get('ms') ?? 0),
    );
  }
}
