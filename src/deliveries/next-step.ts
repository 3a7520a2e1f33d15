import type { AttemptRecord } from './attempt-record.js';
import type { DeliveryClaim, LeasedDelivery } from './delivery-claim.js';
import { ACKNOWLEDGED_BY_POLL } from './delivery.state.js';
import { isWithinDeadline, nextDelay } from './retry-schedule.js';
import type { Verdict } from './verdict.js';

/** What becomes of a delivery after an attempt, and who is told. */
export type NextStep = Pick<AttemptRecord, 'state' | 'reason' | 'delayS' | 'counts' | 'exhaustedBody'>;

/** Attempts besides those of the schedule that use up no step of it where their worker goes silent; `rescue_attempts` knows it too. */
const FORGIVEN = 25;

type Planned = Pick<AttemptRecord, 'state' | 'reason' | 'delayS'>;

/** Which retries a delivery may have. */
export interface RetryLimits {
  /** Seconds before attempt 2, 3, …. */
  readonly schedule: readonly number[];
  /** Age, in seconds, after which no further attempt is planned. */
  readonly deadlineS: number;
}

/** Those of a delivery: its endpoint may have a schedule of its own. */
export function limitsOf(
  { endpoint }: Pick<DeliveryClaim, 'endpoint'>,
  { schedule, deadlineS }: RetryLimits,
): RetryLimits {
  return { schedule: endpoint?.schedule ?? schedule, deadlineS };
}

/** The step after an attempt that was judged. `at`: PostgreSQL's clock, from which delays count. */
export function nextStep(delivery: LeasedDelivery, limits: RetryLimits, judged: Verdict, at: Date): NextStep {
  const next = kept(delivery, planned(delivery, limits, judged, at));
  return {
    ...next,
    counts:
      delivery.trigger === 'schedule' || (delivery.trigger === 'recovery' && judged.outcome === 'delivered'),
    exhaustedBody:
      next.state === 'Exhausted' && next.reason !== ACKNOWLEDGED_BY_POLL
        ? exhaustedBody(delivery, next.reason, at)
        : null,
  };
}

/** Whether an attempt is one more than the schedule has, because one worker after the other went silent: it isn't made any more. */
export function isSpent(
  { trigger, attemptCount, scheduleStep }: LeasedDelivery,
  { schedule }: Pick<RetryLimits, 'schedule'>,
): boolean {
  return (
    trigger === 'schedule' && scheduleStep > schedule.length + 1 && attemptCount - scheduleStep >= FORGIVEN
  );
}

/** What was delivered or acknowledged before stays so, however a redelivery by hand ends. */
function kept({ deliveredAt, givenUpReason }: LeasedDelivery, next: Planned): Planned {
  if (next.state !== 'Exhausted') return next;
  if (deliveredAt !== null) return { ...next, state: 'Delivered', reason: null };
  if (givenUpReason !== null) return { ...next, reason: ACKNOWLEDGED_BY_POLL };
  return next;
}

/** A redelivery by hand is one attempt: after it the schedule goes on where it was, if it was on. */
function planned(
  delivery: LeasedDelivery,
  { schedule, deadlineS }: RetryLimits,
  judged: Verdict,
  at: Date,
): Planned {
  if (judged.outcome === 'delivered') return { state: 'Delivered', reason: null, delayS: null };
  if (!judged.retry) return { state: 'Exhausted', reason: judged.reason, delayS: null };
  const delayS =
    delivery.trigger === 'schedule'
      ? nextDelay({
          schedule,
          attemptsMade: delivery.scheduleStep,
          retryAfterS: judged.retryAfterS,
          random: Math.random(),
        })
      : delivery.resumeAt && Math.max(0, (delivery.resumeAt.getTime() - at.getTime()) / 1000);
  if (delayS === null) return { state: 'Exhausted', reason: 'schedule_spent', delayS };
  const ageS = (at.getTime() - delivery.owedSince.getTime()) / 1000;
  return delivery.trigger !== 'schedule' || isWithinDeadline({ schedule, deadlineS, ageS, delayS })
    ? { state: 'Pending', reason: null, delayS }
    : { state: 'Exhausted', reason: 'deadline_spent', delayS: null };
}

/** The event `delivery.exhausted`, for the account's other endpoints. Exhausted notices of that kind cause no further ones. */
function exhaustedBody(delivery: LeasedDelivery, reason: string | null, at: Date): string | null {
  if (!delivery.eventType.startsWith('operation.')) return null;
  return JSON.stringify({
    type: 'delivery.exhausted',
    timestamp: at.toISOString(),
    data: {
      id: delivery.id,
      operation_id: delivery.operationRid,
      endpoint_id: delivery.endpointId,
      event: delivery.eventType,
      attempt_count: delivery.attemptCount,
      created_at: delivery.createdAt.toISOString(),
      reason,
    },
  });
}
