import { Body, Controller, Headers, HttpCode, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { AccountId, NeedsScope } from '../../accounts/api-key.guard.js';
import { HttpConfig } from '../../config/config.js';
import { OperationsService } from '../../operations/operations.service.js';
import { traceparentOf } from '../../tracing/spans.js';
import { BatchRequest } from './batch.request.js';
import { BatchResponse, type BatchItemResponse } from './batch.response.js';
import { OperationResponse } from './operation.response.js';
import { toProblem } from '../problem.filter.js';
import { readSubmission } from './submission.js';

@ApiTags('operations')
@Controller('v1/operations/batch')
export class BatchController {
  constructor(
    private readonly operations: OperationsService,
    private readonly http: HttpConfig,
  ) {}

  /** Submits many operations at once; one that is refused doesn't stop the others. */
  @Post()
  @HttpCode(200)
  @NeedsScope('operations:write')
  async submit(
    @AccountId() accountId: string,
    @Body() request: BatchRequest,
    @Headers('traceparent') header: string | undefined,
  ): Promise<BatchResponse> {
    const traceparent = traceparentOf(header);
    // Together, so that they share their statements and commits.
    return {
      data: await Promise.all(request.operations.map((item) => this.submitOne(accountId, item, traceparent))),
    };
  }

  private async submitOne(
    accountId: string,
    item: unknown,
    traceparent: string | null,
  ): Promise<BatchItemResponse> {
    try {
      const { view } = await this.operations.accept(await readSubmission(accountId, item, null, traceparent));
      return { status: 202, operation: OperationResponse.from(view, this.http.publicUrl) };
    } catch (error) {
      const problem = toProblem(error);
      return { status: problem.status, problem: problem.toBody() as never };
    }
  }
}
