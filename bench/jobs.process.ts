import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ToJobs } from './messages.js';
import { answer } from './processes.js';

/** An API whose jobs run until they are told to end: 202 and a Location, and a state that says how far each is. */
const polledAt = new Map<string, number>();
let made = 0;
let polls = 0;
let gaps: number[] = [];
let connections = 0;
let over = false;

answer<ToJobs>(async (question) => {
  switch (question.ask) {
    case 'listen':
      return { port: await listen() };
    case 'count': {
      const counted = { polls, gapsMs: gaps, jobs: polledAt.size, connections };
      polls = 0;
      gaps = [];
      return counted;
    }
    case 'end':
      over = true;
      return null;
    default:
      return question satisfies never;
  }
});

async function listen(): Promise<number> {
  const server = createServer({ keepAliveTimeout: 30_000 }, (request, response) => {
    const id = /^\/jobs\/(\d+)$/.exec(request.url!)?.[1];
    if (id === undefined) {
      request.resume();
      response.writeHead(202, { location: `/jobs/${++made}` }).end();
      return;
    }
    const before = polledAt.get(id);
    const now = performance.now();
    if (before !== undefined) gaps.push(Math.round(now - before));
    polledAt.set(id, now);
    polls++;
    const state = {
      id,
      status: over ? 'succeeded' : 'running',
      percentComplete: 40,
      created: '2026-01-01T00:00:00Z',
    };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(state));
  });
  server.on('connection', () => connections++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
