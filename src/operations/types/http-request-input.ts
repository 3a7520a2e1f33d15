import { Transform as TransformValue } from 'class-transformer';
import { IsIn, IsInt, IsObject, IsOptional, IsString, Length, Max, Min } from 'class-validator';
import { HEADER_NAME, unprintableIn } from '../../config/header-form.js';
import { Either } from '../../config/either.js';
import type { FieldError } from '../../config/validation.js';
import { isForbiddenHeader } from '../../egress/header-rules.js';
import { shownUrl } from '../../signing/sealed-destination.js';
import { type GivenPoll, PollInput } from '../poll/poll-input.js';
import { PRESET_NAMES } from '../poll/poll-presets.js';

const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

export class HttpRequestInput {
  /** Method of the request. */
  @IsIn(METHODS)
  method: (typeof METHODS)[number];

  /** Absolute http or https URL. */
  @IsString()
  @Length(1, 2048)
  url: string;

  /** Header name → value. */
  @IsOptional()
  @IsObject()
  headers?: Record<string, string>;

  /** Sent as it is when a string, else as JSON. */
  @IsOptional()
  // As it came: class-transformer drops keys that every object inherits, such as toString.
  @TransformValue(({ obj }: { obj: { body?: unknown } }) => obj.body)
  body?: string | object;

  /** How often to try when the transport fails; 3 for idempotent methods, 1 for the others. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(10)
  tries?: number;

  /**
   * The answer only names a job: poll that until it ends, and keep its result. The name of a well-known API's way, or how this
   * one's is.
   */
  @IsOptional()
  @Either(() => PollInput, PRESET_NAMES)
  @TransformValue(({ obj }: { obj: { poll?: unknown } }) => obj.poll)
  poll?: GivenPoll;
}

/** What is wrong with the headers of an input. */
export function headerFaults(headers: Readonly<Record<string, unknown>>): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (!HEADER_NAME.test(name))
      errors.push({ path: `input.headers.${name.slice(0, 64)}`, message: 'is not a header name' });
    else if (isForbiddenHeader(name))
      errors.push({
        path: `input.headers.${name}`,
        message: 'is set by Ringback or the connection: leave it out',
      });
    else if (typeof value !== 'string' || !/^[\x20-\x7e\t]{0,8192}$/.test(value)) {
      const found = unprintableIn(value, { takesTabs: true });
      errors.push({
        path: `input.headers.${name}`,
        message: `must be printable ASCII of at most 8 KiB${found}`,
      });
    }
  }
  return errors;
}

/** What of an input anybody may be shown, and what is sealed: the query and the headers often hold a token. */
export function concealRequest(
  { headers, body, poll, ...rest }: HttpRequestInput,
  bodies: boolean,
): { shown: object; sealed: object } {
  const withBody = body === undefined ? {} : { body };
  const withPoll = poll === undefined ? {} : { poll };
  // URLs that a plan has may hold a token in their query, as the first one's.
  const isSecret = JSON.stringify(withPoll).includes('?');
  return {
    shown: {
      ...rest,
      url: shownUrl(rest.url),
      ...(isSecret ? {} : withPoll),
      ...(bodies ? {} : withBody),
    },
    sealed: {
      url: rest.url,
      ...(headers === undefined ? {} : { headers }),
      ...(isSecret ? withPoll : {}),
      ...(bodies ? withBody : {}),
    },
  };
}
