import type { OperationOutcome } from './operation-type.js';

/**
 * What a built-in handler returns in place of an outcome when its run isn't to be the one that was started: the operation waits again
 * for all that a start waits for, its flow key too, and no try is used up.
 */
export class StartOver implements OperationOutcome {
  /** It is no outcome. */
  readonly result?: undefined;

  constructor(
    readonly checkpoint: string,
    /** For the history. */
    readonly text: string,
  ) {}
}
