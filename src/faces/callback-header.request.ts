import { IsString, Matches, MaxLength } from 'class-validator';
import {
  HEADER_NAME,
  HEADER_NAME_MESSAGE,
  HEADER_VALUE,
  HEADER_VALUE_MESSAGE,
  MAX_HEADER_VALUE_LENGTH,
} from '../config/header-form.js';

export class CallbackHeaderRequest {
  @IsString()
  @Matches(HEADER_NAME, { message: HEADER_NAME_MESSAGE })
  key: string;

  /** Printable ASCII; names and values have at most 8192 characters in all. */
  @IsString()
  @MaxLength(MAX_HEADER_VALUE_LENGTH)
  @Matches(HEADER_VALUE, { message: HEADER_VALUE_MESSAGE })
  value: string;
}
