import type { FastifyInstance } from 'fastify';
import { VERSION } from '../config/version.js';

/** Relative, so that they hold below a path too. */
const LINKS = {
  docs: ['docs', 'the API, to be tried out'],
  openapi: ['openapi.json', 'the same for generators'],
  ready: ['health/ready', 'whether this process is ready'],
} as const;

/** What is answered at `/`, where people and programs look first. */
export function serveStartPage(app: FastifyInstance): void {
  app.get('/', (request, reply) => {
    void reply.header('vary', 'accept');
    if (/\btext\/html\b/.test(request.headers.accept ?? ''))
      return reply.type('text/html; charset=utf-8').send(page());
    const links = Object.fromEntries(Object.entries(LINKS).map(([name, [path]]) => [name, path]));
    return reply.send({ name: 'ringback', version: VERSION, links });
  });
}

function page(): string {
  const items = Object.values(LINKS).map(([path, what]) => `<li><a href="${path}">${path}</a>: ${what}</li>`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Ringback ${VERSION}</title>
<h1>Ringback ${VERSION}</h1>
<p>It runs slow API operations in the background and rings back, signed, when they end.</p>
<ul>
${items.join('\n')}
</ul>
</html>
`;
}
