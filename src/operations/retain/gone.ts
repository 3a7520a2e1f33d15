import type { OperationEntity } from '../operation.entity.js';
import { OperationExpiredError } from '../operation.errors.js';

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
