import {
  ArrayMaxSize,
  IsArray,
  IsIn,
  IsNumber,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  Min,
  ValidateBy,
} from 'class-validator';
import { type FieldError, validated } from '../../config/validation.js';
import { PLAIN, type PollPlan } from './poll-plan.js';
import { isPreset, PRESET_NAMES, type PresetName, PRESETS } from './poll-presets.js';
import { isSource, isUrlSource, SOURCE_FORM, URL_FORM } from './poll-source.js';

/** A poll comes no later than this, whatever was asked for; seconds. */
export const MAX_EVERY_S = 3_600;
/** The longest that a job may be waited for, seconds. */
export const MAX_UNTIL_S = 30 * 86_400;
const MAX_SOURCES = 4;

/** A source, or a list of them; `besides` are words that stand for something else. */
function IsSources(check: (text: string) => boolean, form: string, besides: readonly string[] = []) {
  const isOne = (value: unknown): boolean =>
    typeof value === 'string' && value.length <= 512 && (besides.includes(value) || check(value));
  return ValidateBy({
    name: 'isSources',
    validator: {
      validate: (value: unknown) =>
        Array.isArray(value)
          ? value.length > 0 && value.length <= MAX_SOURCES && value.every(isOne)
          : isOne(value),
      defaultMessage: () =>
        `must be ${[...besides, form].join(', or ')}; or a list of at most ${MAX_SOURCES} of them, of which the first counts that is there`,
    },
  });
}

/** How a job is followed that the first answer only names. */
export class PollInput {
  /** A well-known API's way, in which the other members change what they name. */
  @IsOptional()
  @IsIn(PRESET_NAMES)
  preset?: PresetName;

  /** Seconds between polls; 5 unless the preset says otherwise. `Retry-After` asks for more. */
  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(MAX_EVERY_S)
  every_s?: number;

  /** Seconds after the first answer within which the job must end, else the operation fails with `timeout`; a day by default. */
  @IsOptional()
  @IsNumber()
  @Min(1)
  @Max(MAX_UNTIL_S)
  until_s?: number;

  /** Where the first answer names the URL to poll: `header:Location`, `json:/status_url`, or a URL with such sources in braces. */
  @IsOptional()
  @IsSources(isUrlSource, URL_FORM)
  location?: string | string[];

  /** Where an answer says how the job stands: `json:/status`; or `http`, the default: by 202 as long as it runs. */
  @IsOptional()
  @IsSources(isSource, SOURCE_FORM, ['http'])
  status?: string | string[];

  /** Words there by which the job has ended well; case doesn't matter. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(20)
  @IsString({ each: true })
  @Length(1, 100, { each: true })
  done?: string[];

  /** Words there by which it has failed. All others mean that it runs. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(20)
  @IsString({ each: true })
  @Length(1, 100, { each: true })
  failed?: string[];

  /** Where the reason of a failure stands. One that is there once the job has ended is a failure, whatever the word. */
  @IsOptional()
  @IsSources(isSource, SOURCE_FORM)
  error?: string | string[];

  /** Where the last answer names the URL of the result; `body`, the default: that answer is the result. */
  @IsOptional()
  @IsSources(isUrlSource, URL_FORM, ['body'])
  result?: string | string[];

  /** Where an answer says how far the job is: a number up to 100, or a text with one before a percent sign. */
  @IsOptional()
  @IsSources(isSource, SOURCE_FORM)
  progress?: string | string[];

  /** Where a line for people stands, which becomes the operation's status text. */
  @IsOptional()
  @IsSources(isSource, SOURCE_FORM)
  text?: string | string[];

  /**
   * Other origins that get the headers of the first request too, such as `https://status.example.com`. They are sent nowhere else
   * but to the origin of the first request, whatever URL the answer names.
   */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(5)
  @IsString({ each: true })
  @Length(1, 512, { each: true })
  origins?: string[];

  /** Request that cancels the job when the operation is canceled, seen from the polled URL: `DELETE {path}{query}`. */
  @IsOptional()
  @IsString()
  @Length(1, 512)
  @Matches(/^(?:GET|POST|PUT|PATCH|DELETE) \S+$/, {
    message: 'must be a method and a URL, such as POST {path}/cancel',
  })
  cancel?: string;
}

/** What a caller may give as `poll`. */
export type GivenPoll = PresetName | PollInput;

/** What is wrong with a given `poll`; `minEveryS` is what the operator allows. */
export async function checkPoll(given: unknown, path: string, minEveryS: number): Promise<FieldError[]> {
  if (isPreset(given)) return [];
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return [{ path, message: `must be ${PRESET_NAMES.join(', ')}, or an object that says how to poll` }];
  const { errors, value } = await validated(PollInput, given, path);
  return errors.length > 0 ? [...errors] : unfit(value, path, minEveryS);
}

function unfit(poll: PollInput, path: string, minEveryS: number): FieldError[] {
  const plan = planOf(poll);
  const errors: FieldError[] = [];
  const wrong = (name: string, message: string): void =>
    void errors.push({ path: `${path}.${name}`, message });
  if (poll.every_s !== undefined && poll.every_s < minEveryS)
    wrong('every_s', `must be at least ${minEveryS}: that is what this service allows`);
  if (plan.location.length === 0)
    wrong('location', 'is missing: say where the first answer names the URL to poll, or give a preset');
  if (Array.isArray(poll.status) && poll.status.includes('http'))
    wrong('status', 'must be http alone, or sources');
  if (plan.status !== 'http' && plan.done.length === 0)
    wrong('done', 'is missing: give the words by which the job has ended');
  const strange = poll.origins?.find((origin) => URL.parse(origin)?.origin !== origin);
  if (strange !== undefined)
    wrong(
      'origins',
      'must be scheme, host and, where it is not the usual one, port: https://api.example.com',
    );
  if (plan.cancel !== null && !isUrlSource(plan.cancel.split(' ')[1]!))
    wrong('cancel', `must be a method and a URL, such as POST {path}/cancel: ${URL_FORM}`);
  return errors;
}

/** The plan that a caller means. */
export function planOf(given: GivenPoll): PollPlan {
  if (typeof given === 'string') return PRESETS[given];
  const base: PollPlan = given.preset === undefined ? PLAIN : PRESETS[given.preset];
  const { status } = given;
  return {
    ...base,
    everyS: given.every_s ?? base.everyS,
    untilS: given.until_s ?? base.untilS,
    location: listed(given.location) ?? base.location,
    status: status === 'http' ? 'http' : (listed(status) ?? base.status),
    done: lowered(given.done) ?? base.done,
    failed: lowered(given.failed) ?? base.failed,
    error: listed(given.error) ?? base.error,
    result: listed(given.result) ?? base.result,
    progress: listed(given.progress) ?? base.progress,
    total: given.progress === undefined ? base.total : null,
    text: listed(given.text) ?? base.text,
    cancel: given.cancel ?? base.cancel,
  };
}

function listed(given: string | readonly string[] | undefined): readonly string[] | undefined {
  return typeof given === 'string' ? [given] : given;
}

function lowered(words: readonly string[] | undefined): readonly string[] | undefined {
  return words?.map((word) => word.toLowerCase());
}
