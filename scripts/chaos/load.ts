import { setTimeout as pause } from 'node:timers/promises';
import type { Acknowledged, Ended, Refusal, Told } from './facts.js';
import { type LoadItem, OPERATIONS_OF_A_BATCH, operationsOf } from './load-plan.js';
import { FRONTS, type ProcessName } from './schedule.js';
import type { Stage } from './stage.js';

/** Items under way at once: as many as come while a process is frozen and lets its callers wait. */
const MAX_AT_ONCE = 400;
const ANSWER_MS = 5_000;
const AGAIN_MS = 200;
const WAIT_S = 2;
/** How far ahead `scheduled` operations are: further than an answer is waited for. */
const AHEAD_MS = ANSWER_MS + 2_000;
const ACCEPTED = [200, 202];
/** Answers that say: again later. */
const BUSY = [409, 429, 503];
const TERMINAL: readonly string[] = ['Finished', 'Failed', 'Canceled'] satisfies Ended[];

interface Request {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: object;
  readonly gateway?: boolean;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Submits the load at an even pace, each item until it is acknowledged, and remembers what it was told. */
export class Load {
  readonly acknowledged: Acknowledged[] = [];
  readonly told: Told[] = [];
  readonly refusals: Refusal[] = [];
  /** Requests that got no answer: what they asked for may have been accepted all the same. */
  unanswered = 0;
  /** Items whose time was over before they were acknowledged. */
  unsent = 0;
  /** Answers with a status of 500 or above. */
  readonly serverErrors: string[] = [];
  private readonly ending = new AbortController();

  constructor(
    private readonly stage: Stage,
    private readonly items: readonly LoadItem[],
  ) {}

  /** Resolves once all items are done with, at the latest some seconds after `seconds`. */
  async run(seconds: number): Promise<void> {
    const startedAt = performance.now();
    const late = setTimeout(() => this.end(), seconds * 1000);
    const paceMs = (seconds * 900) / this.items.length;
    let next = 0;
    const work = async (): Promise<void> => {
      for (let nth = next++; this.items[nth] && !this.over; nth = next++) {
        const ms = Math.max(0, startedAt + nth * paceMs - performance.now());
        const isOver = await pause(ms, false, { signal: this.ending.signal }).catch(() => true);
        if (isOver) this.unsent += operationsOf(this.items[nth]!);
        else await this.submit(this.items[nth]!);
      }
    };
    await Promise.all(Array.from({ length: MAX_AT_ONCE }, work));
    clearTimeout(late);
    this.unsent += Math.max(0, this.items.length - next);
  }

  /** What isn't submitted yet isn't any more. */
  end(): void {
    this.ending.abort();
  }

  private get over(): boolean {
    return this.ending.signal.aborted;
  }

  private async submit(item: LoadItem): Promise<void> {
    switch (item.kind) {
      case 'batch':
        return this.batch(item);
      case 'idempotent':
        return this.idempotent(item);
      case 'cancel':
        return this.cancel(item);
      case 'rerun':
        return this.rerun(item);
      case 'acknowledged-by-poll':
        await this.poll(item, await this.accepted(item, this.native(item, { ack_by_poll: true })));
        return;
      default:
        // Made anew for each try: the time of a scheduled one must not be past.
        await this.accepted(item, () => this.requestOf(item));
    }
  }

  private requestOf(item: LoadItem): Request {
    const { kind, number, ms } = item;
    const gateway = { gateway: true, headers: { 'x-callback-url': this.callbackOf(item) } };
    switch (kind) {
      case 'bgrs-get':
        return { ...gateway, method: 'GET', path: `/work?n=${number}&ms=${ms}&bgrs=yes` };
      case 'bgrs-post':
        return { ...gateway, path: `/work?n=${number}&ms=${ms}&bgrs=yes`, body: { item: number } };
      case 'trm':
        return { path: '/api/chaos/noted', body: { ms, callbackurl: this.callbackOf(item) } };
      case 'http-request': {
        const url = `${this.stage.upstream.url}/fetch?n=${number}&ms=${ms}`;
        return this.native(item, { type: 'http.request', input: { method: 'GET', url } });
      }
      case 'keyed':
        return this.native(item, { flow: { key: `key ${number % 3}`, parallelism: 1 } });
      case 'once':
        return this.native(item, { type: 'chaos.once' });
      case 'retried':
        return this.native(item, { input: { ms, fails: 2 } });
      case 'refused':
        return this.native(item, { input: { ms, refused: 1 } });
      case 'scheduled':
        return this.native(item, { run_at: new Date(Date.now() + AHEAD_MS).toISOString() });
      default:
        return this.native(item);
    }
  }

  private native(item: LoadItem, other: object = {}): Request {
    return { path: '/v1/operations', body: this.operation(item, other) };
  }

  private operation(item: LoadItem, other: object = {}): object {
    return {
      type: 'chaos.noted',
      input: { ms: item.ms },
      correlation: `item ${item.number}`,
      callback: { url: this.callbackOf(item) },
      ...other,
    };
  }

  private async batch(item: LoadItem): Promise<void> {
    const operations = Array.from({ length: OPERATIONS_OF_A_BATCH }, () => this.operation(item));
    const answer = await this.untilAnswered(item, { path: '/v1/operations/batch', body: { operations } });
    if (!answer) return;
    const { data } = JSON.parse(answer.text) as {
      data: { status: number; operation?: { id: string }; problem?: unknown }[];
    };
    for (const { status, operation, problem } of data) {
      if (operation) this.acknowledged.push({ id: operation.id, item: item.number });
      else if (!BUSY.includes(status))
        this.refusals.push({ item: item.number, status, text: JSON.stringify(problem) });
    }
  }

  /** The same key twice, at two processes: beside each other, or one after the other. */
  private async idempotent(item: LoadItem): Promise<void> {
    const request = { ...this.native(item), headers: { 'idempotency-key': `item-${item.number}` } };
    const other = FRONTS.find((name) => name !== item.front)!;
    const first = this.accepted(item, request);
    if (!item.atOnce) await first;
    await Promise.all([first, this.accepted({ ...item, front: other }, request)]);
  }

  private async cancel(item: LoadItem): Promise<void> {
    const id = await this.accepted(item, this.native(item, { input: { ms: 2_000 } }));
    if (id === null) return;
    await pause(item.ms);
    const answer = await this.ask(item.front, item.account, { path: `/v1/operations/${id}/cancel` });
    if (answer?.status === 200) this.hear(answer);
  }

  private async rerun(item: LoadItem): Promise<void> {
    const id = await this.accepted(item, this.native(item));
    if (id === null || !(await this.poll(item, id))) return;
    await this.accepted(item, { path: `/v1/operations/${id}/rerun` });
  }

  /** Resolves with whether it was told the end, or the time is over. */
  private async poll({ front, account }: LoadItem, id: string | null): Promise<boolean> {
    if (id === null) return false;
    while (!this.over) {
      const path = `/v1/operations/${id}?wait=${WAIT_S}`;
      const answer = await this.ask(front, account, { method: 'GET', path });
      if (answer?.status === 200 && this.hear(answer)) return true;
      await pause(AGAIN_MS);
    }
    return false;
  }

  private hear({ text }: Answer): boolean {
    const { id, status } = JSON.parse(text) as { id: string; status: string };
    if (!TERMINAL.includes(status)) return false;
    this.told.push({ id, state: status as Ended });
    return true;
  }

  /** Asks until the operation is acknowledged; its id, or null when that is not to be. */
  private async accepted(item: LoadItem, request: Request | (() => Request)): Promise<string | null> {
    const answer = await this.untilAnswered(item, request);
    if (!answer) return null;
    const body = JSON.parse(answer.text) as { id?: string; request?: string };
    const id = answer.headers.get('operation-id') ?? body.id ?? body.request;
    if (id === undefined) throw new Error(`no id in the answer to ${item.kind}: ${answer.text}`);
    this.acknowledged.push({ id, item: item.number });
    return id;
  }

  private async untilAnswered(item: LoadItem, request: Request | (() => Request)): Promise<Answer | null> {
    let front = item.front;
    while (!this.over) {
      const asked = typeof request === 'function' ? request() : request;
      const answer = await this.ask(front, item.account, asked);
      if (answer && ACCEPTED.includes(answer.status)) return answer;
      if (!answer) this.unanswered++;
      else if (!BUSY.includes(answer.status)) {
        const { status, text } = answer;
        this.refusals.push({ item: item.number, status, text });
        return null;
      }
      await pause(AGAIN_MS);
      front = FRONTS.find((name) => name !== front)!;
    }
    this.unsent += operationsOf(item);
    return null;
  }

  /** One request; null when no whole answer came. */
  private async ask(named: ProcessName, account: number, request: Request): Promise<Answer | null> {
    const { inService, answering } = this.stage;
    const front = inService.has(named) ? named : [...inService][0]!;
    answering.set(front, (answering.get(front) ?? 0) + 1);
    try {
      const answer = await this.asked(front, account, request);
      if (answer && answer.status >= 500)
        this.serverErrors.push(`${request.path}: ${answer.status} ${answer.text.slice(0, 200)}`);
      return answer;
    } finally {
      answering.set(front, answering.get(front)! - 1);
    }
  }

  private async asked(front: ProcessName, account: number, request: Request): Promise<Answer | null> {
    const { method = 'POST', path, headers, body, gateway } = request;
    const { url, gatewayUrl } = this.stage.process(front);
    const { key } = this.stage.accounts[account]!;
    const authorization: Record<string, string> = gateway
      ? { 'x-ringback-key': key }
      : { authorization: `Bearer ${key}` };
    try {
      const response = await fetch((gateway ? gatewayUrl : url) + path, {
        method,
        headers: {
          ...authorization,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      return { status: response.status, headers: response.headers, text: await response.text() };
    } catch {
      return null;
    }
  }

  private callbackOf({ receiver, account, number }: LoadItem): string {
    return this.stage.callbackUrl(receiver, account, number);
  }
}
