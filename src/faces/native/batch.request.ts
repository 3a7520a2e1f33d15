import { ArrayMaxSize, ArrayMinSize, IsArray } from 'class-validator';

export class BatchRequest {
  /** 1 to 500 operations, each as `POST /v1/operations` takes it. */
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(500)
  operations: unknown[];
}
