import { sendable } from './sendable.js';
import { atLeast } from './arguments.js';
import { RingbackError } from './error.js';
import { isNotNow, isPassing, sleep, type Transport } from './transport.js';
import type { Operation } from './types.js';
import { type WorkAction, type WorkActionResult, WorkActions } from './work-actions.js';

/** An operation as its worker sees it. */
export interface WorkOperation<Input = unknown> extends Operation {
  readonly account_id: string;
  readonly input: Input;
  /** How often it may be tried; `attempt` is which try this is. */
  readonly tries: number;
  /** Seconds that this run may take. */
  readonly timeout_s: number;
  /** W3C trace context; null where there is no trace. */
  readonly traceparent: string | null;
}

/** What a running handler knows and may do. */
export interface WorkContext<Input = unknown> {
  readonly operation: WorkOperation<Input>;
  /** Fires on cancel, timeout, when the lease is lost and when the worker stops: stop, and throw or return. */
  readonly signal: AbortSignal;
  /** Shows progress (0 to 100) and, if given, a line for people. Cheap: may be called for every item. */
  progress(percent: number, text?: string): void;
  /** Adds a line to the operation's history. */
  log(line: string): void;
}

/** What a handler gives back; all of it is optional. */
export interface WorkOutcome {
  readonly result?: unknown;
  readonly custom?: unknown;
  /** Id of a file of the operation's account. */
  readonly file?: string;
  /** The last line shown to people. */
  readonly text?: string;
}

/** Thrown by a handler to end its run as failed: for good, or to be tried again. Other errors are tried again. */
export class WorkError extends Error {
  override readonly name = 'WorkError';

  constructor(
    readonly code: string,
    message: string,
    /** Whether another try, if one is left, may help. */
    readonly retry = false,
  ) {
    super(message);
  }
}

export interface WorkOptions<Input = unknown> {
  /** Names of declared operation types. */
  readonly types: readonly string[];
  readonly handler: (
    input: Input,
    context: WorkContext<Input>,
  ) => Promise<WorkOutcome | void> | WorkOutcome | void;
  /** Operations that run at once; 10 by default. */
  readonly concurrency?: number;
  /** What people see it called; the API key's name by default. */
  readonly worker?: string;
  /** Seconds after which operations of a worker that died are given to another, 5 to 3600; the service's own by default. */
  readonly leaseS?: number;
  /** Stops the worker. */
  readonly signal?: AbortSignal;
  /** Seconds that handlers which run get then, before their signals fire; 10 by default. */
  readonly graceS?: number;
  /** Told of what the worker rides out: that the service can't be reached, that a lease was lost. */
  readonly onTrouble?: (error: unknown) => void;
}

interface Claimed {
  readonly operation: WorkOperation;
  readonly lease: string;
  readonly lease_s: number;
}

/** One operation that this worker runs. */
interface Running {
  readonly claimed: Claimed;
  readonly controller: AbortController;
  told: { progress?: number; text?: string };
  lines: string[];
}

const HOLD_S = 25;
/** Lines that wait for the next renewal at the most, and characters of each. */
const MAX_LINES = 100;
const MAX_TEXT = 4_000;
/** How long handlers get to react to their signals, ms. */
const ABORT_GRACE_MS = 1_000;
const TROUBLE_MS = 1_000;
/** How often all leases are renewed, in one request: less than a third of the shortest, and soon enough to hear of a cancel. */
const RENEW_MS = 1_500;
/** How long the end of a run is told again and again, ms. */
const OUTAGE_MS = 300_000;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Runs operations of declared types: claims them, keeps their leases, and says how they went. */
export class Worker {
  private readonly running = new Set<Running>();
  private readonly work = new Set<Promise<void>>();
  private readonly actions: WorkActions;
  private readonly concurrency: number;
  private ended: (() => void) | undefined;

  constructor(
    private readonly transport: Transport,
    private readonly options: WorkOptions<never>,
  ) {
    this.concurrency = options.concurrency ?? 10;
    atLeast(1, 'concurrency', this.concurrency);
    atLeast(0, 'graceS', options.graceS ?? 0);
    this.actions = new WorkActions(transport);
  }

  /** Resolves when it was stopped and has nothing left to do; rejects where the service refuses what it asks. */
  async run(): Promise<void> {
    const { signal } = this.options;
    const stop = (): void => this.ended?.();
    signal?.addEventListener('abort', stop, { once: true });
    const renewal = setInterval(() => this.running.forEach((one) => void this.renew(one)), RENEW_MS);
    try {
      while (!this.isStopped) {
        const free = this.concurrency - this.running.size;
        if (free > 0) for (const claimed of await this.claim(free)) this.begin(claimed);
        else await new Promise<void>((resolve) => (this.ended = resolve));
      }
    } finally {
      signal?.removeEventListener('abort', stop);
      await this.drain();
      clearInterval(renewal);
    }
  }

  private get isStopped(): boolean {
    return this.options.signal?.aborted === true;
  }

  private async claim(limit: number): Promise<readonly Claimed[]> {
    const { types, worker, leaseS: lease_s, signal } = this.options;
    try {
      const { data } = await this.transport.json<{ data: Claimed[] }>({
        method: 'POST',
        path: '/v1/work/claim',
        body: { types, limit: Math.min(limit, 500), wait: HOLD_S, worker, lease_s },
        signal,
        // What an answer named that was lost is given back, or its leases run out: asking again is no repeat.
        repeatable: true,
        heldMs: HOLD_S * 1000,
      });
      return data;
    } catch (error) {
      if (this.isStopped) return [];
      if (!isPassing(error)) throw error;
      this.options.onTrouble?.(error);
      await sleep(TROUBLE_MS, signal).catch(() => undefined);
      return [];
    }
  }

  private begin(claimed: Claimed): void {
    const one: Running = { claimed, controller: new AbortController(), told: {}, lines: [] };
    this.running.add(one);
    const work = this.runOne(one)
      .catch((error: unknown) => this.options.onTrouble?.(error))
      .finally(() => {
        this.running.delete(one);
        this.work.delete(work);
        this.ended?.();
      });
    this.work.add(work);
  }

  private async runOne(one: Running): Promise<void> {
    const { operation, lease } = one.claimed;
    const timeout = setTimeout(
      () => one.controller.abort(new WorkError('timeout', 'the run took too long')),
      Math.min(operation.timeout_s * 1000, MAX_TIMER_MS),
    );
    try {
      const said = await this.handle(one);
      if (said === null) return;
      if (one.lines.length > 0) await this.renew(one);
      const { status, problem } = await this.settle({ lease, ...said });
      if (status === 409) return this.options.onTrouble?.(problem && new RingbackError(problem));
      // After so long an outage its lease runs out, and it is run again.
      if (status >= 400 && !isNotNow(status))
        await this.settle({
          lease,
          action: 'fail',
          code: 'result_refused',
          message: problem?.detail ?? 'the result was refused',
          retry: false,
        });
    } finally {
      clearTimeout(timeout);
    }
  }

  /** Over an outage too: what was done must not be done again because the service was away. */
  private async settle(action: WorkAction): Promise<WorkActionResult> {
    for (const until = Date.now() + OUTAGE_MS; ;) {
      try {
        const result = await this.actions.send(action);
        // Of many actions in one request, only some may have met an outage.
        if (!isNotNow(result.status) || Date.now() > until) return result;
        this.options.onTrouble?.(result.problem && new RingbackError(result.problem));
      } catch (error) {
        if (!isPassing(error) || Date.now() > until) throw error;
        this.options.onTrouble?.(error);
      }
      await sleep(TROUBLE_MS);
    }
  }

  /** What the handler's end is to be told as; null where the lease is lost. */
  private async handle(one: Running): Promise<Said | null> {
    const { operation } = one.claimed;
    const { signal } = one.controller;
    const context: WorkContext<never> = {
      operation: operation as WorkOperation<never>,
      signal,
      progress: (percent, text) => {
        const progress = Math.min(100, Math.max(0, Number.isFinite(percent) ? percent : 0));
        one.told = {
          ...one.told,
          progress,
          ...(text === undefined ? {} : { text: sendable(text, MAX_TEXT) }),
        };
      },
      log: (line) => {
        if (one.lines.length < MAX_LINES) one.lines.push(sendable(line, MAX_TEXT));
      },
    };
    try {
      const handled = Promise.resolve(this.options.handler(operation.input as never, context));
      const outcome = await Promise.race([handled, overdue(signal)]);
      return jsonOf({ action: 'complete', ...outcome });
    } catch (error) {
      const reason: unknown = signal.aborted ? signal.reason : undefined;
      if (reason === LOST) return null;
      if (reason === STOPPED)
        return operation.tries > 1
          ? { action: 'release' }
          : failed(new WorkError('interrupted', 'the worker stopped, and this type is never tried twice'));
      return failed(reason ?? error);
    }
  }

  /** Keeps the lease, and tells what was told. */
  private async renew(one: Running): Promise<void> {
    const { told, lines } = one;
    one.told = {};
    one.lines = [];
    try {
      const { lease } = one.claimed;
      const log = lines.length === 0 ? {} : { log: lines };
      const { status, cancel } = await this.actions.send({ lease, action: 'renew', ...told, ...log });
      if (status === 409) one.controller.abort(LOST);
      else if (cancel) one.controller.abort(new WorkError('canceled', 'the caller has canceled it'));
    } catch (error) {
      // Not known: the lease may stand, and the next renewal will tell.
      one.told = { ...told, ...one.told };
      one.lines = [...lines, ...one.lines].slice(0, MAX_LINES);
      this.options.onTrouble?.(error);
    }
  }

  private async drain(): Promise<void> {
    const idle = Promise.all(this.work);
    await Promise.race([idle, sleep((this.options.graceS ?? 10) * 1000)]);
    for (const { controller } of this.running) controller.abort(STOPPED);
    await Promise.all(this.work);
  }
}

type Said =
  | ({ readonly action: 'complete' } & WorkOutcome)
  | Extract<Without<WorkAction>, { action: 'fail' | 'release' }>;
type Without<Action> = Action extends unknown ? Omit<Action, 'lease'> : never;

/** Why a handler's signal fired, where no error of its own says so. */
const LOST = new WorkError('lease_lost', 'another worker has the operation, or it has ended');
const STOPPED = new WorkError('interrupted', 'the worker stopped');

/** What is no JSON now is none at the next try either. */
function jsonOf(said: Said): Said {
  try {
    JSON.stringify(said);
    return said;
  } catch (error) {
    throw new WorkError('result_not_json', `result and custom must be JSON: ${String(error)}`);
  }
}

/** Rejects some time after the signal has fired: a handler that reacts to it decides its own end first. */
function overdue(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => setTimeout(() => reject(signal.reason as Error), ABORT_GRACE_MS), {
      once: true,
    });
  });
}

function failed(error: unknown): Extract<Said, { action: 'fail' }> {
  const { code, retry } = error instanceof WorkError ? error : { code: 'handler_error', retry: true };
  const message = error instanceof Error ? error.message : String(error);
  return {
    action: 'fail',
    code,
    message: sendable(message, MAX_TEXT) || 'the handler failed without a message',
    retry,
  };
}
