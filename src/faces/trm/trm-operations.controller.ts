import { Body, Controller, Get, Headers, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiExcludeEndpoint, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AccountId, KeyId, NeedsScope } from '../../accounts/api-key.guard.js';
import { HeldKeys } from '../../accounts/held-keys.js';
import { TrmConfig } from '../../config/config.js';
import { Problem } from '../../http/problem.js';
import { queryValues } from '../../http/raw-query.js';
import { originForm } from '../../http/request-target.js';
import { TakesBody } from '../../http/takes-body.js';
import type { OperationEntity } from '../../operations/operation.entity.js';
import { OperationReads } from '../../operations/read/operation-reads.store.js';
import { OperationsService } from '../../operations/operations.service.js';
import { isGone } from '../../operations/retain/gone.js';
import { OperationTypes } from '../../operations/run/operation-types.js';
import { traceparentOf } from '../../tracing/spans.js';
import { acknowledgeSent, gone, tellInstead } from '../acknowledge-sent.js';
import { toIdempotency } from '../native/submission.js';
import { TrmEnvelope } from './trm-envelope.response.js';
import { TrmGuard } from './trm.guard.js';
import { TrmListResponse } from './trm-list.response.js';
import { withOwnNames } from './trm-names.js';
import { TrmPaths } from './trm-paths.js';
import { TrmListQuery, TrmSubmitRequest } from './trm.request.js';
import { fieldsOf, TrmRequests } from './trm-requests.service.js';
import { TrmSubmits } from './trm-submits.service.js';

/** PostgreSQL's `bigint`; a number that is an id at all. */
const REQUEST_ID = /^[1-9]\d{0,17}$/;
/** The most that `inlinems` may ask for. */
export const MAX_INLINE_MS = 60_000;

@ApiTags('trm')
@Controller('api')
export class TrmOperationsController {
  constructor(
    private readonly requests: TrmRequests,
    private readonly submits: TrmSubmits,
    private readonly operations: OperationsService,
    private readonly paths: TrmPaths,
    private readonly reads: OperationReads,
    private readonly types: OperationTypes,
    private readonly keys: HeldKeys,
    private readonly config: TrmConfig,
  ) {}

  /** The state of an operation, in the envelope. */
  @Get('trm/status')
  @ApiOperation({ operationId: 'getTrmStatus' })
  @NeedsScope('operations:read', TrmGuard)
  @ApiQuery({ name: 'requestid', schema: { type: 'integer' } })
  async status(
    @AccountId() accountId: string,
    @Query('requestid') requestId: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TrmEnvelope> {
    return this.statusOf(accountId, requestIdOf([requestId]), reply);
  }

  /** The same, for clients that make every call a POST: `requestid` is in the query, or in the body as JSON or a form. */
  @Post('trm/status')
  @ApiOperation({ operationId: 'pollTrmOperation' })
  @HttpCode(200)
  @TakesBody('form')
  @NeedsScope('operations:read', TrmGuard)
  @ApiQuery({ name: 'requestid', required: false, schema: { type: 'integer' } })
  @ApiConsumes('application/json', 'application/x-www-form-urlencoded')
  @ApiBody({
    required: false,
    schema: { type: 'object', properties: { requestid: { type: 'integer' } } },
    examples: { first: { summary: 'The first operation', value: { requestid: 1 } } },
  })
  async statusByPost(
    @AccountId() accountId: string,
    @Query('requestid') requestId: unknown,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TrmEnvelope> {
    return this.statusOf(accountId, requestIdOf([requestId, fieldsOf(body)['requestid']]), reply);
  }

  /** The account's operations, newest first: the operations log. */
  @Get('trm/list')
  @ApiOperation({ operationId: 'listTrmOperations' })
  @NeedsScope('operations:read', TrmGuard)
  @ApiQuery({
    name: 'skip',
    required: false,
    schema: { type: 'integer', minimum: 0, default: 0 },
    description: 'Operations to leave out, newest first',
  })
  @ApiQuery({
    name: 'take',
    required: false,
    schema: { type: 'integer', minimum: 0, maximum: 500, default: 100 },
    description: 'Operations to show',
  })
  async list(
    @AccountId() accountId: string,
    @Query() given: Record<string, unknown>,
  ): Promise<TrmListResponse> {
    const query = await this.requests.read(TrmListQuery, given);
    const { operations, total } = await this.reads.newest(
      accountId,
      Number(query.skip ?? 0),
      Number(query.take ?? 100),
    );
    return TrmListResponse.from(operations, total, (name) => this.types.get(name)?.title ?? name);
  }

  /** Submits an operation of the type that has this path; the body is its input, besides `callbackurl` and `callback`. */
  @Post('*')
  @HttpCode(200)
  @NeedsScope('operations:write', TrmGuard)
  // Documented by `TrmOpenApi`, path by path.
  @ApiExcludeEndpoint()
  async submit(
    @AccountId() accountId: string,
    @KeyId() keyId: string,
    @Body() body: unknown,
    @Headers('idempotency-key') key: string | undefined,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TrmEnvelope> {
    const path = pathOf(request.url);
    const found = await this.paths.find(path);
    if (!found)
      throw new Problem(
        400,
        'unknown-route',
        `${request.method} /api/${path.slice(0, 200)} is no route here`,
      );
    const { callback, callbackurl, ...input } = withOwnNames(fieldsOf(body));
    const own = await this.requests.read(TrmSubmitRequest, {
      ...(callback === undefined ? {} : { callback }),
      ...(callbackurl === undefined ? {} : { callbackurl }),
    });
    const callbackUrls = queryValues(request.url, 'callbackurl', { anyCase: true });
    const { view, inline, instead, replayed } = await this.submits.submit(
      accountId,
      found.type,
      await this.requests.input(found.type, withParameters(input, found.parameters)),
      own,
      {
        callbackUrls,
        inlineMs: inlineMs(queryValues(request.url, 'inlinems', { anyCase: true })) ?? found.type.inlineMs,
        traceparent: traceparentOf(request.headers['traceparent']),
        idempotency: toIdempotency(key, () =>
          JSON.stringify([found.type.name, found.parameters, callbackUrls, body]),
        ),
        gone: this.keys.watch(keyId, gone(reply)),
      },
    );
    if (instead) tellInstead(reply, this.operations, view.operation);
    void reply.header('operation-id', view.operation.rid);
    if (!replayed) return TrmEnvelope.from(view.operation, inline);
    void reply.header('idempotent-replayed', 'true');
    return this.asItStands(view.operation);
  }

  private async statusOf(accountId: string, requestId: string, reply: FastifyReply): Promise<TrmEnvelope> {
    const operation = await this.reads.findByRequestId(accountId, requestId);
    if (!operation)
      throw new Problem(400, 'operation-not-found', `there is no operation ${requestId} in this account`);
    const envelope = this.asItStands(operation);
    acknowledgeSent(reply, this.operations, accountId, operation);
    return envelope;
  }

  /** The operation; a `Problem` where it has Finished and its result is gone: shown without, it would be one that gave none. */
  private asItStands(operation: OperationEntity): TrmEnvelope {
    const { requestId, state, erasedAt, expiresAt } = operation;
    if (state !== 'Finished' || !isGone(operation)) return TrmEnvelope.from(operation, this.config.zeroId);
    const [code, how] =
      erasedAt === null
        ? (['result-expired', `was kept until ${expiresAt?.toISOString()}`] as const)
        : (['operation-erased', `was erased at ${erasedAt.toISOString()}`] as const);
    throw new Problem(410, code, `operation ${requestId} is Finished, but its result ${how} and is gone`);
  }
}

/** What stands below `/api/` in a request's target, escaped as it came. */
function pathOf(target: string): string {
  return originForm(target).replace(/^\/api\/|[?#].*$/gs, '');
}

/** The id that a poll names; `given` are the places where it may stand. */
function requestIdOf(given: readonly unknown[]): string {
  const named = new Set(
    given.flatMap((id) =>
      id === undefined || id === null ? [] : [typeof id === 'number' ? String(id) : id],
    ),
  );
  const [id] = named;
  if (named.size > 1)
    throw new Problem(400, 'invalid-request', 'requestid: the query and the body name two; give one');
  if (typeof id === 'string' && REQUEST_ID.test(id)) return id;
  throw new Problem(400, 'invalid-request', 'requestid: give the integer that the submit answered');
}

function withParameters(
  input: Record<string, unknown>,
  parameters: Record<string, string>,
): Record<string, unknown> {
  const other = Object.entries(parameters).find(
    // Many serialisers write null where there is nothing.
    ([name, value]) => name in input && String(input[name]) !== value && input[name] !== null,
  );
  if (other)
    throw new Problem(
      400,
      'invalid-request',
      `${other[0]}: the path gives another one; leave it out of the body`,
    );
  return { ...input, ...parameters };
}

function inlineMs(given: readonly string[]): number | undefined {
  const [asked] = given;
  if (asked === undefined) return undefined;
  if (given.length === 1 && /^\d{1,5}$/.test(asked) && Number(asked) <= MAX_INLINE_MS) return Number(asked);
  throw new Problem(400, 'invalid-query', `inlinems: give whole milliseconds from 0 to ${MAX_INLINE_MS}`);
}
