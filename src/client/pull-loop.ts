import { verify, WebhookVerificationError } from '../verify.js';
import { wholeNumber } from './arguments.js';
import { type PullAnswer, PullAcks } from './pull-acks.js';

import { isPassing, sleep, type Transport } from './transport.js';

/** A delivery of a pull endpoint, as its POST would have been. */
export interface PulledDelivery<Event = unknown> {
  /** The delivery's: its `webhook-id`, the same whenever it is offered. */
  readonly id: string;
  readonly attempt: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes that are signed, for whoever passes them on. */
  readonly body: string;
  /** The body's JSON; verified where a secret was given. */
  readonly event: Event;
}

/** Handles a delivery. What it throws is told as why it didn't; a delivery may come more than once. */
export type PullHandler<Event = unknown> = (
  delivery: PulledDelivery<Event>,
) => PullAnswer | void | Promise<PullAnswer | void>;

export interface PullOptions {
  /** The endpoint's `whsec_…` or `whpk_…`, or several: what they don't verify is not handled, and ends the loop with an error. */
  readonly secret?: string | readonly string[];
  /** Deliveries that are handled at once, 1 to 500; 10 by default. */
  readonly limit?: number;
  /** Seconds in which one must be handled, 1 to 3600, before it is offered again; the endpoint's own by default. */
  readonly leaseS?: number;
  /** For keys with the scope `admin`: id of the account whose endpoint it is. */
  readonly account?: string;
  /** Ends the loop: nothing more is pulled, and what is being handled is acknowledged. */
  readonly signal?: AbortSignal;
}

/** Seconds that one request is held; proxies often cut off what is silent for 30 s. */
const HOLD_S = 25;
/** After an empty answer that wasn't held, milliseconds. */
const EMPTY_MS = 1_000;
const LIMIT = 10;
const LEASE_S = 30;
/** What is pulled was signed when it was asked for, and came from the service itself: its age says nothing but how clocks differ. */
const ANY_AGE_S = 10 * 365 * 86_400;

/** Pulls, handles and acknowledges until `signal` fires; rides outages out, and rejects with every other error. */
export async function pullOf<Event>(
  transport: Transport,
  endpointId: string,
  handler: PullHandler<Event>,
  options: PullOptions,
): Promise<void> {
  const { limit = LIMIT, leaseS, signal } = options;
  wholeNumber('limit', limit, 1, 500);
  wholeNumber('leaseS', leaseS ?? LEASE_S, 1, 3600);
  await new PullLoop(transport, endpointId, handler, { ...options, limit }).run(signal);
}

class PullLoop<Event> {
  private readonly path: string;
  private readonly acks: PullAcks;
  private readonly running = new Set<Promise<void>>();
  /** Fires when nothing more is to be pulled. */
  private readonly over = new AbortController();
  private fault: { readonly error: unknown } | undefined;

  constructor(
    private readonly transport: Transport,
    endpointId: string,
    private readonly handler: PullHandler<Event>,
    private readonly options: PullOptions & { readonly limit: number },
  ) {
    this.path = `/v1/endpoints/${encodeURIComponent(endpointId)}`;
    const { account, leaseS = LEASE_S } = options;
    this.acks = new PullAcks(transport, `${this.path}/acks`, { account, patienceMs: 1000 * leaseS });
  }

  async run(signal: AbortSignal | undefined): Promise<void> {
    const stop = (): void => this.over.abort(signal!.reason);
    if (signal?.aborted) return;
    signal?.addEventListener('abort', stop, { once: true });
    try {
      await this.pullOn();
    } catch (error) {
      if (!signal?.aborted) this.fail(error);
    }
    signal?.removeEventListener('abort', stop);
    await Promise.all(this.running);
    if (this.fault) throw this.fault.error;
  }

  private async pullOn(): Promise<void> {
    const { limit } = this.options;
    for (let failures = 0; !this.over.signal.aborted;) {
      // Not for each place that becomes free: a request for one delivery costs as much as one for ten.
      while (this.running.size > limit / 2) await Promise.race(this.running);
      try {
        const askedAt = performance.now();
        const pulled = await this.pull(limit - this.running.size);
        failures = 0;
        const deliveries = await Promise.all(pulled.map((one) => this.opened(one)));
        for (const delivery of deliveries) this.start(delivery);
        // A server that holds no more answers says so by an empty one.
        if (pulled.length === 0 && performance.now() - askedAt < EMPTY_MS)
          await sleep(EMPTY_MS, this.over.signal);
      } catch (error) {
        if (!isPassing(error) || this.over.signal.aborted) throw error;
        await this.transport.pause(Math.min(++failures, 10), error, this.over.signal);
      }
    }
  }

  private async pull(places: number): Promise<readonly Omit<PulledDelivery, 'event'>[]> {
    const { leaseS, account } = this.options;
    const { data } = await this.transport.json<{ data: readonly Omit<PulledDelivery, 'event'>[] }>({
      method: 'GET',
      path: `${this.path}/pull`,
      query: { wait: HOLD_S, limit: places, lease_s: leaseS, account },
      signal: this.over.signal,
      // What an answer that is lost has leased is offered again when its time is over.
      repeatable: false,
      heldMs: 1000 * HOLD_S,
    });
    return data;
  }

  private async opened(pulled: Omit<PulledDelivery, 'event'>): Promise<PulledDelivery<Event>> {
    const { secret } = this.options;
    const event =
      secret === undefined
        ? (JSON.parse(pulled.body) as Event)
        : await verify<Event>(pulled.body, pulled.headers, secret, { toleranceS: ANY_AGE_S }).catch(inWords);
    return { ...pulled, event };
  }

  private start(delivery: PulledDelivery<Event>): void {
    const task = this.handle(delivery)
      .catch((error: unknown) => this.fail(error))
      .finally(() => this.running.delete(task));
    this.running.add(task);
  }

  private async handle(delivery: PulledDelivery<Event>): Promise<void> {
    const { id, attempt } = delivery;
    let answer: PullAnswer;
    try {
      answer = (await this.handler(delivery)) ?? { ok: true };
    } catch (error) {
      answer = { ok: false, error: error instanceof Error ? error.message : String(error) };
    }
    await this.acks.add({ id, attempt, answer });
  }

  private fail(error: unknown): void {
    this.fault ??= { error };
    this.over.abort(error);
  }
}

/** Nothing changes a body that is pulled: another one's secret is what goes wrong. */
function inWords(error: unknown): never {
  if (!(error instanceof WebhookVerificationError) || error.code !== 'no_match') throw error;
  throw new WebhookVerificationError('no_match', 'no signature matches: is it the secret of this endpoint?');
}
