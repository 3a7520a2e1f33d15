import { Agent, type ClientRequest, request as send } from 'node:http';
import { now } from './figures.js';
import type { Held, HolderAnswers, ToHolder } from './messages.js';
import { answer } from './processes.js';

const POLL_S = 25;
/** Headers of all streams have come by then, or the service is stuck. */
const STREAMS_MS = 30_000;

let agent = new Agent();
let open = new Set<ClientRequest>();
let counts = { answered: 0, early: 0 };
let leaving = false;

answer<ToHolder>((question) => (question.ask === 'hold' ? hold(question) : Promise.resolve(leave())));

/** Resolves once every stream has begun; whether the polls are held, their answers tell. */
async function hold({
  serviceUrl,
  polls,
  streams,
}: ToHolder & { ask: 'hold' }): Promise<HolderAnswers['hold']> {
  agent = new Agent({ keepAlive: true });
  open = new Set();
  counts = { answered: 0, early: 0 };
  leaving = false;
  for (const held of polls) void poll(serviceUrl, held);
  const late = new Promise<never>((_, reject) =>
    setTimeout(() => reject(new Error('not every stream began in time')), STREAMS_MS).unref(),
  );
  await Promise.race([Promise.all(streams.map((held) => stream(serviceUrl, held))), late]);
  return null;
}

function leave(): HolderAnswers['leave'] {
  leaving = true;
  for (const outgoing of open) outgoing.destroy();
  agent.destroy();
  return counts;
}

/** As clients do: the next one as soon as one is answered. */
async function poll(serviceUrl: string, held: Held): Promise<void> {
  for (;;) {
    const at = now();
    const ended = await get(
      `${serviceUrl}/v1/operations/${held.id}?wait=${POLL_S}`,
      held.key,
      'application/json',
    ).ended;
    if (leaving) return;
    counts.answered++;
    if (ended !== 200 || now() - at < (POLL_S - 1) * 1000) counts.early++;
  }
}

/** Resolves once it has begun. */
async function stream(serviceUrl: string, held: Held): Promise<void> {
  const { begun, ended } = get(
    `${serviceUrl}/v1/operations/${held.id}/history`,
    held.key,
    'text/event-stream',
  );
  void ended.then(() => {
    if (!leaving) counts.early++;
  });
  await begun;
}

/** `ended` resolves with the status, 0 when the connection broke. */
function get(url: string, key: string, accept: string): { begun: Promise<void>; ended: Promise<number> } {
  const headers = { authorization: `Bearer ${key}`, accept };
  const outgoing = send(url, { agent, headers });
  open.add(outgoing);
  const begun = new Promise<void>((resolve) => outgoing.once('response', () => resolve()));
  const ended = new Promise<number>((resolve) => {
    outgoing.once('response', (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
      response.once('error', () => resolve(0));
    });
    outgoing.once('error', () => resolve(0));
  });
  void ended.then(() => open.delete(outgoing));
  outgoing.end();
  return { begun, ended };
}
