import { isBalanced, type Ledger } from '../../operations/read/ledger.store.js';
import { ApiLargeInteger } from '../../http/api-properties.js';

/** Operations that are there, by status. */
export class LedgerOperationsResponse {
  @ApiLargeInteger()
  waiting: number;
  @ApiLargeInteger()
  executing: number;
  @ApiLargeInteger()
  finished: number;
  @ApiLargeInteger()
  failed: number;
  @ApiLargeInteger()
  canceled: number;
}

/** Operations' own callbacks, by status. */
export class LedgerDeliveriesResponse {
  @ApiLargeInteger()
  pending: number;
  @ApiLargeInteger()
  delivered: number;
  @ApiLargeInteger()
  exhausted: number;
  @ApiLargeInteger()
  canceled: number;
}

/** What was accepted against what there is, over all accounts. */
export class LedgerResponse {
  /** True when `accepted` is the sum of `operations` and `ended_with_callback` that of `deliveries`. */
  balanced: boolean;
  /** Operations accepted, less those that retention has deleted. */
  @ApiLargeInteger()
  accepted: number;
  operations: LedgerOperationsResponse;
  /** Of those, ended ones that have a callback. */
  @ApiLargeInteger()
  ended_with_callback: number;
  deliveries: LedgerDeliveriesResponse;
  /** Seconds that the row which was left lying longest is overdue, by the dispatcher or, from the second hint on, by the workers; or that one could have run, from a minute on: alarm above 60. */
  oldest_overdue_s: number;
  /** Seconds that the first Waiting operation has waited for a slot and a worker. */
  oldest_waiting_s: number;
  /** Seconds that the first delivery has waited for its origin's room and a worker. */
  oldest_undelivered_s: number;

  static from(ledger: Ledger): LedgerResponse {
    const { waiting, executing, finished, failed, canceled } = ledger;
    const { pending, delivered, exhausted, deliveriesCanceled } = ledger;
    return {
      balanced: isBalanced(ledger),
      accepted: ledger.accepted,
      operations: { waiting, executing, finished, failed, canceled },
      ended_with_callback: ledger.destined,
      deliveries: { pending, delivered, exhausted, canceled: deliveriesCanceled },
      oldest_overdue_s: ledger.oldestOverdueS,
      oldest_waiting_s: ledger.oldestWaitingS,
      oldest_undelivered_s: ledger.oldestUndeliveredS,
    };
  }
}
