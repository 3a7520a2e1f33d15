import { Body, Controller, Delete, Headers, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiHeader, ApiOkResponse, ApiTags, ApiOperation } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { KeyHolder } from '../../accounts/account.store.js';
import { By, Holder, IsAdmin, NeedsScope } from '../../accounts/api-key.guard.js';
import { Audit } from '../../accounts/audit.js';
import type { Actor } from '../../accounts/audit.store.js';
import { HeldKeys } from '../../accounts/held-keys.js';
import { ApiAccount, type Whose, WhoseRows } from '../../accounts/whose.js';
import { HttpConfig } from '../../config/config.js';
import { ApiExamples, ApiIdempotencyKey, ApiProblem } from '../../http/api-answers.js';
import { retryAfter } from '../../http/openapi-problems.js';
import { NoFields } from '../../http/validation.pipe.js';
import { Submissions } from '../../operations/accept/submissions.service.js';
import { CancelOne } from '../../operations/end/cancel-one.js';
import type { OperationEntity } from '../../operations/operation.entity.js';
import { isTerminal } from '../../operations/operation.state.js';
import { OperationsService } from '../../operations/operations.service.js';
import { OperationWaits } from '../../operations/read/operation-waits.js';
import { traceparentOf } from '../../tracing/spans.js';
import { gone } from '../acknowledge-sent.js';
import { sayWhenToAskAgain } from '../ask-again.js';
import { RerunOperationRequest, SubmitOperationRequest } from './operation.request.js';
import { OperationResponse } from './operation.response.js';
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

/** What callers do with operations: submit, cancel, erase and run them again. */
@ApiTags('operations')
@Controller('v1/operations')
export class OperationsController {
  constructor(
    private readonly submissions: Submissions,
    private readonly cancels: CancelOne,
    private readonly operations: OperationsService,
    private readonly waits: OperationWaits,
    private readonly keys: HeldKeys,
    private readonly audit: Audit,
    private readonly http: HttpConfig,
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
    sayWhenToAskAgain(reply, this.operations, view.operation);
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

  /** Whose an operation is that is acted on. */
  private async ownerOf({ account }: Whose, id: string): Promise<string> {
    return account ?? (await this.operations.find(null, id)).operation.accountId;
  }

  private describe(reply: FastifyReply, operation: OperationEntity): void {
    void reply.headers({
      location: `${this.http.publicUrl}/v1/operations/${operation.rid}`,
      'operation-location': `${this.http.publicUrl}/lro/operations/${operation.rid}`,
      'operation-id': operation.rid,
    });
    sayWhenToAskAgain(reply, this.operations, operation);
  }
}
