import { ApiProperty } from '@nestjs/swagger';
import { COMPLETION_STATUSES, type CompletionRequest } from './completion.request.js';

/** The answer to who completes an operation. */
export class CompletionResponse {
  /** What was taken; the same for a request that is repeated. */
  @ApiProperty({ enum: COMPLETION_STATUSES })
  status: CompletionRequest['status'];
}
