import { Injectable } from '@nestjs/common';
import { OperationRefusedError } from '../../operations/operation.errors.js';
import { isTerminal } from '../../operations/operation.state.js';
import type { OperationView } from '../../operations/read/operation-reads.store.js';
import type { RegisteredType } from '../../operations/run/operation-types.js';
import { Submissions } from '../../operations/accept/submissions.service.js';
import { OperationsService } from '../../operations/operations.service.js';
import type { Submission } from '../../operations/accept/submission.js';
import { callbackOf, type TrmSubmitRequest } from './trm.request.js';

/** A submit, and whether its operation ended within it. */
export interface Submitted {
  readonly view: OperationView;
  readonly inline: boolean;
  /** Whether this answer tells the end in place of the callback. */
  readonly instead: boolean;
  /** Whether a key answered an operation that was submitted before. */
  readonly replayed: boolean;
}

/** Submits operations as the trm face knows them: with an inline window, and refused input as an operation that Failed. */
@Injectable()
export class TrmSubmits {
  constructor(
    private readonly submissions: Submissions,
    private readonly operations: OperationsService,
  ) {}

  async submit(
    accountId: string,
    type: RegisteredType,
    input: Record<string, unknown>,
    own: TrmSubmitRequest,
    asked: {
      callbackUrls: readonly string[];
      inlineMs: number;
      traceparent: string | null;
      idempotency: Submission['idempotency'];
      gone: AbortSignal;
    },
  ): Promise<Submitted> {
    const callback = callbackOf(own, asked.callbackUrls);
    const submission: Submission = {
      accountId,
      face: 'trm',
      type: type.name,
      input,
      callback: callback && { url: callback.url, headers: callback.headers },
      correlation: null,
      priority: 0,
      runAt: null,
      timeoutS: null,
      retention: null,
      traceparent: asked.traceparent,
      idempotency: asked.idempotency,
    };
    const quiet = callback !== null && !callback.onInline;
    try {
      const silentMs = quiet && asked.inlineMs > 0 ? asked.inlineMs : null;
      const { view, replayed } = await this.submissions.accept({ ...submission, silentMs });
      // The answer to the first submit is the one that tells the end in place of the callback.
      return { ...(await this.inline(view, asked, silentMs !== null && !replayed)), replayed };
    } catch (error) {
      if (!(error instanceof OperationRefusedError) || error.code !== 'invalid-input') throw error;
      const refusal = asSent(error);
      // A field that the type doesn't have is the caller's program that is wrong; any other refusal is an operation's end.
      if (error.unknownField) throw refusal;
      const refused = await this.submissions.refuse({ ...submission, silentMs: quiet ? 0 : null }, refusal);
      return { ...refused, inline: true, instead: quiet && !refused.replayed };
    }
  }

  private async inline(
    accepted: OperationView,
    { inlineMs, gone }: { inlineMs: number; gone: AbortSignal },
    silent: boolean,
  ): Promise<Omit<Submitted, 'replayed'>> {
    // A window of 0 is never told an end, however soon it comes.
    if (inlineMs === 0) return { view: accepted, inline: false, instead: false };
    const { operation } = accepted;
    const view = await this.operations.await(operation.accountId, operation.rid, inlineMs, { gone });
    if (isTerminal(view.operation.state)) return { view, inline: true, instead: silent };
    // From here on the end is told by a callback. If it has come in the meantime, the answer still tells it.
    if (!silent || (await this.operations.speakUp(operation))) return { view, inline: false, instead: false };
    const ended = await this.operations.find(operation.accountId, operation.rid);
    return { view: ended, inline: true, instead: true };
  }
}

/** The refusal with fields as they were sent: here the body is the input, and none is below `input`. */
function asSent({ code, errors }: OperationRefusedError): OperationRefusedError {
  return new OperationRefusedError(
    code,
    errors.map(({ path, message }) => ({ path: path.replace(/^input\./, ''), message })),
  );
}
