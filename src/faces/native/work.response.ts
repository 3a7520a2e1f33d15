import { ApiInteger } from '../../http/api-properties.js';
import { ProblemResponse } from '../../http/problem.response.js';
import type { OperationState } from '../../operations/operation.state.js';
import { OperationResponse } from './operation.response.js';

/** An operation as its worker sees it. */
export class WorkOperationResponse extends OperationResponse {
  /** Whose it is. */
  account_id: string;
  /** JSON as the caller gave it. */
  input: unknown;
  /** How often it may be tried; `attempt` is which try this is. */
  @ApiInteger()
  tries: number;
  /** Seconds that this run may take: it fails with `timeout` then, whatever is renewed. */
  timeout_s: number;
  /** W3C trace context, to be sent with requests that the run makes; null where there is no trace. */
  traceparent: string | null;
}

/** An operation that was leased to a worker. */
export class ClaimedWorkResponse {
  operation: WorkOperationResponse;
  /** What names the lease from now on. */
  lease: string;
  /** Seconds after which it is over, unless it is renewed. */
  @ApiInteger()
  lease_s: number;
}

/** In the order in which they are to be run; empty where there was nothing to do within `wait`. */
export class ClaimWorkResponse {
  data: ClaimedWorkResponse[];
}

/** A lease that stands. */
export class RenewedWorkResponse {
  /** Only where it is: a caller has asked to cancel the operation. Stop, and answer with `fail` or `release`. */
  cancel?: boolean;
}

/** Where an operation stands that its worker is done with. */
export class WorkOperationStatus {
  id: string;
  status: OperationState;
}

/** What became of an operation that its worker is done with. */
export class SettledWorkResponse {
  operation: WorkOperationStatus;
  /** Only where it is to be tried again: seconds until then. */
  retry_in_s?: number;
}

/** What became of one action of a batch. */
export class WorkActionResponse {
  /** 200, or the status of the problem. */
  @ApiInteger()
  status: number;
  /** Of a renewal. */
  cancel?: boolean;
  /** Of any other action. */
  operation?: WorkOperationStatus;
  retry_in_s?: number;
  problem?: ProblemResponse;
}

/** In the order of the request. */
export class WorkBatchResponse {
  data: WorkActionResponse[];
}
