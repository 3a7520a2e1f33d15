import { Readable } from 'node:stream';
import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Param,
  Post,
  Query,
  Req,
  Res,
} from '@nestjs/common';
import { ApiAcceptedResponse, ApiHeader, ApiOkResponse, ApiTags, ApiOperation } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { KeyHolder } from '../../accounts/account.store.js';
import { AccountId, By, Holder, IsAdmin, KeyId, NeedsScope } from '../../accounts/api-key.guard.js';
import { Audit } from '../../accounts/audit.js';
import type { Actor } from '../../accounts/audit.store.js';
import { ApiAccount, type Whose, WhoseRows } from '../../accounts/whose.js';
import { checkHeld, HeldKeys } from '../../accounts/held-keys.js';
import { HttpConfig, OperationConfig } from '../../config/config.js';
import { DeliveryReads } from '../../deliveries/delivery-reads.store.js';
import { FilesService } from '../../files/files.service.js';
import {
  ApiBytes,
  ApiExamples,
  ApiIdempotencyKey,
  ApiPage,
  ApiPageOrStream,
  ApiProblem,
} from '../../http/api-answers.js';
import { retryAfter } from '../../http/openapi-problems.js';
import { decodeCursor, NUMBER_KEY, type Page, pageOf, toPage } from '../../http/page.js';
import { Problem } from '../../http/problem.js';
import { HistoryStore } from '../../operations/read/history.store.js';
import { NoFields } from '../../http/validation.pipe.js';
import type { OperationEntity } from '../../operations/operation.entity.js';
import { isTerminal } from '../../operations/operation.state.js';
import { OperationReads } from '../../operations/read/operation-reads.store.js';
import { Submissions } from '../../operations/accept/submissions.service.js';
import { CancelOne } from '../../operations/end/cancel-one.js';
import { OperationsService } from '../../operations/operations.service.js';
import { OperationWaits } from '../../operations/read/operation-waits.js';
import { traceparentOf } from '../../tracing/spans.js';
import { DeliveryResponse } from './delivery.response.js';
import { acknowledgeSent, gone } from '../acknowledge-sent.js';
import { sendFile, sendJson } from '../file-answer.js';
import {
  limitOf,
  ListOperationsQuery,
  ListQuery,
  OwnedPageQuery,
  pageAsked,
  RerunOperationRequest,
  SubmitOperationRequest,
  WaitQuery,
} from './operation.request.js';
import { operationFilter } from './operation-filter.request.js';
import { checkedEventId, EVENT_STREAM } from './event-streams.js';
import { historyStream, wantsStream } from './history-stream.js';
import { HistoryEntryResponse, OperationRequestResponse, OperationResponse } from './operation.response.js';
import { heeded, heldMs, preferences } from './prefer.js';
import { toChanges, toIdempotency, toRerunIdempotency, toSubmission } from './submission.js';

/** Header fields of the answer to a submit. */
const SUBMITTED = {
  Location: { description: 'The operation', schema: { type: 'string' } },
  'Operation-Location': { description: 'Its status monitor in the Azure style', schema: { type: 'string' } },
  'Operation-Id': { description: 'Its id', schema: { type: 'string' } },
  'Idempotent-Replayed': { description: '`true` where the key has come before', schema: { type: 'string' } },
  'Preference-Applied': { description: 'What of `Prefer` was heeded', schema: { type: 'string' } },
};

@ApiTags('operations')
@Controller('v1/operations')
export class OperationsController {
  constructor(
    private readonly submissions: Submissions,
    private readonly cancels: CancelOne,
    private readonly operations: OperationsService,
    private readonly reads: OperationReads,
    private readonly history: HistoryStore,
    private readonly deliveries: DeliveryReads,
    private readonly files: FilesService,
    private readonly http: HttpConfig,
    private readonly waits: OperationWaits,
    private readonly keys: HeldKeys,
    private readonly audit: Audit,
    private readonly config: OperationConfig,
  ) {}

  /** Submits an operation. When this answers, it is stored durably and will run. */
  @Post()
  @ApiOperation({ operationId: 'submitOperation' })
  @HttpCode(202)
  @NeedsScope('operations:write')
  @ApiIdempotencyKey()
  @ApiHeader({
    name: 'Prefer',
    required: false,
    description: 'respond-async, or wait=N (seconds, at most 60); RFC 7240',
  })
  @ApiExamples(SubmitOperationRequest, {
    'An operation': { type: 'echo', input: { hello: 'world' }, correlation: 'order 17' },
    'With a callback': {
      type: 'echo',
      input: { hello: 'world' },
      callback: {
        url: 'https://example.com/hooks/ringback',
        headers: [{ key: 'authorization', value: 'Bearer yours' }],
      },
    },
    'An HTTP request': { type: 'http.request', input: { method: 'GET', url: 'https://example.com/report' } },
    'A job of another API, polled to its end': {
      type: 'http.request',
      input: {
        method: 'POST',
        url: 'https://api.replicate.com/v1/predictions',
        headers: { Authorization: 'Bearer r8_yours' },
        body: { version: '5c7d5dc6', input: { prompt: 'a red panda' } },
        poll: 'replicate',
      },
      callback: { url: 'https://example.com/hooks/prediction' },
    },
  })
  @ApiOkResponse({
    type: OperationResponse,
    description: 'It has ended already: `Prefer: wait`, or a repeated key',
    headers: SUBMITTED,
  })
  @ApiAcceptedResponse({
    type: OperationResponse,
    description: 'Stored; `Location` and `Operation-Location` are where to poll',
    headers: { ...SUBMITTED, 'Retry-After': retryAfter() },
  })
  @ApiProblem(429, 'Callback URLs named too many new hosts in a minute')
  async submit(
    @Holder() { accountId, keyId }: KeyHolder,
    @Body() request: SubmitOperationRequest,
    @Headers('idempotency-key') key: string | undefined,
    @Headers('prefer') prefer: string | undefined,
    @Req() incoming: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationResponse> {
    const wanted = preferences(prefer);
    const idempotency = toIdempotency(key, () => JSON.stringify(incoming.body));
    const accepted = await this.submissions.accept(
      toSubmission(accountId, request, idempotency, traceparentOf(incoming.headers.traceparent)),
    );
    if (accepted.replayed) void reply.header('idempotent-replayed', 'true');
    let { view } = accepted;
    const waitMs = heldMs(wanted, this.operations.inlineMs(view.operation));
    const ended = isTerminal(view.operation.state);
    const left = waitMs > 0 && !ended ? gone(reply) : null;
    const held = left !== null && this.waits.hold(accountId, left);
    if (held) {
      // It was accepted with a valid key: where that ends meanwhile, the answer comes as it stands.
      const until = { gone: this.keys.watch(keyId, left) };
      view = { ...view, ...(await this.operations.await(accountId, view.operation.rid, waitMs, until)) };
    }
    const applied = heeded(wanted, held || ended);
    if (applied !== null) void reply.header('preference-applied', applied);
    this.describe(reply, view.operation);
    void reply.status(isTerminal(view.operation.state) ? 200 : 202);
    return OperationResponse.from(view, this.http.publicUrl);
  }

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
    @AccountId() accountId: string,
    @WhoseRows() whose: Whose,
    @KeyId() keyId: string,
    @Param('id') id: string,
    @Query() query: WaitQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationResponse> {
    const waitMs = Number(query.wait ?? 0) * 1000;
    const held = waitMs > 0 ? this.keys.watch(keyId, gone(reply)) : gone(reply);
    const view = await this.operations.await(whose.account, id, waitMs, { held, heldBy: accountId });
    checkHeld(held);
    this.sayWhenToAskAgain(reply, view.operation);
    // Who names an account looks on, and is not the caller that waits for the end.
    if (!whose.named) acknowledgeSent(reply, this.operations, accountId, view.operation);
    return OperationResponse.from(view, this.http.publicUrl, whose);
  }

  /**
   * Cancels a live operation; where it runs, this answers once its handler has stopped, or its grace time is over. An answer
   * with a `status` that isn't terminal, and `Retry-After`, comes where that takes over 25 s or the account holds too many
   * answers: it will be Canceled all the same.
   */
  @Post(':id/cancel')
  @ApiOperation({ operationId: 'cancelOperation' })
  @HttpCode(200)
  @NeedsScope('operations:write')
  @ApiAccount()
  @ApiProblem(409, 'It has ended already')
  async cancel(
    @NoFields() _body: unknown,
    @WhoseRows() whose: Whose,
    @Holder() { keyId, scopes }: KeyHolder,
    @By() actor: Actor,
    @Param('id') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationResponse> {
    const accountId = await this.ownerOf(whose, id);
    const view = await this.cancels.cancel(accountId, id, this.keys.watch(keyId, gone(reply)));
    if (scopes.includes('admin'))
      await this.audit.write({ accountId, actor, action: 'operation.canceled', target: id });
    this.sayWhenToAskAgain(reply, view.operation);
    return OperationResponse.from(view, this.http.publicUrl, whose);
  }

  /**
   * Erases an ended operation at once and for good: its input, result and files, and the bodies of its deliveries; what is still
   * owed is canceled. That it was and how it ended stays, with `erased_at`, until its time.
   */
  @Delete(':id')
  @ApiOperation({ operationId: 'eraseOperation' })
  @HttpCode(204)
  @NeedsScope('operations:write')
  @ApiAccount()
  @ApiProblem(409, 'It has not ended: cancel it first')
  async erase(@WhoseRows() whose: Whose, @Param('id') id: string, @By() actor: Actor): Promise<void> {
    const accountId = await this.ownerOf(whose, id);
    await this.operations.erase(accountId, id);
    await this.audit.write({ accountId, actor, action: 'operation.erased', target: id });
  }

  /**
   * Submits the same once more, as a new operation that names this one in `rerun_of`. Another `input`, or another `callback`
   * (null: none), takes the place of the first's.
   */
  @Post(':id/rerun')
  @ApiOperation({ operationId: 'rerunOperation' })
  @HttpCode(202)
  @NeedsScope('operations:write')
  @ApiAccount()
  @ApiIdempotencyKey()
  @ApiOkResponse({
    type: OperationResponse,
    description: 'A repeated key, whose rerun has ended already',
    headers: SUBMITTED,
  })
  @ApiAcceptedResponse({
    type: OperationResponse,
    description: 'Stored, as a submit',
    headers: { ...SUBMITTED, 'Retry-After': retryAfter() },
  })
  @ApiExamples(
    RerunOperationRequest,
    {
      'As it was': {},
      'With another input': { input: { hello: 'again' } },
      'With another callback': { callback: { url: 'https://example.com/hooks/other' } },
    },
    { required: false },
  )
  @ApiProblem(410, 'The operation has expired or was erased, and its input with it')
  @ApiProblem(429, 'Callback URLs named too many new hosts in a minute')
  async rerun(
    @WhoseRows() whose: Whose,
    @IsAdmin() isAdmin: boolean,
    @By() actor: Actor,
    @Param('id') id: string,
    @Body() request: RerunOperationRequest,
    @Headers('idempotency-key') key: string | undefined,
    @Headers('traceparent') traceparent: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationResponse> {
    const accountId = await this.ownerOf(whose, id);
    const changes = toChanges(request);
    const { view, replayed } = await this.submissions.rerun(accountId, id, {
      changes,
      traceparent: traceparentOf(traceparent),
      idempotency: toRerunIdempotency(key, id, changes),
    });
    if (replayed) void reply.header('idempotent-replayed', 'true');
    else if (isAdmin) {
      const details = { rerun: view.operation.rid, changed: Object.keys(changes) };
      await this.audit.write({ accountId, actor, action: 'operation.rerun', target: id, details });
    }
    this.describe(reply, view.operation);
    void reply.status(isTerminal(view.operation.state) ? 200 : 202);
    return OperationResponse.from(view, this.http.publicUrl, whose);
  }

  /** What happened to the operation, in order; with `Accept: text/event-stream` live, until its end. */
  @Get(':id/history')
  @ApiOperation({ operationId: 'listOperationHistory' })
  @NeedsScope('operations:read')
  @ApiPageOrStream(HistoryEntryResponse)
  async entries(
    @AccountId() accountId: string,
    @WhoseRows() whose: Whose,
    @KeyId() keyId: string,
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
      await this.stream(operation, { keyId, accountId }, named, reply);
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

  /** Whose an operation is that is acted on. */
  private async ownerOf({ account }: Whose, id: string): Promise<string> {
    return account ?? (await this.operations.find(null, id)).operation.accountId;
  }

  private async stream(
    found: OperationEntity,
    { keyId, accountId }: { readonly keyId: string; readonly accountId: string },
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

  private describe(reply: FastifyReply, operation: OperationEntity): void {
    void reply.headers({
      location: `${this.http.publicUrl}/v1/operations/${operation.rid}`,
      'operation-location': `${this.http.publicUrl}/lro/operations/${operation.rid}`,
      'operation-id': operation.rid,
    });
    this.sayWhenToAskAgain(reply, operation);
  }

  private sayWhenToAskAgain(reply: FastifyReply, operation: OperationEntity): void {
    const again = this.operations.retryAfter(operation);
    if (again !== undefined) void reply.header('retry-after', again);
  }
}
