import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { createProxyServer } from 'httpxy';
import { answer } from './processes.js';

/** What the bench of the gateway asks: an upstream, or the proxy library alone in front of one. */
export type ToGatewayHelper =
  { readonly ask: 'upstream' } | { readonly ask: 'proxy'; readonly target: string };

const SLOW_MS = 3_000;
const CHUNK = Buffer.alloc(1024 * 1024, 1);
const CHUNKS = 200;

answer<ToGatewayHelper>(async (question) => {
  const server = http.createServer(question.ask === 'upstream' ? upstream : proxyTo(question.target));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
});

/** `/slow` takes 3 s, `/big` has 200 MB, all else is short. */
function upstream(request: http.IncomingMessage, response: http.ServerResponse): void {
  if (request.url!.startsWith('/slow')) setTimeout(() => response.end('ok'), SLOW_MS);
  else if (request.url!.startsWith('/big')) pour(response, CHUNKS);
  else response.end('hello');
}

function pour(response: http.ServerResponse, left: number): void {
  if (left === 0) response.end();
  else if (response.write(CHUNK)) pour(response, left - 1);
  else response.once('drain', () => pour(response, left - 1));
}

/** As the gateway uses it. */
function proxyTo(target: string): http.RequestListener {
  const agent = new http.Agent({ keepAlive: true, timeout: 4_000, maxFreeSockets: 64 });
  const proxy = createProxyServer({ target, agent: agent as never, preserveHeaderKeyCase: true });
  return (request, response) => void proxy.web(request, response);
}
