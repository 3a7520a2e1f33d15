import type { Claim } from '../../operations/run/claim.js';
import { leaseName } from '../../operations/work/lease.js';
import type { WorkOutcome, WorkResult } from '../../operations/work/work.service.js';
import { toProblem } from '../problem.filter.js';
import { ApiInteger } from '../../http/api-properties.js';
import { ProblemResponse } from '../../http/problem.response.js';
import type { OperationState } from '../../operations/operation.state.js';
import { OperationResponse } from './operation.response.js';

/** An operation as its worker sees it. */
export class WorkOperationResponse extends OperationResponse {
  /** Whose it is. */
  override account_id: string;
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

  static from(
    { operation, leaseToken }: Claim,
    leaseS: number,
    input: unknown,
    publicUrl: string,
  ): ClaimedWorkResponse {
    const { accountId, tries, timeoutS, traceparent, requestId } = operation;
    const callbackState = operation.callbackUrl === null ? null : 'Pending';
    return {
      operation: {
        ...OperationResponse.from({ operation, callbackState }, publicUrl),
        account_id: accountId,
        input,
        tries,
        timeout_s: timeoutS,
        traceparent,
      },
      lease: leaseName({ requestId, leaseToken, leaseS }),
      lease_s: leaseS,
    };
  }
}

/** In the order in which they are to be run; empty where there was nothing to do within `wait`. */
export class ClaimWorkResponse {
  data: ClaimedWorkResponse[];
}

/** A lease that stands. */
export class RenewedWorkResponse {
  /** Only where it is: a caller has asked to cancel the operation. Stop, and answer with `fail` or `release`. */
  cancel?: boolean;

  static from(done: WorkOutcome): RenewedWorkResponse {
    return done.kind === 'renewed' && done.canceling ? { cancel: true } : {};
  }
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

  static from(done: WorkOutcome): SettledWorkResponse {
    if (done.kind === 'renewed') throw new Error('a lease was renewed that was to be settled');
    const { rid: id, state: status, retryInS } = done;
    return { operation: { id, status }, ...(retryInS === null ? {} : { retry_in_s: retryInS }) };
  }
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

  static from(done: WorkResult): WorkActionResponse {
    if (done instanceof Error) {
      const problem = toProblem(done);
      return { status: problem.status, problem: problem.toBody() as never };
    }
    return {
      status: 200,
      ...(done.kind === 'renewed' ? RenewedWorkResponse.from(done) : SettledWorkResponse.from(done)),
    };
  }
}

/** In the order of the request. */
export class WorkBatchResponse {
  data: WorkActionResponse[];
}
