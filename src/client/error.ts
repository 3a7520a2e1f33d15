/** One field of a request that is wrong, and what would be right. */
export interface FieldFault {
  /** Such as `callback.headers.0.key`. */
  readonly path: string;
  readonly message: string;
}

/** The body of an error answer: RFC 9457 problem details with a stable `code`. */
export interface ProblemBody {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly FieldFault[];
  readonly [member: string]: unknown;
}

/** What Ringback refuses or cannot do, told by `code`; docs/api.md lists the codes. */
export class RingbackError extends Error {
  override readonly name = 'RingbackError';
  /** The HTTP status, also where no HTTP was spoken. */
  readonly status: number;
  /** Stable: `operation-not-found`, `invalid-input`, … */
  readonly code: string;
  /** Which fields are wrong; empty where it isn't about fields. */
  readonly errors: readonly FieldFault[];

  constructor(
    /** The whole problem, with members that only some codes have. */
    readonly problem: ProblemBody,
    /** Seconds after which it may be tried again; null where nothing was said. */
    readonly retryAfterS: number | null = null,
    // Not ErrorOptions: callers' types would need ES2022 for it.
    options?: { readonly cause?: unknown },
  ) {
    super(problem.detail, options);
    this.status = problem.status;
    this.code = problem.code;
    this.errors = problem.errors ?? [];
  }
}
