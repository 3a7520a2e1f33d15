import type { ValidationError, ValidatorOptions } from 'class-validator';

/** How every request and every operation's input is validated: what isn't declared is refused. */
export const VALIDATION: ValidatorOptions = {
  whitelist: true,
  forbidNonWhitelisted: true,
  forbidUnknownValues: true,
  stopAtFirstError: true,
};

/** One field that is wrong: `callback.headers.0.key`, and what would be right. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

/** Whether a field is among the faults that nobody declared. */
export function hasUnknownField(errors: readonly ValidationError[]): boolean {
  return errors.some(
    ({ constraints, children }) =>
      'whitelistValidation' in (constraints ?? {}) || hasUnknownField(children ?? []),
  );
}

/** Flattens class-validator's tree into paths. */
export function fieldErrors(errors: readonly ValidationError[], parent = ''): FieldError[] {
  return errors.flatMap(({ property, constraints, children }) => {
    const path = parent === '' ? property : `${parent}.${property}`;
    const own = Object.entries(constraints ?? {}).map(([rule, message]) => ({
      path,
      message:
        rule === 'whitelistValidation' ? 'is not a known field: remove it or check its spelling' : message,
    }));
    return [...own, ...fieldErrors(children ?? [], path)];
  });
}
