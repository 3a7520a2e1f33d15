import { Agent, request as send } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { now, type Spread, spreadOf } from './figures.js';
import type { ServiceProcess } from './service.js';

/** Rounds that are not counted. */
const WARMUP = 20;
/** How long an operation runs, and twice that at the most: its answer is held by then. */
const RUNS_S = 0.1;
const GAP_MS = 50;
const POLL_S = 25;
const END = '"status":"Finished"';

/** End → arrival of what was held for it, one operation at a time. */
export interface WakeUps {
  /** `GET /v1/operations/:id?wait=25`, all of it. */
  readonly poll: Spread;
  /** The end's entry in a history stream. */
  readonly stream: Spread;
  /** For comparison: a plain read of the ended operation, from its request on. */
  readonly read: Spread;
}

/** Measures by turns, so that what else the machine does falls on both. */
export async function measureWakeUps(service: ServiceProcess, samples: number): Promise<WakeUps> {
  const caller = new Caller(service);
  const late = { poll: [] as number[], stream: [] as number[], read: [] as number[] };
  try {
    for (let round = -WARMUP; round < samples; round++) {
      for (const how of ['poll', 'stream'] as const) {
        const { news, read } = await caller.wokenAfter(how);
        if (round >= 0) {
          late[how].push(news);
          late.read.push(read);
        }
        await pause(GAP_MS * (0.75 + Math.random() / 2));
      }
    }
  } finally {
    caller.end();
  }
  return { poll: spreadOf(late.poll), stream: spreadOf(late.stream), read: spreadOf(late.read) };
}

class Caller {
  private readonly agent = new Agent({ keepAlive: true });

  constructor(private readonly service: ServiceProcess) {}

  end(): void {
    this.agent.destroy();
  }

  /** Milliseconds from `finished_at`, which is before the end is committed, to the news; and of a read after it. */
  async wokenAfter(how: 'poll' | 'stream'): Promise<{ news: number; read: number }> {
    const input = { seconds: RUNS_S * (1 + Math.random()) };
    const body = JSON.stringify({ type: 'sleep', input });
    const submitted = await this.call('/v1/operations', { body });
    const { id } = JSON.parse(submitted.text) as { id: string };
    const path = `/v1/operations/${id}`;
    const news =
      how === 'poll'
        ? await this.call(`${path}?wait=${POLL_S}`)
        : await this.call(`${path}/history`, { accept: 'text/event-stream', until: END });
    const askedAt = now();
    const { text, at } = await this.call(path);
    const { status, finished_at } = JSON.parse(text) as { status: string; finished_at: string };
    if (status !== 'Finished' || !news.text.includes(END)) throw new Error(`${path} was not held to its end`);
    return { news: news.at - Date.parse(finished_at), read: at - askedAt };
  }

  /** Answers the text, and when all of it had come, or `until` was in it. */
  private call(
    path: string,
    { body, accept, until }: { body?: string; accept?: string; until?: string } = {},
  ): Promise<{ text: string; at: number }> {
    const headers = {
      authorization: `Bearer ${this.service.key}`,
      ...(accept === undefined ? {} : { accept }),
      ...(body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    };
    const method = body === undefined ? 'GET' : 'POST';
    return new Promise((resolve, reject) => {
      const outgoing = send(
        new URL(path, this.service.url),
        { method, agent: this.agent, headers },
        (response) => {
          let text = '';
          let at: number | undefined;
          response.on('data', (chunk: Buffer) => {
            text += chunk.toString();
            if (until !== undefined && text.includes(until)) at ??= now();
          });
          response.on('end', () => resolve({ text, at: at ?? now() }));
          response.on('error', reject);
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }
}
