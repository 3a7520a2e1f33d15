import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { now } from './figures.js';
import type { Arrival, ToReceiver } from './messages.js';
import { answer } from './processes.js';

const FINISHED_AT = '"finished_at":"';

let first = new Map<string, Arrival>();
let duplicates = 0;
let awaited: { count: number; reached: (at: number) => void } | undefined;

answer<ToReceiver>(async (question) => {
  switch (question.ask) {
    case 'listen':
      return { ports: await Promise.all(Array.from({ length: question.origins }, listen)) };
    case 'forget':
      first = new Map();
      duplicates = 0;
      return null;
    case 'reach':
      return { at: await reach(question.count) };
    case 'arrivals':
      return { first: [...first.values()], duplicates };
    default:
      return question satisfies never;
  }
});

async function listen(): Promise<number> {
  const server = createServer({ keepAliveTimeout: 30_000 }, (request, response) => {
    const rid = request.headers['ringback-operation'];
    if (typeof rid !== 'string') {
      request.resume().on('end', () => response.end());
      return;
    }
    const at = now();
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')));
    request.on('end', () => {
      response.end();
      take(rid, at, body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function take(rid: string, at: number, body: string): void {
  if (first.has(rid)) {
    duplicates++;
    return;
  }
  const start = body.indexOf(FINISHED_AT) + FINISHED_AT.length;
  first.set(rid, [rid, at, Date.parse(body.slice(start, body.indexOf('"', start)))]);
  if (awaited && first.size >= awaited.count) {
    awaited.reached(at);
    awaited = undefined;
  }
}

function reach(count: number): Promise<number> {
  if (first.size >= count) return Promise.resolve(now());
  return new Promise((reached) => (awaited = { count, reached }));
}
