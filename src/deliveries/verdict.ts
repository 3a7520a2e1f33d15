import { describeEgressError } from '../egress/egress.js';
import { retryAfterOf } from '../egress/retry-after.js';
import type { AttemptResult } from './webhook.client.js';

/** What an attempt means for its delivery and for the endpoint it went to. */
export type Verdict =
  | { outcome: 'delivered'; disableEndpoint: boolean }
  | {
      outcome: 'failed';
      retry: true;
      /** What the receiver asked for, in seconds from `now`; null: nothing. */
      retryAfterS: number | null;
      error: string;
    }
  | {
      outcome: 'failed';
      retry: false;
      reason: 'gone' | 'aborted_by_receiver' | 'blocked_destination';
      disableEndpoint: boolean;
      error: string;
    };

type AttemptResponse = Extract<AttemptResult, { kind: 'response' }>;

/** Judges an attempt. `now` is the moment of the response, for a `Retry-After` that is a date. */
export function verdict(result: AttemptResult, now: Date): Verdict {
  switch (result.kind) {
    case 'response':
      return judgeResponse(result, now);
    case 'error': {
      const error = `${result.code}: ${describeEgressError(result.code, result.libraryCode)}`;
      if (result.code !== 'blocked_destination')
        return { outcome: 'failed', retry: true, retryAfterS: null, error };
      return { outcome: 'failed', retry: false, reason: result.code, disableEndpoint: false, error };
    }
    default:
      return result satisfies never;
  }
}

function judgeResponse(response: AttemptResponse, now: Date): Verdict {
  const { status } = response;
  const wish = wishOf(response);
  const disableEndpoint = wish === 'disable';
  if (status >= 200 && status <= 299) return { outcome: 'delivered', disableEndpoint };
  const error = describeStatus(status);
  if (status === 410)
    return { outcome: 'failed', retry: false, reason: 'gone', disableEndpoint: true, error };
  if (wish !== undefined) {
    const asked = `${error}; the receiver answered webhook-delivery: ${wish}`;
    return { outcome: 'failed', retry: false, reason: 'aborted_by_receiver', disableEndpoint, error: asked };
  }
  const retryAfterS =
    status === 429 || status === 503 ? retryAfterOf(response.headers['retry-after'], now) : null;
  return { outcome: 'failed', retry: true, retryAfterS, error };
}

function describeStatus(status: number): string {
  if (status >= 300 && status <= 399)
    return `HTTP ${status}: redirects are not followed; give the URL it leads to`;
  return status === 410 ? 'HTTP 410: the receiver is gone for good' : `HTTP ${status}`;
}

function wishOf(response: AttemptResponse): 'disable' | 'abort-message' | undefined {
  const header = response.headers['webhook-delivery'];
  // Node joins a header that is sent twice by commas; an array never comes, but its type says so.
  const wishes = String(header ?? '')
    .toLowerCase()
    .split(',')
    .map((wish) => wish.trim());
  if (wishes.includes('disable')) return 'disable';
  return wishes.includes('abort-message') ? 'abort-message' : undefined;
}
