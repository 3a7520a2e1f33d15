import type { FastifyInstance } from 'fastify';
import { VERSION } from '../config/version.js';

// Links are relative, so that they hold below a path too.
const page = (links: string): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Ringback ${VERSION}</title>
<h1>Ringback ${VERSION}</h1>
<p>It runs slow API operations in the background and rings back, signed, when they end.</p>
<ul>${links}
<li><a href="docs">docs</a>: the API, to be tried out</li>
<li><a href="openapi.json">openapi.json</a>: the same for generators</li>
<li><a href="health/ready">health/ready</a>: whether this process is ready</li>
</ul>
</html>
`;
const CONSOLE = '\n<li><a href="console/">console</a>: what happened, and how to put it right</li>';

/** Serves what people see who open the address in a browser; for programs there is nothing at `/`. */
export function serveStartPage(app: FastifyInstance): void {
  app.get('/', (request, reply) => {
    void reply.header('vary', 'accept');
    if (!/\btext\/html\b/.test(request.headers.accept ?? '')) return reply.callNotFound();
    const hasConsole = app.hasRoute({ method: 'GET', url: '/console' });
    return reply.type('text/html; charset=utf-8').send(page(hasConsole ? CONSOLE : ''));
  });
}
