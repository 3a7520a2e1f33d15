import { STATUS_CODES } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { FieldError } from '../config/validation.js';

export interface ProblemExtras {
  /** For input: which fields are wrong and what would be right. */
  readonly errors?: readonly FieldError[];
  /** Response headers, such as `retry-after`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the problem (RFC 9457, 3.2). */
  readonly members?: Readonly<Record<string, unknown>>;
}

/** An answer that is an error: RFC 9457 problem details with a stable `code`. */
export class Problem extends Error {
  override readonly name = 'Problem';

  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly extras: ProblemExtras = {},
  ) {
    super(detail);
  }

  /** The `application/problem+json` body. */
  toBody(): Record<string, unknown> {
    return {
      type: 'about:blank',
      title: STATUS_CODES[this.status] ?? 'Error',
      status: this.status,
      code: this.code,
      detail: this.detail,
      ...(this.extras.errors ? { errors: this.extras.errors } : {}),
      ...this.extras.members,
    };
  }
}

/** Answers with a problem. */
export function sendProblem(reply: FastifyReply, problem: Problem): void {
  void reply
    .status(problem.status)
    .headers({ ...problem.extras.headers })
    .type('application/problem+json')
    .send(problem.toBody());
}
