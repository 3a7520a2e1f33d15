/**
 * Every legal move of a delivery. Pending is a row in `live_delivery`, every other state one in `delivery_end`: a move takes one and
 * makes the other in one commit. docs/state-machines.md is generated from this table.
 */
export const DELIVERY_MOVES = {
  Pending: ['Delivered', 'Exhausted', 'Canceled'],
  Delivered: ['Pending'],
  Exhausted: ['Pending'],
  Canceled: [],
} as const satisfies Record<string, readonly string[]>;

/**
 * The reason of a delivery that its caller needs no more, since it has read by itself how the operation ended: Canceled, Exhausted
 * before, or Pending with its last attempt in flight.
 */
export const ACKNOWLEDGED_BY_POLL = 'acknowledged_by_poll';

/** Why a delivery is Exhausted. */
export const GIVEN_UP_REASONS = [
  'schedule_spent',
  'deadline_spent',
  'gone',
  'aborted_by_receiver',
  'blocked_destination',
] as const;

export type GivenUpReason = (typeof GIVEN_UP_REASONS)[number];

export type DeliveryState = keyof typeof DELIVERY_MOVES;

export const DELIVERY_STATES = Object.keys(DELIVERY_MOVES) as DeliveryState[];
