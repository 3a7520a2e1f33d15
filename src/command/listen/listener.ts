import {
  type PullAnswer,
  type PulledDelivery,
  type RingbackClient,
  RingbackError,
} from '../../client/index.js';
import { isPassing, sleep, type Transport } from '../../client/transport.js';
import { faultOf, type Told, toldBy } from './callback.js';
import type { Answer, Forwarder } from './forward.js';
import { ListenEndpoint, type Wanted } from './listen-endpoint.js';

/** What became of a delivery here. */
export interface Heard extends Told {
  readonly pulled: PulledDelivery;
  /** `passed over`: of a type that isn't wanted. */
  readonly outcome: 'delivered' | 'failed' | 'passed over';
  readonly fault: string | null;
  /** Of the server that it was forwarded to; null without one, or without an answer. */
  readonly status: number | null;
  readonly durationMs: number;
}

/** What a listener is to do, and whom it tells. */
export interface ListenerOptions {
  readonly wanted: Wanted;
  /** Null: all. */
  readonly types: readonly string[] | null;
  /** Null: nothing is forwarded, and all is taken. */
  readonly forwarder: Forwarder | null;
  readonly leaseS: number;
  /** Deliveries under way at once. */
  readonly concurrency: number;
  readonly stop: AbortSignal;
  readonly heard: (one: Heard) => void;
  /** A line about the endpoint. */
  readonly note: (text: string) => void;
}

/** Before an endpoint that is disabled, or can't be made now, is tried again. */
const PAUSE_MS = 2_000;
/** How often it is seen to that the endpoint is kept: much sooner than one that was handed on ends. */
const KEEP_MS = 5_000;

/** Takes what is owed to its endpoint, checks it, forwards it, and tells the log what was answered. */
export class Listener {
  private isDisabled = false;
  private isGone = false;

  private constructor(
    private readonly client: RingbackClient,
    private readonly api: Transport,
    private readonly options: ListenerOptions,
    private endpoint: ListenEndpoint,
  ) {}

  /** A listener with its endpoint. */
  static async open(
    { client, api }: { client: RingbackClient; api: Transport },
    options: ListenerOptions,
  ): Promise<Listener> {
    return new Listener(client, api, options, await ListenEndpoint.open(api, options.wanted));
  }

  get opened(): Pick<ListenEndpoint, 'id' | 'isTakenUp' | 'events'> {
    return this.endpoint;
  }

  /** Listens until it is stopped, and then ends what is under way. */
  async listen(): Promise<void> {
    const { stop } = this.options;
    // Whatever fails shows at the next pull, too.
    const keeping = setInterval(() => void this.endpoint.keep().catch(() => undefined), KEEP_MS);
    try {
      while (!stop.aborted) await this.pull().catch((error: unknown) => this.recover(error));
    } finally {
      clearInterval(keeping);
    }
  }

  /** After the end: the endpoint is deleted, or handed on. */
  leave(): Promise<'deleted' | 'handed on'> {
    return this.endpoint.leave();
  }

  private async pull(): Promise<void> {
    const { stop: signal, concurrency: limit, leaseS, wanted } = this.options;
    if (this.isGone) this.endpoint = await ListenEndpoint.open(this.api, wanted);
    this.isGone = false;
    await this.client.pull(this.endpoint.id, (one) => this.take(one), { signal, limit, leaseS });
  }

  private async take(pulled: PulledDelivery): Promise<PullAnswer> {
    const { heard, types, forwarder } = this.options;
    const startedAt = performance.now();
    this.isDisabled = false;
    const told = toldBy(pulled);
    const fault = await faultOf(pulled, this.endpoint);
    const isWanted = types === null || (told.type !== null && types.includes(told.type));
    const forwarded = fault === null && isWanted && forwarder ? await forwarder.post(pulled) : null;
    const answer =
      fault === null ? answerOf(forwarded) : { ok: false, error: `the signature is wrong: ${fault}` };
    heard({
      ...told,
      pulled,
      outcome: !answer.ok ? 'failed' : isWanted ? 'delivered' : 'passed over',
      fault: answer.error ?? null,
      status: answer.httpStatus ?? null,
      durationMs: performance.now() - startedAt,
    });
    return answer;
  }

  /** Sees to an endpoint that is disabled or gone, and waits; rejects with what no waiting mends. */
  private async recover(error: unknown): Promise<void> {
    const { note, stop } = this.options;
    if (!(error instanceof RingbackError)) throw error;
    if (error.code === 'endpoint-disabled') {
      if (!this.isDisabled)
        note(
          `The endpoint is disabled, and what it is told waits: enable it in the console, or by "ringback endpoints enable ${this.endpoint.id}".`,
        );
      this.isDisabled = true;
    } else if (error.status === 404) {
      if (!this.isGone) note('The endpoint was deleted. What it was owed is canceled; a new one is made.');
      this.isGone = true;
      return;
    } else if (!isPassing(error)) throw error;
    await sleep(PAUSE_MS, stop).catch(() => undefined);
  }
}

/** A 2xx takes it; and nobody whom it is forwarded to. */
function answerOf(answer: Answer | null): PullAnswer {
  if (answer === null) return { ok: true };
  if ('error' in answer) return { ok: false, error: answer.error };
  const httpStatus = answer.status;
  if (httpStatus >= 200 && httpStatus < 300) return { ok: true, httpStatus };
  return { ok: false, httpStatus, error: `HTTP ${httpStatus}` };
}
