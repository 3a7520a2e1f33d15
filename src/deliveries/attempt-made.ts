import { channel } from 'node:diagnostics_channel';
import type { AttemptRecord } from './attempt-record.js';
import type { DeliveryClaim } from './delivery-claim.js';
import type { AttemptResult } from './webhook.client.js';

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

/** What is published of one. */
export function attemptMade(
  { delivery, claimedAt }: DeliveryClaim,
  result: AttemptResult,
  { outcome, interrupted, durationMs, state }: AttemptRecord,
): AttemptMade {
  const { acceptedAt, deliveredAt } = delivery;
  return {
    outcome,
    outcomeClass: interrupted ? 'interrupted' : classOf(result),
    durationS: durationMs / 1000,
    latencyS:
      state === 'Delivered' && acceptedAt !== null && deliveredAt === null
        ? (claimedAt.getTime() + durationMs - acceptedAt.getTime()) / 1000
        : null,
  };
}

/** A metric's label: of few values, so never a text for people. */
function classOf(result: AttemptResult): string {
  return result.kind === 'response' ? `${Math.floor(result.status / 100)}xx` : result.code;
}
