import { OperationResponse } from './operation.response.js';
import { ProblemResponse } from '../../http/problem.response.js';
import { ApiInteger } from '../../http/api-properties.js';

/** What became of one operation of a batch. */
export class BatchItemResponse {
  /** 202; 200 where a repeated key's operation has ended; or the status of the problem. */
  @ApiInteger()
  status: number;
  operation?: OperationResponse;
  problem?: ProblemResponse;
}

/** In the order of the request. */
export class BatchResponse {
  data: BatchItemResponse[];
}
