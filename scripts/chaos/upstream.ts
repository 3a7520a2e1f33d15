import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RunFact } from './facts.js';

/** The API behind the gateway, which `http.request` calls too. It notes each POST: no operation may make two. */
export class Upstream {
  readonly posts: RunFact[] = [];
  /** When the jobs end that POSTs to /jobs have begun, by their place. */
  private readonly jobs: number[] = [];

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
    const { pathname, searchParams: query } = new URL(request.url!, this.url);
    request.resume().on('error', () => undefined);
    response.on('error', () => undefined);
    if (pathname.startsWith('/jobs')) return this.answerOfJob(pathname, query, response);
    setTimeout(
      () => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ item: Number(query.get('n')) }));
      },
      Number(query.get('ms') ?? 0),
    );
  }

  /** 202 and where to ask again, until the job has ended. */
  private answerOfJob(pathname: string, query: URLSearchParams, response: ServerResponse): void {
    const [, , asked] = pathname.split('/');
    const job =
      asked === undefined ? this.jobs.push(Date.now() + Number(query.get('ms'))) - 1 : Number(asked);
    if (asked !== undefined && this.jobs[job]! <= Date.now()) {
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ job }));
      return;
    }
    response.writeHead(202, { location: `/jobs/${job}` }).end();
  }
}
