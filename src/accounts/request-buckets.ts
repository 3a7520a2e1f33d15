/** What is left of an account's requests. */
interface Bucket {
  left: number;
  at: number;
}

/** What a request has left. */
export interface Spent {
  /** Whether there was none for it. */
  readonly refused: boolean;
  /** Requests that may still come at once; parts of one too. */
  readonly left: number;
  /** Seconds until all are there again; of a request that is refused, until there is one. */
  readonly resetS: number;
}

const MAX_ACCOUNTS = 10_000;
/** Of a request, that rounding may have lost: whoever waited as long as he was told is served. */
const LOST = 1e-6;

/** Counts accounts' requests in this process: so many may come at once, and come back evenly with time. Who is refused spends none. */
export class RequestBuckets {
  private readonly buckets = new Map<string, Bucket>();

  /** Spends one request of an account that may make `most` at once and `perS` a second. */
  spend(accountId: string, { most, perS }: { most: number; perS: number }, now = performance.now()): Spent {
    const bucket = this.bucketOf(accountId, most, now);
    bucket.left = Math.min(most, bucket.left + (Math.max(0, now - bucket.at) / 1000) * perS);
    bucket.at = now;
    const refused = bucket.left < 1 - LOST;
    if (!refused) bucket.left = Math.max(0, bucket.left - 1);
    const { left } = bucket;
    return { refused, left, resetS: Math.ceil(((refused ? 1 : most) - left) / perS) };
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
