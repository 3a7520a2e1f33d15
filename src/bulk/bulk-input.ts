import type { DeliveryFilter } from '../deliveries/delivery-filter.js';
import type { OperationFilter } from '../operations/read/operation-filter.js';

/** The operation type that acts on many operations or deliveries. */
export const BULK_TYPE = 'ringback.bulk';

export const OPERATION_ACTIONS = ['cancel', 'rerun'] as const;
export const DELIVERY_ACTIONS = ['redeliver', 'cancel'] as const;

export type OperationAction = (typeof OPERATION_ACTIONS)[number];
export type DeliveryAction = (typeof DELIVERY_ACTIONS)[number];

/** What is to be done, and to which ones: those made before it was asked for that the filter means when their turn comes. */
export type BulkInput =
  | {
      readonly of: 'operations';
      readonly action: OperationAction;
      readonly filter: OperationFilter;
    }
  | {
      readonly of: 'deliveries';
      readonly action: DeliveryAction;
      readonly filter: DeliveryFilter;
    };

/** What has been done when it ends, and how far it is on the way there. */
export interface BulkResult {
  /** What the filter meant when it began. */
  readonly matched: number;
  readonly done: number;
  /** What couldn't be acted on when its turn came. */
  readonly skipped: number;
}

/** What was made after the action was asked for is no part of it, nor are other bulk actions. `below` is its request id. */
export function boundedBy(input: BulkInput, below?: string): BulkInput {
  return input.of === 'operations'
    ? { ...input, filter: { ...input.filter, below, exceptType: BULK_TYPE } }
    : { ...input, filter: { ...input.filter, below } };
}
