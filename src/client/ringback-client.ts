import { atLeast, headerValue } from './arguments.js';
import type { Completion } from './completion.js';
import { type ProblemBody, RingbackError } from './error.js';
import { feedOf, type FeedOptions } from './feed-stream.js';
import { historyOf, type StreamOptions } from './history-stream.js';
import { type PullHandler, pullOf, type PullOptions } from './pull-loop.js';
import { type Call, type ClientOptions, isPassing, retryAfterS, sleep, Transport } from './transport.js';
import {
  type Account,
  type AuditEntry,
  type AuditFilter,
  type BatchItem,
  type BulkDeliveriesRequest,
  type BulkOperationsRequest,
  type BulkResult,
  type Delivery,
  type DeliveryFilter,
  type DeliveryStats,
  type FeedEvent,
  hasEnded,
  type HistoryEntry,
  type Operation,
  type OperationFilter,
  type OperationStats,
  type RingbackProcess,
  type RecoverDeliveriesRequest,
  type RecoverRequest,
  type Recovery,
  type RequestedOperation,
  type RerunRequest,
  type StatsFilter,
  type SearchResult,
  type SubmitRequest,
} from './types.js';
import { Worker, type WorkOptions } from './worker.js';

export interface SubmitOptions {
  /**
   * Makes one of this call and its repeats within 24 hours, also over restarts of the caller; random by default, which covers
   * the repeats that the client makes by itself. At most 255 characters.
   */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

/** What of the operation is changed, and how it is asked for. */
export interface RerunOptions extends SubmitOptions, RerunRequest {}

export interface WaitOptions {
  /**
   * Seconds until waiting ends, whatever the state; without it, the end of the operation is awaited. Then the operation is
   * returned as it was last seen: look at its `status`. Only where no answer ever came, the last error is thrown. A server
   * that is silent can make it up to two seconds more.
   */
  readonly timeoutS?: number;
  /** Seconds of outage, counted from the last look at the operation, before the last error is thrown; 300 by default. */
  readonly outageS?: number;
  readonly signal?: AbortSignal;
  /** Called with the operation as it stands, whenever it was looked at before its end. */
  readonly onUpdate?: (operation: Operation) => void;
}

interface Signaled {
  readonly signal?: AbortSignal;
}

export interface ReadOptions {
  /**
   * Id of the account whose it is, or `*` for any; for keys with the scope `admin`. Who names one looks on: that acknowledges no
   * `ack_by_poll` operation.
   */
  readonly account?: string;
  readonly signal?: AbortSignal;
}

export interface RedeliverOptions {
  /** Also a Delivered one, of a receiver that lost it after its 2xx. */
  readonly again?: boolean;
  readonly signal?: AbortSignal;
}

/** Seconds that one request is held; proxies often cut off what is silent for 30 s. */
const HOLD_S = 25;
/** The least that a request is held, however short the outage that is waited out: else it would be made again and again. */
const MIN_HOLD_MS = 1_000;
/** How much longer than all the time that is left one request may take: its answer has a way to go. */
const LATE_MS = 2_000;
const PAGE = 250;

/**
 * Talks to Ringback's native API. Calls that may be repeated are, on network errors, 408, 429, 502, 503 and 504: reads, `cancel`,
 * and `submit`, `batch`, `rerun` and bulk actions, which always carry an Idempotency-Key. Every method rejects with a `RingbackError`, with
 * the reason of the signal that it was given, or, before any try, with a `TypeError` for an argument that can't be sent or
 * heeded. The constructor throws one for such options.
 */
export class RingbackClient {
  private readonly transport: Transport;

  constructor(options: ClientOptions) {
    this.transport = new Transport(options);
  }

  /** Submits an operation. When this resolves, it is stored durably and will run: keep its id, then `wait`. */
  async submit<Result = unknown>(
    request: SubmitRequest,
    options: SubmitOptions = {},
  ): Promise<Operation<Result>> {
    return this.transport.json(keyed('/v1/operations', request, options));
  }

  /**
   * Ends an operation, or tells its progress, by its completion URL; the API key isn't sent there. May be repeated: the first end
   * counts, and the same again changes nothing. Another one rejects with the status 409, one after the token's time with 410.
   */
  async complete(url: string, completion: Completion, { signal }: Signaled = {}): Promise<void> {
    await this.transport
      .to(url)
      .json({ method: 'POST', path: '', body: completion, signal, repeatable: true });
  }

  /**
   * Runs operations of declared types in this process: claims them, keeps their leases, and tells how they went. Outages are
   * ridden out. Resolves after `signal` has fired, when what ran has ended or was given back; rejects where the key or the types
   * are refused.
   */
  work<Input = unknown>(options: WorkOptions<Input>): Promise<void> {
    return new Worker(this.transport, options).run();
  }

  /**
   * Submits up to 500 operations; one that is refused doesn't stop the others. Items that "not now" refused are tried again,
   * which makes none twice. To try others again later, give an `idempotencyKey` and repeat the whole batch with it, in the
   * same order: under another key, all of it is submitted anew. Rejects where an outage let none be accepted.
   */
  async batch(operations: readonly SubmitRequest[], options: SubmitOptions = {}): Promise<BatchItem[]> {
    let items: BatchItem[] | undefined;
    try {
      return await this.transport.send(
        keyed('/v1/operations/batch', { operations }, options),
        async (response) => {
          items = await batchItems(response);
          const passing = items.find(({ error }) => isPassing(error));
          if (passing) throw passing.error!;
          return items;
        },
      );
    } catch (error) {
      if (items && isPassing(error)) return items;
      throw error;
    }
  }

  /** The operation as it stands. */
  find<Result = unknown>(id: string, { account, signal }: ReadOptions = {}): Promise<Operation<Result>> {
    return this.transport.json({
      method: 'GET',
      path: pathOf(id),
      query: { account },
      signal,
      repeatable: true,
    });
  }

  /**
   * The operation once it has ended, in whatever way, or as last seen when `timeoutS` is over. Needs only the id, so it goes
   * on where another process stopped.
   */
  async wait<Result = unknown>(id: string, options: WaitOptions = {}): Promise<Operation<Result>> {
    const { signal, outageS = 300, timeoutS = Infinity } = options;
    atLeast(0, 'timeoutS', timeoutS);
    atLeast(0, 'outageS', outageS);
    const until = performance.now() + timeoutS * 1000;
    let seen: Operation<Result> | undefined;
    let failures = 0;
    let outageUntil = performance.now() + outageS * 1000;
    for (;;) {
      const askedAt = performance.now();
      const leftMs = Math.max(0, Math.min(until - askedAt, Math.max(outageUntil - askedAt, MIN_HOLD_MS)));
      const heldMs = Math.min(1000 * HOLD_S, leftMs);
      try {
        const { operation, pauseS } = await this.hold<Result>(id, heldMs, leftMs + LATE_MS, signal);
        const answeredAt = performance.now();
        if (hasEnded(operation.status) || answeredAt >= until) return operation;
        seen = operation;
        options.onUpdate?.(operation);
        failures = 0;
        outageUntil = answeredAt + outageS * 1000;
        // A server that did not hold the request says when to ask again.
        const cutShortMs = heldMs - (answeredAt - askedAt);
        if (cutShortMs > Math.min(1000, heldMs / 2))
          await sleep(Math.min(1000 * pauseS, until - answeredAt), signal);
      } catch (error) {
        const now = performance.now();
        if (!isPassing(error)) throw error;
        if (seen && now >= until) return seen;
        const endsAt = Math.min(until, outageUntil);
        if (now >= endsAt) throw error;
        await this.transport.pause(++failures, error, signal, endsAt - now);
      }
    }
  }

  /** What happens to the operation, as it happens, until it has ended; streamed where the server can, else polled. */
  stream(id: string, options: StreamOptions = {}): AsyncGenerator<HistoryEntry, void, void> {
    return historyOf(this.transport, id, options);
  }

  /** Ends a live operation as Canceled; one that has ended otherwise is the error `operation-ended`. */
  async cancel(id: string, { signal }: Signaled = {}): Promise<Operation> {
    const call = {
      method: 'POST',
      path: `${pathOf(id)}/cancel`,
      signal,
      repeatable: true,
      heldMs: 1000 * HOLD_S,
    } as const;
    try {
      for (let askedAt = performance.now(); ; askedAt = performance.now()) {
        const { operation, pauseS } = await this.transport.send(call, standing<Operation>);
        if (hasEnded(operation.status)) return operation;
        // Its handler may take longer to stop than an answer is held, and a server that shuts down leaves the end to others.
        await sleep(Math.max(0, askedAt + 1000 * pauseS - performance.now()), signal);
      }
    } catch (error) {
      if (!(error instanceof RingbackError) || error.code !== 'operation-ended') throw error;
      // Canceled already: by us, when the answer to an earlier try was lost.
      const operation = await this.find(id, signal ? { signal } : {});
      if (operation.status === 'Canceled') return operation;
      throw error;
    }
  }

  /** Submits the same once more, as a new operation, with another input or callback where they are given. */
  async rerun<Result = unknown>(id: string, options: RerunOptions = {}): Promise<Operation<Result>> {
    const { input, callback, ...rest } = options;
    const changed = input !== undefined || callback !== undefined;
    return this.transport.json(keyed(`${pathOf(id)}/rerun`, changed ? { input, callback } : undefined, rest));
  }

  /** What was submitted, without what may be secret in it. */
  request<Input = unknown>(id: string, { signal }: Signaled = {}): Promise<RequestedOperation<Input>> {
    return this.transport.json({ method: 'GET', path: `${pathOf(id)}/request`, signal, repeatable: true });
  }

  /** Erases an ended operation for good: its input, result and files, and the bodies of its deliveries. */
  async erase(id: string, { signal }: Signaled = {}): Promise<void> {
    await this.transport.send(
      { method: 'DELETE', path: pathOf(id), signal, repeatable: true },
      () => undefined,
    );
  }

  /** The stored bytes of a result, or its JSON, as a `Response`. */
  result(id: string, { account, signal }: ReadOptions = {}): Promise<Response> {
    const path = `${pathOf(id)}/result`;
    return this.transport.send(
      { method: 'GET', path, query: { account }, headers: { accept: '*/*' }, signal, repeatable: true },
      (response) => response,
    );
  }

  /** The account's operations, page after page, the oldest first unless `order` says otherwise. */
  list(filter: OperationFilter = {}, { signal }: Signaled = {}): AsyncGenerator<Operation, void, void> {
    return this.pages('/v1/operations', { ...filter }, signal);
  }

  /** The account's deliveries, page after page, the oldest first unless `order` says otherwise. */
  deliveries(filter: DeliveryFilter = {}, { signal }: Signaled = {}): AsyncGenerator<Delivery, void, void> {
    return this.pages('/v1/deliveries', { ...filter }, signal);
  }

  /** What has this id, `request_id` or correlation, whatever it is. */
  async search(q: string, { account, signal }: ReadOptions = {}): Promise<readonly SearchResult[]> {
    const { data } = await this.transport.json<{ data: readonly SearchResult[] }>({
      method: 'GET',
      path: '/v1/search',
      query: { q, account },
      signal,
      repeatable: true,
    });
    return data;
  }

  /**
   * Pulls what a pull endpoint is told, hands it to `handler` and acknowledges it: for receivers that nothing can reach. At least once.
   * Goes on over outages until `signal` fires, and resolves then, once what is being handled is acknowledged.
   */
  pull<Event = unknown>(
    endpointId: string,
    handler: PullHandler<Event>,
    options: PullOptions = {},
  ): Promise<void> {
    return pullOf(this.transport, endpointId, handler, options);
  }

  /** One attempt now, with the same id and bytes; `again` of a Delivered one too. Never repeated by itself: that could make two. */
  redeliver(deliveryId: string, { again, signal }: RedeliverOptions = {}): Promise<Delivery> {
    const path = `/v1/deliveries/${encodeURIComponent(deliveryId)}/redeliver`;
    return this.transport.json({ method: 'POST', path, query: { again }, signal, repeatable: false });
  }

  /** Sends operations' own callbacks of a time span again, in the background: `recovery` says how far that is. */
  recoverDeliveries(
    request: RecoverDeliveriesRequest,
    { signal }: Signaled = {},
  ): Promise<Pick<Recovery, 'id' | 'found'>> {
    return this.begin('/v1/deliveries/recover', request, signal);
  }

  /** Sends an endpoint's deliveries of a time span again, in the background: `recovery` says how far that is. */
  recoverEndpoint(
    endpointId: string,
    request: RecoverRequest,
    { signal }: Signaled = {},
  ): Promise<Pick<Recovery, 'id' | 'found'>> {
    return this.begin(`/v1/endpoints/${encodeURIComponent(endpointId)}/recover`, request, signal);
  }

  /** How far a recovery is. */
  recovery(id: string, { signal }: Signaled = {}): Promise<Recovery> {
    const path = `/v1/recoveries/${encodeURIComponent(id)}`;
    return this.transport.json({ method: 'GET', path, signal, repeatable: true });
  }

  /** Acts on all operations that a filter means, in the background: an operation to `wait` for, or to `cancel`. */
  bulkOperations(
    request: BulkOperationsRequest,
    options: SubmitOptions = {},
  ): Promise<Operation<BulkResult>> {
    return this.transport.json(keyed('/v1/operations/bulk', request, options));
  }

  /** The same of deliveries. */
  bulkDeliveries(
    request: BulkDeliveriesRequest,
    options: SubmitOptions = {},
  ): Promise<Operation<BulkResult>> {
    return this.transport.json(keyed('/v1/deliveries/bulk', request, options));
  }

  /** How many operations a bulk action would act on now. */
  matchOperations(request: BulkOperationsRequest, { signal }: Signaled = {}): Promise<number> {
    return this.match('/v1/operations/bulk', request, signal);
  }

  /** The same of deliveries. */
  matchDeliveries(request: BulkDeliveriesRequest, { signal }: Signaled = {}): Promise<number> {
    return this.match('/v1/deliveries/bulk', request, signal);
  }

  private async match(path: string, request: object, signal: AbortSignal | undefined): Promise<number> {
    const body = { ...request, dry_run: true };
    const call = { method: 'POST', path, body, signal, repeatable: true } as const;
    return (await this.transport.json<{ matched: number }>(call)).matched;
  }

  /** Never repeated by itself: what is sent again already would have one attempt more. */
  private begin(
    path: string,
    body: RecoverRequest,
    signal: AbortSignal | undefined,
  ): Promise<Pick<Recovery, 'id' | 'found'>> {
    return this.transport.json({ method: 'POST', path, body, signal, repeatable: false });
  }

  /** The account of this key: what it uses, and what it may use. */
  account({ signal }: Signaled = {}): Promise<Account> {
    return this.transport.json({ method: 'GET', path: '/v1/account', signal, repeatable: true });
  }

  /** The processes of the installation that run; for keys with the scope `admin`. */
  processes({ signal }: Signaled = {}): AsyncGenerator<RingbackProcess, void, void> {
    return this.pages('/v1/processes', {}, signal);
  }

  /** Who did what, page after page; for keys with the scope `admin`. */
  audit(filter: AuditFilter = {}, { signal }: Signaled = {}): AsyncGenerator<AuditEntry, void, void> {
    return this.pages('/v1/audit', { ...filter }, signal);
  }

  /** How many operations were accepted and ended, and how long they took, by time. */
  operationStats(filter: StatsFilter = {}, { signal }: Signaled = {}): Promise<OperationStats> {
    const path = '/v1/stats/operations';
    return this.transport.json({ method: 'GET', path, query: { ...filter }, signal, repeatable: true });
  }

  /** How many attempts arrived and failed, and how many deliveries were given up, by time. */
  deliveryStats(filter: StatsFilter = {}, { signal }: Signaled = {}): Promise<DeliveryStats> {
    const path = '/v1/stats/deliveries';
    return this.transport.json({ method: 'GET', path, query: { ...filter }, signal, repeatable: true });
  }

  /** Operations that end, attempts that are made and endpoints that are disabled, as it happens, until the caller stops. */
  feed(options: FeedOptions = {}): AsyncGenerator<FeedEvent, void, void> {
    return feedOf(this.transport, options);
  }

  private hold<Result>(id: string, heldMs: number, mostMs: number, signal: AbortSignal | undefined) {
    return this.transport.send(
      {
        method: 'GET',
        path: pathOf(id),
        query: { wait: (heldMs / 1000).toFixed(3) },
        signal,
        // `wait` repeats by itself, with a patience of its own.
        repeatable: false,
        heldMs,
        mostMs,
      },
      standing<Operation<Result>>,
    );
  }

  private async *pages<T>(
    path: string,
    filter: Readonly<Record<string, string | number | boolean | undefined>>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<T, void, void> {
    let cursor: string | undefined;
    do {
      const page: { data: T[]; next_cursor: string | null } = await this.transport.json({
        method: 'GET',
        path,
        query: { ...filter, limit: PAGE, cursor },
        signal,
        repeatable: true,
      });
      yield* page.data;
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
  }
}

/** An operation as it stands, and when to ask again where it has not ended. */
async function standing<T>(response: Response): Promise<{ operation: T; pauseS: number }> {
  return { operation: (await response.json()) as T, pauseS: retryAfterS(response) ?? 1 };
}

/** A POST that may be repeated, since its Idempotency-Key makes one of them all. */
function keyed(path: string, body: unknown, { idempotencyKey, signal }: SubmitOptions): Call {
  const headers = { 'idempotency-key': headerValue('idempotencyKey', idempotencyKey ?? randomKey()) };
  return { method: 'POST', path, body, headers, signal, repeatable: true };
}

async function batchItems(response: Response): Promise<BatchItem[]> {
  const { data } = (await response.json()) as { data: { operation?: Operation; problem?: ProblemBody }[] };
  return data.map(({ operation, problem }) =>
    operation ? { operation, error: null } : { operation: null, error: new RingbackError(problem!) },
  );
}

function pathOf(id: string): string {
  return `/v1/operations/${encodeURIComponent(id)}`;
}

/** Not `randomUUID`, which browsers give to secure pages only. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
