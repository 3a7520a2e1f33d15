import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { NeedsScope } from '../../accounts/api-key.guard.js';
import { AuditStore } from '../../accounts/audit.store.js';
import { ApiPage } from '../../http/api-answers.js';
import { decodeCursor, NUMBER_KEY, type Page, toPage } from '../../http/page.js';
import { actionsOf, ListAuditQuery } from './audit.request.js';
import { AuditEntryResponse } from './audit.response.js';
import { dateOf } from '../../http/instant.js';
import { limitOf } from './operation.request.js';

@ApiTags('admin')
@Controller('v1/audit')
@NeedsScope('admin')
export class AuditController {
  constructor(private readonly audit: AuditStore) {}

  /** Who did what with keys, accounts, secrets, endpoints, operations and deliveries, and which logins failed. */
  @Get()
  @ApiOperation({ operationId: 'listAudit' })
  @ApiPage(AuditEntryResponse)
  async list(@Query() query: ListAuditQuery): Promise<Page<AuditEntryResponse>> {
    const limit = limitOf(query);
    const entries = await this.audit.list({
      accountId: query.account === '*' ? undefined : query.account,
      actor: query.actor,
      actions: actionsOf(query),
      since: dateOf(query.since),
      until: dateOf(query.until),
      order: query.order ?? 'asc',
      after: query.cursor === undefined ? null : decodeCursor(query.cursor, '0', NUMBER_KEY),
      limit: limit + 1,
    });
    return toPage(
      entries,
      limit,
      (entry) => entry.id,
      (entry) => AuditEntryResponse.from(entry),
    );
  }
}
