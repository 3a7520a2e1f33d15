import { Readable } from 'node:stream';
import { Controller, Get, Headers, Param, Query, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { KeyHolder } from '../../accounts/account.store.js';
import { Holder, IsAdmin, NeedsScope } from '../../accounts/api-key.guard.js';
import { checkHeld, HeldKeys } from '../../accounts/held-keys.js';
import { ApiAccount, type Whose, WhoseRows } from '../../accounts/whose.js';
import { HttpConfig, OperationConfig } from '../../config/config.js';
import { DeliveryReads } from '../../deliveries/delivery-reads.store.js';
import { FilesService } from '../../files/files.service.js';
import { ApiBytes, ApiPage, ApiPageOrStream, ApiProblem } from '../../http/api-answers.js';
import { decodeCursor, NUMBER_KEY, type Page, pageOf, toPage } from '../../http/page.js';
import { Problem } from '../../http/problem.js';
import type { OperationEntity } from '../../operations/operation.entity.js';
import { isTerminal } from '../../operations/operation.state.js';
import { OperationsService } from '../../operations/operations.service.js';
import { HistoryStore } from '../../operations/read/history.store.js';
import { OperationReads } from '../../operations/read/operation-reads.store.js';
import { OperationWaits } from '../../operations/read/operation-waits.js';
import { acknowledgeSent, gone } from '../acknowledge-sent.js';
import { sendFile, sendJson } from '../file-answer.js';
import { sayWhenToAskAgain } from '../ask-again.js';
import { DeliveryResponse } from './delivery.response.js';
import { checkedEventId, EVENT_STREAM } from './event-streams.js';
import { historyStream, wantsStream } from './history-stream.js';
import { operationFilter } from './operation-filter.request.js';
import {
  limitOf,
  ListOperationsQuery,
  ListQuery,
  OwnedPageQuery,
  pageAsked,
  WaitQuery,
} from './operation.request.js';
import { HistoryEntryResponse, OperationRequestResponse, OperationResponse } from './operation.response.js';

/** Reads operations, and what belongs to one. */
@ApiTags('operations')
@Controller('v1/operations')
export class OperationReadsController {
  constructor(
    private readonly operations: OperationsService,
    private readonly reads: OperationReads,
    private readonly history: HistoryStore,
    private readonly deliveries: DeliveryReads,
    private readonly files: FilesService,
    private readonly waits: OperationWaits,
    private readonly keys: HeldKeys,
    private readonly http: HttpConfig,
    private readonly config: OperationConfig,
  ) {}

  /** The account's operations, oldest first. */
  @Get()
  @ApiOperation({ operationId: 'listOperations' })
  @NeedsScope('operations:read')
  @ApiPage(OperationResponse)
  async list(
    @WhoseRows() whose: Whose,
    @Query() query: ListOperationsQuery,
  ): Promise<Page<OperationResponse>> {
    const page = await this.reads.list(operationFilter(query, whose.account), pageAsked(query));
    return pageOf(page, (view) => OperationResponse.from(view, this.http.publicUrl, whose));
  }

  /** One operation; with `wait`, held until it has ended or the time is up. */
  @Get(':id')
  @ApiOperation({ operationId: 'getOperation' })
  @NeedsScope('operations:read')
  async read(
    @Holder() { accountId, keyId }: KeyHolder,
    @WhoseRows() whose: Whose,
    @Param('id') id: string,
    @Query() query: WaitQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationResponse> {
    const waitMs = Number(query.wait ?? 0) * 1000;
    const held = waitMs > 0 ? this.keys.watch(keyId, gone(reply)) : gone(reply);
    const view = await this.operations.await(whose.account, id, waitMs, { held, heldBy: accountId });
    checkHeld(held);
    sayWhenToAskAgain(reply, this.operations, view.operation);
    // Who names an account looks on, and is not the caller that waits for the end.
    if (!whose.named) acknowledgeSent(reply, this.operations, accountId, view.operation);
    return OperationResponse.from(view, this.http.publicUrl, whose);
  }

  /** What happened to the operation, in order; with `Accept: text/event-stream` live, until its end. */
  @Get(':id/history')
  @ApiOperation({ operationId: 'listOperationHistory' })
  @NeedsScope('operations:read')
  @ApiPageOrStream(HistoryEntryResponse)
  async entries(
    @Holder() holder: KeyHolder,
    @WhoseRows() whose: Whose,
    @IsAdmin() isAdmin: boolean,
    @Param('id') id: string,
    @Query() query: OwnedPageQuery,
    @Headers('accept') accept: string | undefined,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { operation } = await this.operations.find(whose.account, id);
    const after = decodeCursor(query.cursor, '0', NUMBER_KEY);
    void reply.header('vary', 'accept');
    if (wantsStream(accept)) {
      const named = lastEventId === undefined ? after : checkedEventId(lastEventId);
      await this.stream(operation, holder, named, reply);
      return;
    }
    const limit = limitOf(query);
    const entries = await this.history.list(operation.requestId, after, limit + 1);
    await reply.send(
      toPage(
        entries,
        limit,
        (entry) => entry.id,
        (entry) => HistoryEntryResponse.from(entry, isAdmin),
      ),
    );
  }

  /** The callbacks that the operation's end owes. */
  @Get(':id/deliveries')
  @ApiOperation({ operationId: 'listOperationDeliveries' })
  @NeedsScope('operations:read')
  @ApiPage(DeliveryResponse)
  async owed(
    @WhoseRows() whose: Whose,
    @Param('id') id: string,
    @Query() query: ListQuery,
  ): Promise<Page<DeliveryResponse>> {
    const { operation } = await this.operations.find(whose.account, id);
    const filter = { account: operation.accountId, operation: operation.requestId };
    return pageOf(await this.deliveries.list(filter, pageAsked(query)), (delivery) =>
      DeliveryResponse.from(delivery, whose),
    );
  }

  /** What was submitted: the input without what may be secret in it, and the options. */
  @Get(':id/request')
  @ApiOperation({ operationId: 'getOperationRequest' })
  @NeedsScope('operations:read')
  @ApiProblem(410, 'Its input was kept as long as its retention class says, or erased, and is gone')
  @ApiAccount()
  async request(@WhoseRows() whose: Whose, @Param('id') id: string): Promise<OperationRequestResponse> {
    return OperationRequestResponse.from(await this.operations.request(whose.account, id));
  }

  /** The stored bytes of the result with their own content type; JSON where the handler stored no file. */
  @Get(':id/result')
  @ApiOperation({ operationId: 'getOperationResult' })
  @NeedsScope('operations:read')
  @ApiAccount()
  @ApiBytes({ orJson: true })
  @ApiProblem(404, 'Unknown, without a result, or not ended yet: then with Retry-After')
  @ApiProblem(410, 'Kept as long as its retention class says, or erased, and gone')
  async result(
    @WhoseRows() whose: Whose,
    @Param('id') id: string,
    @Req() incoming: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { operation } = await this.operations.find(whose.account, id);
    if (!isTerminal(operation.state)) {
      throw new Problem(404, 'result-not-ready', 'the operation has not ended yet', {
        headers: { 'retry-after': this.operations.retryAfter(operation) ?? '1' },
      });
    }
    const file = await this.operations.resultFile(operation);
    if (file) return sendFile(file, this.files, incoming, reply, 'attachment');
    if (operation.state !== 'Finished')
      throw new Problem(404, 'no-result', `the operation is ${operation.state} and has no result`);
    await sendJson('result.json', operation.result ?? 'null', incoming, reply);
  }

  private async stream(
    found: OperationEntity,
    { keyId, accountId }: KeyHolder,
    named: string,
    reply: FastifyReply,
  ): Promise<void> {
    const after = await this.history.seen(found.requestId, named);
    // Looked at after that: had it ended in between, the entry of its end would count as seen, and never come.
    const { operation } =
      after === named ? { operation: found } : await this.operations.find(found.accountId, found.rid);
    if (
      isTerminal(operation.state) &&
      (await this.history.list(operation.requestId, after, 1)).length === 0
    ) {
      // The one answer that keeps EventSource from connecting again.
      await reply.status(204).send();
      return;
    }
    const heartbeatMs = this.config.heartbeatS * 1000;
    const stream = historyStream(this.history, this.waits, {
      operation,
      heldBy: accountId,
      after,
      heartbeatMs,
      hasEnded: async () => (await this.reads.ended([operation.requestId])).length > 0,
      signal: this.keys.watch(keyId, gone(reply)),
    });
    await reply.headers(EVENT_STREAM).send(Readable.from(stream));
  }
}
