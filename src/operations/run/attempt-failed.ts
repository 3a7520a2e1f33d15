import { OperationError } from './operation-context.js';

/** Thrown by built-in types whose callers say how often, and when, an attempt is made again. */
export class AttemptFailed extends OperationError {
  constructor(
    code: string,
    message: string,
    /** JSON of what the attempt was answered with: kept where the operation ends with it, shown by its face alone. */
    readonly told: unknown,
    /** When the next attempt begins, and what it is to know; null: there is none. */
    readonly again: { readonly delayS: number; readonly checkpoint: string } | null,
  ) {
    super(code, message);
  }
}
