import type { DeliveryState } from '../../deliveries/delivery.state.js';
import type { OperationState } from '../operation.state.js';

/** Which operations are meant: those for which all of this holds. What isn't given lets all through. */
export interface OperationFilter {
  /** Id of an account; null: of all of them. */
  readonly account: string | null;
  readonly states?: readonly OperationState[] | undefined;
  readonly types?: readonly string[] | undefined;
  readonly correlation?: string | undefined;
  /** Id of the schedule that had them submitted. */
  readonly schedule?: string | undefined;
  /** Their flow key. */
  readonly flow?: string | undefined;
  readonly requestId?: string | undefined;
  /** Ids of which theirs is one. */
  readonly rids?: readonly string[] | undefined;
  readonly errorCode?: string | undefined;
  /** Of their own callback. */
  readonly callbackStates?: readonly DeliveryState[] | undefined;
  /** Of their own callback: scheme, host and port. */
  readonly origin?: string | undefined;
  readonly createdAfter?: Date | undefined;
  readonly createdBefore?: Date | undefined;
  readonly finishedAfter?: Date | undefined;
  readonly finishedBefore?: Date | undefined;
  /** A callback of theirs, their own or an endpoint's, has not been delivered. */
  readonly undelivered?: boolean | undefined;
  /** Made before that of this request id. */
  readonly below?: string | undefined;
  readonly exceptType?: string | undefined;
  /** What they were given has neither expired nor been erased. */
  readonly withInput?: boolean | undefined;
}

/** What `page_of_operations` reads. */
export function wantedOperations(filter: OperationFilter): object {
  return {
    account: filter.account,
    states: filter.states,
    types: filter.types,
    correlation: filter.correlation,
    schedule: filter.schedule,
    flow: filter.flow,
    request_id: filter.requestId,
    rids: filter.rids,
    error_code: filter.errorCode,
    callback_states: filter.callbackStates,
    origin: filter.origin,
    created_after: filter.createdAfter,
    created_before: filter.createdBefore,
    finished_after: filter.finishedAfter,
    finished_before: filter.finishedBefore,
    undelivered: filter.undelivered,
    below: filter.below,
    except_type: filter.exceptType,
    with_input: filter.withInput,
  };
}
