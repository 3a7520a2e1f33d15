import { RingbackError } from '../../client/index.js';
import { isPassing, sleep, type Transport } from '../../client/transport.js';
import { faultOf, type Told, toldBy } from './callback.js';
import type { Answer, Forwarder } from './forward.js';
import { ListenEndpoint, type Wanted } from './listen-endpoint.js';
import { type Ack, Acks, pull, type Pulled } from './pulled.js';

/** What became of a delivery here. */
export interface Heard extends Told {
  readonly pulled: Pulled;
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
  /** For acknowledgements: more patient, since what isn't acknowledged comes again. */
  readonly patient: Transport;
  /** Ends it; and then what is under way is waited for, unless `abandon` fires. */
  readonly stop: AbortSignal;
  readonly abandon: AbortSignal;
  readonly heard: (one: Heard) => void;
  /** A line about the service or the endpoint. */
  readonly note: (text: string) => void;
}

/** Pauses between tries while the service is away, milliseconds: doubled up to the second. */
const PAUSE_MS = 250;
const MOST_PAUSE_MS = 8_000;
/** Of a disabled endpoint. */
const DISABLED_PAUSE_MS = 5_000;
/** For places that come free together, so that one pull fills them. */
const GATHER_MS = 5;
/** How often it is seen to that the endpoint is kept: much sooner than one that was handed on ends. */
const KEEP_MS = 5_000;

/** Takes what is owed to its endpoint, checks it, forwards it, and tells the log what was answered. */
export class Listener {
  private readonly underWay = new Set<Promise<void>>();
  private failures = 0;

  private constructor(
    private readonly api: Transport,
    private readonly options: ListenerOptions,
    private endpoint: ListenEndpoint,
    private acks: Acks,
  ) {}

  /** A listener with its endpoint. */
  static async open(api: Transport, options: ListenerOptions): Promise<Listener> {
    const endpoint = await ListenEndpoint.open(api, options.wanted);
    return new Listener(api, options, endpoint, acksOf(endpoint, options));
  }

  get opened(): Pick<ListenEndpoint, 'id' | 'isTakenUp' | 'events'> {
    return this.endpoint;
  }

  /** Listens until it is stopped, and then ends what is under way. */
  async listen(): Promise<void> {
    // Whatever fails shows at the next pull, too.
    const keeping = setInterval(() => void this.endpoint.keep().catch(() => undefined), KEEP_MS);
    try {
      await this.untilStopped();
      await Promise.all(this.underWay);
    } finally {
      clearInterval(keeping);
    }
  }

  private async untilStopped(): Promise<void> {
    const { stop } = this.options;
    while (!stop.aborted) {
      await this.room();
      if (stop.aborted) break;
      try {
        const most = this.options.concurrency - this.underWay.size;
        const pulled = await pull(this.api, this.endpoint.id, { most, leaseS: this.options.leaseS }, stop);
        if (this.failures > 0) this.options.note('The service is there again.');
        this.failures = 0;
        for (const one of pulled) this.begin(one);
      } catch (error) {
        if (!stop.aborted) await this.recover(error);
      }
    }
  }

  /** After the end: the endpoint is deleted, or handed on. */
  leave(): Promise<'deleted' | 'handed on'> {
    return this.endpoint.leave();
  }

  private async room(): Promise<void> {
    if (this.underWay.size === 0) return;
    const wait =
      this.underWay.size < this.options.concurrency ? sleep(GATHER_MS) : Promise.race(this.underWay);
    await wait;
  }

  private begin(pulled: Pulled): void {
    const done = this.take(pulled)
      // Its lease runs out, and it comes again.
      .catch((error: unknown) => this.options.note(`${pulled.id} was not acknowledged: ${wordsOf(error)}`))
      .finally(() => this.underWay.delete(done));
    this.underWay.add(done);
  }

  private async take(pulled: Pulled): Promise<void> {
    const { heard, types, forwarder, abandon } = this.options;
    const startedAt = performance.now();
    const told = toldBy(pulled);
    const fault = await faultOf(pulled, this.endpoint);
    const isWanted = types === null || (told.type !== null && types.includes(told.type));
    const answer: Answer | null =
      fault !== null
        ? { error: `the signature is wrong: ${fault}` }
        : forwarder && isWanted
          ? await forwarder.post(pulled, abandon)
          : null;
    const ack = ackOf(pulled, answer);
    const result = await this.acks.send(ack);
    heard({
      ...told,
      pulled,
      outcome: !ack.ok ? 'failed' : isWanted ? 'delivered' : 'passed over',
      fault: ack.error ?? (result === 'late' ? 'acknowledged too late: it comes again' : null),
      status: ack.http_status ?? null,
      durationMs: performance.now() - startedAt,
    });
  }

  /** Waits out what passes; makes an endpoint that is gone anew; rejects with the rest. */
  private async recover(error: unknown): Promise<void> {
    if (!(error instanceof RingbackError)) throw error;
    const { note, wanted, stop } = this.options;
    const pause = (ms: number): Promise<void> => sleep(ms, stop).catch(() => undefined);
    if (isPassing(error)) {
      if (++this.failures === 1) note(`${error.message}. Trying again until it is there.`);
      return pause(Math.min(PAUSE_MS * 2 ** (this.failures - 1), MOST_PAUSE_MS));
    }
    if (error.code === 'endpoint-disabled') {
      if (++this.failures === 1) note(`${error.message}. It waits for that.`);
      return pause(DISABLED_PAUSE_MS);
    }
    if (error.status !== 404) throw error;
    note('The endpoint was deleted. What it was owed is canceled; a new one is made.');
    await Promise.all(this.underWay);
    this.endpoint = await ListenEndpoint.open(this.api, wanted);
    this.acks = acksOf(this.endpoint, this.options);
  }
}

function acksOf({ id }: ListenEndpoint, { patient, abandon }: ListenerOptions): Acks {
  return new Acks(patient, id, abandon);
}

function ackOf({ id, attempt }: Pulled, answer: Answer | null): Ack {
  if (answer === null) return { id, attempt, ok: true };
  if ('error' in answer) return { id, attempt, ok: false, error: answer.error };
  const { status } = answer;
  const ok = status >= 200 && status < 300;
  return { id, attempt, ok, http_status: status, ...(ok ? {} : { error: `HTTP ${status}` }) };
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
