import { ApiLargeInteger } from '../../http/api-properties.js';
import type { OperationEntity } from '../../operations/operation.entity.js';
import { isTerminal, type OperationState } from '../../operations/operation.state.js';

/** The words of the trm face for our states; it has none for Canceled, which is a failure there. */
export const TRM_STATUS = {
  Waiting: 'Waiting',
  Executing: 'Executing',
  Finished: 'Finished',
  Failed: 'Failed',
  Canceled: 'Failed',
} as const satisfies Record<OperationState, string>;

/** What the trm face says of a state; `fault` is there exactly when Failed. */
export function trmWords({ state, statusText, errorMessage }: OperationEntity) {
  const status = TRM_STATUS[state];
  return {
    status,
    statusText: state === 'Canceled' ? 'Failed' : statusText,
    fault: status === 'Failed' ? (errorMessage ?? statusText) : null,
  };
}

/** What submit, poll and callback of the trm face carry, members in this order. */
export class TrmState {
  /** Integer; 0 where the operation ended within the submit. */
  @ApiLargeInteger()
  requestid: number;
  isbatch: boolean;
  status: 'Waiting' | 'Executing' | 'Finished' | 'Failed';
  /** One line for people, live while Executing. */
  statusText: string;
  /** Why it failed; there exactly when Failed. */
  statusInfo?: string;
  /** JSON of the handler, where it gave one; only when Finished. */
  result?: unknown;
  /** JSON of the handler, where it gave one; only when Finished. */
  custom?: unknown;
}

/** The envelope of the trm face. */
export class TrmEnvelope {
  trm: TrmState;

  /** With `zeroId`, an ended operation shows 0 in place of its id. */
  static from(operation: OperationEntity, zeroId: boolean): TrmEnvelope {
    const { state, requestId, result, custom } = operation;
    const { status, statusText, fault } = trmWords(operation);
    return {
      trm: {
        requestid: zeroId && isTerminal(state) ? 0 : Number(requestId),
        isbatch: false,
        status,
        statusText,
        ...(fault === null ? {} : { statusInfo: fault }),
        ...(state === 'Finished' && result !== null ? { result: JSON.parse(result) as unknown } : {}),
        ...(state === 'Finished' && custom !== null ? { custom: JSON.parse(custom) as unknown } : {}),
      },
    };
  }
}
