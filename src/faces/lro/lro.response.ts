import type { OperationEntity } from '../../operations/operation.entity.js';
import type { OperationState } from '../../operations/operation.state.js';
import { ApiTime } from '../../http/api-properties.js';

/** The words of the Azure style for our states; `@azure/core-lro` polls for ever on a word that it doesn't know. */
export const LRO_STATUS = {
  Waiting: 'NotStarted',
  Executing: 'Running',
  Finished: 'Succeeded',
  Failed: 'Failed',
  Canceled: 'Canceled',
} as const satisfies Record<OperationState, string>;

export class LroErrorResponse {
  code: string;
  message: string;
}

/** The status monitor of a long-running operation, as the Azure REST API guidelines describe it. */
export class LroOperationResponse {
  id: string;
  status: 'NotStarted' | 'Running' | 'Succeeded' | 'Failed' | 'Canceled';
  error?: LroErrorResponse;
  result?: unknown;
  @ApiTime()
  createdDateTime: string;
  @ApiTime()
  lastActionDateTime: string;

  static from(operation: OperationEntity): LroOperationResponse {
    const last = operation.finishedAt ?? operation.startedAt ?? operation.createdAt;
    return {
      id: operation.rid,
      status: LRO_STATUS[operation.state],
      ...(operation.errorCode === null
        ? {}
        : { error: { code: operation.errorCode, message: operation.errorMessage ?? operation.errorCode } }),
      ...(operation.state === 'Finished' && operation.result !== null
        ? { result: JSON.parse(operation.result) as unknown }
        : {}),
      createdDateTime: operation.createdAt.toISOString(),
      lastActionDateTime: last.toISOString(),
    };
  }
}
