import { Injectable, Logger } from '@nestjs/common';
import { OperationConfig } from '../../config/config.js';
import { SealedInputs } from '../accept/sealed-inputs.js';
import { Suspension } from '../await/suspension.js';
import type { OperationEntity } from '../operation.entity.js';
import { OperationRun, RunAborted, storable } from './operation-run.js';
import type { OperationOutcome } from './operation-type.js';
import { OperationTypes, type RegisteredType } from './operation-types.js';
import { finished } from './run-ending.js';
import { StartOver } from './start-over.js';
import { type FailedAttempt, failedVerdict, startedOver, type Verdict, withoutHandler } from './verdict.js';

/** How long a handler gets to react to its signal before its run is decided without it; a cancel has a time of its own. */
const ABORT_GRACE_MS = 500;

/** Calls the handler of a run, and says what becomes of it: the handler's word, its failure, or its time being over decides. */
@Injectable()
export class HandlerCalls {
  private readonly logger = new Logger('Operations');

  constructor(
    private readonly types: OperationTypes,
    private readonly inputs: SealedInputs,
    private readonly config: OperationConfig,
  ) {}

  async call(run: OperationRun): Promise<Verdict> {
    const { claim } = run;
    const { operation } = claim;
    const type = this.types.get(operation.type);
    if (!type || type.declared) return withoutHandler(claim);
    const timeout = setTimeout(() => run.abort('timeout'), Math.min(operation.timeoutS * 1000, 2 ** 31 - 1));
    try {
      const outcome = await Promise.race([this.work(type, run), this.aborted(run.signal)]);
      // It stopped because it was told to, with nothing to show for it.
      if (outcome === undefined && run.signal.aborted) throw run.signal.reason as RunAborted;
      if (outcome instanceof Suspension || outcome instanceof StartOver)
        return suspended(outcome, run.signal);
      return { kind: 'end', how: finished(outcome ?? {}) };
    } catch (error) {
      return this.failed(type, run, error);
    } finally {
      clearTimeout(timeout);
    }
  }

  /** The check is the handler's own code too: it may hang, or be overtaken by the signal, as the run may. */
  private async work(type: RegisteredType, run: OperationRun): Promise<OperationOutcome | void> {
    const checked = await this.types.check(type, this.inputs.open(run.claim.operation));
    run.signal.throwIfAborted();
    return type.handler.run(checked, run);
  }

  /** Rejects some time after the signal fired: a handler that reacts to it decides its own end first. */
  private aborted(signal: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      const fire = (): void => {
        const reason = signal.reason as RunAborted;
        const graceMs = reason.cause === 'canceled' ? this.config.cancelGraceS * 1000 : ABORT_GRACE_MS;
        setTimeout(() => reject(reason), graceMs).unref();
      };
      if (signal.aborted) fire();
      else signal.addEventListener('abort', fire, { once: true });
    });
  }

  private failed(type: RegisteredType, { claim, signal }: OperationRun, error: unknown): Verdict {
    const { verdict, attempt } = failedVerdict(claim, type, signal, error);
    if (attempt) this.logFailure(claim.operation, attempt);
    return verdict;
  }

  private logFailure(
    { rid, requestId, type, attempt, tries }: OperationEntity,
    failure: FailedAttempt,
  ): void {
    this.logger.warn({
      msg: 'attempt failed',
      operation: rid,
      request_id: requestId,
      type,
      attempt,
      tries,
      error: storable(failure.code),
      reason: storable(failure.message),
      ...(failure.delayS === null ? {} : { next_in_s: failure.delayS }),
      ...(failure.stack === null ? {} : { stack: failure.stack }),
    });
  }
}

/** A shutdown is no reason to run it again; a cancel, or a lost lease, is one to let it be. */
function suspended(outcome: Suspension | StartOver, signal: AbortSignal): Verdict {
  if (signal.aborted && (signal.reason as RunAborted).cause !== 'shutdown') throw signal.reason as RunAborted;
  return outcome instanceof Suspension ? { kind: 'suspend', suspension: outcome } : startedOver(outcome);
}
