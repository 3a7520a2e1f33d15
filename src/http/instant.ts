import { IsISO8601, Matches } from 'class-validator';
import { ApiDetail } from './api-properties.js';

const RFC_3339 =
  /^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):?[0-5]\d)$/;

/**
 * A date and time with its offset (RFC 3339). ISO 8601 has weeks, bare years and local times too, which are no instants; of it
 * only an offset without a colon is taken, as generated Python clients write it in queries.
 */
export function IsInstant(): PropertyDecorator {
  const message = '$property must be a date and time with offset (RFC 3339), like 2027-01-31T12:00:00Z';
  return (target, property) => {
    ApiDetail({ format: 'date-time', pattern: undefined })(target, property);
    Matches(RFC_3339, { message })(target, property);
    // Strict: the day is one that its month has.
    IsISO8601({ strict: true }, { message })(target, property);
  };
}

/** With its offset, a time of the year 9999 may be one of 10000, which JSON writes otherwise than PostgreSQL reads it. */
const LAST = Date.parse('9999-12-31T00:00:00Z');

/** A time of a query or body that validation has let through. */
export function dateOf(text: string | null | undefined): Date | undefined {
  return text === null || text === undefined ? undefined : new Date(Math.min(Date.parse(text), LAST));
}
