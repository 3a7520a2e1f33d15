import { ApiLargeInteger } from '../../http/api-properties.js';
import type { OperationEntity } from '../../operations/operation.entity.js';
import { ENDED_TEXT, isTerminal, type OperationState } from '../../operations/operation.state.js';
import { withTokens } from './trm-tokens.js';

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
  if (status === 'Failed')
    return { status, statusText: 'Operation failed!', fault: withTokens(errorMessage ?? statusText) };
  const silent = state === 'Finished' && statusText === ENDED_TEXT.Finished;
  return { status, statusText: silent ? 'Finished!' : statusText, fault: null };
}

/** How an operation stands, members in this order. */
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
}

/** What submit, poll and callback of the trm face carry, members in this order. */
export class TrmEnvelope {
  trm: TrmState;
  /** JSON of the handler, where it gave one; only when Finished. */
  result?: unknown;
  /** JSON of the handler, where it gave one; only when Finished. */
  custom?: unknown;

  /** With `zeroId`, an ended operation shows 0 in place of its id. */
  static from(operation: OperationEntity, zeroId: boolean): TrmEnvelope {
    const { state, requestId, result, custom } = operation;
    const { status, statusText, fault } = trmWords(operation);
    const finished = state === 'Finished';
    return {
      trm: {
        requestid: zeroId && isTerminal(state) ? 0 : Number(requestId),
        isbatch: false,
        status,
        statusText,
        ...(fault === null ? {} : { statusInfo: fault }),
      },
      ...(finished && result !== null ? { result: JSON.parse(withTokens(result)) as unknown } : {}),
      ...(finished && custom !== null ? { custom: JSON.parse(withTokens(custom)) as unknown } : {}),
    };
  }
}
