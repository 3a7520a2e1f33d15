import { ApiTime } from '../../http/api-properties.js';
import type { Problem } from '../../http/problem.js';

export class TrmErrorDetail {
  operation: string | null;
  /** RFC 3339, UTC. */
  @ApiTime()
  date: string;
  /** What is wrong and the remedy. */
  title: string;
  details: string | null;
  errorurl: string | null;
  messages: string[];
}

/** The body of every error of the trm face. */
export class TrmErrorResponse {
  error: TrmErrorDetail;
  /** The same as `error.title`. */
  reason: string;

  static of(title: string, date: Date): TrmErrorResponse {
    return {
      error: {
        operation: null,
        date: date.toISOString(),
        title,
        details: null,
        errorurl: null,
        messages: [],
      },
      reason: title,
    };
  }
}

/** Statuses that its clients tell apart; any other fault of a caller is a 400 to them. */
const KEPT = new Set([401, 403, 408, 413, 416, 429, 431]);

/** A problem in the words of the trm face. */
export function trmError({ status, detail }: Problem): { status: number; body: TrmErrorResponse } {
  return {
    status: status >= 500 || KEPT.has(status) ? status : 400,
    body: TrmErrorResponse.of(detail, new Date()),
  };
}
