import { getSchemaPath } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayMinSize, IsArray } from 'class-validator';
import { ApiDetail } from '../../http/api-properties.js';
import { JudgedInParts } from '../../http/validation.pipe.js';
import { SubmitOperationRequest } from './operation.request.js';

@JudgedInParts()
export class BatchRequest {
  /** 1 to 500 operations, each as `POST /v1/operations` takes it. */
  @ApiDetail({ type: 'array', items: { $ref: getSchemaPath(SubmitOperationRequest) } })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(500)
  operations: unknown[];
}
