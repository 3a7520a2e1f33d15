import { Body, Controller, Delete, Get, Param, Query as Parameters } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { AccountId, By, HasScope, IsAdmin, NeedsScope } from '../../accounts/api-key.guard.js';
import { Audit } from '../../accounts/audit.js';
import type { Actor } from '../../accounts/audit.store.js';
import { CancelMany } from '../../operations/end/cancel-many.js';
import { bulkQuery, type Query, readFilter } from './message-filter.js';
import { messageResponse, type MessageResponse, seenBy } from './message.response.js';
import { LIVE, Messages } from './messages.js';

const PAGE = 250;

/** Messages that aren't over: read, and canceled. */
@ApiExcludeController()
@Controller('qstash/v2/messages')
export class QstashMessagesController {
  constructor(
    private readonly messages: Messages,
    private readonly canceling: CancelMany,
    private readonly audit: Audit,
  ) {}

  @Get(':id')
  @NeedsScope('operations:read')
  async read(
    @AccountId() accountId: string,
    @HasScope('operations:write') whole: boolean,
    @Param('id') id: string,
  ): Promise<MessageResponse> {
    const { operation, message } = await this.messages.live(accountId, id);
    return messageResponse(operation, seenBy(whole, message));
  }

  @Delete(':id')
  @NeedsScope('operations:write')
  async cancel(
    @AccountId() accountId: string,
    @Param('id') id: string,
    @By() actor: Actor,
    @IsAdmin() isAdmin: boolean,
  ): Promise<{ cancelled: number }> {
    const { operation } = await this.messages.live(accountId, id);
    const cancelled = await this.canceling.cancel([operation.requestId]);
    if (isAdmin)
      await this.audit.write({ accountId, actor, action: 'operation.canceled', target: operation.rid });
    return { cancelled };
  }

  /** Those that are named, or meant; all of the account's where nothing is said. The clients send a `count` that QStash ignores. */
  @Delete()
  @NeedsScope('operations:write')
  async cancelMany(
    @AccountId() accountId: string,
    @Parameters() query: Query,
    @Body() body: unknown,
    @By() actor: Actor,
  ): Promise<{ cancelled: number }> {
    const done = await this.cancelMeant(accountId, query, body);
    // Values may be secret, as a URL's query.
    const by = Object.keys({ ...(body as object | undefined), ...query });
    const details = { count: done.cancelled, by };
    if (done.cancelled > 0)
      await this.audit.write({ accountId, actor, action: 'operation.canceled', target: null, details });
    return done;
  }

  private async cancelMeant(accountId: string, query: Query, body: unknown): Promise<{ cancelled: number }> {
    const filter = readFilter(bulkQuery(query, body, 'messageIds'), 'messageIds');
    let cancelled = 0;
    for (let after: string | null = null; ;) {
      const sought = { filter, after, states: LIVE, newestFirst: false, count: PAGE };
      const { rows, next } = await this.messages.select(accountId, sought);
      if (rows.length > 0) cancelled += await this.canceling.cancel(rows.map(({ requestId }) => requestId));
      if (next === null) return { cancelled };
      after = next;
    }
  }
}
