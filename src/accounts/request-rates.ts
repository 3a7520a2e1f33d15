import { Injectable } from '@nestjs/common';
import { AccountConfig } from '../config/config.js';
import { Problem } from '../http/problem.js';
import { rateLimitFields } from '../http/rate-limit.js';
import type { KeyHolder } from './account.store.js';

/** What is left of an account's requests. */
interface Bucket {
  left: number;
  at: number;
}

const MAX_ACCOUNTS = 10_000;

/** Keeps accounts to so many requests a second, in this process; a second's worth may come at once. */
@Injectable()
export class RequestRates {
  private readonly buckets = new Map<string, Bucket>();

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
    const bucket = this.bucketOf(holder.accountId, most, now);
    bucket.left = Math.min(most, bucket.left + (Math.max(0, now - bucket.at) / 1000) * rate);
    bucket.at = now;
    const refused = bucket.left < 1;
    if (!refused) bucket.left--;
    const resetS = Math.ceil(((refused ? 1 : most) - bucket.left) / rate);
    const windowS = Math.ceil(most / rate);
    const fields = rateLimitFields({ name: 'requests', quota: most, left: bucket.left, resetS, windowS });
    if (!refused) return fields;
    throw new Problem(
      429,
      'rate-limited',
      `this account may make ${most} ${most === 1 ? 'request' : 'requests'} in ${windowS} s: try again in ${resetS} s`,
      { headers: { 'retry-after': String(resetS), ...fields } },
    );
  }

  private bucketOf(accountId: string, most: number, now: number): Bucket {
    let bucket = this.buckets.get(accountId);
    if (!bucket) {
      if (this.buckets.size >= MAX_ACCOUNTS) this.buckets.clear();
      bucket = { left: most, at: now };
      this.buckets.set(accountId, bucket);
    }
    return bucket;
  }
}
