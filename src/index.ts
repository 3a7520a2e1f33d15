export { type OperationContext, OperationError } from './operations/operation-context.js';
export {
  type OperationHandler,
  type OperationOutcome,
  OperationType,
  type OperationTypeOptions,
} from './operations/operation-type.js';
export type { StoredFile } from './files/files.service.js';
