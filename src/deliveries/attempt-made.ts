import { channel } from 'node:diagnostics_channel';

/** An attempt that this process made and recorded. Durations are seconds. */
export interface AttemptMade {
  readonly outcome: 'delivered' | 'failed' | 'unknown';
  /** `2xx` to `5xx` by the response, the code of the error that left none, or `interrupted` by a shutdown. */
  readonly outcomeClass: string;
  readonly durationS: number;
  /** From the operation's acceptance; only where this attempt delivered its callback. */
  readonly latencyS: number | null;
}

/** Published for each attempt this process records: costs nothing while nobody listens. */
export const ATTEMPT_MADE = channel('ringback:attempt-made');
