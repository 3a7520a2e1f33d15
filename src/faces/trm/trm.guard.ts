import { Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { KeyHolder } from '../../accounts/account.store.js';
import { AccountsService } from '../../accounts/accounts.service.js';
import { ApiKeyGuard } from '../../accounts/api-key.guard.js';
import { AuthTokens } from '../../accounts/auth-tokens.js';
import { ConsoleSessions } from '../../accounts/console-sessions.js';
import { LoginAttempts } from '../../accounts/login-attempts.js';
import { RequestBuckets } from '../../accounts/request-buckets.js';
import { RequestRates } from '../../accounts/request-rates.js';
import type { Scope } from '../../accounts/scopes.js';
import { TrmConfig } from '../../config/config.js';
import { Problem } from '../../http/problem.js';

const HOUR_S = 3600;

/** Lets requests pass that carry a token of their account (or an API key), within the account's allowance. */
@Injectable()
export class TrmGuard extends ApiKeyGuard {
  static override readonly alsoTakes = [{ trm_token: [], trm_account: [] }];

  private readonly allowance = new RequestBuckets();

  constructor(
    accounts: AccountsService,
    logins: LoginAttempts,
    rates: RequestRates,
    sessions: ConsoleSessions,
    reflector: Reflector,
    private readonly tokens: AuthTokens,
    private readonly config: TrmConfig,
  ) {
    super(accounts, logins, rates, sessions, reflector);
  }

  override async admit(
    request: FastifyRequest & { holder?: KeyHolder },
    reply: FastifyReply,
    scope: Scope | null,
  ): Promise<void> {
    await super.admit(request, reply, scope);
    this.spend(request.holder!.accountId, reply);
  }

  protected override async holder(request: FastifyRequest): Promise<KeyHolder> {
    const { 'x-auth-token': token, 'x-auth-accountid': account, authorization } = request.headers;
    if (token === undefined && authorization !== undefined) return super.holder(request);
    const holder =
      typeof token === 'string' && token.length <= 200
        ? await this.tokens.holderOf(token, this.config.tokenIdleS)
        : null;
    if (holder && (account === holder.accountId || account === holder.accountName)) return holder;
    const refusal = new Problem(
      401,
      'unauthorized',
      'send X-Auth-Token and X-Auth-AccountId; POST /api/auth/token gives a new token',
    );
    throw token === undefined ? refusal : this.logins.failed(request.ip, refusal);
  }

  private spend(accountId: string, reply: FastifyReply): void {
    const { requestsPerHour } = this.config;
    const rate = { most: requestsPerHour, perS: requestsPerHour / HOUR_S };
    const { refused, left, resetS } = this.allowance.spend(accountId, rate);
    void reply.headers({
      'ratelimit-limit': requestsPerHour,
      'ratelimit-remaining': Math.floor(left),
      'ratelimit-reset': resetS,
    });
    if (!refused) return;
    throw new Problem(
      429,
      'too-many-requests',
      `this account may make ${requestsPerHour} requests per hour; try again in ${resetS} seconds`,
      { headers: { 'retry-after': String(resetS) } },
    );
  }
}
