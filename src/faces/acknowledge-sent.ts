import { Logger } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { OperationEntity } from '../operations/operation.entity.js';
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
  reply.raw.once('finish', () => {
    operations.acknowledge(accountId, operation).catch((error: unknown) => {
      new Logger('Operations').warn(`a read end could not be acknowledged: ${String(error)}`);
    });
  });
}
