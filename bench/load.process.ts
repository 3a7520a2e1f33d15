import { Agent, request as send } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { now } from './figures.js';
import type { LoadAnswer, Submitted, ToLoad, ToOffer, ToSubmit } from './messages.js';
import { dueWithin, intendedMs } from './pace.js';
import { answer } from './processes.js';

/** About what a translation job's own input weighs. */
const INPUT = { project: 4711, segments: [1, 2, 3], note: 'the quick brown fox jumps over the lazy dog' };
/** Connections of an open loop: a service that keeps up needs a few. */
const MAX_CONNECTIONS = 1_000;

answer<ToLoad>((asked) => (asked.ask === 'submit' ? submitAll(asked) : offerAll(asked)));

/** A closed loop: each connection goes on when it has its answer. */
async function submitAll(asked: ToSubmit): Promise<LoadAnswer> {
  const maker = new Maker(asked, asked.concurrency, asked.gapMs > 0);
  let left = asked.count;
  const submitSome = async (): Promise<void> => {
    while (left > 0) {
      await maker.submit(left--, now());
      // A jitter, so that no phase of the service's own timers is hit every time.
      if (asked.gapMs > 0) await pause(asked.gapMs * (0.75 + Math.random() / 2));
    }
  };
  await Promise.all(Array.from({ length: asked.concurrency }, submitSome));
  return maker.end();
}

/** An open loop: each is sent at its time, whether those before it were answered or not. */
async function offerAll(asked: ToOffer): Promise<LoadAnswer> {
  const { count, rate } = asked;
  const maker = new Maker(asked, MAX_CONNECTIONS, true);
  const underWay: Promise<void>[] = [];
  while (underWay.length < count) {
    const due = dueWithin(now() - maker.startedAt, rate, count);
    while (underWay.length < due) {
      const number = underWay.length;
      underWay.push(maker.submit(number, maker.startedAt + intendedMs(number, rate)));
    }
    await pause(Math.max(1, maker.startedAt + intendedMs(due, rate) - now()));
  }
  await Promise.all(underWay);
  return maker.end();
}

/** Submits over kept connections and notes how it went. */
class Maker {
  readonly startedAt = now();
  private readonly agent: Agent;
  private readonly url: URL;
  private readonly answerMs: number[] = [];
  private readonly submitted: Submitted[] = [];
  private refused = 0;

  constructor(
    private readonly asked: ToLoad,
    connections: number,
    private readonly notes: boolean,
  ) {
    this.agent = new Agent({ keepAlive: true, maxSockets: connections });
    this.url = new URL('/v1/operations', asked.serviceUrl);
  }

  async submit(number: number, intendedAt: number): Promise<void> {
    const sentAt = now();
    const { status, body } = await this.post(number);
    const answeredAt = now();
    this.answerMs.push(answeredAt - intendedAt);
    if (status !== 202) this.refused++;
    else if (this.notes) {
      const { id } = JSON.parse(body) as { id: string };
      this.submitted.push({ rid: id, intendedAt, sentAt, answeredAt });
    }
  }

  end(): LoadAnswer {
    this.agent.destroy();
    const { startedAt, answerMs, refused, submitted } = this;
    return { startedAt, endedAt: now(), answerMs, refused, submitted };
  }

  private post(number: number): Promise<{ status: number; body: string }> {
    const { key, ports } = this.asked;
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
    return new Promise((resolve) => {
      const outgoing = send(this.url, { method: 'POST', agent: this.agent, headers }, (response) => {
        let body = '';
        if (this.notes) response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        else response.resume();
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
        response.on('error', () => resolve({ status: 0, body }));
      });
      outgoing.on('error', () => resolve({ status: 0, body: '' }));
      outgoing.end(text);
    });
  }
}
