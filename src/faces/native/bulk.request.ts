import { Type } from 'class-transformer';
import { IsBoolean, IsDefined, IsIn, IsObject, IsOptional, ValidateNested } from 'class-validator';
import { IsAccount } from '../../accounts/whose.js';
import {
  type BulkInput,
  DELIVERY_ACTIONS,
  type DeliveryAction,
  OPERATION_ACTIONS,
  type OperationAction,
} from '../../bulk/bulk-input.js';
import type { DeliveryState } from '../../deliveries/delivery.state.js';
import { Problem } from '../../http/problem.js';
import type { OperationState } from '../../operations/operation.state.js';
import { DeliveryFilterRequest, deliveryFilter } from './delivery-filter.request.js';
import { OperationFilterRequest, operationFilter } from './operation-filter.request.js';

export class BulkOperationFilter extends OperationFilterRequest {
  @IsOptional()
  @IsAccount()
  account?: string;
}

export class BulkDeliveryFilter extends DeliveryFilterRequest {
  @IsOptional()
  @IsAccount()
  account?: string;
}

class BulkRequest {
  /** `true`: nothing is done, and the answer says how many it would be. */
  @IsOptional()
  @IsBoolean()
  dry_run?: boolean;
}

export class BulkOperationsRequest extends BulkRequest {
  /** `cancel`: what hasn't ended; `rerun`: each as a new operation that names it. */
  @IsIn(OPERATION_ACTIONS)
  action: OperationAction;

  /** Which ones, as the list takes it; `{}` for all. */
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => BulkOperationFilter)
  filter: BulkOperationFilter;
}

export class BulkDeliveriesRequest extends BulkRequest {
  /** `redeliver`: one attempt now of each that was given up or waits for its next one; `cancel`: gives up what is Pending. */
  @IsIn(DELIVERY_ACTIONS)
  action: DeliveryAction;

  /** Which ones, as the list takes it; `{}` for all. */
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => BulkDeliveryFilter)
  filter: BulkDeliveryFilter;
}

/** What an action can act on; null for whatever state. */
const ACTS_ON = {
  operations: { cancel: ['Waiting', 'Executing'], rerun: null },
  deliveries: { redeliver: ['Exhausted', 'Pending'], cancel: ['Pending'] },
} as const satisfies {
  operations: Record<OperationAction, readonly OperationState[] | null>;
  deliveries: Record<DeliveryAction, readonly DeliveryState[] | null>;
};

/** What is asked for; `account` is null for all accounts. */
export function bulkOfOperations(
  { action, filter }: BulkOperationsRequest,
  account: string | null,
): BulkInput {
  const asked = operationFilter(filter, account);
  const states = actedOn(action, asked.states, ACTS_ON.operations[action]);
  return { of: 'operations', action, filter: { ...asked, states } };
}

/** The same of deliveries; `operation` is the request id of the operation that the filter names. */
export function bulkOfDeliveries(
  { action, filter }: BulkDeliveriesRequest,
  account: string | null,
  operation: string | undefined,
): BulkInput {
  const asked = deliveryFilter(filter, account, operation);
  const states = actedOn(action, asked.states, ACTS_ON.deliveries[action]);
  return { of: 'deliveries', action, filter: { ...asked, states } };
}

/** Of the states that are asked for, those that the action can act on; at least one is. */
function actedOn<State extends string>(
  action: string,
  asked: readonly State[] | undefined,
  possible: readonly State[] | null,
): readonly State[] | undefined {
  if (possible === null) return asked;
  const states = possible.filter((state) => asked?.includes(state) ?? true);
  if (states.length > 0) return states;
  const message = `must name one of ${possible.join(', ')}, or none: ${action} acts on no others`;
  throw new Problem(422, 'invalid-request', `filter.status ${message}`, {
    errors: [{ path: 'filter.status', message }],
  });
}
