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
import { AccountId, By, HasScope, IsAdmin, NeedsScope } from '../../accounts/api-key.guard.js';
import { Audit } from '../../accounts/audit.js';
import type { Actor } from '../../accounts/audit.store.js';
import { TakesBody } from '../../http/takes-body.js';
import { answerOf } from '../../messages/message-answer.js';
import { ridOf } from '../../messages/message.js';
import { OperationsService } from '../../operations/operations.service.js';
import { Publishes } from './caller.js';
import { bulkQuery, countOf, cursorOf, MOST_IDS, type Query, readFilter } from './message-filter.js';
import { dlqMessageResponse, type DlqMessageResponse, present, seenBy } from './message.response.js';
import { type FoundMessage, type FoundMessages, inSlices, Messages, type Sought } from './messages.js';
import { fieldsOf } from './fields.js';
import { type PublishedBy, Publisher, type PublishResponse } from './publisher.js';
import { answersTo, outcomeOf, type RefusedResponse } from './together.js';

const MAX_COUNT = 100;

/** The dead letter queue: messages that failed, until they are retried or deleted, or their retention is over. */
@ApiExcludeController()
@Controller('qstash/v2/dlq')
export class QstashDlqController {
  constructor(
    private readonly messages: Messages,
    private readonly publisher: Publisher,
    private readonly operations: OperationsService,
    private readonly audit: Audit,
  ) {}

  @Get()
  @NeedsScope('operations:read')
  async list(
    @AccountId() accountId: string,
    @HasScope('operations:write') whole: boolean,
    @Parameters() query: Query,
  ): Promise<{ messages: DlqMessageResponse[]; cursor?: string }> {
    const { found, cursor } = await this.found(accountId, query);
    return { messages: found.map((one) => toResponse(one, whole)), ...present({ cursor }) };
  }

  @Get(':id')
  @NeedsScope('operations:read')
  async read(
    @AccountId() accountId: string,
    @HasScope('operations:write') whole: boolean,
    @Param('id') id: string,
  ): Promise<DlqMessageResponse> {
    return toResponse(await this.messages.dead(accountId, id), whole);
  }

  @Delete(':id')
  @NeedsScope('operations:write')
  async delete(
    @AccountId() accountId: string,
    @Param('id') id: string,
    @By() actor: Actor,
  ): Promise<{ deleted: number }> {
    const { operation } = await this.messages.dead(accountId, id);
    await this.erase(accountId, operation.rid, actor);
    return { deleted: 1 };
  }

  @Delete()
  @NeedsScope('operations:write')
  async deleteMany(
    @AccountId() accountId: string,
    @Parameters() query: Query,
    @Body() body: unknown,
    @By() actor: Actor,
  ): Promise<{ deleted: number; cursor?: string }> {
    const given = bulkQuery(query, body, 'dlqIds');
    let deleted = 0;
    for (let sought = soughtBy(given); ;) {
      const { rows, next } = await this.messages.select(accountId, sought);
      await inSlices(rows, ({ rid }) => this.erase(accountId, rid, actor));
      deleted += rows.length;
      // Those that are named are all deleted at once.
      if (next === null || sought.filter.rids === null) return { deleted, ...present({ cursor: next }) };
      sought = { ...sought, after: next };
    }
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
    @By() actor: Actor,
    @IsAdmin() isAdmin: boolean,
  ): Promise<PublishResponse> {
    return this.retryOne({ by, actor, isAdmin }, await this.messages.dead(by.accountId, id), request);
  }

  /** One that is refused stays where it is, and doesn't stop the others. */
  @Post('retry')
  @TakesBody('raw')
  @HttpCode(201)
  @NeedsScope('operations:write')
  async retryMany(
    @Publishes() by: PublishedBy,
    @Parameters() query: Query,
    @Req() request: FastifyRequest,
    @By() actor: Actor,
    @IsAdmin() isAdmin: boolean,
  ): Promise<{ responses: (PublishResponse | (RefusedResponse & { dlqId: string }))[]; cursor?: string }> {
    const { found, cursor } = await this.found(by.accountId, bulkQuery(query, null, 'dlqIds'));
    const outcomes = await inSlices(found, (one) =>
      outcomeOf(this.retryOne({ by, actor, isAdmin }, one, request)),
    );
    const responses = answersTo(outcomes).map((answer, at) =>
      'error' in answer ? { dlqId: `dlq_${found[at]!.operation.rid}`, ...answer } : answer,
    );
    return { responses, ...present({ cursor }) };
  }

  private found(accountId: string, query: Query): Promise<FoundMessages> {
    return this.messages.list(accountId, soughtBy(query));
  }

  /** Accepted first, and once: where this process dies in between, the same retry erases what it has published anew. */
  private async retryOne(
    { by, actor, isAdmin }: { by: PublishedBy; actor: Actor; isAdmin: boolean },
    found: FoundMessage,
    { raw }: FastifyRequest,
  ): Promise<PublishResponse> {
    const answer = await this.publisher.again(by, found, fieldsOf(raw.rawHeaders));
    const { rid } = found.operation;
    // As over the native API: of what accounts rerun themselves there is the new operation.
    if (isAdmin) {
      const details = { rerun: ridOf(answer.messageId) };
      await this.audit.write({
        accountId: by.accountId,
        actor,
        action: 'operation.rerun',
        target: rid,
        details,
      });
    }
    await this.erase(by.accountId, rid, actor);
    return answer;
  }

  private async erase(accountId: string, rid: string, actor: Actor): Promise<void> {
    await this.operations.erase(accountId, rid);
    await this.audit.write({ accountId, actor, action: 'operation.erased', target: rid });
  }
}

/** Those that are named by id are one page, as far as it holds them. */
function soughtBy(query: Query): Sought {
  const filter = readFilter(query, 'dlqIds');
  return {
    ...{ states: ['Failed'], byEnd: true, newestFirst: true, filter, after: cursorOf(query) },
    count: filter.rids === null ? countOf(query, MAX_COUNT, MAX_COUNT) : MOST_IDS,
  };
}

function toResponse({ operation, message }: FoundMessage, whole: boolean): DlqMessageResponse {
  return dlqMessageResponse(operation, seenBy(whole, message), answerOf(operation));
}
