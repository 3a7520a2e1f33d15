import { SpanKind } from '@opentelemetry/api';
import { Injectable } from '@nestjs/common';
import { Step } from '../../tracing/spans.js';
import { CompletionOffers } from '../await/completion-offers.js';
import { OperationEnder } from '../end/operation-ender.js';
import { RescueStore } from '../end/rescue.store.js';
import type { OperationEntity } from '../operation.entity.js';
import { IdempotencyMismatchError, OperationRefusedError, QuotaExceededError } from '../operation.errors.js';
import type { NewOperation } from '../operation-rows.js';
import { OperationsService } from '../operations.service.js';
import { OperationReads, type OperationView } from '../read/operation-reads.store.js';
import { refuseGone } from '../retain/gone.js';
import { OperationTypes } from '../run/operation-types.js';
import { OperationDispatcher } from '../run/operation.dispatcher.js';
import { WorkOffers } from '../work/work-offers.js';
import { AcceptStore } from './accept.store.js';
import { type Admitted, Quotas, sizeOf, UNCOUNTED } from './quotas.js';
import { fingerprintOf, type Submission } from './submission.js';
import { SubmissionRows } from './submission-rows.js';

/** What a rerun has otherwise than the operation that it repeats. */
export type RerunChanges = Partial<Pick<Submission, 'input' | 'callback'>>;

/** How an operation is run once more. */
export interface Rerun extends Pick<Submission, 'traceparent'>, Partial<Pick<Submission, 'idempotency'>> {
  readonly changes?: RerunChanges;
}

export interface Accepted {
  readonly view: OperationView;
  /** True when an idempotency key answered an operation accepted before. */
  readonly replayed: boolean;
}

/** Accepts operations: what a caller submits, or wants run once more. Refusals are errors of `operation.errors.ts`. */
@Injectable()
export class Submissions {
  constructor(
    private readonly store: AcceptStore,
    private readonly operations: OperationsService,
    private readonly reads: OperationReads,
    private readonly types: OperationTypes,
    private readonly rows: SubmissionRows,
    private readonly quotas: Quotas,
    private readonly dispatcher: OperationDispatcher,
    private readonly work: WorkOffers,
    private readonly offers: CompletionOffers,
    private readonly rescue: RescueStore,
    private readonly ender: OperationEnder,
  ) {}

  /** Accepts an operation: when this resolves, it is committed and will run. */
  async accept(submission: Submission): Promise<Accepted> {
    let operation: NewOperation;
    let admitted: Admitted;
    try {
      operation = await this.rows.judged(submission);
      admitted = submission.own
        ? UNCOUNTED
        : await this.quotas.admit(operation.accountId, sizeOf(operation), 1);
    } catch (refusal) {
      // What was accepted before stays accepted: its `run_at` may have come since, or its type gone.
      const first =
        (refusal instanceof OperationRefusedError || refusal instanceof QuotaExceededError) &&
        submission.idempotency &&
        (await this.earlier(submission.accountId, submission.idempotency));
      if (first) return first;
      throw refusal;
    }
    const step = Step.start(`submit ${operation.type}`, SpanKind.PRODUCER, operation.traceparent, {
      'ringback.operation': operation.rid,
      'ringback.face': operation.face,
    });
    let accepted: OperationEntity | null = null;
    try {
      const row = { ...operation, traceparent: step.traceparent };
      const apart = this.types.get(operation.type)?.apart;
      accepted = await (apart ? this.store.acceptApart(row) : this.store.accept(row));
    } finally {
      step.end();
      admitted.settle(accepted === null ? null : sizeOf(operation));
    }
    if (!accepted) return this.replay(submission, () => this.accept(submission));
    if (accepted.phase === 'dispatched')
      this.dispatcher.hint({ id: accepted.requestId, epoch: accepted.epoch });
    else if (accepted.phase === 'offered') this.work.told(accepted.type);
    else this.dispatcher.wake();
    // Its claim admits it where its key has room.
    if (accepted.phase === 'keyed' && operation.declared) this.work.told(accepted.type);
    const { callbackUrl } = operation;
    const completionToken = operation.completion?.token;
    return {
      view: { operation: accepted, callbackState: callbackUrl === null ? null : 'Pending', completionToken },
      replayed: false,
    };
  }

  /**
   * Stores what its type refuses as an operation that has Failed, and owes its callback: for faces whose callers look for
   * every end in the same place. Nothing of it runs.
   */
  async refuse(submission: Submission, refusal: OperationRefusedError): Promise<Accepted> {
    // Not due before it is ended here. Should this process die in between, it is run then, and refused by its worker.
    const runAt = new Date(Date.now() + 60_000);
    const operation = await this.rows.unjudged(submission);
    const admitted = await this.quotas.admit(operation.accountId, sizeOf(operation), 0);
    let accepted: OperationEntity | null = null;
    try {
      accepted = await this.store.accept({ ...operation, runAt });
    } finally {
      admitted.settle(accepted === null ? null : sizeOf(operation));
    }
    if (!accepted) return this.replay(submission, () => this.refuse(submission, refusal));
    const { accountId, rid } = accepted;
    const claim = await this.rescue.takeOver(accountId, rid);
    const how = { state: 'Failed', code: 'invalid_input', message: refusal.message } as const;
    if (claim) await this.ender.end(claim, how, claim.claimedAt);
    return { view: await this.operations.find(accountId, rid), replayed: false };
  }

  /** Accepts the same operation once more, in whatever state it is, as long as its input is kept. */
  async rerun(accountId: string, rid: string, rerun: Rerun): Promise<Accepted> {
    const { changes = {}, traceparent, idempotency = null } = rerun;
    const { operation } = await this.operations.find(accountId, rid);
    // Before anything may refuse it: its input may have expired since.
    const first = idempotency && (await this.earlier(accountId, idempotency));
    if (first) return first;
    refuseGone(operation);
    // Its input is no caller's: it says who is answered, and for whom the request is made.
    if (changes.input !== undefined && this.types.get(operation.type)?.internal)
      throw new OperationRefusedError('invalid-request', [
        { path: 'input', message: `of ${operation.type} can't be changed: make the request anew` },
      ]);
    return this.accept({ ...this.rows.again(operation), ...changes, traceparent, idempotency });
  }

  /** The row of a submission that somebody else stores; fails as `accept` does where it is refused. */
  prepare(submission: Submission): Promise<NewOperation> {
    return this.rows.judged(submission);
  }

  /** The same of a rerun; fails as `rerun` does. */
  async prepareRerun(operation: OperationEntity, traceparent: string | null): Promise<NewOperation> {
    refuseGone(operation);
    if (this.types.get(operation.type)?.handler.completion)
      throw new OperationRefusedError('invalid-request', [
        {
          path: 'type',
          message: `of ${operation.type}, each is run again by itself: its answer has a new completion_url`,
        },
      ]);
    return this.prepare({ ...this.rows.again(operation), traceparent });
  }

  /** What was accepted with a key that is taken; `again` where that was so long ago that the key is free now. */
  private async replay(submission: Submission, again: () => Promise<Accepted>): Promise<Accepted> {
    const { accountId } = submission;
    const idempotency = submission.idempotency!;
    const first = await this.earlier(accountId, idempotency);
    if (first) return first;
    await this.reads.dropExpiredKey(accountId, idempotency.key);
    return again();
  }

  /** What was accepted with a key before, as it stands now; null where nothing was. */
  private async earlier(
    accountId: string,
    { key, body }: NonNullable<Submission['idempotency']>,
  ): Promise<Accepted | null> {
    const first = await this.reads.findByKey(accountId, key);
    if (!first) return null;
    if (first.fingerprint !== fingerprintOf(body))
      throw new IdempotencyMismatchError('this Idempotency-Key came with another body before: use a new key');
    const view = await this.operations.find(accountId, first.rid);
    // The first answer may be lost, and the token of it with it.
    const offers = this.types.get(view.operation.type)?.handler.completion !== undefined;
    const completionToken = offers ? ((await this.offers.again(view.operation)) ?? undefined) : undefined;
    return { view: { ...view, completionToken }, replayed: true };
  }
}
