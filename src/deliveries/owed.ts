import { DeliveryEntity } from './delivery.entity.js';
import type { DeliveryClaim } from './delivery.store.js';

/** An operation's own callback that its end owes: the body is already serialised, so deliveries know nothing of operations. */
export interface OwnCallback {
  readonly id: string;
  readonly url: string;
  readonly origin: string;
  /** Sealed for the row of the operation. */
  readonly headers: string | null;
  readonly body: string;
}

/** What an end owes to every endpoint of the account whose filter matches, besides the operation's own callback. */
export interface OwedEvent {
  readonly eventType: string;
  readonly body: string;
}

/** When a delivery was made and leased at once. */
export type Started = Pick<DeliveryClaim, 'claimedAt' | 'askedAt'> & Pick<DeliveryEntity, 'createdAt'>;

/** Its delivery as it was leased with its first attempt, to the process that made it. */
export function firstClaim(
  operation: OwningOperation,
  eventType: string,
  callback: OwnCallback,
  leaseToken: string,
  { createdAt, claimedAt, askedAt }: Started,
): DeliveryClaim {
  const delivery = Object.assign(Object.create(DeliveryEntity.prototype) as DeliveryEntity, {
    ...callback,
    accountId: operation.accountId,
    operationId: operation.requestId,
    operationRid: operation.rid,
    endpointId: null,
    destination: 'callback',
    eventType,
    state: 'Pending',
    phase: 'running',
    attemptCount: 1,
    scheduleStep: 1,
    trigger: 'schedule',
    resumeAt: null,
    createdAt,
    owedSince: createdAt,
    acceptedAt: operation.createdAt,
    traceparent: operation.traceparent,
    leaseToken,
  } satisfies Partial<DeliveryEntity>);
  return { delivery, leaseToken, claimedAt, askedAt, isDoubted: false, endpoint: null };
}

/** What deliveries know of the operation that owes them. */
interface OwningOperation {
  readonly accountId: string;
  readonly requestId: string;
  readonly rid: string;
  readonly createdAt: Date;
  readonly traceparent: string | null;
}
