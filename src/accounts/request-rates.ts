import { Injectable } from '@nestjs/common';
import { AccountConfig } from '../config/config.js';
import { Problem } from '../http/problem.js';
import { rateLimitFields } from '../http/rate-limit.js';
import type { KeyHolder } from './account.store.js';
import { RequestBuckets } from './request-buckets.js';

/** Keeps accounts to so many requests a second, in this process; a second's worth may come at once. */
@Injectable()
export class RequestRates {
  private readonly buckets = new RequestBuckets();

  constructor(private readonly config: AccountConfig) {}

  /** Requests a second that the account may make; null for any. */
  of({ requestsPerS }: Pick<KeyHolder, 'requestsPerS'>): number | null {
    return (requestsPerS ?? this.config.requestsPerS) || null;
  }

  /** Spends one request: the fields that tell what is left, none where any rate is taken; or a `Problem` 429. */
  spend(holder: KeyHolder, now = performance.now()): Record<string, string> {
    const rate = this.of(holder);
    if (rate === null) return {};
    const most = Math.max(1, Math.floor(rate));
    const { refused, left, resetS } = this.buckets.spend(holder.accountId, { most, perS: rate }, now);
    const windowS = Math.ceil(most / rate);
    const fields = rateLimitFields({ name: 'requests', quota: most, left, resetS, windowS });
    if (!refused) return fields;
    throw new Problem(
      429,
      'rate-limited',
      `this account may make ${most} ${most === 1 ? 'request' : 'requests'} in ${windowS} s: try again in ${resetS} s`,
      { headers: { 'retry-after': String(resetS), ...fields } },
    );
  }
}
