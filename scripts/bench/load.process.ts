import { Agent, request as send } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { now } from './figures.js';
import type { LoadAnswer, ToLoad } from './messages.js';
import { answer } from './processes.js';

/** About what a translation job's own input weighs. */
const INPUT = { project: 4711, segments: [1, 2, 3], note: 'the quick brown fox jumps over the lazy dog' };

answer<ToLoad>(submitAll);

async function submitAll(asked: ToLoad): Promise<LoadAnswer> {
  const agent = new Agent({ keepAlive: true, maxSockets: asked.concurrency });
  const url = new URL('/v1/operations', asked.serviceUrl);
  const answerMs: number[] = [];
  const submitted: [string, number][] = [];
  let left = asked.count;
  let refused = 0;
  const submitSome = async (): Promise<void> => {
    while (left > 0) {
      const number = left--;
      const at = now();
      const { status, body } = await post(url, asked, agent, number);
      answerMs.push(now() - at);
      if (status !== 202) refused++;
      else if (asked.gapMs > 0) submitted.push([(JSON.parse(body) as { id: string }).id, at]);
      // A jitter, so that no phase of the service's own timers is hit every time.
      if (asked.gapMs > 0) await pause(asked.gapMs * (0.75 + Math.random() / 2));
    }
  };
  const startedAt = now();
  await Promise.all(Array.from({ length: asked.concurrency }, submitSome));
  const endedAt = now();
  agent.destroy();
  return { startedAt, endedAt, answerMs, refused, submitted };
}

function post(url: URL, { key, ports, gapMs }: ToLoad, agent: Agent, number: number) {
  const text = JSON.stringify({
    type: 'echo',
    input: INPUT,
    correlation: `bench-${number}`,
    callback: { url: `http://127.0.0.1:${ports[number % ports.length]}/callback` },
  });
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  };
  return new Promise<{ status: number; body: string }>((resolve) => {
    const outgoing = send(url, { method: 'POST', agent, headers }, (response) => {
      let body = '';
      if (gapMs > 0) response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      else response.resume();
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', () => resolve({ status: 0, body }));
    });
    outgoing.on('error', () => resolve({ status: 0, body: '' }));
    outgoing.end(text);
  });
}
