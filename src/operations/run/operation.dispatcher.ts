import { Injectable } from '@nestjs/common';
import { OperationConfig } from '../../config/config.js';
import { DatabaseUnavailableError } from '../../database/database-errors.js';
import { DispatchLoop, watchMs } from '../../engine/dispatch-loop.js';
import type { Hint } from '../../engine/hint.js';
import { Lookout } from '../../engine/lookout.js';
import { OperationHints } from '../../engine/engine.module.js';
import { CompletionStore } from '../await/completion.store.js';
import { CANCELED, type How, OperationEnder } from '../end/operation-ender.js';
import { DispatchStore } from './dispatch.store.js';
import { DUE_OPERATIONS } from './due-operations.js';
import { RescueStore } from '../end/rescue.store.js';
import { OperationStore } from '../operation.store.js';
import type { Claim } from './claim.js';
import { OperationTypes } from './operation-types.js';
import { retryPolicy } from './retry-policy.js';
import { afterFailure, timedOut } from './verdict.js';

/** Rows one round takes at the most. */
const MOST = 200;

/** How much longer a hint may be out that may be in a queue where jobs wait, in times of RINGBACK_REDISPATCH_S. */
const BUSY = 3;
/** Seconds after which one is lost for certain where no job waits: what a process takes, it begins or puts back at once. */
const LOST_S = 3;

/**
 * Finds operations that are due and hints workers to them. First dispatch, retry, a lost hint and a dead worker are all the
 * same to it: a row whose `due_at` has passed. Any number of processes may run one.
 */
@Injectable()
export class OperationDispatcher extends DispatchLoop {
  private rescuedAt = -Infinity;
  private readonly given: Hint[] = [];

  constructor(
    private readonly store: DispatchStore,
    private readonly operations: OperationStore,
    private readonly rescues: RescueStore,
    private readonly hints: OperationHints,
    private readonly ender: OperationEnder,
    private readonly completions: CompletionStore,
    private readonly types: OperationTypes,
    private readonly config: OperationConfig,
    lookout: Lookout,
  ) {
    super('operations', watchMs(config), { lookout, due: DUE_OPERATIONS });
    operations.onWaiting(() => this.wake());
  }

  /** Hints workers to an operation that got its slot when it was accepted. */
  hint(hint: Hint): void {
    this.given.push(hint);
    // Those that were accepted in one commit go together.
    if (this.given.length === 1) setImmediate(() => void this.sendGiven());
  }

  /** What neither the queue nor PostgreSQL takes is found by a round, as a lost hint. */
  private async sendGiven(): Promise<void> {
    try {
      await this.send(this.given.splice(0), 'last');
    } catch (error) {
      this.logger.debug(`hints were neither sent nor given back: ${String(error)}`);
    }
  }

  protected async round(): Promise<boolean | 'refused'> {
    if (performance.now() - this.rescuedAt >= this.config.pollMs / 2) await this.rescue();
    const queue = await this.hints.look();
    if (queue === 'away' || queue === 'full') {
      await this.store.spareLeases();
      return false;
    }
    const { redispatchS } = this.config;
    const patienceS = queue === 'empty' ? Math.min(0, LOST_S - redispatchS) : BUSY * redispatchS;
    const found = await this.store.dispatch(MOST, patienceS);
    if (found === null) return 'refused';
    const { lost, fresh, nextS } = found;
    if (nextS !== null) this.wakeIn(nextS * 1000);
    // They were ahead of all others.
    await this.send(lost, 'first');
    await this.send(fresh, 'last');
    return lost.length + fresh.length >= MOST;
  }

  /** What the queue doesn't take must not count as being there: other rows are waiting for its place. */
  private async send(hints: readonly Hint[], where: 'first' | 'last'): Promise<void> {
    if (!(await this.hints.send(hints, where)))
      await Promise.all(hints.map((hint) => this.store.returnHint(hint)));
  }

  /** Ends operations that nobody else will: no worker is left that could, or a handler didn't stop when it was asked to. */
  private async rescue(): Promise<void> {
    this.rescuedAt = performance.now();
    // Together, so that they share their statements and commits.
    const rescues = (await this.rescues.over(MOST)).map((claim) =>
      this.rescueOne(claim).catch((error: unknown) => {
        if (error instanceof DatabaseUnavailableError) throw error;
        // One that can't be ended must not keep all others from being dispatched.
        this.logger.error(`operation ${claim.operation.rid} could not be ended: ${String(error)}`);
      }),
    );
    await Promise.all(rescues);
  }

  private async rescueOne(claim: Claim): Promise<void> {
    const { requestId, attempt, tries, cancelAt } = claim.operation;
    if (claim.overtime && cancelAt === null) return this.timeOut(claim);
    const message = `the worker went silent during attempt ${attempt} of ${tries}`;
    // Its workers are gone, and whoever was to complete it has.
    const completed = cancelAt === null ? await this.completions.given(requestId) : CANCELED;
    const how: How = completed ?? { state: 'Failed', code: 'attempts_exhausted', message };
    const ended = await this.ender.end(claim, how, claim.claimedAt);
    if (ended && completed === null)
      this.logger.warn({
        msg: 'operation failed with its workers',
        operation: ended.rid,
        type: ended.type,
      });
  }

  /** A remote worker's run that took too long: nobody is left to say so. */
  private async timeOut(claim: Claim): Promise<void> {
    const { operation, leaseToken } = claim;
    const { requestId } = operation;
    const type = await this.types.find(operation.type);
    const verdict = afterFailure(type?.retry ?? retryPolicy({}), operation, timedOut(operation));
    if (verdict.kind === 'end') await this.ender.end(claim, verdict.how, claim.claimedAt);
    else await this.operations.release({ ...verdict, requestId, leaseToken });
  }
}
