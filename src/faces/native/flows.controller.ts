import { Body, Controller, Delete, Get, HttpCode, Param, Put, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { AccountId, By, NeedsScope } from '../../accounts/api-key.guard.js';
import { Audit } from '../../accounts/audit.js';
import type { AuditAction } from '../../accounts/audit-action.js';
import type { Actor } from '../../accounts/audit.store.js';
import { ApiExamples, ApiPage } from '../../http/api-answers.js';
import { decodeCursor, type Page, toPage } from '../../http/page.js';
import { FlowNotFoundError } from '../../operations/flow/flow.errors.js';
import { FlowStore } from '../../operations/flow/flow.store.js';
import { ChangeFlowRequest, changesOf, checkedKey, ListFlowsQuery } from './flows.request.js';
import { FlowResponse } from './flow.response.js';
import { limitOf } from './operation.request.js';

/** A key as a cursor has it: its bytes in hex, none of which is 0. */
const KEY_OF_CURSOR = /^(?:(?!00)[0-9a-f]{2})+$/;

@ApiTags('flows')
@Controller('v1/flows')
export class FlowsController {
  constructor(
    private readonly flows: FlowStore,
    private readonly audit: Audit,
  ) {}

  /** The account's flow keys by name, with what waits and runs of each. A key that nothing has used for a day is forgotten. */
  @Get()
  @ApiOperation({ operationId: 'listFlows' })
  @NeedsScope('operations:read')
  @ApiPage(FlowResponse)
  async list(@AccountId() accountId: string, @Query() query: ListFlowsQuery): Promise<Page<FlowResponse>> {
    const limit = limitOf(query);
    const after = Buffer.from(decodeCursor(query.cursor, '', KEY_OF_CURSOR), 'hex').toString();
    const rows = await this.flows.list(accountId, after, limit + 1);
    return toPage(
      rows,
      limit,
      ({ key }) => Buffer.from(key).toString('hex'),
      (flow) => FlowResponse.from(flow),
    );
  }

  /** One flow key. */
  @Get(':key')
  @ApiOperation({ operationId: 'getFlow' })
  @NeedsScope('operations:read')
  async read(@AccountId() accountId: string, @Param('key') key: string): Promise<FlowResponse> {
    return this.find(accountId, key);
  }

  /**
   * Sets what holds for a key whatever is submitted with it, and pauses it; values that aren't given are those of what is submitted.
   * It holds at once, also for what waits already. What runs goes on.
   */
  @Put(':key')
  @ApiOperation({ operationId: 'setFlow' })
  @NeedsScope('operations:write')
  @ApiExamples(ChangeFlowRequest, {
    'At most ten a second': { rate: 10, period_s: 1 },
    'None for now': { paused: true },
  })
  async set(
    @AccountId() accountId: string,
    @Param('key') given: string,
    @Body() request: ChangeFlowRequest,
    @By() actor: Actor,
  ): Promise<FlowResponse> {
    const key = checkedKey(given);
    await this.flows.change(accountId, key, changesOf(request));
    await this.wrote(accountId, key, actor, 'flow.changed', { ...request });
    return this.find(accountId, key);
  }

  /** Forgets what was set for a key, and the starts of its window. What is submitted with it, or waits, keeps its own values. */
  @Delete(':key')
  @ApiOperation({ operationId: 'resetFlow' })
  @HttpCode(204)
  @NeedsScope('operations:write')
  async reset(@AccountId() accountId: string, @Param('key') key: string, @By() actor: Actor): Promise<void> {
    if (key.startsWith('$') || !(await this.flows.reset(accountId, key))) throw notFound(key);
    await this.wrote(accountId, key, actor, 'flow.reset', {});
  }

  private async find(accountId: string, key: string): Promise<FlowResponse> {
    const flow = await this.flows.find(accountId, key);
    if (!flow) throw notFound(key);
    return FlowResponse.from(flow);
  }

  private wrote(
    accountId: string,
    key: string,
    actor: Actor,
    action: AuditAction,
    details: Record<string, unknown>,
  ): Promise<void> {
    return this.audit.write({ accountId, actor, action, target: key, details });
  }
}

function notFound(key: string): FlowNotFoundError {
  return new FlowNotFoundError(`there is no flow key ${JSON.stringify(key.slice(0, 200))} in this account`);
}
