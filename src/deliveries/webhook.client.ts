import type { IncomingHttpHeaders } from 'node:http';
import { StringDecoder } from 'node:string_decoder';
import { inflated } from './inflated.js';
import type { Request, Response } from 'got';
import {
  classifyEgressError,
  type Egress,
  type EgressErrorCode,
  operatorsDetail,
  tlsCodeOf,
} from '../egress/egress.js';
import { hear, looseHead } from '../egress/loose-head.js';

/** Milliseconds of each phase; null: not reached, or not needed (a kept connection, no TLS). */
export interface AttemptPhases {
  dns: number | null;
  connect: number | null;
  tls: number | null;
  first_byte: number | null;
}

/** What one attempt came to: a response of any status, or the class of the fault that left none. */
export type AttemptResult = (
  | {
      kind: 'response';
      status: number;
      headers: IncomingHttpHeaders;
      /** The first 16 KiB as text; NUL and invalid UTF-8 are replaced by U+FFFD, so that PostgreSQL can store it. */
      body: string;
      /** There was more than `body` holds, or the body was cut off. */
      truncated: boolean;
      durationMs: number;
      phasesMs: AttemptPhases;
    }
  | {
      kind: 'error';
      code: EgressErrorCode;
      /** What the TLS library calls it. */
      libraryCode?: string;
      /** What only an operator may know of it. */
      detail?: string;
      durationMs: number;
      phasesMs: AttemptPhases;
    }
) & {
  /** It was sent twice: a kept connection broke before any answer. */
  resent?: true;
};

/** One POST; header names in any case. */
export interface AttemptRequest {
  url: string;
  headers: Record<string, string>;
  body: string;
  /** PEM with its key, shown to a receiver that asks by TLS. */
  clientCertificate?: string | undefined;
}

/** `timeoutMs` bounds a whole attempt, the response's body included. */
export interface WebhookClientOptions {
  timeoutMs: number;
  userAgent: string;
}

/** How much of a response's body is read before the connection is dropped; bytes. */
const MAX_READ = 64 * 1024;
/** How much of it is kept; bytes. */
const MAX_KEPT = 16 * 1024;

/** Makes single webhook attempts; a receiver's fault, whatever it is, is a result and never an exception. */
export class WebhookClient {
  private readonly timeoutMs: number;
  private readonly defaultHeaders: Record<string, string>;

  constructor(
    private readonly egress: Egress,
    options: WebhookClientOptions,
  ) {
    this.timeoutMs = options.timeoutMs;
    this.defaultHeaders = { 'content-type': 'application/json', 'user-agent': options.userAgent };
  }

  /** POSTs the body once; a 2xx head decides, and what its body does afterwards is only cut off. */
  async attempt(request: AttemptRequest, signal?: AbortSignal): Promise<AttemptResult> {
    const startedAt = performance.now();
    const first = await this.post(request, startedAt, 'kept', signal);
    // A receiver that closes an idle connection while we write to it has seen no fault of its own: it is our keeping
    // the connection that lost the race. Same id, same bytes, so a receiver that did see it can tell; the log tells it too.
    if (first !== 'stale') return first;
    const second = await this.post(request, startedAt, 'fresh', signal);
    const result = second === 'stale' ? fault('connection_reset', startedAt) : second;
    return { ...result, resent: true };
  }

  private async post(
    request: AttemptRequest,
    startedAt: number,
    connection: 'kept' | 'fresh',
    signal: AbortSignal | undefined,
  ): Promise<AttemptResult | 'stale'> {
    const timeoutMs = Math.max(1, this.timeoutMs - (performance.now() - startedAt));
    try {
      const stream = this.egress.open({
        url: request.url,
        method: 'POST',
        headers: { ...this.defaultHeaders, ...request.headers },
        body: request.body,
        clientCertificate: request.clientCertificate,
        timeoutMs,
        connection,
        signal,
      });
      return await new Reading(stream, startedAt).result;
    } catch (error) {
      return failure(error, startedAt);
    }
  }
}

/** Follows one response to its end, its cap or its fault, whichever comes first. */
class Reading {
  readonly result: Promise<AttemptResult | 'stale'>;
  private settle!: (result: AttemptResult | 'stale' | Promise<AttemptResult>) => void;
  private head: Response | undefined;
  private readonly chunks: Uint8Array[] = [];
  private readonly heard: () => Buffer;
  private received = 0;

  constructor(
    private readonly stream: Request,
    private readonly startedAt: number,
  ) {
    this.result = new Promise((resolve) => {
      this.settle = resolve;
    });
    this.heard = hear(stream);
    stream.on('response', (head: Response) => {
      this.head = head;
    });
    stream.on('data', (chunk: Uint8Array) => {
      this.take(chunk);
    });
    stream.on('end', () => {
      this.finish(true);
    });
    // Stays attached: a late error of a settled attempt must not end the process.
    stream.on('error', (error: unknown) => {
      this.fail(error);
    });
    stream.on('close', () => {
      this.finish(false);
    });
  }

  private take(chunk: Uint8Array): void {
    if (this.received < MAX_KEPT) this.chunks.push(chunk);
    this.received += chunk.byteLength;
    if (this.received <= MAX_READ) return;
    this.finish(false);
    this.stream.destroy();
  }

  private finish(complete: boolean): void {
    const { head } = this;
    if (head === undefined) {
      // Closed by an abort that carries no error.
      this.settle(fault('connection_reset', this.startedAt, this.stream));
      return;
    }
    this.settle(
      this.inClear(this.told(head.statusCode, head.headers), !complete || this.received > MAX_KEPT),
    );
  }

  private async inClear(told: ReturnType<Reading['told']>, truncated: boolean): Promise<AttemptResult> {
    const bytes = Buffer.concat(this.chunks);
    const clear = await inflated(bytes, told.headers['content-encoding'], MAX_KEPT);
    if (clear === null) return { ...told, body: storableText(bytes), truncated };
    return { ...told, body: storableText(clear.bytes), truncated: truncated || clear.more };
  }

  private told(status: number, headers: IncomingHttpHeaders) {
    const [durationMs, phasesMs] = [elapsed(this.startedAt), phasesOf(this.stream)];
    return { kind: 'response', status, headers, durationMs, phasesMs } as const;
  }

  private fail(error: unknown): void {
    if (this.head !== undefined) {
      this.finish(false);
      return;
    }
    const code = classifyEgressError(error);
    // Else one that has taken the callback would get it ten times more, because of how it says so.
    const loose = code === 'response_invalid' ? looseHead(this.heard()) : null;
    if (loose !== null) {
      this.settle({ ...this.told(loose.status, loose.headers), body: '', truncated: true });
      return;
    }
    const isStale = code === 'connection_reset' && this.stream.reusedSocket === true;
    this.settle(isStale ? 'stale' : failure(error, this.startedAt, this.stream));
  }
}

function failure(error: unknown, startedAt: number, stream?: Request): AttemptResult {
  const [libraryCode, detail] = [tlsCodeOf(error), operatorsDetail(error)];
  return {
    ...fault(classifyEgressError(error), startedAt, stream),
    ...(libraryCode === undefined ? {} : { libraryCode }),
    ...(detail === null ? {} : { detail }),
  };
}

function fault(code: EgressErrorCode, startedAt: number, stream?: Request) {
  return { kind: 'error', code, durationMs: elapsed(startedAt), phasesMs: phasesOf(stream) } as const;
}

function elapsed(startedAt: number): number {
  return Math.round(performance.now() - startedAt);
}

function phasesOf(stream: Request | undefined): AttemptPhases {
  const phases = stream?.timings?.phases;
  // got repeats a kept connection's phases on every later request: they cost this attempt nothing.
  const connection = stream?.reusedSocket === true ? undefined : phases;
  return {
    dns: connection?.dns ?? null,
    connect: connection?.tcp ?? null,
    tls: connection?.tls ?? null,
    first_byte: phases?.firstByte ?? null,
  };
}

function storableText(bytes: Buffer): string {
  // The decoder keeps back a character that the cut runs through.
  const text =
    bytes.length > MAX_KEPT
      ? new StringDecoder('utf8').write(bytes.subarray(0, MAX_KEPT))
      : bytes.toString('utf8');
  return text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text;
}
