import type { OperationEntity } from '../operation.entity.js';
import { OperationExpiredError } from '../operation.errors.js';

/** Whether what came of an ended operation isn't kept any more: it was erased, or its time is over, housekeeping come or not. */
export function isGone({ emptiedAt, expiresAt }: Pick<OperationEntity, 'emptiedAt' | 'expiresAt'>): boolean {
  return emptiedAt !== null || (expiresAt !== null && expiresAt.getTime() <= Date.now());
}

/** Refuses what needs anything of an operation that has been erased. */
export function refuseErased({ erasedAt }: OperationEntity): void {
  if (erasedAt !== null)
    throw new OperationExpiredError('operation-erased', 'the operation has been erased: submit it anew');
}

/** The same for what needs its input, which may have expired as well. */
export function refuseGone(operation: OperationEntity): void {
  refuseErased(operation);
  if (operation.emptiedAt !== null)
    throw new OperationExpiredError('operation-expired', 'its input has expired and is gone: submit it anew');
}
