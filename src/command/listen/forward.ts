import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { PulledDelivery } from '../../client/index.js';
import { UsageError } from '../ending.js';

/** What a server on this machine answered, or why it didn't. */
export type Answer = { readonly status: number } | { readonly error: string };

/** Where deliveries are forwarded to. */
export interface Target {
  readonly url: URL;
  /** For the whole answer's head, milliseconds. */
  readonly timeoutMs: number;
  /** Takes whatever certificate is shown, as of a server in development. */
  readonly insecure: boolean;
}

/** Reads where to forward to: a URL, or what is short for one on this machine: `3000`, `3000/hook`, `localhost:3000/hook`. */
export function targetUrl(given: string): URL {
  // A number alone would be an address (RFC 3986 leaves that to libraries: 3000 is 0.0.11.184).
  const whole = /^\d+(?:[/?]|$)/.test(given)
    ? `http://localhost:${given}`
    : /^[a-z][a-z0-9+.-]*:\/\//i.test(given)
      ? given
      : `http://${given}`;
  const url = URL.parse(whole);
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return url;
  throw new UsageError(
    `--forward ${JSON.stringify(given)} is no http(s) URL, such as http://localhost:3000/hook`,
  );
}

/** POSTs deliveries byte for byte with their own headers. */
export class Forwarder {
  private readonly agent: HttpAgent;

  constructor(private readonly target: Target) {
    const kept = { keepAlive: true, timeout: 60_000 };
    this.agent =
      target.url.protocol === 'https:'
        ? new HttpsAgent({ ...kept, rejectUnauthorized: !target.insecure })
        : new HttpAgent(kept);
  }

  /** One POST. A kept connection that breaks before any answer lost a race, and is tried anew once. */
  async post(delivery: PulledDelivery): Promise<Answer> {
    const limit = AbortSignal.timeout(this.target.timeoutMs);
    try {
      return await this.once(delivery, limit);
    } catch (error) {
      if (limit.aborted) return { error: `no answer within ${this.target.timeoutMs / 1000} s` };
      return { error: wordsOf(error) };
    }
  }

  private async once(delivery: PulledDelivery, signal: AbortSignal, isAgain = false): Promise<Answer> {
    const body = Buffer.from(delivery.body);
    const { url } = this.target;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      method: 'POST',
      headers: { ...delivery.headers, 'content-length': body.length },
      agent: this.agent,
      signal,
    });
    request.on('response', (response) => {
      // Its body is of no interest, but the connection is.
      response.on('error', () => undefined).resume();
      resolve({ status: response.statusCode! });
    });
    request.on('error', reject);
    request.end(body);
    try {
      return await promise;
    } catch (error) {
      const isStale = request.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET';
      if (!isStale || isAgain || signal.aborted) throw error;
      return this.once(delivery, signal, true);
    }
  }

  /** Closes kept connections. */
  close(): void {
    this.agent.destroy();
  }
}

/** Of a name with several addresses, why the first one failed. */
function wordsOf(error: unknown): string {
  const first = error instanceof AggregateError ? (error.errors as unknown[])[0] : error;
  return first instanceof Error ? first.message : String(first);
}
