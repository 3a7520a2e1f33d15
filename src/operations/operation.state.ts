/**
 * Every legal move of an operation. Waiting and Executing are a row in `live_operation`, every other state one in `operation_end`: an
 * end takes one and makes the other in one commit. docs/state-machines.md is generated from this table.
 */
export const OPERATION_MOVES = {
  Waiting: ['Executing', 'Canceled', 'Failed'],
  Executing: ['Waiting', 'Finished', 'Failed', 'Canceled'],
  Finished: [],
  Failed: [],
  Canceled: [],
} as const satisfies Record<string, readonly string[]>;

export type OperationState = keyof typeof OPERATION_MOVES;

/** The states that end an operation; they never change. */
export type TerminalState = 'Finished' | 'Failed' | 'Canceled';

export const OPERATION_STATES = Object.keys(OPERATION_MOVES) as OperationState[];

export function isTerminal(state: OperationState): state is TerminalState {
  return OPERATION_MOVES[state].length === 0;
}

/** The status text of an end of which its handler says nothing. */
export const ENDED_TEXT = { Finished: 'Finished', Failed: 'Failed' } as const;

/** The event that an ending tells. */
export const EVENT_OF = {
  Finished: 'operation.finished',
  Failed: 'operation.failed',
  Canceled: 'operation.canceled',
} as const satisfies Record<TerminalState, string>;
