import { IsOptional, IsString, MaxLength } from 'class-validator';

export class LoginRequest {
  /** An API key. */
  @IsOptional()
  @IsString()
  @MaxLength(500)
  key?: string;

  /** What stands behind `#login=` in a link that the service printed; in place of `key`. */
  @IsOptional()
  @IsString()
  @MaxLength(100)
  login?: string;
}
