import { PickType } from '@nestjs/swagger';
import { CallbackHeaderRequest, HEADERS } from '../callback-header.request.js';
import { Transform, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNumber,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { IsAccount } from '../../accounts/whose.js';
import { MAX_THIN_OVER } from '../../config/config.js';
import { STORABLE } from '../../http/filter-fields.js';
import { IsInstant } from '../../http/instant.js';
import { type PageOf } from '../../database/page-of.js';
import { decodeCursor, NUMBER_KEY } from '../../http/page.js';
import { FlowRequest } from './flow.request.js';
import { OperationFilterRequest } from './operation-filter.request.js';
import { ApiDetail, ApiInteger, fieldsOf } from '../../http/api-properties.js';

export class CallbackRequest {
  /** Where the operation's end is told: an absolute https URL. */
  @IsString()
  @Length(1, 2048)
  url: string;

  /** Headers sent with every attempt, for instance a token of yours. Stored encrypted, never shown. */
  @IsOptional()
  @IsArray(HEADERS)
  @ArrayMaxSize(20)
  @ValidateNested({ each: true })
  @Type(() => CallbackHeaderRequest)
  headers?: CallbackHeaderRequest[];

  /** Bytes: a larger body leaves `result` out, and says so by `result_omitted`. Null: the service's own limit. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(MAX_THIN_OVER)
  @ApiInteger()
  thin_over?: number | null;
}

export class SubmitOperationRequest {
  /** Name of an operation type, as `GET /v1/operation-types` lists them. */
  @IsString()
  @Length(1, 100)
  type: string;

  /** What the type's JSON Schema describes. */
  @IsOptional()
  // As it came: class-transformer drops keys that every object inherits, such as toString.
  @Transform(({ obj }: { obj: { input?: unknown } }) => obj.input)
  input?: unknown;

  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => CallbackRequest)
  callback?: CallbackRequest | null;

  /** Yours, echoed in every answer and callback. */
  @IsOptional()
  @IsString()
  @MaxLength(512)
  @Matches(STORABLE, { message: 'correlation must be Unicode text without NUL' })
  correlation?: string | null;

  /** Higher goes first among the account's own waiting operations. */
  @IsOptional()
  @IsInt()
  @Min(-100)
  @Max(100)
  @ApiInteger()
  priority?: number;

  /** Not before this time (RFC 3339), at most 366 days ahead. */
  @IsOptional()
  @IsInstant()
  run_at?: string | null;

  /** Seconds a run may take; at most what the type allows. */
  @IsOptional()
  @IsNumber()
  @Min(0.001)
  @Max(604_800)
  timeout_s?: number | null;

  /** Reading how it ended, by `GET`, ends the attempts of its own callback; RINGBACK_ACK_BY_POLL is the default. */
  @IsOptional()
  @IsBoolean()
  ack_by_poll?: boolean | null;

  /** Only so many operations with the same key run at once, or start in a time; the newest values hold for all of them. */
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => FlowRequest)
  flow?: FlowRequest | null;

  /** Retention class: how long the ended operation is kept. */
  @IsOptional()
  @IsString()
  @Length(1, 32)
  retention?: string | null;
}

/** What of the operation that is run once more is to be otherwise; what isn't given stays. */
export class RerunOperationRequest extends PickType(SubmitOperationRequest, ['input', 'callback'] as const) {}

/** Of a request about what an account has. */
export class AccountQuery {
  @IsOptional()
  @IsAccount()
  account?: string;
}

export class WaitQuery extends AccountQuery {
  /** Seconds to hold the answer until the operation has ended, 0 to 60. */
  @IsOptional()
  @ApiDetail({ type: 'number', minimum: 0, maximum: 60, pattern: undefined })
  @Matches(/^([0-5]?\d(\.\d+)?|60(\.0+)?)$/, { message: 'wait must be a number of seconds from 0 to 60' })
  wait?: string;
}

export class PageQuery {
  /** `next_cursor` of the page before. */
  @IsOptional()
  @IsString()
  @Length(1, 200)
  cursor?: string;

  /** Rows a page, 1 to 250; 50 by default. */
  @IsOptional()
  @ApiDetail({ type: 'integer', minimum: 1, maximum: 250, pattern: undefined })
  @Matches(/^([1-9]\d?|1\d\d|2[0-4]\d|250)$/, { message: 'limit must be a whole number from 1 to 250' })
  limit?: string;
}

/** A page of rows that accounts have. */
export class OwnedPageQuery extends PageQuery {
  @IsOptional()
  @IsAccount()
  account?: string;
}

/** The same, in one order or the other. */
export class ListQuery extends OwnedPageQuery {
  /** `asc`, the default, begins with the oldest, `desc` with the newest. */
  @IsOptional()
  @IsIn(['asc', 'desc'])
  order?: 'asc' | 'desc';
}

export class ListOperationsQuery extends fieldsOf(OperationFilterRequest, ListQuery) {}

/** Rows of a page, as the query asks. */
export function limitOf(query: PageQuery): number {
  return Number(query.limit ?? 50);
}

/** The page that a query asks for of a list in the order of numbers. */
export function pageAsked(query: ListQuery): PageOf {
  return {
    newestFirst: query.order === 'desc',
    after: query.cursor === undefined ? null : decodeCursor(query.cursor, '0', NUMBER_KEY),
    limit: limitOf(query),
  };
}
