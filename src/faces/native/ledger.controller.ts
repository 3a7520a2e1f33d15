import { Controller, Get } from '@nestjs/common';
import { ApiTags, ApiOperation } from '@nestjs/swagger';
import { NeedsScope } from '../../accounts/api-key.guard.js';
import { LedgerStore } from '../../operations/read/ledger.store.js';
import { LedgerResponse } from './ledger.response.js';

@ApiTags('admin')
@Controller('v1/ledger')
@NeedsScope('admin')
export class LedgerController {
  constructor(private readonly ledger: LedgerStore) {}

  /** Whether nothing was lost: what was accepted and owed against what there is, as of one instant. */
  @Get()
  @ApiOperation({ operationId: 'getLedger' })
  async read(): Promise<LedgerResponse> {
    return LedgerResponse.from((await this.ledger.read()).ledger);
  }
}
