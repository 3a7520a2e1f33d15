import type { FieldError } from '../config/validation.js';

/** What a caller asked of an endpoint is refused; nothing was changed. */
export class EndpointRefusedError extends Error {
  override readonly name = 'EndpointRefusedError';

  constructor(
    readonly code: string,
    readonly errors: readonly FieldError[],
    /** Seconds after which the same would be accepted; null where it never will be. */
    readonly retryAfterS: number | null = null,
  ) {
    super(errors.map(({ path, message }) => `${path}: ${message}`).join('; '));
  }
}

/** There is no such endpoint in this account. */
export class EndpointNotFoundError extends Error {
  override readonly name = 'EndpointNotFoundError';
  readonly code = 'endpoint-not-found';
}

/** There is no such recovery in this account. */
export class RecoveryNotFoundError extends Error {
  override readonly name = 'RecoveryNotFoundError';
  readonly code = 'recovery-not-found';
}

/** The recovery has ended, and what was asked needs a running one. */
export class RecoveryEndedError extends Error {
  override readonly name = 'RecoveryEndedError';
  readonly code = 'recovery-ended';
}
