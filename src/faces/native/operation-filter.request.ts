import { IsOptional } from 'class-validator';
import { DELIVERY_STATES } from '../../deliveries/delivery.state.js';
import {
  IsFlag,
  IsListOf,
  IsNumberText,
  IsOrigin,
  IsSought,
  toOrigin,
  words,
} from '../../http/filter-fields.js';
import { dateOf, IsInstant } from '../../http/instant.js';
import { OPERATION_STATES } from '../../operations/operation.state.js';
import type { OperationFilter } from '../../operations/read/operation-filter.js';

/** Which operations are meant, as lists and bulk actions are told. */
export class OperationFilterRequest {
  /** Several by comma. */
  @IsOptional()
  @IsListOf(OPERATION_STATES)
  status?: string;

  /** Several by comma. */
  @IsOptional()
  @IsSought()
  type?: string;

  /** The whole of it. */
  @IsOptional()
  @IsSought()
  correlation?: string;

  /** Id of the schedule that had them submitted. */
  @IsOptional()
  @IsSought(100)
  schedule?: string;

  /** Their flow key. */
  @IsOptional()
  @IsSought(200)
  flow?: string;

  @IsOptional()
  @IsNumberText()
  request_id?: string;

  /** `error.code` of Failed ones. */
  @IsOptional()
  @IsSought(100)
  error_code?: string;

  /** `callback.state`; several by comma. */
  @IsOptional()
  @IsListOf(DELIVERY_STATES)
  callback_state?: string;

  /** Of their own callback: scheme, host and port, like `https://example.com`. */
  @IsOptional()
  @IsOrigin()
  origin?: string;

  @IsOptional()
  @IsInstant()
  created_after?: string;

  @IsOptional()
  @IsInstant()
  created_before?: string;

  @IsOptional()
  @IsInstant()
  finished_after?: string;

  @IsOptional()
  @IsInstant()
  finished_before?: string;

  /** `true`: only operations of which a callback has not been delivered. */
  @IsOptional()
  @IsFlag()
  undelivered?: 'true' | 'false';
}

/** The filter that a request means; `account` is null for all accounts. */
export function operationFilter(request: OperationFilterRequest, account: string | null): OperationFilter {
  return {
    account,
    states: words(request.status),
    types: words(request.type),
    correlation: request.correlation,
    schedule: request.schedule,
    flow: request.flow,
    requestId: request.request_id,
    errorCode: request.error_code,
    callbackStates: words(request.callback_state),
    origin: toOrigin(request.origin) ?? undefined,
    createdAfter: dateOf(request.created_after),
    createdBefore: dateOf(request.created_before),
    finishedAfter: dateOf(request.finished_after),
    finishedBefore: dateOf(request.finished_before),
    undelivered: request.undelivered === 'true' ? true : undefined,
  };
}
