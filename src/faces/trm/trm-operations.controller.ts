import { Body, Controller, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AccountId, NeedsScope } from '../../accounts/api-key.guard.js';
import { TrmConfig } from '../../config/config.js';
import { validated } from '../../config/validation.js';
import { Problem } from '../../http/problem.js';
import { queryValues } from '../../http/raw-query.js';
import { OperationReads } from '../../operations/operation-reads.store.js';
import { OperationsService } from '../../operations/operations.service.js';
import { OperationTypes } from '../../operations/operation-types.js';
import { traceparentOf } from '../../tracing/spans.js';
import { acknowledgeSent } from '../acknowledge-sent.js';
import { TrmEnvelope } from './trm-envelope.response.js';
import { TrmGuard } from './trm.guard.js';
import { TrmListResponse } from './trm-list.response.js';
import { TrmPaths } from './trm-paths.js';
import { TrmListQuery, TrmSubmitRequest } from './trm.request.js';
import { TrmSubmits } from './trm-submits.service.js';

/** PostgreSQL's `bigint`; a number that is an id at all. */
const REQUEST_ID = /^[1-9]\d{0,17}$/;
/** The most that `inlinems` may ask for. */
export const MOST_INLINE_MS = 60_000;

@ApiTags('trm')
@Controller('api')
export class TrmOperationsController {
  constructor(
    private readonly submits: TrmSubmits,
    private readonly operations: OperationsService,
    private readonly paths: TrmPaths,
    private readonly reads: OperationReads,
    private readonly types: OperationTypes,
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
    if (typeof requestId !== 'string' || !REQUEST_ID.test(requestId))
      throw new Problem(400, 'invalid-query', 'requestid: give the integer that the submit answered');
    const operation = await this.reads.findByRequestId(accountId, requestId);
    if (!operation)
      throw new Problem(400, 'operation-not-found', `there is no operation ${requestId} in this account`);
    acknowledgeSent(reply, this.operations, accountId, operation);
    return TrmEnvelope.from(operation, this.config.zeroId);
  }

  /** The account's operations, newest first: the operations log. */
  @Get('trm/list')
  @ApiOperation({ operationId: 'listTrmOperations' })
  @NeedsScope('operations:read', TrmGuard)
  async list(@AccountId() accountId: string, @Query() query: TrmListQuery): Promise<TrmListResponse> {
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
    @Param('*') path: string,
    @Query() query: Record<string, unknown>,
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TrmEnvelope> {
    const found = this.paths.find(path);
    if (!found)
      throw new Problem(
        400,
        'unknown-route',
        `${request.method} /api/${path.slice(0, 200)} is no route here`,
      );
    const { own, input } = await split(body);
    const { view, inline } = await this.submits.submit(
      accountId,
      found.type,
      withParameters(input, found.parameters),
      own,
      {
        callbackUrls: queryValues(request.url, 'callbackurl'),
        inlineMs: inlineMs(query['inlinems']) ?? found.type.inlineMs,
        traceparent: traceparentOf(request.headers['traceparent']),
      },
    );
    void reply.header('operation-id', view.operation.rid);
    return TrmEnvelope.from(view.operation, inline);
  }
}

/** The body's own members and the operation's input. */
async function split(body: unknown): Promise<{ own: TrmSubmitRequest; input: Record<string, unknown> }> {
  const given = body ?? {};
  if (typeof given !== 'object' || Array.isArray(given))
    throw new Problem(400, 'invalid-request', 'the body must be a JSON object');
  const { callback, callbackurl, ...input } = given as Record<string, unknown>;
  const { value: own, errors } = await validated(TrmSubmitRequest, {
    ...(callback === undefined ? {} : { callback }),
    ...(callbackurl === undefined ? {} : { callbackurl }),
  });
  if (errors.length > 0)
    throw new Problem(
      400,
      'invalid-request',
      errors.map(({ path, message }) => `${path}: ${message}`).join('; '),
    );
  return { own, input };
}

function withParameters(
  input: Record<string, unknown>,
  parameters: Record<string, string>,
): Record<string, unknown> {
  const doubled = Object.keys(parameters).find((name) => name in input);
  if (doubled !== undefined)
    throw new Problem(
      400,
      'invalid-request',
      `${doubled}: is given by the path already; leave it out of the body`,
    );
  return { ...input, ...parameters };
}

function inlineMs(given: unknown): number | undefined {
  if (given === undefined) return undefined;
  if (typeof given === 'string' && /^\d{1,5}$/.test(given) && Number(given) <= MOST_INLINE_MS)
    return Number(given);
  throw new Problem(400, 'invalid-query', `inlinems: give whole milliseconds from 0 to ${MOST_INLINE_MS}`);
}
