import { IsString, Matches, MaxLength } from 'class-validator';
import {
  HEADER_NAME,
  HEADER_NAME_MESSAGE,
  HEADER_VALUE,
  headerValueMessage,
  MAX_HEADER_VALUE_LENGTH,
} from '../config/header-form.js';

/** An object of names and values is what many give. */
export const HEADERS = { message: 'headers must be an array of { key, value }' };

export class CallbackHeaderRequest {
  @IsString()
  @Matches(HEADER_NAME, { message: HEADER_NAME_MESSAGE })
  key: string;

  /** Printable ASCII; names and values have at most 8192 characters in all. */
  @IsString()
  @MaxLength(MAX_HEADER_VALUE_LENGTH)
  @Matches(HEADER_VALUE, { message: ({ value }) => headerValueMessage(value) })
  value: string;
}
