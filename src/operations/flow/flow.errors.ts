/** Nobody has submitted an operation with this flow key, or nothing has used it for long. */
export class FlowNotFoundError extends Error {
  override readonly name = 'FlowNotFoundError';
  readonly code = 'flow-not-found';
}

/** An account has set up as many flow keys as it may. */
export class TooManyFlowsError extends Error {
  override readonly name = 'TooManyFlowsError';
  readonly code = 'too-many-flows';
}
