import { Global, Module } from '@nestjs/common';
import { SigningModule } from '../signing/signing.module.js';
import { AccountStore } from './account.store.js';
import { AccountsService } from './accounts.service.js';
import { ApiKeyGuard } from './api-key.guard.js';

/** Accounts, their API keys, and the guard that knows them. Global, since every controller is guarded. */
@Global()
@Module({
  imports: [SigningModule],
  providers: [AccountStore, AccountsService, ApiKeyGuard],
  exports: [AccountStore, AccountsService, ApiKeyGuard],
})
export class AccountsModule {}
