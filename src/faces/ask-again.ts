import type { FastifyReply } from 'fastify';
import type { OperationEntity } from '../operations/operation.entity.js';
import type { OperationsService } from '../operations/operations.service.js';

/** Tells with an answer, by `Retry-After`, when to ask for an operation again; nothing once it has ended. */
export function sayWhenToAskAgain(
  reply: FastifyReply,
  operations: OperationsService,
  operation: OperationEntity,
): void {
  const again = operations.retryAfter(operation);
  if (again !== undefined) void reply.header('retry-after', again);
}
