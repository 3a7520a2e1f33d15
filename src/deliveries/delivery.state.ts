/** Every legal move of a delivery. docs/state-machines.md is generated from this table. */
export const DELIVERY_MOVES = {
  Pending: ['Delivered', 'Exhausted', 'Canceled'],
  Delivered: [],
  Exhausted: ['Pending'],
  Canceled: [],
} as const satisfies Record<string, readonly string[]>;

export type DeliveryState = keyof typeof DELIVERY_MOVES;

export const DELIVERY_STATES = Object.keys(DELIVERY_MOVES) as DeliveryState[];
