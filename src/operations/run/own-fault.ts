import { DatabaseUnavailableError } from '../../database/database-errors.js';
import { FileMissingError, StorageUnavailableError } from '../../files/storage-errors.js';
import { OperationError } from './operation-context.js';

/** Causes that are looked through: a few levels are enough, and a loop cannot hang us. */
const MAX_CAUSES = 5;

/**
 * What a fault of our own store, wherever it is among an error's causes, means to the operation; null for any other error.
 * Its inner cause may be a refused connection, which says nothing about what the operation was talking to.
 */
export function ownFault(error: unknown): OperationError | null {
  let current: unknown = error;
  for (let depth = 0; depth < MAX_CAUSES && current instanceof Error; depth++) {
    if (current instanceof FileMissingError) return fileNotFound(current.id);
    if (current instanceof StorageUnavailableError)
      return new OperationError('storage_unavailable', current.message, true);
    if (current instanceof DatabaseUnavailableError)
      return new OperationError('database_unavailable', current.message, true);
    current = current.cause;
  }
  return null;
}

/** The end of a run that asked for a file that its account doesn't have. */
export function fileNotFound(id: string): OperationError {
  return new OperationError(
    'file_not_found',
    `there is no file ${JSON.stringify(id)}: upload it first, or check its id`,
  );
}
