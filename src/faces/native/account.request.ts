import {
  ArrayNotEmpty,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNumber,
  IsOptional,
  IsString,
  Matches,
  Max,
  Min,
} from 'class-validator';
import { type Scope, SCOPES } from '../../accounts/scopes.js';
import { IsInstant } from '../../http/instant.js';
import { ApiDetail, ApiInteger, ApiLargeInteger } from '../../http/api-properties.js';
import { PageQuery } from './operation.request.js';

/** What accounts may be called. */
export const ACCOUNT_NAME = /^[A-Za-z0-9][A-Za-z0-9 ._@-]{0,99}$/;
export const ACCOUNT_NAME_MESSAGE = 'name must be 1 to 100 letters, digits, spaces or . _ @ -';

/** What an account may use of what all share. */
class QuotasRequest {
  /** Bytes that it may have stored; 0 for any, null for RINGBACK_QUOTA_BYTES. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  @ApiLargeInteger()
  quota_bytes?: number | null;

  /** Operations that it may have Waiting; 0 for any, null for RINGBACK_QUOTA_WAITING. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(2_147_483_647)
  @ApiInteger()
  quota_waiting?: number | null;

  /** Requests that it may make a second, per process; 0 for any, null for RINGBACK_REQUESTS_PER_S. */
  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(1_000_000)
  requests_per_s?: number | null;
}

export class ListAccountsQuery extends PageQuery {
  /** `true`: each with its `usage`. */
  @IsOptional()
  @ApiDetail({ type: 'boolean', enum: undefined })
  @IsIn(['true', 'false'])
  usage?: 'true' | 'false';
}

export class CreateAccountRequest extends QuotasRequest {
  @Matches(ACCOUNT_NAME, { message: ACCOUNT_NAME_MESSAGE })
  name: string;

  /** How many of its operations may be Executing at once; RINGBACK_SLOTS by default. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(100_000)
  @ApiInteger()
  slots?: number;
}

export class ChangeAccountRequest extends QuotasRequest {
  @IsOptional()
  @Matches(ACCOUNT_NAME, { message: ACCOUNT_NAME_MESSAGE })
  name?: string;

  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(100_000)
  @ApiInteger()
  slots?: number;

  /** `true`: its keys are refused; what was accepted runs on and is told. `false`: they are taken again. */
  @IsOptional()
  @IsBoolean()
  disabled?: boolean;
}

export class CreateKeyRequest {
  @Matches(ACCOUNT_NAME, { message: ACCOUNT_NAME_MESSAGE })
  name: string;

  @IsArray()
  @ArrayNotEmpty()
  @ArrayUnique()
  @IsString({ each: true })
  @IsIn(SCOPES, { each: true })
  scopes: Scope[];

  /** RFC 3339; never by default. */
  @IsOptional()
  @IsInstant()
  expires_at?: string | null;
}

export class RotateSecretRequest {
  /** Seconds for which all older secrets co-sign at the most, 0 to 7 days; a day by default. */
  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(604_800)
  overlap_s?: number;
}
