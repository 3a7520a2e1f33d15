import { Injectable } from '@nestjs/common';
import { rideOut } from '../../database/ride-out.js';
import { AwaitingStore } from '../await/awaiting.store.js';
import { CompletionEnder } from '../await/completion-ender.js';
import type { Suspension } from '../await/suspension.js';
import { CANCELED, type How, OperationEnder } from '../end/operation-ender.js';
import type { Release } from '../operation-rows.js';
import { OperationStore } from '../operation.store.js';
import { OperationWaits } from '../read/operation-waits.js';
import type { Claim } from './claim.js';
import type { OperationRun } from './operation-run.js';
import { OperationTypes } from './operation-types.js';
import { OperationDispatcher } from './operation.dispatcher.js';
import type { Verdict } from './verdict.js';

/** The end of an operation that nobody could complete. */
const NO_TOKEN = {
  state: 'Failed',
  code: 'no_completion_token',
  message: 'the handler waits for a completion and has made no token: call context.completion() first',
} as const satisfies How;

/** Does what a run's verdict says, in PostgreSQL: the operation ends, waits for somebody, or is given back. */
@Injectable()
export class RunSettler {
  constructor(
    private readonly store: OperationStore,
    private readonly ender: OperationEnder,
    private readonly awaiting: AwaitingStore,
    private readonly completions: CompletionEnder,
    private readonly types: OperationTypes,
    private readonly dispatcher: OperationDispatcher,
    private readonly waits: OperationWaits,
  ) {}

  /** Rides out an outage until `giveUp`: what was run must not be run again because PostgreSQL was away for a moment. */
  async settle(run: OperationRun, verdict: Verdict, giveUp: () => boolean): Promise<void> {
    if (verdict.kind === 'lost') return;
    const { claim } = run;
    const { requestId } = claim.operation;
    const finishedAt = run.now();
    await rideOut(async () => {
      if (verdict.kind === 'end') await this.ender.end(claim, verdict.how, finishedAt);
      else if (verdict.kind === 'suspend') await this.suspend(claim, verdict.suspension, finishedAt);
      else {
        await this.store.release({ ...verdict, requestId, leaseToken: claim.leaseToken } satisfies Release &
          Verdict);
        this.waits.grew(requestId);
        this.dispatcher.wake();
      }
    }, giveUp);
  }

  /** Gives the operation up until it needs somebody, unless it has to end now. */
  private async suspend(claim: Claim, suspension: Suspension, finishedAt: Date): Promise<void> {
    const { requestId, type } = claim.operation;
    const slotless = this.types.get(type)?.slotless ?? false;
    const became = await this.awaiting.suspend({
      requestId,
      leaseToken: claim.leaseToken,
      suspension,
      slotless,
    });
    if (became === 'completed') await this.completions.end(claim, finishedAt);
    if (became === 'canceling') await this.ender.end(claim, CANCELED, finishedAt);
    if (became === 'no-token') await this.ender.end(claim, NO_TOKEN, finishedAt);
    // Others may have waited for its slot.
    if (slotless && claim.awaited === null) this.dispatcher.wake();
  }
}
