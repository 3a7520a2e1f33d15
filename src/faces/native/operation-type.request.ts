import { Transform, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
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
import { ApiInteger } from '../../http/api-properties.js';
import { STORABLE } from '../../http/filter-fields.js';

/** When a failed run is tried again. */
export class RetryRequest {
  /** Seconds before try 2, 3, …; the last one repeats. 1 and 4 by default. Up to 20 % are added. */
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(50)
  @IsNumber({}, { each: true })
  @Min(0, { each: true })
  @Max(604_800, { each: true })
  backoff_s?: number[];

  /** Error codes that another try may mend, also where the worker says no; `timeout` is one. None by default. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(50)
  @IsString({ each: true })
  @Length(1, 100, { each: true })
  retry_on?: string[];

  /** Error codes that no other try mends, also where the worker says yes. None by default. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(50)
  @IsString({ each: true })
  @Length(1, 100, { each: true })
  no_retry_on?: string[];
}

/** An operation type that workers outside of Ringback run. */
export class DeclareOperationTypeRequest {
  /** One line for people. */
  @IsString()
  @Length(1, 200)
  @Matches(STORABLE, { message: 'title must be Unicode text without NUL' })
  title: string;

  /** JSON Schema (draft 2020-12) of the input; any JSON is taken without one. */
  @IsOptional()
  // As it came: class-transformer drops keys that every object inherits, such as toString.
  @Transform(({ obj }: { obj: { input_schema?: unknown } }) => obj.input_schema)
  @IsObject()
  input_schema?: Record<string, unknown>;

  /** How often an operation may be tried, first try included; 3 by default. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(100)
  @ApiInteger()
  tries?: number;

  /** Seconds a run may take before it fails with `timeout`; 3600 by default. A caller may ask for less. */
  @IsOptional()
  @IsNumber()
  @Min(0.001)
  @Max(604_800)
  timeout_s?: number;

  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => RetryRequest)
  retry?: RetryRequest;

  /** Route of the trm face, below `/api/`: `resources/segments/view/export`. A `{name}` in it becomes a field of the input. */
  @IsOptional()
  @IsString()
  @MaxLength(200)
  path?: string | null;

  /** Milliseconds that the answer to a submit is held for the end where the caller doesn't say; 0, the default, is never. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(60_000)
  @ApiInteger()
  inline_ms?: number;
}
