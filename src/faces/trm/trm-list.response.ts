import { ApiLargeInteger, ApiTime } from '../../http/api-properties.js';
import type { OperationEntity } from '../../operations/operation.entity.js';
import { trmWords } from './trm-envelope.response.js';

/** An operation in the operations log. Times are RFC 3339, UTC. */
export class TrmListItem {
  @ApiLargeInteger()
  requestid: number;
  status: 'Waiting' | 'Executing' | 'Finished' | 'Failed';
  statusText: string;
  /** What its type is called. */
  title: string;
  errorMessage: string | null;
  /** Always null: operations belong to accounts. */
  person: string | null;
  @ApiTime()
  created: string;
  @ApiTime()
  started: string | null;
  @ApiTime()
  finished: string | null;
  /** 0 to 100. */
  progress: number;
}

export class TrmListResponse {
  items: TrmListItem[];
  /** How many the account has in all. */
  @ApiLargeInteger()
  total: number;

  static from(
    operations: readonly OperationEntity[],
    total: number,
    titleOf: (type: string) => string,
  ): TrmListResponse {
    const items = operations.map((operation) => {
      const { status, statusText, fault } = trmWords(operation);
      return {
        requestid: Number(operation.requestId),
        status,
        statusText,
        title: titleOf(operation.type),
        errorMessage: fault,
        person: null,
        created: operation.createdAt.toISOString(),
        started: operation.startedAt?.toISOString() ?? null,
        finished: operation.finishedAt?.toISOString() ?? null,
        progress: Math.round(operation.progress * 100) / 100,
      };
    });
    return { items, total };
  }
}
