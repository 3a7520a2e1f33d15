import { getSchemaPath, PartialType } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNumber,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import { ApiDetail, ApiInteger, fieldsOf } from '../../http/api-properties.js';
import { JudgedInParts } from '../../http/validation.pipe.js';
import { STORABLE } from '../../http/filter-fields.js';

/** Most actions of one batch, and operations of one claim. */
const MOST = 500;

/** What a worker wants to do. */
export class ClaimWorkRequest {
  /** Names of declared operation types. */
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(50)
  @ArrayUnique()
  @IsString({ each: true })
  @Length(1, 100, { each: true })
  types: string[];

  /** Operations to take at the most, 1 to 500; 1 by default. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MOST)
  @ApiInteger()
  limit?: number;

  /** Seconds to hold the answer until there is something to do, 0 to 60; 0 by default. */
  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(60)
  wait?: number;

  /** What the worker is called where people see it: a host's name, say. The name of the API key by default. */
  @IsOptional()
  @IsString()
  @Length(1, 100)
  @Matches(STORABLE, { message: 'worker must be Unicode text without NUL' })
  worker?: string;

  /** Seconds after which a lease that isn't renewed is over, 5 to 3600; RINGBACK_LEASE_S by default. */
  @IsOptional()
  @IsInt()
  @Min(5)
  @Max(3600)
  @ApiInteger()
  lease_s?: number;
}

/** Keeps a lease, and tells how far its operation has come. */
export class RenewWorkRequest {
  /** 0 to 100. */
  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(100)
  progress?: number;

  /** One line for people. */
  @IsOptional()
  @IsString()
  @MaxLength(4_000)
  text?: string;

  /** Lines for the operation's history. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(4_000, { each: true })
  log?: string[];
}

/** Ends an operation as Finished. */
export class CompleteWorkRequest {
  /** JSON; what is large belongs into a file. */
  @IsOptional()
  @Transform(({ obj }: { obj: { result?: unknown } }) => obj.result)
  result?: unknown;

  /** JSON: what a caller needs to go on. `result` and `custom` have 1 MiB together. */
  @IsOptional()
  @Transform(({ obj }: { obj: { custom?: unknown } }) => obj.custom)
  custom?: unknown;

  /** Id of a file of the operation's account: what `GET …/result` serves. */
  @IsOptional()
  @Matches(/^(file_)?[0-9a-f]{32}$/, { message: 'file must be the id of a file' })
  file?: string | null;

  /** The last line shown to people. */
  @IsOptional()
  @IsString()
  @MaxLength(4_000)
  text?: string | null;
}

/** Ends a run as failed. */
export class FailWorkRequest {
  /** For programs: `source_unreachable`. */
  @IsString()
  @Length(1, 100)
  code: string;

  /** For people. */
  @IsString()
  @Length(1, 4_000)
  message: string;

  /** Whether another try, if one is left, may help; false by default. What the type says of the code beats it. */
  @IsOptional()
  @IsBoolean()
  retry?: boolean;
}

/** What is done with a lease. */
export const WORK_ACTIONS = ['renew', 'complete', 'fail', 'release'] as const;

/** Which lease, and what is done with it. */
export class WorkLeaseRequest {
  /** As a claim gave it. */
  @IsString()
  @Length(1, 200)
  lease: string;

  @IsIn(WORK_ACTIONS)
  action: (typeof WORK_ACTIONS)[number];
}

/** One action of a batch: the lease, what is done with it, and the fields that the route of that takes. */
export class WorkActionRequest extends fieldsOf(
  WorkLeaseRequest,
  fieldsOf(RenewWorkRequest, fieldsOf(CompleteWorkRequest, PartialType(FailWorkRequest))),
) {}

@JudgedInParts()
export class WorkBatchRequest {
  /** 1 to 500 actions. */
  @ApiDetail({ type: 'array', items: { $ref: getSchemaPath(WorkActionRequest) } })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MOST)
  actions: unknown[];
}
