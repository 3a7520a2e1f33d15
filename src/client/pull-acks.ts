import { sendable } from './sendable.js';
import { isPassing, type Transport } from './transport.js';

/** What a handler makes of a delivery; nothing is as good as `{ ok: true }`. */
export interface PullAnswer {
  /** `false`: it is offered again by the endpoint's schedule. */
  readonly ok: boolean;
  /** Why not, for the log; at most 1000 characters of it. */
  readonly error?: string;
  /** What it was answered with where it was passed on, for the log. */
  readonly httpStatus?: number;
}

/** What is to be said of a delivery. */
interface Said {
  readonly id: string;
  readonly attempt: number;
  readonly answer: PullAnswer;
}

interface Waiting {
  readonly said: Said;
  readonly since: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** As many as one request takes. */
const MOST = 500;
const MAX_ERROR = 1000;

/** Says what became of deliveries: what comes while a request is under way shares the next one. */
export class PullAcks {
  private waiting: Waiting[] = [];
  private sending = false;

  constructor(
    private readonly transport: Transport,
    private readonly path: string,
    private readonly options: { readonly account: string | undefined; readonly patienceMs: number },
  ) {}

  /** Resolves once it is said, or can't be in its time: the delivery is offered again then. */
  add(said: Said): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ said, since: performance.now(), resolve, reject });
      if (!this.sending) void this.send();
    });
  }

  private async send(): Promise<void> {
    this.sending = true;
    // Those that end together go together.
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, MOST);
      try {
        await this.say(batch);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.sending = false;
  }

  /** Over an outage, for as long as the first of them is leased. */
  private async say(batch: readonly Waiting[]): Promise<void> {
    const until = batch[0]!.since + this.options.patienceMs;
    const { account } = this.options;
    const body = { acks: batch.map(({ said }) => ackOf(said)) };
    for (let failures = 0; ;) {
      try {
        await this.transport.json({
          method: 'POST',
          path: this.path,
          query: { account },
          body,
          repeatable: false,
        });
        return;
      } catch (error) {
        if (!isPassing(error)) throw error;
        if (performance.now() >= until) return;
        await this.transport.pause(++failures, error);
      }
    }
  }
}

function ackOf({ id, attempt, answer: { ok, error, httpStatus } }: Said): object {
  return {
    id,
    attempt,
    ok,
    ...(error === undefined ? {} : { error: sendable(error, MAX_ERROR) }),
    ...(isStatus(httpStatus) ? { http_status: httpStatus } : {}),
  };
}

/** Servers may answer any number; the log takes statuses. */
function isStatus(status: number | undefined): boolean {
  return Number.isInteger(status) && status! >= 100 && status! <= 599;
}
