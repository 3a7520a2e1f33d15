import { Logger } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { OperationEntity } from '../operations/operation.entity.js';
import { isOfConsole } from '../http/console-request.js';
import { isTerminal } from '../operations/operation.state.js';
import type { OperationsService } from '../operations/operations.service.js';

/**
 * Acknowledges for the caller what this answer shows, once all of it has been sent: an answer that never left must not end
 * a callback. A process that dies in between calls back once more than needed.
 */
export function acknowledgeSent(
  reply: FastifyReply,
  operations: OperationsService,
  accountId: string,
  operation: OperationEntity,
): void {
  // A HEAD shows nothing of it.
  if (!operation.ackByPoll || !isTerminal(operation.state) || reply.request.method === 'HEAD') return;
  // Somebody who looks why a callback didn't come is not the caller whom it would tell.
  if (isOfConsole(reply.request.raw)) return;
  reply.raw.once('finish', () => {
    operations.acknowledge(accountId, operation).catch((error: unknown) => {
      new Logger('Operations').warn(`a read end could not be acknowledged: ${String(error)}`);
    });
  });
}

/** Fires when the answer is out, or when its caller has gone. */
export function gone(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  // The response's, not the socket's: a kept connection carries many requests and would collect their listeners.
  reply.raw.once('close', () => controller.abort());
  // Its caller may have gone while the operation was being stored, or its key looked up.
  if (reply.raw.destroyed) controller.abort();
  return controller.signal;
}

/** Takes the callback back that this answer makes needless, once all of it has been sent; sends it where the caller has gone. */
export function tellInstead(
  reply: FastifyReply,
  operations: OperationsService,
  operation: OperationEntity,
): void {
  const { raw } = reply;
  const over = (): void => {
    const told = raw.writableFinished ? operations.answered(operation) : operations.unanswered(operation);
    told.catch((error: unknown) => {
      // The callback goes out when its wait is over.
      new Logger('Operations').warn(`a callback could not be taken back: ${String(error)}`);
    });
  };
  if (raw.destroyed) over();
  else raw.once('close', over);
}
