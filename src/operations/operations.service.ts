import { SpanKind } from '@opentelemetry/api';
import { Injectable } from '@nestjs/common';
import { OperationConfig } from '../config/config.js';
import { OwnCallbackStore } from '../deliveries/own-callback.store.js';
import type { FileEntity } from '../files/file.entity.js';
import { FilesService } from '../files/files.service.js';
import { Step } from '../tracing/spans.js';
import { CompletionOffers } from './await/completion-offers.js';
import { OperationDispatcher } from './run/operation.dispatcher.js';
import type { OperationEntity } from './operation.entity.js';
import { CANCELED, OperationEnder } from './end/operation-ender.js';
import {
  IdempotencyMismatchError,
  OperationEndedError,
  OperationExpiredError,
  OperationLiveError,
  OperationNotFoundError,
  OperationRefusedError,
  QuotaExceededError,
} from './operation.errors.js';
import { OperationReads, type OperationView } from './read/operation-reads.store.js';
import { RescueStore } from './end/rescue.store.js';
import { AcceptStore } from './accept/accept.store.js';
import type { NewOperation } from './operation-rows.js';
import { OperationTypes } from './run/operation-types.js';
import { OperationWaits } from './read/operation-waits.js';
import { PollPace } from './read/poll-pace.js';
import { type Admitted, Quotas, sizeOf, UNCOUNTED } from './accept/quotas.js';
import { WorkOffers } from './work/work-offers.js';
import { RetentionStore } from './retain/retention.store.js';
import { SealedInputs, type ShownInput } from './accept/sealed-inputs.js';
import { fingerprintOf, type Submission } from './accept/submission.js';
import { SubmissionRows } from './accept/submission-rows.js';

/** What a rerun has otherwise than the operation that it repeats. */
export type RerunChanges = Partial<Pick<Submission, 'input' | 'callback'>>;

/** What was submitted, to be shown. */
export interface OperationRequest extends ShownInput {
  readonly operation: OperationEntity;
  /** Of the callback's headers. */
  readonly headerNames: readonly string[];
}

/** How an operation is run once more. */
export interface Rerun extends Pick<Submission, 'traceparent'>, Partial<Pick<Submission, 'idempotency'>> {
  readonly changes?: RerunChanges;
}

export interface Accepted {
  readonly view: OperationView;
  /** True when an idempotency key answered an operation accepted before. */
  readonly replayed: boolean;
}

/** How long a cancel's answer is held at the most: proxies often cut off what is silent for 30 s. */
const MAX_HELD_MS = 25_000;
/** How long a cancel waits for another one that ends the operation at the same time, before it tries to itself. */
const ENDING_MS = 1_000;

/** What callers can do with operations. Refusals are errors of `operation.errors.ts`. */
@Injectable()
export class OperationsService {
  constructor(
    private readonly store: AcceptStore,
    private readonly rescue: RescueStore,
    private readonly reads: OperationReads,
    private readonly types: OperationTypes,
    private readonly rows: SubmissionRows,
    private readonly inputs: SealedInputs,
    private readonly dispatcher: OperationDispatcher,
    private readonly ender: OperationEnder,
    private readonly callbacks: OwnCallbackStore,
    private readonly waits: OperationWaits,
    private readonly files: FilesService,
    private readonly pace: PollPace,
    private readonly quotas: Quotas,
    private readonly offers: CompletionOffers,
    private readonly retention: RetentionStore,
    private readonly work: WorkOffers,
    private readonly config: OperationConfig,
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
    if (!accepted) return this.replay(submission);
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
  async refuse(submission: Submission, refusal: OperationRefusedError): Promise<OperationView> {
    // Not due before it is ended here. Should this process die in between, it is run then, and refused by its worker.
    const runAt = new Date(Date.now() + 60_000);
    const operation = await this.rows.unjudged(submission);
    const admitted = await this.quotas.admit(operation.accountId, sizeOf(operation), 0);
    const accepted = await this.store
      .accept({ ...operation, runAt })
      .finally(() => admitted.settle(sizeOf(operation)));
    const { accountId, rid } = accepted!;
    const claim = await this.rescue.takeOver(accountId, rid);
    const how = { state: 'Failed', code: 'invalid_input', message: refusal.message } as const;
    if (claim) await this.ender.end(claim, how, claim.claimedAt);
    return this.find(accountId, rid);
  }

  /** Lets a silent operation's end call back from now on; false when it has ended already: then the answer is to tell it. */
  speakUp(operation: OperationEntity): Promise<boolean> {
    return this.store.speakUp(operation.requestId);
  }

  /** The answer that tells a silent operation's end is out: its own callback is owed no more. */
  answered(operation: OperationEntity): Promise<void> {
    return this.callbacks.takeBack(operation.requestId);
  }

  /** Nobody is left to be answered: a silent operation's end calls back, at once where it has come already. */
  async unanswered(operation: OperationEntity): Promise<void> {
    if (!(await this.store.speakUp(operation.requestId))) await this.callbacks.hurry(operation.requestId);
  }

  /** Of an account, or of any (null). */
  async find(accountId: string | null, rid: string): Promise<OperationView> {
    const view = await this.reads.find(accountId, rid);
    if (!view) throw new OperationNotFoundError(`there is no operation ${rid} in this account`);
    this.pace.learn(view.operation);
    return view;
  }

  /**
   * The operation once it has ended, or as it stands after `waitMs` or when a signal fires: `gone`, or `held` of an answer that
   * is counted until then, of the operation's account or of who holds it (`heldBy`); at once where that account holds as many of those as it may.
   */
  async await(
    accountId: string | null,
    rid: string,
    waitMs: number,
    { held, heldBy, gone }: { held?: AbortSignal; heldBy?: string; gone?: AbortSignal | undefined } = {},
  ): Promise<OperationView> {
    // Taken before each look at the row: an end that comes right after the look is not missed.
    let since = this.waits.now;
    const view = await this.find(accountId, rid);
    if (!(waitMs > 0) || view.operation.dueAt === null) return view;
    if (held && !this.waits.hold(heldBy ?? view.operation.accountId, held)) return view;
    const signal = held ?? gone;
    for (const until = performance.now() + waitMs; ;) {
      await this.waits.wait(view.operation.requestId, until - performance.now(), since, signal);
      since = this.waits.now;
      const now = await this.find(accountId, rid);
      const over = performance.now() >= until || signal?.aborted === true || this.waits.closing;
      // Else it was woken by a hint that meant another operation, of another installation on the same Redis.
      if (over || now.operation.dueAt === null) return now;
    }
  }

  /** `Retry-After` for who asks about an operation, by how long its type takes lately; undefined once it has ended. */
  retryAfter(operation: OperationEntity): string | undefined {
    return this.pace.retryAfter(operation);
  }

  /** How long a submit whose caller says nothing else may be held for the end, milliseconds. */
  inlineMs({ type }: OperationEntity): number {
    return this.types.get(type)?.inlineMs ?? 0;
  }

  /**
   * Notes that its caller has read how the operation ended. Where it is `ack_by_poll`, its own callback isn't attempted
   * again; endpoints are told all the same.
   */
  async acknowledge(accountId: string, operation: OperationEntity): Promise<void> {
    const theirs = operation.accountId === accountId && operation.callbackUrl !== null;
    if (theirs && operation.ackByPoll && operation.dueAt === null)
      await this.callbacks.acknowledge(operation.requestId);
  }

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
        if (patient) await this.await(accountId, rid, graceOver - performance.now(), { gone: held });
      }
      const claim = await this.rescue.takeOver(accountId, rid);
      if (claim) await this.ender.end(claim, CANCELED, claim.claimedAt);
      asked ||= claim !== null || requestId !== null;
      const view = await this.await(accountId, rid, patient === false ? 0 : ENDING_MS, { gone: held });
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

  /**
   * Empties an ended operation at once, and for good: its input, result and files, and the bodies of its deliveries. That it was,
   * and how it ended, stays. May be repeated.
   */
  async erase(accountId: string, rid: string): Promise<void> {
    const erased = await this.retention.erase(accountId, rid);
    if (erased === null) throw new OperationNotFoundError(`there is no operation ${rid} in this account`);
    if (erased === 'live')
      throw new OperationLiveError('the operation has not ended: cancel it first, then erase it');
    await this.files.removeGoing(erased.files);
  }

  /** The stored file of an ended operation's result, null where it has none. Fails when the result has expired. */
  async resultFile(operation: OperationEntity): Promise<FileEntity | null> {
    refuseErased(operation);
    if (
      operation.emptiedAt !== null ||
      (operation.expiresAt !== null && operation.expiresAt.getTime() <= Date.now())
    ) {
      throw new OperationExpiredError(
        'result-expired',
        'the result was kept as long as its retention class says, and is gone',
      );
    }
    if (operation.fileId === null) return null;
    const file = await this.files.find(operation.accountId, operation.fileId);
    if (!file) throw new OperationExpiredError('result-expired', 'the stored result has been deleted');
    return file;
  }

  /** What was submitted, without what is secret in it, as long as that is kept. */
  async request(accountId: string | null, rid: string): Promise<OperationRequest> {
    const { operation } = await this.find(accountId, rid);
    refuseGone(operation);
    const headerNames = this.rows.again(operation).callback?.headers.map(({ key }) => key) ?? [];
    return { operation, ...this.inputs.shown(operation), headerNames };
  }

  /** Accepts the same operation once more, in whatever state it is, as long as its input is kept. */
  async rerun(accountId: string, rid: string, rerun: Rerun): Promise<Accepted> {
    const { changes = {}, traceparent, idempotency = null } = rerun;
    const { operation } = await this.find(accountId, rid);
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

  private async replay(submission: Submission): Promise<Accepted> {
    const { accountId } = submission;
    const idempotency = submission.idempotency!;
    const first = await this.earlier(accountId, idempotency);
    if (first) return first;
    await this.reads.dropExpiredKey(accountId, idempotency.key);
    return this.accept(submission);
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
    const view = await this.find(accountId, first.rid);
    // The first answer may be lost, and the token of it with it.
    const offers = this.types.get(view.operation.type)?.handler.completion !== undefined;
    const completionToken = offers ? ((await this.offers.again(view.operation)) ?? undefined) : undefined;
    return { view: { ...view, completionToken }, replayed: true };
  }
}

function refuseErased({ erasedAt }: OperationEntity): void {
  if (erasedAt !== null)
    throw new OperationExpiredError('operation-erased', 'the operation has been erased: submit it anew');
}

/** For what needs the input. */
function refuseGone(operation: OperationEntity): void {
  refuseErased(operation);
  if (operation.emptiedAt !== null)
    throw new OperationExpiredError('operation-expired', 'its input has expired and is gone: submit it anew');
}
