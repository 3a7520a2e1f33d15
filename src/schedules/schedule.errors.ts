import type { FieldError } from '../config/validation.js';

/** What a caller asked of a schedule is refused; nothing was changed. */
export class ScheduleRefusedError extends Error {
  override readonly name = 'ScheduleRefusedError';
  readonly code = 'invalid-request';

  constructor(readonly errors: readonly FieldError[]) {
    super(errors.map(({ path, message }) => `${path}: ${message}`).join('; '));
  }
}

/** There is no such schedule in this account. */
export class ScheduleNotFoundError extends Error {
  override readonly name = 'ScheduleNotFoundError';
  readonly code = 'schedule-not-found';
}
