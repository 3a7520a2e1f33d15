import type { Operation, OperationFilter, RingbackClient } from '../client/index.js';
import { verify, type WebhookHeaders, WebhookVerificationError } from '../verify.js';
import { readBody } from './body.js';
import { type CallbackEvent, endOf, type EventName, nameOf } from './event.js';
import { type EventStore, TABLES } from './event-store.js';

export interface ReceiverOptions<Transaction> {
  /** Where events are remembered: `postgres(pool)` or `sqlite(database)`. */
  readonly store: EventStore<Transaction>;
  /** `whsec_…` secrets and `whpk_…` public keys of which one must have signed. */
  readonly secrets: string | readonly string[];
  /**
   * What you do with an event. What you write through the transaction is committed together with the memory of the event, or,
   * when this throws, neither is: then the event comes again.
   */
  readonly handle: (event: CallbackEvent, transaction: Transaction) => Promise<void> | void;
  /** Told of what failed, `handle` included; by default it is written to the console. */
  readonly onError?: (error: unknown) => void;
  /** Bytes that a callback may have; 16 MiB by default. */
  readonly maxBytes?: number;
  /** Tells receivers apart that share the tables and catch up differently; `default` by default. */
  readonly name?: string;
}

export interface CatchUpOptions {
  /** Which of the account's operations are this receiver's; all by default. */
  readonly filter?: OperationFilter;
  /**
   * Seconds that each look reaches back before the last one began; 600 by default. Take more where PostgreSQL of Ringback may
   * be away for longer, or clocks differ more.
   */
  readonly overlapS?: number;
  readonly signal?: AbortSignal;
}

/** What of Node's `http` is used. */
interface NodeRequest extends AsyncIterable<Uint8Array> {
  readonly method?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}
interface NodeResponse {
  writeHead(status: number): unknown;
  end(): unknown;
}

/** Takes callbacks: verifies each, and works through each event once. */
export class CallbackReceiver<Transaction> {
  constructor(private readonly options: ReceiverOptions<Transaction>) {}

  /** Makes the two tables where they aren't there. Call it before the first event, or make them by a migration of yours. */
  async createTables(): Promise<void> {
    const create = (): Promise<void> =>
      this.options.store.transaction(async (_, statements) => {
        for (const sql of TABLES) await statements.change(sql);
      });
    // PostgreSQL refuses one of two that create at the same moment; the second look finds the other's.
    await create().catch(create);
  }

  /**
   * The status to answer a callback with: 204 once its event is worked through and remembered, also when that was before;
   * 401 where nobody of `secrets` signed it; 500 where something failed, so that it comes again. Never rejects.
   */
  async receive(body: string | Uint8Array, headers: WebhookHeaders): Promise<204 | 401 | 500> {
    try {
      const event = await verify<CallbackEvent>(body, headers, this.options.secrets);
      await this.take(event, nameOf(event, webhookIdOf(headers)));
      return 204;
    } catch (error) {
      this.tell(error);
      return error instanceof WebhookVerificationError && !OWN_FAULTS.includes(error.code) ? 401 : 500;
    }
  }

  /** Takes a request of a server that speaks `fetch`. */
  readonly fetch = async (request: Request): Promise<Response> => {
    if (request.method !== 'POST') return new Response(null, { status: 405 });
    const body = request.body && (await this.read(request.body));
    const status = body === 'too large' ? 413 : await this.receive(body ?? '', request.headers);
    return new Response(null, { status });
  };

  /** Takes a request of Node's `http`: `createServer(receiver.listener)`. */
  readonly listener = (request: NodeRequest, response: NodeResponse): void => {
    void this.answer(request).then(
      (status) => {
        response.writeHead(status);
        response.end();
      },
      // The connection broke: nobody is there to be answered.
      () => undefined,
    );
  };

  /**
   * Looks once for events whose callback didn't arrive, and works through them. Resolves with how many were new. What fails is
   * told to `onError`, stops no other, and is found again by the next look.
   */
  async catchUp(client: Pick<RingbackClient, 'list'>, options: CatchUpOptions = {}): Promise<number> {
    const { filter = {}, overlapS = 600, signal } = options;
    const began = new Date().toISOString();
    const last = await this.lastLook();
    const since = last && new Date(Date.parse(last) - overlapS * 1000).toISOString();
    const missed = { ...filter, undelivered: true, ...(since && { finished_after: since }) };
    let taken = 0;
    let failed = false;
    for await (const operation of client.list(missed, signal ? { signal } : {})) {
      if (operation.finished_at === null || operation.erased_at !== undefined) continue;
      try {
        if (await this.find(operation)) taken++;
      } catch (error) {
        failed = true;
        this.tell(error);
      }
    }
    // Only a look that came to its end, with nothing left behind, moves on.
    if (!failed) await this.keepLook(began);
    return taken;
  }

  /** Looks at once and then every `everyS` seconds, 60 by default, until the signal fires; an outage is waited out. */
  async keepUp(
    client: Pick<RingbackClient, 'list'>,
    { everyS = 60, ...options }: CatchUpOptions & { readonly everyS?: number } = {},
  ): Promise<void> {
    const { signal } = options;
    for (;;) {
      if (signal?.aborted) return;
      try {
        await this.catchUp(client, options);
      } catch (error) {
        if (!signal?.aborted) this.tell(error);
      }
      await pause(everyS, signal);
    }
  }

  private find(operation: Operation): Promise<boolean> {
    const event = endOf(operation);
    return this.take(event, { ...nameOf(event, ''), webhookId: null });
  }

  /** Works through an event, unless it has been; false where it has. */
  private take(body: CallbackEvent, { event, webhookId }: EventName): Promise<boolean> {
    return this.options.store.transaction(async (transaction, statements) => {
      // First: who else has this event waits here, and then finds it remembered.
      const fresh = await statements.change(
        'INSERT INTO ringback_events (event, webhook_id, seen_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
        event,
        webhookId,
        new Date().toISOString(),
      );
      if (fresh === 0) return false;
      await this.options.handle(body, transaction);
      return true;
    });
  }

  private lastLook(): Promise<string | null> {
    return this.options.store.transaction((_, statements) =>
      statements.value('SELECT began FROM ringback_caught_up WHERE receiver = $1', this.name),
    );
  }

  private async keepLook(began: string): Promise<void> {
    await this.options.store.transaction((_, statements) =>
      statements.change(
        'INSERT INTO ringback_caught_up (receiver, began) VALUES ($1, $2) ON CONFLICT (receiver) DO UPDATE SET began = excluded.began',
        this.name,
        began,
      ),
    );
  }

  private get name(): string {
    return this.options.name ?? 'default';
  }

  private async answer(request: NodeRequest): Promise<number> {
    if (request.method !== 'POST') return 405;
    const body = await this.read(request);
    return body === 'too large' ? 413 : this.receive(body, request.headers);
  }

  private read(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array | 'too large'> {
    return readBody(pieces, this.options.maxBytes ?? 16 * 1024 * 1024);
  }

  private tell(error: unknown): void {
    // oxlint-disable-next-line no-console -- the caller's own process, who gave no other place
    (this.options.onError ?? console.error)(error);
  }
}

const OWN_FAULTS = ['no_secret', 'malformed_secret', 'malformed_options'];

/** Verified: it is there. */
function webhookIdOf(headers: WebhookHeaders): string {
  if (typeof headers.get === 'function') return headers.get('webhook-id')!;
  return String(Object.entries(headers).find(([name]) => name.toLowerCase() === 'webhook-id')![1]);
}

/** Resolves after the time, or when the signal fires. */
function pause(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, seconds * 1000);
    signal?.addEventListener('abort', done, { once: true });
    if (signal?.aborted) done();
  });
}
