import { Type } from 'class-transformer';
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
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { MAX_THIN_OVER } from '../../config/config.js';
import type { EndpointMode } from '../../endpoints/endpoint.entity.js';
import { MAX_LEASE_S } from '../../endpoints/pull/pulls.service.js';
import { EVENT_TYPES, type EventType } from '../../endpoints/events.js';
import type { SignatureProfile } from '../../signing/signature.js';
import { CallbackHeaderRequest, HEADERS } from '../callback-header.request.js';
import { STORABLE } from '../../http/filter-fields.js';
import { IsInstant } from '../../http/instant.js';
import { ApiInteger } from '../../http/api-properties.js';

const MODES: EndpointMode[] = ['push', 'pull'];
const MAX_EPHEMERAL_S = 30 * 86_400;
const PROFILES: SignatureProfile[] = ['standard', 'standard+ed25519', 'github', 'stripe'];

class EndpointSettingsRequest {
  @IsOptional()
  @IsString()
  @MaxLength(500)
  @Matches(STORABLE, { message: 'description must be Unicode text without NUL' })
  description?: string;

  /** What is told; the ends of operations by default. */
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayUnique()
  @IsIn(EVENT_TYPES, { each: true })
  events?: EventType[];

  /** Headers sent with every attempt. Stored encrypted; their values are never shown. */
  @IsOptional()
  @IsArray(HEADERS)
  @ArrayMaxSize(20)
  @ValidateNested({ each: true })
  @Type(() => CallbackHeaderRequest)
  headers?: CallbackHeaderRequest[];

  /** Seconds before attempt 2, 3, …: at most 50 steps and 30 days in all. Null: the service's own. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(50)
  @IsNumber({}, { each: true })
  @Min(0, { each: true })
  retry_schedule?: number[] | null;

  /** Attempts in flight at once; null: the service's own cap. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(1000)
  @ApiInteger()
  max_in_flight?: number | null;

  /** Attempts a second; null: as fast as they come. */
  @IsOptional()
  @IsNumber()
  @Min(0.001)
  @Max(10_000)
  rate_per_s?: number | null;

  /** Bytes: a larger body leaves `result` out, and says so by `result_omitted`. Null: the service's own limit. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(MAX_THIN_OVER)
  @ApiInteger()
  thin_over?: number | null;

  @IsOptional()
  @IsIn(PROFILES)
  signature_profile?: SignatureProfile;

  /**
   * PEM of a certificate, its chain if it has one, and its private key without a passphrase, shown to a receiver that asks for it by
   * TLS. Stored encrypted; its text is never shown again. Null: none.
   */
  @IsOptional()
  @IsString()
  @Length(1, 32_768)
  client_certificate?: string | null;

  /** Ask the receiver first (OPTIONS with WebHook-Request-Origin, CloudEvents) and refuse a URL that doesn't consent. */
  @IsOptional()
  @IsBoolean()
  handshake?: boolean;

  /** Of a pull endpoint: seconds for which what a consumer pulls is its own, unless the pull says otherwise. Null: 30. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_LEASE_S)
  @ApiInteger()
  lease_s?: number | null;

  /** Of a pull endpoint: it is deleted so many seconds after it was last pulled, with what it is owed. Null: it is kept. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_EPHEMERAL_S)
  @ApiInteger()
  ephemeral_s?: number | null;
}

export class CreateEndpointRequest extends EndpointSettingsRequest {
  /** `pull`: it has no URL; what it is told waits until a consumer asks for it by `GET :id/pull`. `push` by default. */
  @IsOptional()
  @IsIn(MODES)
  mode?: EndpointMode;

  /** Where events are sent: an absolute https URL. A pull endpoint has none. */
  @ValidateIf(({ mode, url }: CreateEndpointRequest) => mode !== 'pull' || (url ?? null) !== null)
  @IsString()
  @Length(1, 2048)
  url?: string;
}

export class ChangeEndpointRequest extends EndpointSettingsRequest {
  /** Where events are sent from now on. */
  @IsOptional()
  @IsString()
  @Length(1, 2048)
  url?: string;
}

export class RecoverRequest {
  /** Deliveries made at or after this time (RFC 3339). */
  @IsInstant()
  since: string;

  /** Deliveries made before this time; now by default. */
  @IsOptional()
  @IsInstant()
  until?: string;

  /** `true`: also those that wait for their next attempt, which has it now. */
  @IsOptional()
  @IsBoolean()
  pending?: boolean;
}
