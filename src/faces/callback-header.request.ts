import { IsString, MaxLength, Length } from 'class-validator';

export class CallbackHeaderRequest {
  @IsString()
  @Length(1, 64)
  key: string;

  @IsString()
  @MaxLength(1024)
  value: string;
}
