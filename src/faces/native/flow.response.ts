import { ApiInteger, ApiTime } from '../../http/api-properties.js';
import type { FlowView } from '../../operations/flow/flow.store.js';

/** Which values were set here: what is submitted doesn't change those. */
export class FlowPinnedResponse {
  parallelism: boolean;
  rate: boolean;
}

/** A flow key, and what waits and runs with it. */
export class FlowResponse {
  key: string;
  /** Most that are Executing; null: any. */
  @ApiInteger()
  parallelism: number | null;
  /** Most that start in any window of `period_s` seconds; null: any. */
  @ApiInteger()
  rate: number | null;
  period_s: number | null;
  pinned: FlowPinnedResponse;
  /** Since when none of them starts; null while they do. */
  @ApiTime()
  paused_at: string | null;
  /** Operations that are Waiting and whose `run_at` has come, up to 10,000. */
  @ApiInteger()
  waiting: number;
  @ApiInteger()
  executing: number;
  /** Starts in the window that ends now; 0 without a rate. */
  @ApiInteger()
  started: number;

  static from(flow: FlowView): FlowResponse {
    return {
      key: flow.key,
      parallelism: flow.parallelism,
      rate: flow.rate,
      period_s: flow.periodS,
      pinned: flow.pinned,
      paused_at: flow.pausedAt?.toISOString() ?? null,
      waiting: flow.waiting,
      executing: flow.executing,
      started: flow.started,
    };
  }
}
