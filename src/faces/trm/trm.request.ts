import { Type } from 'class-transformer';
import {
  IsArray,
  IsBoolean,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  MaxLength,
  ValidateNested,
} from 'class-validator';
import { Problem } from '../../http/problem.js';
import { CallbackHeaderRequest, HEADERS } from '../callback-header.request.js';

/** `callback` in the body of a submit. */
export class TrmCallbackRequest {
  /** Where the end is told. */
  @IsString()
  @MaxLength(2048)
  url: string;

  @IsOptional()
  @IsArray(HEADERS)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => CallbackHeaderRequest)
  headers?: CallbackHeaderRequest[];

  /** False: an end within the inline window is told by the answer alone. */
  @IsOptional()
  @IsBoolean()
  onInline?: boolean;
}

/** The members of a submit's body that are not the operation's input. */
export class TrmSubmitRequest {
  @IsOptional()
  @IsString()
  @MaxLength(2048)
  callbackurl?: string | null;

  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => TrmCallbackRequest)
  callback?: TrmCallbackRequest;
}

export class TrmAuthRequest {
  /** The account's id or name. */
  @IsString()
  @MaxLength(300)
  accountid: string;

  /** An API key of the account. */
  @IsString()
  @MaxLength(400)
  key: string;
}

export class TrmListQuery {
  /** Operations to leave out, newest first; 0 by default. */
  @IsOptional()
  @Matches(/^\d{1,9}$/, { message: 'skip must be a whole number' })
  skip?: string;

  /** Operations to show, at most 500; 100 by default. */
  @IsOptional()
  @Matches(/^(500|[1-4]?\d{1,2})$/, { message: 'take must be a whole number from 0 to 500' })
  take?: string;
}

/** The callback that a submit asks for. Its three places must agree: body `callback`, body `callbackurl`, query `callbackurl`. */
export function callbackOf(
  body: TrmSubmitRequest,
  inQuery: readonly string[],
): { url: string; headers: { key: string; value: string }[]; onInline: boolean } | null {
  // Many serialisers write null where there is nothing.
  const given = [body.callback?.url, body.callbackurl ?? undefined, ...inQuery].filter(
    (url) => url !== undefined,
  );
  if (new Set(given).size > 1)
    throw new Problem(
      400,
      'invalid-request',
      'callback.url and callbackurl name different URLs; give one, or the same in each place',
    );
  const [url] = given;
  if (url === undefined) return null;
  return { url, headers: body.callback?.headers ?? [], onInline: body.callback?.onInline ?? true };
}
