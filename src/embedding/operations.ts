import { Injectable, Logger } from '@nestjs/common';
import { AccountsService } from '../accounts/accounts.service.js';
import { jsonOf } from '../client/arguments.js';
import { type ProblemBody, RingbackError } from '../client/error.js';
import type { Operation, RerunRequest, SubmitRequest } from '../client/types.js';
import { HttpConfig } from '../config/config.js';
import { ACCOUNT_NAME, ACCOUNT_NAME_MESSAGE } from '../faces/native/account.request.js';
import { OperationResponse } from '../faces/native/operation.response.js';
import { toProblem } from '../faces/problem.filter.js';
import {
  readChanges,
  readSubmission,
  toIdempotency,
  toRerunIdempotency,
} from '../faces/native/submission.js';
import { OperationNotFoundError, OperationRefusedError } from '../operations/operation.errors.js';
import type { OperationView } from '../operations/read/operation-reads.store.js';
import { Submissions } from '../operations/accept/submissions.service.js';
import { CancelOne } from '../operations/end/cancel-one.js';
import { OperationsService } from '../operations/operations.service.js';
import { activeTraceparent, traceparentOf } from '../tracing/spans.js';
import { EmbeddedRingback } from './embedded-ringback.js';

/** Whose operation it is. */
export interface OfAccount {
  /** Name of an account, 1 to 100 characters; `default` by default. `submit` makes it when it is new. */
  readonly account?: string;
}

export interface SubmitFromCode extends OfAccount {
  /** Makes repeats of this call one operation for 24 hours; at most 255 characters. */
  readonly idempotencyKey?: string;
  /** W3C trace context that the operation belongs to; that of the running code by default, where it has one. */
  readonly traceparent?: string;
}

/** The operation's own trace is that of the running code. */
export interface RerunFromCode extends Omit<SubmitFromCode, 'traceparent'>, RerunRequest {}

export interface WaitFromCode extends OfAccount {
  /** Seconds until waiting ends, whatever the state; 60 by default. */
  readonly timeoutS?: number;
  readonly signal?: AbortSignal;
}

/**
 * What callers can do with operations, from code of the same process and without HTTP. Refusals are a `RingbackError`,
 * with the codes and statuses of docs/api.md.
 */
@Injectable()
export class Operations {
  private readonly logger = new Logger('Operations');

  constructor(private readonly ringback: EmbeddedRingback) {}

  /** Submits an operation. When this resolves, it is committed and will run. */
  submit<Result = unknown>(
    request: SubmitRequest,
    { account = 'default', idempotencyKey, traceparent }: SubmitFromCode = {},
  ): Promise<Operation<Result>> {
    return this.answer(async () => {
      // As bytes would have it: what JSON cannot carry would differ between submit and run.
      const text = jsonOf(request) ?? 'null';
      const idempotency = toIdempotency(idempotencyKey, () => text);
      const trace = traceparent === undefined ? activeTraceparent() : traceparentOf(traceparent);
      const accountId = await this.ensured(account);
      const submission = await readSubmission(accountId, JSON.parse(text), idempotency, trace);
      return (await this.ringback.get(Submissions).accept(submission)).view;
    });
  }

  /** The operation as it stands. */
  find<Result = unknown>(id: string, { account }: OfAccount = {}): Promise<Operation<Result>> {
    return this.answer(async (operations) => {
      const accountId = await this.accountId(account, id);
      return this.read(operations, accountId, await operations.find(accountId, id));
    });
  }

  /** The operation once it has ended, or as it stands when the time is up or the signal fires. */
  wait<Result = unknown>(
    id: string,
    { account, timeoutS = 60, signal }: WaitFromCode = {},
  ): Promise<Operation<Result>> {
    return this.answer(async (operations) => {
      const accountId = await this.accountId(account, id);
      const view = await operations.await(accountId, id, timeoutS * 1000, { gone: signal });
      return this.read(operations, accountId, view);
    });
  }

  /** Ends a live operation as Canceled; `operation-ended` when it has ended. */
  cancel(id: string, { account }: OfAccount = {}): Promise<Operation> {
    return this.answer(async () =>
      this.ringback.get(CancelOne).cancel(await this.accountId(account, id), id),
    );
  }

  /** Submits the same once more, as a new operation that names this one in `rerun_of`, with what is given in place of the first's. */
  rerun(id: string, { account, idempotencyKey, ...changed }: RerunFromCode = {}): Promise<Operation> {
    return this.answer(async () => {
      const accountId = await this.accountId(account, id);
      const changes = await readChanges(JSON.parse(jsonOf(changed) ?? '{}'));
      const context = {
        changes,
        traceparent: activeTraceparent(),
        idempotency: toRerunIdempotency(idempotencyKey, id, changes),
      };
      return (await this.ringback.get(Submissions).rerun(accountId, id, context)).view;
    });
  }

  /** Reading how it ended acknowledges it, as on every face. */
  private read(operations: OperationsService, accountId: string, view: OperationView): OperationView {
    operations.acknowledge(accountId, view.operation).catch((error: unknown) => {
      this.logger.warn(`a read end could not be acknowledged: ${String(error)}`);
    });
    return view;
  }

  private async ensured(name: string): Promise<string> {
    if (!ACCOUNT_NAME.test(name))
      throw new OperationRefusedError('invalid-request', [
        { path: 'account', message: ACCOUNT_NAME_MESSAGE },
      ]);
    return this.ringback.get(AccountsService).ensure(name);
  }

  private async accountId(name = 'default', id: string): Promise<string> {
    const found = await this.ringback.get(AccountsService).idOf(name);
    if (found === null) throw new OperationNotFoundError(`there is no operation ${id} in this account`);
    return found;
  }

  private async answer<Result>(
    ask: (operations: OperationsService) => Promise<OperationView>,
  ): Promise<Operation<Result>> {
    try {
      const view = await ask(this.ringback.get(OperationsService));
      return OperationResponse.from(view, this.ringback.get(HttpConfig).publicUrl) as Operation<Result>;
    } catch (error) {
      const problem = toProblem(error);
      if (problem.code === 'internal-error') throw error;
      const after = problem.extras.headers?.['retry-after'];
      throw new RingbackError(problem.toBody() as ProblemBody, after === undefined ? null : Number(after), {
        cause: error,
      });
    }
  }
}
