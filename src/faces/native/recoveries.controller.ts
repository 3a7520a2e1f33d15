import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { AccountId, By, NeedsScope } from '../../accounts/api-key.guard.js';
import { Audit } from '../../accounts/audit.js';
import type { Actor } from '../../accounts/audit.store.js';
import { ApiAccount, type Whose, WhoseRows } from '../../accounts/whose.js';
import { RecoveriesService } from '../../endpoints/recoveries.service.js';
import { ApiProblem } from '../../http/api-answers.js';
import { NoFields } from '../../http/validation.pipe.js';
import { RecoveryResponse } from './recovery.response.js';

@ApiTags('deliveries')
@Controller('v1/recoveries')
export class RecoveriesController {
  constructor(
    private readonly recoveries: RecoveriesService,
    private readonly audit: Audit,
  ) {}

  /** How far a recovery is. */
  @Get(':id')
  @ApiOperation({ operationId: 'getRecovery' })
  @NeedsScope('operations:read')
  @ApiAccount()
  async read(@WhoseRows() whose: Whose, @Param('id') id: string): Promise<RecoveryResponse> {
    return RecoveryResponse.from(await this.recoveries.find(whose.account, id));
  }

  /** Brings no more forward; what it has brought forward already is sent. */
  @Post(':id/cancel')
  @ApiOperation({ operationId: 'cancelRecovery' })
  @HttpCode(200)
  @NeedsScope('deliveries:redeliver')
  @ApiProblem(409, 'It has ended already')
  async cancel(
    @NoFields() _body: unknown,
    @AccountId() accountId: string,
    @Param('id') id: string,
    @By() actor: Actor,
  ): Promise<RecoveryResponse> {
    const recovery = await this.recoveries.cancel(accountId, id);
    await this.audit.write({ accountId, actor, action: 'recovery.canceled', target: id });
    return RecoveryResponse.from(recovery);
  }
}
