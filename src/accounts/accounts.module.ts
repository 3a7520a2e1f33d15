import { Global, Module } from '@nestjs/common';
import { SigningModule } from '../signing/signing.module.js';
import { AccountStore } from './account.store.js';
import { AccountsService } from './accounts.service.js';
import { ApiKeyGuard } from './api-key.guard.js';
import { Audit } from './audit.js';
import { AuditStore } from './audit.store.js';
import { AuthTokenStore } from './auth-token.store.js';
import { AuthTokens } from './auth-tokens.js';
import { ConsoleSessions } from './console-sessions.js';
import { ConsoleSessionStore } from './console-session.store.js';
import { HeldKeys } from './held-keys.js';
import { LoginAttempts } from './login-attempts.js';
import { RequestRates } from './request-rates.js';

/** Accounts, their API keys, and the guard that knows them. Global, since every controller is guarded. */
@Global()
@Module({
  imports: [SigningModule],
  providers: [
    AccountStore,
    AccountsService,
    ApiKeyGuard,
    Audit,
    AuditStore,
    AuthTokenStore,
    AuthTokens,
    ConsoleSessions,
    ConsoleSessionStore,
    HeldKeys,
    LoginAttempts,
    RequestRates,
  ],
  exports: [
    AccountStore,
    AccountsService,
    ApiKeyGuard,
    Audit,
    AuditStore,
    AuthTokens,
    ConsoleSessions,
    HeldKeys,
    LoginAttempts,
    RequestRates,
  ],
})
export class AccountsModule {}
