import { OmitType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  Equals,
  IsDefined,
  IsIn,
  IsNumber,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { STORABLE } from '../../http/filter-fields.js';
import { dateOf, IsInstant } from '../../http/instant.js';
import { MISSED, OVERLAPS } from '../../schedules/schedule.entity.js';
import type { ScheduleDescription } from '../../schedules/schedules.service.js';
import { SubmitOperationRequest } from './operation.request.js';
import { toSubmission } from './submission.js';

const YEAR_S = 31_622_400;
const DAY_S = 86_400;

/** What is submitted at each tick: as `POST /v1/operations` takes it, without `run_at`. */
export class ScheduledOperationRequest extends OmitType(SubmitOperationRequest, ['run_at'] as const) {
  /** Null: each tick has its own time. */
  @IsOptional()
  @Equals(null, { message: 'run_at must be null: the schedule says when' })
  run_at?: string | null;
}

class ScheduleSettingsRequest {
  /** Five or six fields (seconds first), names, `L`, `W`, `#`; or `@daily` and its like. */
  @IsOptional()
  @IsString()
  @Length(1, 200)
  cron?: string | null;

  /** Seconds from one tick to the next, counted from when the schedule was made. */
  @IsOptional()
  @IsNumber()
  @Min(1)
  @Max(YEAR_S)
  every_s?: number | null;

  /** Once, at this time (RFC 3339). */
  @IsOptional()
  @IsInstant()
  at?: string | null;

  /** IANA name of the zone whose clock `cron` follows; `UTC` by default. */
  @IsOptional()
  @IsString()
  @Length(1, 100)
  time_zone?: string;

  /** What an outage owes: none of the ticks that came meanwhile, the last of them (the default), or all. */
  @IsOptional()
  @IsIn(MISSED)
  missed?: (typeof MISSED)[number];

  /** `skip`: a tick is left out while the operation of the one before hasn't ended. */
  @IsOptional()
  @IsIn(OVERLAPS)
  overlap?: (typeof OVERLAPS)[number];

  /** Seconds by which ticks are submitted later, each by another part of them. */
  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(DAY_S)
  jitter_s?: number;

  /** The last tick is none after this time (RFC 3339); null: there is always another. */
  @IsOptional()
  @IsInstant()
  ends_at?: string | null;
}

/** Needs one of `cron`, `every_s` and `at`. */
export class CreateScheduleRequest extends ScheduleSettingsRequest {
  @IsString()
  @Length(1, 200)
  @Matches(STORABLE, { message: 'name must be Unicode text without NUL' })
  name: string;

  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => ScheduledOperationRequest)
  operation: ScheduledOperationRequest;
}

/** What isn't given stays; one of `cron`, `every_s` and `at` takes the place of another. */
export class ChangeScheduleRequest extends ScheduleSettingsRequest {
  @IsOptional()
  @IsString()
  @Length(1, 200)
  @Matches(STORABLE, { message: 'name must be Unicode text without NUL' })
  name?: string;

  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => ScheduledOperationRequest)
  operation?: ScheduledOperationRequest;
}

/** What a request makes of a schedule; `current` is what it was, null where there was none. */
export function describeSchedule(
  request: CreateScheduleRequest | ChangeScheduleRequest,
  current: ScheduleDescription | null,
): ScheduleDescription {
  const { cron, every_s: everyS, at } = request;
  const isTimed = [cron, everyS, at].some((given) => given !== undefined && given !== null);
  const times = isTimed ? null : current;
  return {
    name: request.name ?? current!.name,
    cron: cron ?? times?.cron ?? null,
    everyS: everyS ?? times?.everyS ?? null,
    at: dateOf(at) ?? times?.at ?? null,
    timeZone: request.time_zone ?? current?.timeZone ?? 'UTC',
    missed: request.missed ?? current?.missed ?? 'once',
    overlap: request.overlap ?? current?.overlap ?? 'allow',
    jitterS: request.jitter_s ?? current?.jitterS ?? 0,
    endsAt: request.ends_at === undefined ? (current?.endsAt ?? null) : (dateOf(request.ends_at) ?? null),
    operation: request.operation ? toScheduled(request.operation) : current!.operation,
  };
}

function toScheduled(request: ScheduledOperationRequest): ScheduleDescription['operation'] {
  const { type, input, callback, correlation, priority, timeoutS, retention, ackByPoll, flow } = toSubmission(
    '',
    request,
    null,
    null,
  );
  return { type, input, callback, correlation, priority, timeoutS, retention, ackByPoll, flow };
}
