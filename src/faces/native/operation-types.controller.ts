import { Body, Controller, Delete, Get, HttpCode, Param, Put, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiTags, ApiOperation } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AccountId, By, NeedsScope } from '../../accounts/api-key.guard.js';
import { Audit } from '../../accounts/audit.js';
import type { Actor } from '../../accounts/audit.store.js';
import { ApiExamples, ApiPage, ApiProblem } from '../../http/api-answers.js';
import type { Page } from '../../http/page.js';
import { Problem } from '../../http/problem.js';
import type { RetryGiven } from '../../operations/declared/declared-types.js';
import { NoFields } from '../../http/validation.pipe.js';
import { Declarations } from '../../operations/declared/declarations.service.js';
import { OperationTypes } from '../../operations/run/operation-types.js';
import { DeclareOperationTypeRequest } from './operation-type.request.js';
import { OperationTypeResponse } from './operation-type.response.js';

@ApiTags('operations')
@Controller('v1/operation-types')
export class OperationTypesController {
  constructor(
    private readonly types: OperationTypes,
    private readonly declarations: Declarations,
    private readonly audit: Audit,
  ) {}

  /** The operation types that this Ringback runs, or that remote workers run. */
  @Get()
  @NeedsScope('operations:read')
  @ApiOperation({ operationId: 'listOperationTypes' })
  @ApiPage(OperationTypeResponse)
  async list(): Promise<Page<OperationTypeResponse>> {
    await this.types.fresh();
    return { data: this.types.listed().map((type) => OperationTypeResponse.from(type)), next_cursor: null };
  }

  /** One operation type. */
  @Get(':name')
  @NeedsScope('operations:read')
  @ApiOperation({ operationId: 'getOperationType' })
  async read(@Param('name') name: string): Promise<OperationTypeResponse> {
    const type = await this.types.find(name);
    if (type && !type.internal) return OperationTypeResponse.from(type);
    throw notFound(name);
  }

  /**
   * Declares an operation type that workers over HTTP run, or changes what was declared. Its input is checked by the schema from
   * then on; operations that were submitted before keep their tries and timeouts.
   */
  @Put(':name')
  @NeedsScope('admin')
  @ApiOperation({ operationId: 'declareOperationType' })
  @ApiOkResponse({ type: OperationTypeResponse, description: 'It was declared before, and is so now' })
  @ApiCreatedResponse({ type: OperationTypeResponse, description: 'It is declared' })
  @ApiProblem(409, 'A handler of this service runs a type of this name')
  @ApiExamples(DeclareOperationTypeRequest, {
    'A report': {
      title: 'Build a report',
      input_schema: {
        type: 'object',
        properties: { report: { type: 'integer' } },
        required: ['report'],
        additionalProperties: false,
      },
      tries: 3,
      timeout_s: 600,
      retry: { backoff_s: [1, 4, 60], retry_on: ['timeout'] },
    },
  })
  async declare(
    @AccountId() accountId: string,
    @By() actor: Actor,
    @Param('name') name: string,
    @Body() request: DeclareOperationTypeRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationTypeResponse> {
    const { type, isNew } = await this.declarations.declare(name, {
      title: request.title,
      inputSchema: request.input_schema ?? {},
      tries: request.tries ?? 3,
      timeoutS: request.timeout_s ?? 3600,
      retry: retryOf(request),
      path: request.path ?? null,
      inlineMs: request.inline_ms ?? 0,
    });
    const action = isNew ? 'operation-type.declared' : 'operation-type.changed';
    await this.audit.write({ accountId, actor, action, target: name });
    void reply.status(isNew ? 201 : 200);
    return OperationTypeResponse.from(type);
  }

  /** Deletes the declaration of a type of which no operation waits or runs. */
  @Delete(':name')
  @HttpCode(204)
  @NeedsScope('admin')
  @ApiOperation({ operationId: 'deleteOperationType' })
  @ApiProblem(409, 'Operations of it wait or run')
  async remove(
    @NoFields() _body: unknown,
    @AccountId() accountId: string,
    @By() actor: Actor,
    @Param('name') name: string,
  ): Promise<void> {
    if (!(await this.declarations.remove(name))) throw notFound(name);
    await this.audit.write({ accountId, actor, action: 'operation-type.deleted', target: name });
  }
}

function notFound(name: string): Problem {
  const message = `there is no operation type ${name.slice(0, 60)}`;
  return new Problem(404, 'operation-type-not-found', message, { errors: [{ path: 'name', message }] });
}

/** Null is as good as nothing. */
function retryOf({ retry }: DeclareOperationTypeRequest): RetryGiven {
  return Object.fromEntries(Object.entries(retry ?? {}).filter(([, given]) => given !== null));
}
