import { Injectable } from '@nestjs/common';
import { OwnCallbackStore } from '../deliveries/own-callback.store.js';
import type { FileEntity } from '../files/file.entity.js';
import { FilesService } from '../files/files.service.js';
import { AcceptStore } from './accept/accept.store.js';
import { SealedInputs, type ShownInput } from './accept/sealed-inputs.js';
import { SubmissionRows } from './accept/submission-rows.js';
import type { OperationEntity } from './operation.entity.js';
import { OperationExpiredError, OperationLiveError, OperationNotFoundError } from './operation.errors.js';
import { OperationReads, type OperationView } from './read/operation-reads.store.js';
import { OperationWaits } from './read/operation-waits.js';
import { PollPace } from './read/poll-pace.js';
import { isGone, refuseErased, refuseGone } from './retain/gone.js';
import { RetentionStore } from './retain/retention.store.js';
import { OperationTypes } from './run/operation-types.js';

/** What was submitted, to be shown. */
export interface OperationRequest extends ShownInput {
  readonly operation: OperationEntity;
  /** Of the callback's headers. */
  readonly headerNames: readonly string[];
}

/** What callers can do with operations that there are, besides canceling them. Refusals are errors of `operation.errors.ts`. */
@Injectable()
export class OperationsService {
  constructor(
    private readonly store: AcceptStore,
    private readonly reads: OperationReads,
    private readonly types: OperationTypes,
    private readonly rows: SubmissionRows,
    private readonly inputs: SealedInputs,
    private readonly callbacks: OwnCallbackStore,
    private readonly waits: OperationWaits,
    private readonly files: FilesService,
    private readonly pace: PollPace,
    private readonly retention: RetentionStore,
  ) {}

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

  /** The stored file of an ended operation's result, null where it has none. Fails when the result has expired. */
  async resultFile(operation: OperationEntity): Promise<FileEntity | null> {
    refuseErased(operation);
    if (isGone(operation)) {
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

  /**
   * Notes that its caller has read how the operation ended. Where it is `ack_by_poll`, its own callback isn't attempted
   * again; endpoints are told all the same.
   */
  async acknowledge(accountId: string, operation: OperationEntity): Promise<void> {
    const theirs = operation.accountId === accountId && operation.callbackUrl !== null;
    if (theirs && operation.ackByPoll && operation.dueAt === null)
      await this.callbacks.acknowledge(operation.requestId);
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
}
