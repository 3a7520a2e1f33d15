import { IsInt, IsNumber, IsOptional, IsString, Length, Matches, Max, Min } from 'class-validator';
import { ApiInteger } from '../../http/api-properties.js';
import type { Flow } from '../../operations/flow/flow.js';

const MAX = 1_000_000;
const WEEK_S = 604_800;
/** Unicode text without control characters; what begins with "$" is Ringback's own. */
export const FLOW_KEY = /^(?!\$)[^\p{Cc}\ud800-\udfff]+$/u;
export const WRONG_FLOW_KEY =
  'key must be 1 to 200 characters of Unicode text without control characters that does not begin with "$"';

/** How many operations of a flow key run, or start in a time. */
export class FlowLimitsRequest {
  /** Most that are Executing at once. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX)
  @ApiInteger()
  parallelism?: number | null;

  /** Most that start in any window of `period_s` seconds. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX)
  @ApiInteger()
  rate?: number | null;

  /** Seconds; 1 by default. */
  @IsOptional()
  @IsNumber()
  @Min(0.1)
  @Max(WEEK_S)
  period_s?: number | null;
}

/** Needs `parallelism`, `rate`, or both. */
export class FlowRequest extends FlowLimitsRequest {
  /** What the operations have in common, for instance the tenant or the API that they call. The account's own. */
  @IsString()
  @Length(1, 200)
  @Matches(FLOW_KEY, { message: WRONG_FLOW_KEY })
  key: string;
}

export function toFlow({ key, parallelism, rate, period_s: periodS }: FlowRequest): Flow {
  return { key, parallelism: parallelism ?? null, rate: rate ?? null, periodS: periodS ?? null };
}
