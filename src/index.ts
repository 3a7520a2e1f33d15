export { type FieldFault, type ProblemBody, RingbackError } from './client/error.js';
export type { DeliveryStatus, Operation, OperationStatus, SubmitRequest } from './client/types.js';
export { SettingError } from './config/settings.js';
export type { FieldError } from './config/validation.js';
export {
  type OfAccount,
  Operations,
  type RerunFromCode,
  type SubmitFromCode,
  type WaitFromCode,
} from './embedding/operations.js';
export type { RingbackOptions } from './embedding/options.js';
export { type RingbackAsyncOptions, RingbackModule } from './embedding/ringback.module.js';
export type { StoredFile } from './files/files.service.js';
export type { CompletionOffer, CompletionOptions } from './operations/await/completion-offers.js';
export { type OperationContext, OperationError } from './operations/run/operation-context.js';
export {
  type OperationHandler,
  type OperationOutcome,
  OperationType,
  type OperationTypeOptions,
} from './operations/run/operation-type.js';
