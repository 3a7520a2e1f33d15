import { IsString, Length } from 'class-validator';

export class CallbackCheckRequest {
  @IsString()
  @Length(1, 4096)
  url: string;
}
