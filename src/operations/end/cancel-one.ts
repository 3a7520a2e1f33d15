import { Injectable } from '@nestjs/common';
import { OperationConfig } from '../../config/config.js';
import { OperationEndedError } from '../operation.errors.js';
import { OperationsService } from '../operations.service.js';
import type { OperationView } from '../read/operation-reads.store.js';
import { OperationWaits } from '../read/operation-waits.js';
import { CANCELED, OperationEnder } from './operation-ender.js';
import { RescueStore } from './rescue.store.js';

/** How long a cancel's answer is held at the most: proxies often cut off what is silent for 30 s. */
const MAX_HELD_MS = 25_000;
/** How long a cancel waits for another one that ends the operation at the same time, before it tries to itself. */
const ENDING_MS = 1_000;

/** Cancels an operation for a caller who waits until it has ended. */
@Injectable()
export class CancelOne {
  constructor(
    private readonly operations: OperationsService,
    private readonly rescue: RescueStore,
    private readonly ender: OperationEnder,
    private readonly waits: OperationWaits,
    private readonly config: OperationConfig,
  ) {}

  /**
   * Cancels a live operation: at once where it waits. Where it runs, its handler's signal fires, and the operation is
   * Canceled when the handler has stopped, or else after the grace time. A handler that ends its work all the same wins.
   * An answer that is `held` comes as it stands where the account holds as many as it may, or after 25 s, and the rest goes on
   * without it: ask again.
   */
  async cancel(accountId: string, rid: string, held?: AbortSignal): Promise<OperationView> {
    const askedAt = performance.now();
    const answerBy = held ? askedAt + MAX_HELD_MS : Infinity;
    const graceOver = Math.min(askedAt + this.config.cancelGraceS * 1000, answerBy);
    let patient: boolean | undefined;
    for (let asked = false; ;) {
      const requestId = await this.rescue.askToStop(accountId, rid);
      if (requestId !== null) {
        // Told first: the end it brings is waited for even where it comes before the wait.
        this.waits.canceling(requestId);
        patient ??= held === undefined || this.waits.hold(accountId, held);
        if (patient)
          await this.operations.await(accountId, rid, graceOver - performance.now(), { gone: held });
      }
      const claim = await this.rescue.takeOver(accountId, rid);
      if (claim) await this.ender.end(claim, CANCELED, claim.claimedAt);
      asked ||= claim !== null || requestId !== null;
      const view = await this.operations.await(accountId, rid, patient === false ? 0 : ENDING_MS, {
        gone: held,
      });
      const { dueAt, state } = view.operation;
      // A shutdown cuts no handler's grace time short: other processes end what was asked to stop.
      // Nor has a caller who has gone anything to wait for.
      const impatient = patient === false || held?.aborted === true || performance.now() >= answerBy;
      const asItStands = dueAt !== null && (impatient || this.waits.closing);
      if (asked && (state === 'Canceled' || asItStands)) return view;
      if (dueAt === null) throw new OperationEndedError(state);
      // Another cancel had taken it over and died, or it began to run meanwhile.
    }
  }
}
