import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { ApiDetail, ApiInteger } from '../../http/api-properties.js';
import { STORABLE } from '../../http/filter-fields.js';
import { AccountQuery } from './operation.request.js';

export class PullQuery extends AccountQuery {
  /** Seconds to hold the answer until there is something, 0 to 60. */
  @IsOptional()
  @ApiDetail({ type: 'number', minimum: 0, maximum: 60, pattern: undefined })
  @Matches(/^([0-5]?\d(\.\d+)?|60(\.0+)?)$/, { message: 'wait must be a number of seconds from 0 to 60' })
  wait?: string;

  /** Deliveries at the most, 1 to 500; 100 by default. */
  @IsOptional()
  @ApiDetail({ type: 'integer', minimum: 1, maximum: 500, pattern: undefined })
  @Matches(/^([1-9]\d?|[1-4]\d\d|500)$/, { message: 'limit must be a whole number from 1 to 500' })
  limit?: string;

  /** Seconds for which they are the consumer's own, 1 to 3600; the endpoint's `lease_s` by default. */
  @IsOptional()
  @ApiDetail({ type: 'integer', minimum: 1, maximum: 3600, pattern: undefined })
  @Matches(/^([1-9]\d{0,2}|[12]\d{3}|3[0-5]\d\d|3600)$/, {
    message: 'lease_s must be a whole number of seconds from 1 to 3600',
  })
  lease_s?: string;
}

/** What a consumer says of a delivery that it has pulled. */
export class AckRequest {
  /** The delivery's: its `webhook-id`. */
  @IsString()
  @MaxLength(100)
  @Matches(STORABLE, { message: 'id must be Unicode text without NUL' })
  id: string;

  /** `true`: it is delivered. `false`: it is tried again, as after a POST that failed. */
  @IsBoolean()
  ok: boolean;

  /** The `attempt` that was pulled: an older one is late. Without it, whichever is under way is meant. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(2_147_483_647)
  @ApiInteger()
  attempt?: number;

  /** Why not, for the log. */
  @IsOptional()
  @IsString()
  @MaxLength(1000)
  error?: string;

  /** What it was answered with where it was passed on, for the log. */
  @IsOptional()
  @IsInt()
  @Min(100)
  @Max(599)
  @ApiInteger()
  http_status?: number;
}

export class AcksRequest {
  /** 1 to 500. */
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(500)
  @ValidateNested({ each: true })
  @Type(() => AckRequest)
  acks: AckRequest[];
}
