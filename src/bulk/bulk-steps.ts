import { Injectable } from '@nestjs/common';
import { DeliveryDispatcher } from '../deliveries/delivery.dispatcher.js';
import { DeliveryReads } from '../deliveries/delivery-reads.store.js';
import { CancelMany } from '../operations/end/cancel-many.js';
import { OperationReads } from '../operations/read/operation-reads.store.js';
import type { RunContext } from '../operations/run/operation-run.js';
import type { BulkInput } from './bulk-input.js';
import type { Checkpoint, PlannedStep } from './bulk.store.js';
import { Reruns } from './reruns.js';

/** Rows of one step: an input may be a MiB. */
const LIMIT = { cancel: 100, redeliver: 100, rerun: 50 } as const;

/** Finds what a bulk action does next. */
@Injectable()
export class BulkSteps {
  constructor(
    private readonly operations: OperationReads,
    private readonly deliveries: DeliveryReads,
    private readonly canceler: CancelMany,
    private readonly reruns: Reruns,
    private readonly dispatcher: DeliveryDispatcher,
  ) {}

  async plan(input: BulkInput, stands: Checkpoint, run: RunContext): Promise<PlannedStep> {
    const page = { newestFirst: false, after: stands.reached, limit: LIMIT[input.action] };
    if (input.of === 'deliveries') {
      const found = await this.deliveries.select(input.filter, page);
      const things = found.rows.map(({ home, seq }) => ({ home, seq }));
      const settle = (): void => this.dispatcher.wake();
      return { ...past(stands, found.next, things.at(-1)?.seq), act: input.action, things, settle };
    }
    const found = await this.operations.select(input.filter, page);
    if (input.action === 'rerun') return this.reruns.plan(stands, found, run);
    const numbers = found.rows.map(({ requestId }) => requestId);
    // Not in the step's commit, as all ends: what is canceled is left alone when it comes to that again.
    const canceled = await this.canceler.cancel(numbers);
    const done = stands.done + canceled;
    const skipped = stands.skipped + numbers.length - canceled;
    return {
      ...past({ ...stands, done, skipped }, found.next, numbers.at(-1)),
      act: null,
      things: [],
      settle: () => undefined,
    };
  }
}

/** Where an action stands once it has acted on all that was found, up to the number `last`. */
function past(
  stands: Checkpoint,
  next: string | null,
  last = stands.reached,
): Pick<PlannedStep, 'next' | 'over' | 'waitS'> {
  return { next: { ...stands, reached: next ?? last }, over: next === null, waitS: 0 };
}
