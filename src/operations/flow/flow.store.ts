import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import { OperationDispatcher } from '../run/operation.dispatcher.js';
import { TooManyFlowsError } from './flow.errors.js';

/** Keys of an account that are pinned or paused, without Ringback's own. */
const MOST_KEPT = 1_000;

/** Most that are Executing, and most that start in a window of `periodS` seconds; null: any. */
export interface FlowLimits {
  readonly parallelism: number | null;
  readonly rate: number | null;
  readonly periodS: number | null;
}

/** A flow key as it stands. */
export interface FlowView extends FlowLimits {
  readonly key: string;
  readonly ordered: boolean;
  /** Which of its values are pinned: what is submitted doesn't change those. */
  readonly pinned: { readonly parallelism: boolean; readonly rate: boolean };
  readonly pausedAt: Date | null;
  /** Operations that have this key, without those that are scheduled; counted up to 10,000. */
  readonly waiting: number;
  readonly executing: number;
  /** Of the last period; 0 where there is no rate. */
  readonly started: number;
}

/** What is changed of a flow key; what isn't given stays as it is. */
export interface FlowChanges {
  /** What holds where nothing is pinned, and until something is submitted with other values. */
  readonly limits?: FlowLimits;
  /** Null: no longer. */
  readonly pinnedParallelism?: number | null;
  readonly pinnedRate?: { readonly rate: number; readonly periodS: number } | null;
  readonly paused?: boolean;
  /** Only where the key is made by this. */
  readonly ordered?: boolean;
  /** Nothing is changed of what somebody has set up, also where that was done meanwhile. */
  readonly onlyNew?: boolean;
  /** No key is made by this. */
  readonly onlyKnown?: boolean;
}

interface FlowRow {
  readonly key: string;
  readonly ordered: boolean;
  readonly max_parallelism: number | null;
  readonly max_rate: number | null;
  readonly max_period_s: number | null;
  readonly pinned_parallelism: number | null;
  readonly pinned_rate: number | null;
  readonly paused_at: Date | null;
  readonly waiting: number;
  readonly executing: number;
  readonly started: number;
}

/** Every statement on flow keys that doesn't come with an operation. */
@Injectable()
export class FlowStore {
  constructor(
    private readonly database: Database,
    private readonly dispatcher: OperationDispatcher,
  ) {}

  /** Also one of Ringback's own; null where nobody knows the key. */
  async find(accountId: string, key: string): Promise<FlowView | null> {
    const [flow] = await this.read(accountId, key, '', 1);
    return flow ?? null;
  }

  /** Whether the key of a live operation says when it may start: it has a rate, or is paused. */
  async timesStarts(requestId: string): Promise<boolean> {
    const rows = await this.database.query(
      `SELECT FROM (SELECT account_id, flow_key FROM live_operation WHERE request_id = $1 OFFSET 0) o
       JOIN flow f ON f.account_id = o.account_id AND f.key = o.flow_key
       WHERE f.max_rate IS NOT NULL OR f.paused_at IS NOT NULL`,
      [requestId],
    );
    return rows.length > 0;
  }

  /** By name, behind `after`, without Ringback's own. */
  list(accountId: string, after: string, most: number): Promise<FlowView[]> {
    return this.read(accountId, null, after, most);
  }

  /** Changes a key, or makes it. It holds at once, also for what waits already. False where it is `onlyKnown`, and isn't. */
  async change(accountId: string, key: string, changes: FlowChanges): Promise<boolean> {
    const { limits, pinnedParallelism, pinnedRate, paused, ordered = false } = changes;
    const [row] = await this.database.query<{ done: string }>('SELECT change_flow($1) AS done', [
      JSON.stringify({
        account_id: accountId,
        key,
        ordered,
        limits: limits && { parallelism: limits.parallelism, rate: limits.rate, period_s: limits.periodS },
        pin_parallelism: pinnedParallelism !== undefined,
        pinned_parallelism: pinnedParallelism ?? null,
        pin_rate: pinnedRate !== undefined,
        pinned_rate: pinnedRate?.rate ?? null,
        pinned_period_s: pinnedRate?.periodS ?? null,
        paused: paused ?? null,
        only_new: changes.onlyNew ?? false,
        only_known: changes.onlyKnown ?? false,
        most_kept: MOST_KEPT,
      }),
    ]);
    if (row!.done === 'too-many')
      throw new TooManyFlowsError(
        `this account has ${MOST_KEPT} flow keys that are pinned or paused: reset one`,
      );
    this.dispatcher.wake();
    return row!.done === 'changed';
  }

  /** Forgets the starts of the last period: its window is empty. False where nobody knows the key. */
  async resetRate(accountId: string, key: string): Promise<boolean> {
    const [row] = await this.database.query<{ known: boolean }>('SELECT forget_starts($1, $2) AS known', [
      accountId,
      key,
    ]);
    this.dispatcher.wake();
    return row!.known;
  }

  /**
   * Forgets all that isn't said by its operations: pins, pause and starts. A key of which none lives is forgotten whole. False
   * where nobody knows it.
   */
  async reset(accountId: string, key: string): Promise<boolean> {
    const [row] = await this.database.query<{ known: boolean }>('SELECT reset_flow($1, $2) AS known', [
      accountId,
      key,
    ]);
    this.dispatcher.wake();
    return row!.known;
  }

  /** Forgets those that nobody has set up, and nothing has used for a day; answers how many were looked at. */
  async forget(most: number): Promise<number> {
    const [row] = await this.database.query<{ looked: number }>('SELECT forget_flows($1) AS looked', [most]);
    return row!.looked;
  }

  private async read(
    accountId: string,
    key: string | null,
    after: string,
    most: number,
  ): Promise<FlowView[]> {
    const rows = await this.database.query<FlowRow>(
      'SELECT (flow).*, waiting, executing, started FROM read_flows($1, $2, $3, $4)',
      [accountId, key, after, most],
    );
    return rows.map((row) => ({
      key: row.key,
      ordered: row.ordered,
      parallelism: row.max_parallelism,
      rate: row.max_rate,
      periodS: row.max_period_s,
      pinned: { parallelism: row.pinned_parallelism !== null, rate: row.pinned_rate !== null },
      pausedAt: row.paused_at,
      waiting: row.waiting,
      executing: row.executing,
      started: row.started,
    }));
  }
}
