import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Param,
  Post,
  Query as Parameters,
  Req,
} from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { AccountId, NeedsScope } from '../../accounts/api-key.guard.js';
import { TakesBody } from '../../http/takes-body.js';
import { answerOf } from '../../messages/message-answer.js';
import { OperationsService } from '../../operations/operations.service.js';
import { Publishes } from './caller.js';
import { bulkQuery, countOf, cursorOf, type Query, readFilter } from './message-filter.js';
import { dlqMessageResponse, type DlqMessageResponse, present } from './message.response.js';
import { type FoundMessage, type FoundMessages, inSlices, Messages } from './messages.js';
import { fieldsOf } from './publication.js';
import { type PublishedBy, Publisher, type PublishResponse } from './publisher.js';

const MAX_COUNT = 100;

/** The dead letter queue: messages that failed, until they are retried or deleted, or their retention is over. */
@ApiExcludeController()
@Controller('qstash/v2/dlq')
export class QstashDlqController {
  constructor(
    private readonly messages: Messages,
    private readonly publisher: Publisher,
    private readonly operations: OperationsService,
  ) {}

  @Get()
  @NeedsScope('operations:read')
  async list(
    @AccountId() accountId: string,
    @Parameters() query: Query,
  ): Promise<{ messages: DlqMessageResponse[]; cursor?: string }> {
    const { found, cursor } = await this.found(accountId, query);
    return { messages: found.map(toResponse), ...present({ cursor }) };
  }

  @Get(':id')
  @NeedsScope('operations:read')
  async read(@AccountId() accountId: string, @Param('id') id: string): Promise<DlqMessageResponse> {
    return toResponse(await this.messages.dead(accountId, id));
  }

  @Delete(':id')
  @NeedsScope('operations:write')
  async delete(@AccountId() accountId: string, @Param('id') id: string): Promise<{ deleted: number }> {
    const { operation } = await this.messages.dead(accountId, id);
    await this.operations.erase(accountId, operation.rid);
    return { deleted: 1 };
  }

  @Delete()
  @NeedsScope('operations:write')
  async deleteMany(
    @AccountId() accountId: string,
    @Parameters() query: Query,
    @Body() body: unknown,
  ): Promise<{ deleted: number; cursor?: string }> {
    const { found, cursor } = await this.found(accountId, bulkQuery(query, body, 'dlqIds'));
    await inSlices(found, ({ operation }) => this.operations.erase(accountId, operation.rid));
    return { deleted: found.length, ...present({ cursor }) };
  }

  /** Publishes it anew, as it was but for what this request's header fields say. */
  @Post('retry/:id')
  @TakesBody('raw')
  @HttpCode(201)
  @NeedsScope('operations:write')
  async retry(
    @Publishes() by: PublishedBy,
    @Param('id') id: string,
    @Req() request: FastifyRequest,
  ): Promise<PublishResponse> {
    return this.retryOne(by, await this.messages.dead(by.accountId, id), request);
  }

  @Post('retry')
  @TakesBody('raw')
  @HttpCode(201)
  @NeedsScope('operations:write')
  async retryMany(
    @Publishes() by: PublishedBy,
    @Parameters() query: Query,
    @Req() request: FastifyRequest,
  ): Promise<{ responses: PublishResponse[]; cursor?: string }> {
    const { found, cursor } = await this.found(by.accountId, bulkQuery(query, null, 'dlqIds'));
    const responses = await inSlices(found, (one) => this.retryOne(by, one, request));
    return { responses, ...present({ cursor }) };
  }

  private found(accountId: string, query: Query): Promise<FoundMessages> {
    return this.messages.list(accountId, {
      ...{ states: ['Failed'], byEnd: true, newestFirst: true },
      ...{
        filter: readFilter(query, 'dlqIds'),
        after: cursorOf(query),
        count: countOf(query, MAX_COUNT, MAX_COUNT),
      },
    });
  }

  /** Accepted first, and once: where this process dies in between, the same retry erases what it has published anew. */
  private async retryOne(
    by: PublishedBy,
    found: FoundMessage,
    { raw }: FastifyRequest,
  ): Promise<PublishResponse> {
    const answer = await this.publisher.again(by, found, fieldsOf(raw.rawHeaders));
    await this.operations.erase(by.accountId, found.operation.rid);
    return answer;
  }
}

function toResponse({ operation, message }: FoundMessage): DlqMessageResponse {
  return dlqMessageResponse(operation, message, answerOf(operation));
}
