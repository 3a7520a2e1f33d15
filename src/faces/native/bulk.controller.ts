import { Body, Controller, Headers, HttpCode, Post, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { By, Holder, NeedsScope } from '../../accounts/api-key.guard.js';
import type { KeyHolder } from '../../accounts/account.store.js';
import { Audit } from '../../accounts/audit.js';
import type { Actor } from '../../accounts/audit.store.js';
import { whoseRows } from '../../accounts/whose.js';
import type { BulkInput } from '../../bulk/bulk-input.js';
import { BulksService } from '../../bulk/bulks.service.js';
import { HttpConfig } from '../../config/config.js';
import { ApiExamples, ApiIdempotencyKey } from '../../http/api-answers.js';
import { Problem } from '../../http/problem.js';
import { OperationReads } from '../../operations/read/operation-reads.store.js';
import { traceparentOf } from '../../tracing/spans.js';
import {
  bulkOfDeliveries,
  bulkOfOperations,
  BulkDeliveriesRequest,
  BulkOperationsRequest,
} from './bulk.request.js';
import { BulkMatchResponse } from './bulk.response.js';
import { OperationResponse } from './operation.response.js';
import { toIdempotency } from './submission.js';

/** What is asked for, as it came, and by whom. */
interface Asked {
  readonly request: BulkOperationsRequest | BulkDeliveriesRequest;
  readonly holder: KeyHolder;
  readonly actor: Actor;
  readonly key: string | undefined;
  readonly traceparent: string | undefined;
}

const DRY = { type: BulkMatchResponse, description: '`dry_run`: how many it would act on; nothing is done' };
const BEGUN = {
  type: OperationResponse,
  description:
    'Stored, and it will be done: an operation of type `ringback.bulk`; `Location` is where to poll',
};

@Controller('v1')
export class BulkController {
  constructor(
    private readonly bulks: BulksService,
    private readonly operations: OperationReads,
    private readonly audit: Audit,
    private readonly http: HttpConfig,
  ) {}

  /**
   * Cancels or reruns all operations that a filter means, as an operation that can be watched and canceled. What was made after
   * it was asked for is no part of it, nor are other bulk actions.
   */
  @Post('operations/bulk')
  @ApiTags('operations')
  @ApiOperation({ operationId: 'bulkOperations' })
  @HttpCode(202)
  @NeedsScope('operations:write')
  @ApiIdempotencyKey()
  @ApiExamples(BulkOperationsRequest, {
    'How many': { action: 'rerun', filter: { status: 'Failed', error_code: 'timeout' }, dry_run: true },
    'Run again what failed': { action: 'rerun', filter: { status: 'Failed', error_code: 'timeout' } },
    'Cancel what waits': { action: 'cancel', filter: { status: 'Waiting', type: 'echo' } },
  })
  @ApiOkResponse(DRY)
  @ApiAcceptedResponse(BEGUN)
  async ofOperations(
    @Body() request: BulkOperationsRequest,
    @Holder() holder: KeyHolder,
    @By() actor: Actor,
    @Headers('idempotency-key') key: string | undefined,
    @Headers('traceparent') traceparent: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<BulkMatchResponse | OperationResponse> {
    const input = bulkOfOperations(request, whoseRows(request.filter.account, holder).account);
    return this.begin(input, { request, holder, actor, key, traceparent }, reply);
  }

  /**
   * Sends all deliveries that a filter means once more, or gives them up, as an operation that can be watched and canceled. What
   * was made after it was asked for is no part of it.
   */
  @Post('deliveries/bulk')
  @ApiTags('deliveries')
  @ApiOperation({ operationId: 'bulkDeliveries' })
  @HttpCode(202)
  @NeedsScope('deliveries:redeliver')
  @ApiIdempotencyKey()
  @ApiExamples(BulkDeliveriesRequest, {
    'How many': { action: 'redeliver', filter: { origin: 'https://example.com' }, dry_run: true },
    'Send again what was given up': {
      action: 'redeliver',
      filter: { origin: 'https://example.com', status: 'Exhausted' },
    },
  })
  @ApiOkResponse(DRY)
  @ApiAcceptedResponse(BEGUN)
  async ofDeliveries(
    @Body() request: BulkDeliveriesRequest,
    @Holder() holder: KeyHolder,
    @By() actor: Actor,
    @Headers('idempotency-key') key: string | undefined,
    @Headers('traceparent') traceparent: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<BulkMatchResponse | OperationResponse> {
    const account = whoseRows(request.filter.account, holder).account;
    const operation = await this.operationOf(request.filter.operation, account);
    const input = bulkOfDeliveries(request, account, operation);
    return this.begin(input, { request, holder, actor, key, traceparent }, reply);
  }

  private async begin(
    input: BulkInput,
    { request, holder, actor, key, traceparent }: Asked,
    reply: FastifyReply,
  ): Promise<BulkMatchResponse | OperationResponse> {
    if (request.dry_run) {
      void reply.status(200);
      return { matched: await this.bulks.count(input) };
    }
    const { accountId } = holder;
    const idempotency = toIdempotency(key, () => JSON.stringify(request));
    const trace = traceparentOf(traceparent);
    const { view, replayed } = await this.bulks.begin(input, { accountId, idempotency, traceparent: trace });
    const { rid } = view.operation;
    if (replayed) void reply.header('idempotent-replayed', 'true');
    else await this.told(input, { request, actor, rid });
    void reply.headers({
      location: `${this.http.publicUrl}/v1/operations/${rid}`,
      'operation-location': `${this.http.publicUrl}/lro/operations/${rid}`,
      'operation-id': rid,
      'retry-after': '1',
    });
    return OperationResponse.from(view, this.http.publicUrl);
  }

  private async told(
    { of, action, filter }: BulkInput,
    { request, actor, rid }: Pick<Asked, 'request' | 'actor'> & { rid: string },
  ): Promise<void> {
    const details = { action, of, filter: request.filter };
    const { account: accountId } = filter;
    await this.audit.write({ accountId, actor, action: 'bulk.started', target: rid, details });
  }

  /** The request id of an operation that a filter names. */
  private async operationOf(rid: string | undefined, account: string | null): Promise<string | undefined> {
    if (rid === undefined) return undefined;
    const view = await this.operations.find(account, rid);
    if (view) return view.operation.requestId;
    const message = `there is no operation ${rid} in this account`;
    throw new Problem(422, 'invalid-request', `filter.operation: ${message}`, {
      errors: [{ path: 'filter.operation', message }],
    });
  }
}
