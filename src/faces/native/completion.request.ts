import { Transform, Type } from 'class-transformer';
import {
  IsIn,
  IsNumber,
  IsOptional,
  IsString,
  Length,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import type { FieldError } from '../../config/validation.js';
import { wellFormedJson } from '../../config/well-formed.js';
import { checkJsonShape } from '../../http/json-shape.js';
import { Problem } from '../../http/problem.js';
import { RequestValidationPipe } from '../../http/validation.pipe.js';
import type { GivenEnd } from '../../operations/await/completion.store.js';

/** What whoever has a token can say. */
export const COMPLETION_STATUSES = ['finished', 'failed', 'running'] as const;
const MAX_TEXT = 4_000;

export class CompletionErrorRequest {
  /** Names the fault for programs, and stays the same. */
  @IsString()
  @Length(1, 200)
  code: string;

  /** Says it to people. */
  @IsString()
  @Length(1, MAX_TEXT)
  message: string;
}

/** As it came: class-transformer drops keys that every object inherits, such as toString. */
const AsItCame = (): PropertyDecorator =>
  Transform(({ obj, key }: { obj: Record<string, unknown>; key: string }) => obj[key]);

export class CompletionRequest {
  /** `finished` and `failed` end the operation; `running` tells its progress. */
  @IsIn(COMPLETION_STATUSES)
  status: (typeof COMPLETION_STATUSES)[number];

  /** JSON, what came of it; with `finished`. */
  @IsOptional()
  @AsItCame()
  result?: unknown;

  /** JSON, what its caller needs to go on; with `finished`. */
  @IsOptional()
  @AsItCame()
  custom?: unknown;

  /** Id of a file of the operation's account, which is its result then; with `finished`. */
  @IsOptional()
  @IsString()
  @Length(1, 100)
  file?: string | null;

  /** Why it failed; with `failed`. */
  @IsOptional()
  @ValidateNested()
  @Type(() => CompletionErrorRequest)
  error?: CompletionErrorRequest | null;

  /** 0 to 100; with `running`. */
  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(100)
  progress?: number | null;

  /** A line for people; with `running`. */
  @IsOptional()
  @IsString()
  @MaxLength(MAX_TEXT)
  text?: string | null;
}

export class CompletionQuery {
  /** `result`: the body, whatever it is, is the operation's result; JSON as JSON, other text as a string. */
  @IsOptional()
  @IsIn(['result'])
  as?: 'result';
}

/** What somebody says of an operation. */
export type Said = GivenEnd | { readonly status: 'running'; progress: number | null; text: string | null };

const FIELDS_OF = {
  finished: ['result', 'custom', 'file'],
  failed: ['error'],
  running: ['progress', 'text'],
} as const satisfies Record<CompletionRequest['status'], readonly (keyof CompletionRequest)[]>;

const pipe = new RequestValidationPipe();

/** What a request's text says; a `Problem` where it says nothing that is understood. */
export async function readCompletion(text: string): Promise<Said> {
  const body = parsed(text);
  const given = (await pipe.transform(body, {
    type: 'body',
    metatype: CompletionRequest,
  })) as CompletionRequest;
  const errors = misplaced(given);
  if (errors.length > 0)
    throw new Problem(422, 'invalid-request', `${errors[0]!.path} ${errors[0]!.message}`, { errors });
  switch (given.status) {
    case 'finished':
      return {
        status: 'finished',
        result: json(given.result),
        custom: json(given.custom),
        file: stored(given.file),
      };
    case 'failed':
      return { status: 'failed', code: stored(given.error!.code)!, message: stored(given.error!.message)! };
    case 'running':
      return { status: 'running', progress: given.progress ?? null, text: stored(given.text) };
    default:
      return given.status satisfies never;
  }
}

/** A request's text as the result of its operation: JSON where it is some. */
export function readResult(text: string, contentType: string): Said {
  let result: unknown = text;
  try {
    result = text === '' ? null : JSON.parse(text);
  } catch {
    if (/[/+]json\b/i.test(contentType)) throw noJson();
  }
  checkJsonShape(result);
  return { status: 'finished', result: json(result), custom: null, file: null };
}

function parsed(text: string): unknown {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw noJson();
  }
  checkJsonShape(body);
  return body;
}

function noJson(): Problem {
  const message = 'is no JSON: send { "status": "finished" }, or any body with ?as=result';
  return new Problem(400, 'malformed-body', `the body ${message}`, { errors: [{ path: 'body', message }] });
}

/** Fields that belong to another status: their sender means something that would not happen. */
function misplaced(given: CompletionRequest): FieldError[] {
  const errors = Object.entries(FIELDS_OF).flatMap(([status, fields]) =>
    status === given.status
      ? []
      : fields
          .filter((path) => given[path] !== undefined && given[path] !== null)
          .map((path) => ({ path, message: `goes with the status ${status}, not with ${given.status}` })),
  );
  if (given.status === 'failed' && !given.error)
    errors.push({ path: 'error', message: 'must say why: { "code", "message" }' });
  return errors;
}

/** PostgreSQL has no NUL in its texts. */
function stored(text: string | null | undefined): string | null {
  return text?.replaceAll('\u0000', '\ufffd') ?? null;
}

/** Half a surrogate pair in it would have the callback refused. */
function json(value: unknown): string | null {
  return value === undefined || value === null ? null : wellFormedJson(JSON.stringify(value));
}
