import type { OperationOutcome } from '../run/operation-type.js';

/**
 * What a handler returns in place of an outcome when its operation goes on without it: Executing, with no worker and nothing in
 * memory. It waits for a completion, or for a time at which the handler goes on where it has come to.
 */
export class Suspension implements OperationOutcome {
  /** It is no outcome. */
  readonly result?: undefined;

  private constructor(
    readonly awaits: 'completion' | 'poll',
    /** Seconds until the handler goes on; a completion's tokens say by themselves how long they are good for. */
    readonly waitS: number,
    /** What the handler's next run is given; null: what this one was. */
    readonly checkpoint: string | null,
  ) {}

  /** Until whoever has a token of the operation ends it, or its last token expires. */
  static untilCompleted(): Suspension {
    return new Suspension('completion', 0, null);
  }

  /** Until `afterS` from now, when the handler is run again, in the same attempt. */
  static goOn(afterS: number, checkpoint: string | null): Suspension {
    return new Suspension('poll', Math.max(0, afterS), checkpoint);
  }
}
