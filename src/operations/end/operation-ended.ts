import { channel } from 'node:diagnostics_channel';

/** An operation that this process ended. Durations are seconds. */
export interface OperationEnded {
  readonly type: string;
  readonly state: string;
  /** From the first claim, or from acceptance where there was none. */
  readonly durationS: number;
}

/** Published for each operation this process ends: costs nothing while nobody listens. */
export const OPERATION_ENDED = channel('ringback:operation-ended');
