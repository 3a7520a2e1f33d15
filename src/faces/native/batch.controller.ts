import { Body, Controller, Headers, HttpCode, Post, Res } from '@nestjs/common';
import { ApiTags, ApiOperation } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AccountId, NeedsScope } from '../../accounts/api-key.guard.js';
import { HttpConfig } from '../../config/config.js';
import type { Problem } from '../../http/problem.js';
import { ApiExamples, ApiIdempotencyKey } from '../../http/api-answers.js';
import { TakesBody } from '../../http/takes-body.js';
import { isTerminal } from '../../operations/operation.state.js';
import { Submissions } from '../../operations/accept/submissions.service.js';
import type { Submission } from '../../operations/accept/submission.js';
import { traceparentOf } from '../../tracing/spans.js';
import { BatchRequest } from './batch.request.js';
import { BatchResponse, type BatchItemResponse } from './batch.response.js';
import { OperationResponse } from './operation.response.js';
import { toProblem } from '../problem.filter.js';
import { readSubmission, toPartIdempotency } from './submission.js';

/** What a batch's header fields say for each of its items. */
type ItemContext = Pick<Submission, 'accountId' | 'traceparent' | 'idempotency'>;
interface Submitted {
  readonly item: BatchItemResponse;
  /** Null where nothing was accepted. */
  readonly replayed: boolean | null;
  /** Why, then. */
  readonly problem: Problem | null;
}

@ApiTags('operations')
@Controller('v1/operations/batch')
export class BatchController {
  constructor(
    private readonly submissions: Submissions,
    private readonly http: HttpConfig,
  ) {}

  /** Submits many operations at once; one that is refused doesn't stop the others. */
  @Post()
  @TakesBody('batch')
  @ApiOperation({ operationId: 'submitOperations' })
  @HttpCode(200)
  @NeedsScope('operations:write')
  @ApiIdempotencyKey()
  @ApiExamples(BatchRequest, {
    'Two operations': {
      operations: [
        { type: 'echo', input: 1 },
        { type: 'echo', input: [2, null] },
      ],
    },
  })
  async submit(
    @AccountId() accountId: string,
    @Body() request: BatchRequest,
    @Headers('idempotency-key') key: string | undefined,
    @Headers('traceparent') header: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<BatchResponse> {
    const traceparent = traceparentOf(header);
    const contexts = request.operations.map((item, index) => ({
      accountId,
      traceparent,
      idempotency: toPartIdempotency(key, `batch ${index}`, () => JSON.stringify(item)),
    }));
    // Together, so that they share their statements and commits.
    const submitted = await Promise.all(
      request.operations.map((item, index) => this.submitOne(item, contexts[index]!)),
    );
    const accepted = submitted.filter(({ replayed }) => replayed !== null);
    const outage = submitted.find(({ problem }) => problem?.status === 503)?.problem;
    // Else who looks at the status alone would take it for accepted.
    if (outage && accepted.length === 0) throw outage;
    void reply.headers({ ...outage?.extras.headers });
    if (accepted.length > 0 && accepted.every(({ replayed }) => replayed))
      void reply.header('idempotent-replayed', 'true');
    return { data: submitted.map(({ item }) => item) };
  }

  private async submitOne(body: unknown, context: ItemContext): Promise<Submitted> {
    try {
      const { accountId, idempotency, traceparent } = context;
      const { view, replayed } = await this.submissions.accept(
        await readSubmission(accountId, body, idempotency, traceparent),
      );
      const operation = OperationResponse.from(view, this.http.publicUrl);
      const status = isTerminal(view.operation.state) ? 200 : 202;
      return { item: { status, operation }, replayed, problem: null };
    } catch (error) {
      const problem = toProblem(error);
      const item = { status: problem.status, problem: problem.toBody() as never };
      return { item, replayed: null, problem };
    }
  }
}
