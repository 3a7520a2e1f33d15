import type { FieldError } from '../config/validation.js';
import type { OperationState } from './operation.state.js';

/** What a caller asked for is refused; nothing was stored. */
export class OperationRefusedError extends Error {
  override readonly name = 'OperationRefusedError';

  constructor(
    readonly code: string,
    readonly errors: readonly FieldError[],
    /** Seconds after which the same would be accepted; null where it never will be. */
    readonly retryAfterS: number | null = null,
    /** A field of the input is one that its type doesn't have. */
    readonly unknownField = false,
  ) {
    super(errors.map(({ path, message }) => `${path}: ${message}`).join('; '));
  }
}

/** There is no such operation in this account. */
export class OperationNotFoundError extends Error {
  override readonly name = 'OperationNotFoundError';
  readonly code = 'operation-not-found';
}

/** The operation has ended, and what was asked needs a live one. */
export class OperationEndedError extends Error {
  override readonly name = 'OperationEndedError';
  readonly code = 'operation-ended';

  constructor(readonly state: OperationState) {
    super(`the operation is already ${state}`);
  }
}

/** The operation has not ended, and what was asked needs one that has. */
export class OperationLiveError extends Error {
  override readonly name = 'OperationLiveError';
  readonly code = 'operation-not-ended';
}

/** Its input and result were kept as long as its retention class says, or erased, and are gone. */
export class OperationExpiredError extends Error {
  override readonly name = 'OperationExpiredError';

  constructor(
    readonly code: 'result-expired' | 'operation-expired' | 'operation-erased',
    message: string,
  ) {
    super(message);
  }
}

/** The idempotency key was used with another body. */
export class IdempotencyMismatchError extends Error {
  override readonly name = 'IdempotencyMismatchError';
  readonly code = 'idempotency-key-reused';
}

const EXCEEDED = {
  bytes: (most: number) =>
    `this account may have ${most} bytes stored: delete files, or wait for operations to expire`,
  waiting: (most: number) =>
    `this account may have ${most} operations waiting: try again when some have started`,
};

/** The account uses as much of something as it may; nothing was stored. */
export class QuotaExceededError extends Error {
  override readonly name = 'QuotaExceededError';
  readonly code: 'quota-bytes' | 'quota-waiting';

  constructor(
    readonly quota: 'bytes' | 'waiting',
    readonly most: number,
    /** What it may still use, which is less than was asked for. */
    readonly left: number,
    /** Seconds after which it makes sense to ask again. */
    readonly retryAfterS: number,
  ) {
    super(EXCEEDED[quota](most));
    this.code = `quota-${quota}`;
  }
}
