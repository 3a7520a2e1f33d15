import { IsInt, IsNumber, IsOptional, Max, Min } from 'class-validator';

export class InboxAnswersRequest {
  /** So many of the next callbacks are answered 500. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(1000)
  fail_next?: number;

  /** Seconds before each answer. */
  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(60)
  wait_s?: number;
}
