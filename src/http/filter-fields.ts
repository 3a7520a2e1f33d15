import { applyDecorators } from '@nestjs/common';
import { Transform } from 'class-transformer';
import { IsString, Length, Matches, ValidateBy } from 'class-validator';
import { ApiDetail } from './api-properties.js';

/** Text without NUL and without half surrogate pairs: what PostgreSQL gives back as it was. */
export const STORABLE = /^[^\u0000\ud800-\udfff]*$/u;
const MAX_TEXT = 512;

/** A text of at most `most` characters that rows are compared with. */
export function IsSought(most: number = MAX_TEXT): PropertyDecorator {
  const message = '$property must be Unicode text without NUL';
  return applyDecorators(asText(), IsString(), Length(1, most), Matches(STORABLE, { message }), noPattern());
}

/** One of these words, or several of them by comma. */
export function IsListOf(words: readonly string[]): PropertyDecorator {
  const word = words.map((each) => each.replaceAll('.', '\\.')).join('|');
  const message = `$property must be of ${words.join(', ')}, several by comma`;
  return applyDecorators(asText(), Matches(new RegExp(`^(?:${word})(?:,(?:${word}))*$`), { message }));
}

/** `true` or `false`. */
export function IsFlag(): PropertyDecorator {
  const message = '$property must be true or false';
  return applyDecorators(asText(), Matches(/^(?:true|false)$/, { message }), asBoolean());
}

/** A whole number from 1. */
export function IsNumberText(): PropertyDecorator {
  const message = '$property must be a whole number';
  return applyDecorators(asText(), Matches(/^[1-9]\d{0,17}$/, { message }), noPattern());
}

/** Scheme, host and port of a URL, and nothing else of it. */
export function IsOrigin(): PropertyDecorator {
  const defaultMessage = (): string =>
    '$property must be scheme, host and port alone, like https://example.com or https://example.com:8443';
  return ValidateBy({
    name: 'isOrigin',
    validator: { validate: (value) => toOrigin(value) !== null, defaultMessage },
  });
}

/** An origin as URLs have it: its host in lower case, without the port that its scheme has anyway. */
export function toOrigin(given: unknown): string | null {
  if (typeof given !== 'string' || given.length > 2048 || !URL.canParse(given)) return null;
  const url = new URL(given);
  return /^https?:$/.test(url.protocol) && url.href === `${url.origin}/` ? url.origin : null;
}

/** The words of a list by comma; undefined for none. */
export function words<Word extends string>(list: string | undefined): Word[] | undefined {
  return list === undefined ? undefined : ([...new Set(list.split(','))] as Word[]);
}

/** What JSON writes otherwise than a query: a filter may come in either. */
function asText(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) =>
    typeof value === 'number' || typeof value === 'boolean' ? String(value) : value,
  );
}

function asBoolean(): PropertyDecorator {
  return ApiDetail({ type: 'boolean', enum: undefined, pattern: undefined });
}

function noPattern(): PropertyDecorator {
  return ApiDetail({ pattern: undefined });
}
