import { atLeast, baseOf, headerValue, jsonOf } from './arguments.js';
import { type ProblemBody, RingbackError } from './error.js';

/** Statuses that say "not now" of a server or of what stands before it. */
const NOT_NOW: readonly number[] = [408, 429, 502, 503, 504];
const LONGEST_PAUSE_MS = 60_000;
/** A timer that is set to more fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const TRIES = 8;
const BACKOFF_MS = 250;
const TIMEOUT_MS = 30_000;

export interface ClientOptions {
  /** Where Ringback is: `https://ringback.example.com`, a path included where it is mounted under one. */
  readonly url: string;
  /** `rb_…`; null where what stands before Ringback adds it, as for pages, in which it would be everybody's. */
  readonly apiKey: string | null;
  /** Another `fetch`, for instance with a proxy; the platform's by default. */
  readonly fetch?: typeof fetch;
  /** How often a call that may be repeated is made at most; 8 by default: 12 to 24 s, in which a service starts again. */
  readonly tries?: number;
  /**
   * Milliseconds before the second try, doubled for each one after it up to 8 s, less up to half of it at random; 250 by
   * default.
   */
  readonly backoffMs?: number;
  /** Milliseconds that one request may take, beyond what it was asked to wait; 30,000 by default. */
  readonly timeoutMs?: number;
}

/** One request. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  /** A body that isn't JSON, with its own content type. */
  readonly bytes?: Blob;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Whether making it twice is as good as once. */
  readonly repeatable: boolean;
  /** Milliseconds that the server was asked to hold the answer. */
  readonly heldMs?: number;
  /** Milliseconds that it may take at the most, also where it may be held for longer. */
  readonly mostMs?: number;
}

/** A call as `fetch` takes it, the same for every try. */
interface Written {
  readonly url: string;
  readonly init: Omit<RequestInit, 'signal'>;
}

/** Makes calls, and repeats those that may be when the network or the server fails them. */
export class Transport {
  private readonly base: string;

  constructor(private readonly options: ClientOptions) {
    this.base = baseOf(options.url, options.fetch !== undefined);
    if (options.apiKey !== null) headerValue('apiKey', options.apiKey);
    atLeast(0, 'tries', options.tries ?? TRIES);
    atLeast(0, 'backoffMs', options.backoffMs ?? BACKOFF_MS);
    atLeast(1, 'timeoutMs', options.timeoutMs ?? TIMEOUT_MS);
  }

  /**
   * What `read` makes of the answer, when that is a 2xx. Rejects with a `RingbackError`, with the signal's reason, or with a
   * `TypeError` where the call can't be written.
   */
  async send<T>(call: Call, read: (response: Response) => Promise<T> | T): Promise<T> {
    // Before any try: what can't be written is the caller's mistake, which no other try mends.
    const request = this.requestOf(call);
    const tries = call.repeatable ? (this.options.tries ?? TRIES) : 1;
    for (let made = 1; ; made++) {
      try {
        return await this.once(call, request, read);
      } catch (error) {
        if (made >= tries || !isPassing(error)) throw error;
        await this.pause(made, error, call.signal);
      }
    }
  }

  /** The same for a URL that is a credential by itself, wherever it leads: the API key stays here. */
  to(url: string): Transport {
    return new Transport({ ...this.options, url, apiKey: null });
  }

  json<T>(call: Call): Promise<T> {
    return this.send(call, (response) => response.json() as Promise<T>);
  }

  /** Waits before try `made + 1`: what the server asked for, else ever longer, with jitter; never longer than `mostMs`. */
  async pause(made: number, error: unknown, signal?: AbortSignal, mostMs = LONGEST_PAUSE_MS): Promise<void> {
    const asked = error instanceof RingbackError ? error.retryAfterS : null;
    const grown = Math.min((this.options.backoffMs ?? BACKOFF_MS) * 2 ** (made - 1), 8_000);
    // So that not everybody comes back at the same time. Half is waited in any case: the tries must outlast a restart.
    const jitter = (Math.random() * grown) / 2;
    const ms = (asked === null ? grown / 2 : asked * 1000) + jitter;
    await sleep(Math.min(ms, LONGEST_PAUSE_MS, mostMs), signal);
  }

  private async once<T>(
    call: Call,
    { url, init }: Written,
    read: (response: Response) => Promise<T> | T,
  ): Promise<T> {
    call.signal?.throwIfAborted();
    const late = new AbortController();
    const usualMs = (this.options.timeoutMs ?? TIMEOUT_MS) + (call.heldMs ?? 0);
    const limitMs = Math.ceil(Math.min(usualMs, call.mostMs ?? usualMs, LONGEST_TIMER_MS));
    const timer = setTimeout(() => late.abort(new Error(`none within ${limitMs} ms`)), limitMs);
    const signal = call.signal ? AbortSignal.any([late.signal, call.signal]) : late.signal;
    try {
      // Not as a method of the options: a browser's fetch wants to be called bare.
      const fetchIt = this.options.fetch ?? fetch;
      const response = await fetchIt(url, { ...init, signal });
      if (!response.ok) throw new RingbackError(await problemOf(response), retryAfterS(response));
      return await read(response);
    } catch (error) {
      call.signal?.throwIfAborted();
      // Everything else comes of a connection that failed, before the answer or inside it.
      throw error instanceof RingbackError ? error : unreachable(error, this.base);
    } finally {
      clearTimeout(timer);
    }
  }

  private requestOf(call: Call): Written {
    const { apiKey } = this.options;
    const headers = {
      accept: 'application/json',
      ...(apiKey === null ? {} : { authorization: `Bearer ${apiKey}` }),
      ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...call.headers,
    };
    const body = call.body === undefined ? {} : { body: jsonOf(call.body) };
    const bytes = call.bytes === undefined ? {} : { body: call.bytes };
    return {
      url: this.base + call.path + queryOf(call.query),
      init: { method: call.method, headers, ...body, ...bytes },
    };
  }
}

/** True for what another try may mend: no answer at all, or one that says "not now". */
export function isPassing(error: unknown): boolean {
  return error instanceof RingbackError && (error.code === 'unreachable' || isNotNow(error.status));
}

/** Whether what was answered so may be asked again, since nothing is wrong with it. */
export function isNotNow(status: number): boolean {
  return NOT_NOW.includes(status);
}

/** No answer came from there: status 0, code `unreachable`, with the platform's error as its cause. */
export function unreachable(cause: unknown, url: string): RingbackError {
  const detail = `no answer from Ringback${placeOf(url)}: ${reasonOf(cause)}`;
  return new RingbackError({ status: 0, code: 'unreachable', detail }, null, { cause });
}

/** Its server alone: the rest of a URL may be a credential. Nothing of one that only a page resolves. */
function placeOf(url: string): string {
  try {
    return ` at ${new URL(url).origin}`;
  } catch {
    return '';
  }
}

/** `fetch failed` says nothing; its cause does, by its code where several addresses were tried. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  const { code } = cause as { readonly code?: unknown };
  return cause.message || (typeof code === 'string' ? code : error.message);
}

/** Seconds of a `Retry-After`, which is a number or a date (RFC 9110, 10.2.3); null without one. */
export function retryAfterS(response: Response): number | null {
  const given = response.headers.get('retry-after');
  if (given === null) return null;
  const seconds = /^\d+$/.test(given) ? Number(given) : (Date.parse(given) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : null;
}

/** Resolves after the time; rejects with the signal's reason when that fires before. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal!.reason as Error);
    };
    const done = (): void => {
      signal?.removeEventListener('abort', stop);
      resolve();
    };
    const timer = setTimeout(done, Math.min(ms, LONGEST_TIMER_MS));
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/** The problem of an answer; one that isn't Ringback's, a proxy's page for instance, is told by its status. */
export async function problemOf(response: Response): Promise<ProblemBody> {
  const text = await response.text().catch(() => '');
  try {
    const body = JSON.parse(text) as Partial<ProblemBody> | null;
    if (typeof body?.code === 'string' && typeof body.detail === 'string')
      return { ...body, status: response.status, code: body.code, detail: body.detail };
  } catch {
    // No JSON: not an answer of Ringback's.
  }
  return {
    status: response.status,
    code: 'unexpected-answer',
    detail: `HTTP ${response.status} ${text.slice(0, 200)}`,
  };
}

function queryOf(query: Call['query'] = {}): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
  return given.size === 0 ? '' : `?${given.toString()}`;
}
