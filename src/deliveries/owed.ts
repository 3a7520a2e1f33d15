import type { DeliveryClaim, LeasedDelivery } from './delivery-claim.js';

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
  /** The body without the result, for endpoints to which the whole is too large; null: there is nothing to leave out. */
  readonly thin: string | null;
  /** Without anything that its handler gave, for those that take not even that; null: as `thin` is. */
  readonly bare: string | null;
  /** Bytes of the largest body for endpoints that name none of their own. */
  readonly thinOver: number;
}

/** A body of this size, bytes, keeps its `custom` whatever its receiver takes: it is what tells most, and costs little. (settle_operations knows it too.) */
export const MIN_BARE = 16_384;

/** When a delivery was made and leased at once. */
export type Started = Pick<DeliveryClaim, 'claimedAt' | 'askedAt'> &
  Pick<LeasedDelivery, 'seq' | 'createdAt'>;

/** Its delivery as it was leased with its first attempt, to the process that made it. */
export function firstClaim(
  operation: OwningOperation,
  eventType: string,
  callback: OwnCallback,
  leaseToken: string,
  { seq, createdAt, claimedAt, askedAt }: Started,
): DeliveryClaim {
  const delivery: LeasedDelivery = {
    ...callback,
    seq,
    accountId: operation.accountId,
    operationId: operation.requestId,
    operationRid: operation.rid,
    endpointId: null,
    destination: 'callback',
    eventType,
    attemptCount: 1,
    scheduleStep: 1,
    trigger: 'schedule',
    resumeAt: null,
    reason: null,
    givenUpReason: null,
    deliveredAt: null,
    createdAt,
    owedSince: createdAt,
    acceptedAt: operation.createdAt,
    traceparent: operation.traceparent,
    leaseToken,
  };
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
