import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import type { AttemptTrigger } from '../../deliveries/delivery.entity.js';
import type { OperationState } from '../operation.state.js';

/** An operation that has ended. Times are as JSON has them. */
export interface EndedOperation {
  readonly id: string;
  readonly request_id: number;
  readonly type: string;
  readonly status: OperationState;
  readonly correlation: string | null;
  readonly error_code: string | null;
  readonly created_at: string;
  readonly finished_at: string;
}

/** An attempt that was made. */
export interface MadeAttempt {
  readonly delivery_id: string;
  readonly operation_id: string | null;
  readonly type: string | null;
  readonly endpoint_id: string | null;
  readonly url: string;
  readonly event: string;
  readonly number: number;
  readonly trigger: AttemptTrigger;
  readonly outcome: 'delivered' | 'failed' | 'unknown';
  readonly http_status: number | null;
  readonly error: string | null;
  readonly duration_ms: number | null;
  readonly next_attempt_at: string | null;
}

/** An endpoint that was disabled. */
export interface DisabledEndpoint {
  readonly id: string;
  readonly url: string;
  readonly reason: string | null;
}

/** Something that the feed tells; `id` is its place in it. */
export type FeedEntry = { readonly id: number; readonly accountId: string; readonly at: Date } & (
  | { readonly kind: 'operation.ended'; readonly subject: EndedOperation }
  | { readonly kind: 'attempt.made'; readonly subject: MadeAttempt }
  | { readonly kind: 'endpoint.disabled'; readonly subject: DisabledEndpoint }
);

/** Entries as of one snapshot: all transactions before `oldest` are over. */
export interface FeedReading {
  readonly entries: readonly FeedEntry[];
  readonly oldest: bigint;
}

/** Reads what the feed tells from the records. */
@Injectable()
export class FeedStore {
  constructor(private readonly database: Database) {}

  /** The last place that was given. */
  async last(): Promise<number> {
    const [row] = await this.database.query<{ last: string }>(
      'SELECT last_value - (NOT is_called)::integer AS last FROM feed_id',
    );
    return Number(row!.last);
  }

  /**
   * A transaction that is after all that have begun. A snapshot doesn't tell: its upper bound is the last one that is over, and those
   * after it may have begun, too.
   */
  async newTransaction(): Promise<bigint> {
    const [row] = await this.database.query<{ id: string }>('SELECT pg_current_xact_id() AS id');
    return BigInt(row!.id);
  }

  /** What is told after one place up to another; of an account, or of all. */
  async read(after: number, upTo: number, accountId: string | null): Promise<FeedReading> {
    const [row] = await this.database.query<{ entries: Row[] | null; oldest: string }>(
      `SELECT pg_snapshot_xmin(pg_current_snapshot()) AS oldest, (SELECT json_agg(f) FROM read_feed($1, $2, $3) f) AS entries`,
      [accountId, after, upTo],
    );
    const entries = (row!.entries ?? []).map(
      ({ feed_id, account_id, kind, at, subject }) =>
        ({ id: feed_id, accountId: account_id, kind, at: new Date(at), subject }) as FeedEntry,
    );
    return { entries, oldest: BigInt(row!.oldest) };
  }
}

interface Row {
  readonly feed_id: number;
  readonly account_id: string;
  readonly kind: FeedEntry['kind'];
  readonly at: string;
  readonly subject: object;
}
