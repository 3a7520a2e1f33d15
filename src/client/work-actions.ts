import type { ProblemBody } from './error.js';
import { RingbackError } from './error.js';
import { type Call, isPassing, type Transport } from './transport.js';

/** One action on a lease, as `POST /v1/work/batch` takes it. */
export type WorkAction = { readonly lease: string } & (
  | {
      readonly action: 'renew';
      readonly progress?: number;
      readonly text?: string;
      readonly log?: readonly string[];
    }
  | {
      readonly action: 'complete';
      readonly result?: unknown;
      readonly custom?: unknown;
      readonly file?: string;
      readonly text?: string;
    }
  | { readonly action: 'fail'; readonly code: string; readonly message: string; readonly retry: boolean }
  | { readonly action: 'release' }
);

/** What became of it. */
export interface WorkActionResult {
  readonly status: number;
  readonly cancel?: boolean;
  readonly problem?: ProblemBody;
}

interface Waiting {
  readonly action: WorkAction;
  readonly size: number;
  readonly resolve: (result: WorkActionResult) => void;
  readonly reject: (error: unknown) => void;
}

/** Actions and bytes of one request: the service takes 500 and 1 MiB. */
const MOST = 500;
const MOST_BYTES = 900 * 1024;

/** Sends the actions of a worker, one request at a time: what is asked for meanwhile goes together with the next one. */
export class WorkActions {
  private waiting: Waiting[] = [];
  private sending = false;

  constructor(private readonly transport: Transport) {}

  /** Resolves with what became of it; rejects where the service could not be asked. */
  send(action: WorkAction): Promise<WorkActionResult> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ action, size: JSON.stringify(action).length, resolve, reject });
      if (!this.sending) void this.flush();
    });
  }

  private async flush(): Promise<void> {
    this.sending = true;
    // What is done in the same turn goes together.
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const batch = this.take();
      // Repeated, what was done is refused as done: that harms nothing.
      const call: Call = {
        method: 'POST',
        path: '/v1/work/batch',
        body: { actions: batch.map(({ action }) => action) },
        repeatable: true,
      };
      try {
        const { data } = await this.transport.json<{ data: WorkActionResult[] }>(call);
        batch.forEach(({ resolve }, place) => resolve(data[place]!));
      } catch (error) {
        for (const { resolve, reject } of batch) {
          // Alone it was refused: for its size, most likely.
          if (
            batch.length === 1 &&
            error instanceof RingbackError &&
            error.status > 0 &&
            error.status < 500 &&
            !isPassing(error)
          )
            resolve({ status: error.status, problem: error.problem });
          else reject(error);
        }
      }
    }
    this.sending = false;
  }

  private take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    while (count < this.waiting.length && count < MOST) {
      bytes += this.waiting[count]!.size;
      if (count > 0 && bytes > MOST_BYTES) break;
      count++;
    }
    return this.waiting.splice(0, count);
  }
}
