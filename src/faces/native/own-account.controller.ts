import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { AccountStore } from '../../accounts/account.store.js';
import { AccountId, NeedsScope } from '../../accounts/api-key.guard.js';
import { RequestRates } from '../../accounts/request-rates.js';
import { Quotas } from '../../operations/accept/quotas.js';
import { OwnAccountResponse } from './account.response.js';

@ApiTags('operations')
@Controller('v1/account')
@NeedsScope(null)
export class OwnAccountController {
  constructor(
    private readonly accounts: AccountStore,
    private readonly quotas: Quotas,
    private readonly rates: RequestRates,
  ) {}

  /** The account of this key: what it uses, and what it may use. */
  @Get()
  @ApiOperation({ operationId: 'getOwnAccount' })
  async read(@AccountId() accountId: string): Promise<OwnAccountResponse> {
    const [account, usage, quota] = await Promise.all([
      this.accounts.find(accountId),
      this.quotas.usage(accountId),
      this.quotas.of(accountId),
    ]);
    const { id, name, slots } = account!;
    return { id, name, slots, usage, quotas: { ...quota, requests_per_s: this.rates.of(account!) } };
  }
}
