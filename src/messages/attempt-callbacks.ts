import { Injectable } from '@nestjs/common';
import { QstashConfig } from '../config/config.js';
import { rideOut } from '../database/ride-out.js';
import { OperationRefusedError } from '../operations/operation.errors.js';
import { Submissions } from '../operations/accept/submissions.service.js';
import { OperationsService } from '../operations/operations.service.js';
import type { RunContext } from '../operations/run/operation-run.js';
import type { MessageAnswer } from './message-answer.js';
import { callbackBody, callbackMessage } from './message-callbacks.js';
import type { Message, MessageCallback } from './message.js';
import { workOf } from './message-submission.js';

/** Tells of attempts that weren't the last, where the operator wants that. */
@Injectable()
export class AttemptCallbacks {
  constructor(
    private readonly submissions: Submissions,
    private readonly operations: OperationsService,
    private readonly config: QstashConfig,
  ) {}

  /** Accepted before the attempt is recorded, and once for each: an attempt that is made again after a crash is told once. */
  async tell(message: Message, answer: MessageAnswer, context: RunContext): Promise<void> {
    const { callback } = message;
    if (this.config.callbacks === 'once' || callback === null) return;
    await this.accept(message, callback, answer, context).catch((error: unknown) => {
      // The attempt has failed all the same: what is thrown here would have it made again beyond its retries.
      if (!(error instanceof OperationRefusedError)) throw error;
      context.log(`The callback of this attempt was refused: ${error.message}`);
    });
  }

  private async accept(
    message: Message,
    callback: MessageCallback,
    answer: MessageAnswer,
    { accountId, id, signal, traceparent }: RunContext,
  ): Promise<void> {
    await rideOut(
      async () => {
        const { operation } = await this.operations.find(accountId, id);
        const input = callbackMessage(
          operation,
          message,
          callback,
          callbackBody(operation, message, answer, {}),
        );
        const { delayS } = callback;
        await this.submissions.accept({
          ...{ ...workOf(input), accountId, traceparent, own: true, retention: operation.retention },
          runAt: delayS === null ? null : new Date(Date.now() + delayS * 1000),
          idempotency: { key: `part message callback ${id} ${answer.retried}`, body: '' },
        });
      },
      () => signal.aborted,
    );
  }
}
