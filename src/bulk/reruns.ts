import { Injectable } from '@nestjs/common';
import type { Found } from '../database/page-of.js';
import { type Admitted, Quotas, sizeOf } from '../operations/accept/quotas.js';
import { acceptRow, type NewOperation } from '../operations/operation-rows.js';
import type { OperationEntity } from '../operations/operation.entity.js';
import {
  OperationExpiredError,
  OperationRefusedError,
  QuotaExceededError,
} from '../operations/operation.errors.js';
import { Submissions } from '../operations/accept/submissions.service.js';
import type { OperationNumber } from '../operations/read/operation-reads.store.js';
import { OperationDispatcher } from '../operations/run/operation.dispatcher.js';
import type { RunContext } from '../operations/run/operation-run.js';
import { BulkStore, type Checkpoint, type PlannedStep } from './bulk.store.js';

/** One that is to be run again: ready to be accepted, or why it isn't; for the time being, with the seconds until it may. */
type Rerun =
  | { readonly kind: 'ready'; readonly operation: NewOperation; readonly admitted: Admitted }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'later'; readonly waitS: number };

/** Refusals that the history tells of: more of them are more of the same. */
const MAX_TOLD = 100;

/** Plans steps that run operations again, as fast as their accounts' quotas let them. */
@Injectable()
export class Reruns {
  constructor(
    private readonly store: BulkStore,
    private readonly submissions: Submissions,
    private readonly quotas: Quotas,
    private readonly dispatcher: OperationDispatcher,
  ) {}

  async plan(stands: Checkpoint, found: Found<OperationNumber>, run: RunContext): Promise<PlannedStep> {
    const stored = await this.store.submitted(found.rows.map(({ requestId }) => requestId));
    const ready: Extract<Rerun, { kind: 'ready' }>[] = [];
    const settle = (taken: boolean): void => {
      for (const { operation, admitted } of ready) admitted.settle(taken ? sizeOf(operation) : null);
      if (taken) this.dispatcher.wake();
    };
    let { reached, skipped } = stands;
    let waitS = 0;
    for (const { requestId, rid } of found.rows) {
      const rerun = await this.prepare(stored.get(requestId), run.traceparent).catch((error: unknown) => {
        settle(false);
        throw error;
      });
      if (rerun.kind === 'later') {
        ({ waitS } = rerun);
        break;
      }
      if (rerun.kind === 'ready') ready.push(rerun);
      else if (skipped++ < MAX_TOLD) run.log(`${rid} is not run again: ${rerun.why}`);
      reached = requestId;
    }
    if (waitS === 0) reached = found.next ?? reached;
    return {
      act: 'rerun',
      things: ready.map(({ operation }) => acceptRow(operation)),
      next: { ...stands, reached, skipped },
      waitS,
      over: waitS === 0 && found.next === null,
      settle,
    };
  }

  private async prepare(of: OperationEntity | undefined, traceparent: string | null): Promise<Rerun> {
    if (!of) return { kind: 'refused', why: 'it is gone' };
    try {
      const operation = await this.submissions.prepareRerun(of, traceparent);
      const admitted = await this.quotas.admit(operation.accountId, sizeOf(operation), 1);
      return { kind: 'ready', operation, admitted };
    } catch (error) {
      if (error instanceof QuotaExceededError) return { kind: 'later', waitS: error.retryAfterS };
      if (error instanceof OperationRefusedError && error.retryAfterS !== null)
        return { kind: 'later', waitS: error.retryAfterS };
      if (error instanceof OperationRefusedError || error instanceof OperationExpiredError)
        return { kind: 'refused', why: error.message };
      throw error;
    }
  }
}
