import { setTimeout as delay } from 'node:timers/promises';
import { rideOut } from '../database/ride-out.js';
import { OperationError } from '../operations/run/operation-context.js';
import type { RunContext } from '../operations/run/operation-run.js';
import {
  type OperationHandler,
  type OperationOutcome,
  OperationType,
} from '../operations/run/operation-type.js';
import { boundedBy, BULK_TYPE, type BulkInput, type BulkResult } from './bulk-input.js';
import { BulkSteps } from './bulk-steps.js';
import { BulkStore, type Checkpoint, type StoredCheckpoint } from './bulk.store.js';

const VERBS = { cancel: 'Canceled', rerun: 'Reran', redeliver: 'Redelivered' } as const;
const BEGINNING = { reached: '0', done: 0, skipped: 0 } as const;
/** A run that is alive has no end of its own: a week, after which something is wrong. */
const MAX_RUN_S = 604_800;

/**
 * Acts on all operations or deliveries that a filter means, step by step. Each step is one commit with the checkpoint from which
 * whoever runs it next goes on: killed at any moment, it does nothing twice.
 */
@OperationType<object>({
  name: BULK_TYPE,
  title: 'Act on many operations or deliveries',
  internal: true,
  apart: true,
  tries: 20,
  timeoutS: MAX_RUN_S,
})
export class BulkHandler implements OperationHandler<BulkInput> {
  constructor(
    private readonly store: BulkStore,
    private readonly steps: BulkSteps,
  ) {}

  async run(input: BulkInput, context: RunContext): Promise<OperationOutcome> {
    const patiently = <T>(work: () => Promise<T>): Promise<T> =>
      rideOut(work, () => context.signal.aborted).catch((error: unknown) => {
        context.signal.throwIfAborted();
        throw error;
      });
    const bounded = boundedBy(input, context.requestId);
    let stands = held(await patiently(() => this.begin(bounded, context)));
    for (let over = false; !over;) {
      tell(context, input, stands.at);
      context.signal.throwIfAborted();
      const from = stands;
      const step = await patiently(() => this.steps.plan(bounded, from.at, context));
      let taken = false;
      try {
        stands = held(await patiently(() => this.store.step(context, from.text, step)));
        taken = true;
      } finally {
        step.settle(taken);
      }
      if (step.waitS > 0) await delay(step.waitS * 1000, undefined, { signal: context.signal });
      ({ over } = step);
    }
    const { matched, done, skipped } = stands.at;
    const result: BulkResult = { matched, done, skipped };
    return {
      result,
      statusText: `${VERBS[input.action]} ${done}${skipped > 0 ? `, ${skipped} skipped` : ''}`,
    };
  }

  /** Where the run before this one came to; else the beginning, with what is counted then. */
  private async begin(input: BulkInput, run: RunContext): Promise<StoredCheckpoint | null> {
    const before = await this.store.checkpoint(run);
    if (before) return before;
    const matched = await this.store.count(input, () => run.signal.aborted);
    run.signal.throwIfAborted();
    return this.store.step(run, null, { act: null, things: [], next: { ...BEGINNING, matched } });
  }
}

/** Another worker has the run by now: it goes on from the checkpoint. */
function held(checkpoint: StoredCheckpoint | null): StoredCheckpoint {
  if (checkpoint) return checkpoint;
  throw new OperationError('lease_lost', 'another worker has taken over', true);
}

function tell(context: RunContext, { action, of }: BulkInput, { matched, done, skipped }: Checkpoint): void {
  const part = matched === 0 ? 0 : Math.min(1, (done + skipped) / matched);
  context.progress(100 * part, `${VERBS[action]} ${done} of ${matched} ${of}`);
}
