import type { OperationEntity } from '../operation.entity.js';

/** Whether what came of an ended operation isn't kept any more: it was erased, or its time is over, housekeeping come or not. */
export function isGone({ emptiedAt, expiresAt }: Pick<OperationEntity, 'emptiedAt' | 'expiresAt'>): boolean {
  return emptiedAt !== null || (expiresAt !== null && expiresAt.getTime() <= Date.now());
}
