import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiTags, ApiOperation } from '@nestjs/swagger';
import type { AccountEntity } from '../../accounts/account.entity.js';
import { type AccountChange, AccountStore } from '../../accounts/account.store.js';
import { AccountsService } from '../../accounts/accounts.service.js';
import { By, NeedsScope } from '../../accounts/api-key.guard.js';
import { Audit } from '../../accounts/audit.js';
import type { Actor } from '../../accounts/audit.store.js';
import { ApiExamples, ApiPage, ApiProblem } from '../../http/api-answers.js';
import { decodeCursor, type Page, TEXT_KEY, toPage } from '../../http/page.js';
import { Problem } from '../../http/problem.js';
import { Quotas } from '../../operations/quotas.js';
import { ChangeAccountRequest, CreateAccountRequest, CreateKeyRequest } from './account.request.js';
import { AccountResponse, ApiKeyResponse } from './account.response.js';
import { dateOf, limitOf, PageQuery } from './operation.request.js';

@ApiTags('admin')
@Controller('v1/accounts')
@NeedsScope('admin')
export class AccountsController {
  constructor(
    private readonly accounts: AccountsService,
    private readonly store: AccountStore,
    private readonly audit: Audit,
    private readonly quotas: Quotas,
  ) {}

  /** Makes an account. */
  @Post()
  @ApiOperation({ operationId: 'createAccount' })
  @HttpCode(201)
  @ApiProblem(409, 'Another account has this name')
  @ApiExamples(CreateAccountRequest, { 'An account': { name: 'acme', slots: 5 } })
  async create(@Body() request: CreateAccountRequest, @By() actor: Actor): Promise<AccountResponse> {
    const account = await this.accounts.create({ ...changeOf(request), name: request.name }, actor);
    if (!account) throw nameTaken();
    return AccountResponse.from(account);
  }

  /** The accounts of the installation. */
  @Get()
  @ApiOperation({ operationId: 'listAccounts' })
  @ApiPage(AccountResponse)
  async list(@Query() query: PageQuery): Promise<Page<AccountResponse>> {
    const limit = limitOf(query);
    const rows = await this.store.list(decodeCursor(query.cursor, '', TEXT_KEY), limit + 1);
    return toPage(
      rows,
      limit,
      (account) => account.id,
      (account) => AccountResponse.from(account),
    );
  }

  /** One account. */
  @Get(':id')
  @ApiOperation({ operationId: 'getAccount' })
  async read(@Param('id') id: string): Promise<AccountResponse> {
    return AccountResponse.from(await this.find(id));
  }

  /** Changes what is given; slots hold from the next dispatch on, quotas within seconds. */
  @Patch(':id')
  @ApiOperation({ operationId: 'changeAccount' })
  @ApiProblem(409, 'Another account has this name')
  @ApiExamples(ChangeAccountRequest, { 'More slots': { slots: 50 } })
  async change(
    @Param('id') id: string,
    @Body() request: ChangeAccountRequest,
    @By() actor: Actor,
  ): Promise<AccountResponse> {
    const account = await this.store.change(id, changeOf(request));
    if (account === 'name-taken') throw nameTaken();
    if (!account) throw notFound('account', id);
    this.accounts.changed();
    this.quotas.changed(id);
    const action = 'account.changed';
    await this.audit.write({ accountId: id, actor, action, target: id, details: { ...request } });
    return AccountResponse.from(account);
  }

  /** A new API key; `key` is shown this once. */
  @Post(':id/keys')
  @ApiOperation({ operationId: 'createKey' })
  @HttpCode(201)
  @ApiExamples(CreateKeyRequest, {
    'A key for submits': { name: 'acme backend', scopes: ['operations:write', 'operations:read'] },
  })
  async createKey(
    @Param('id') id: string,
    @Body() request: CreateKeyRequest,
    @By() actor: Actor,
  ): Promise<ApiKeyResponse> {
    const account = await this.find(id);
    const expiresAt = dateOf(request.expires_at) ?? null;
    if (expiresAt !== null && expiresAt.getTime() <= Date.now()) {
      throw new Problem(422, 'invalid-request', 'expires_at must be in the future', {
        errors: [{ path: 'expires_at', message: 'must be in the future' }],
      });
    }
    const { name, scopes } = request;
    const { entity, key } = await this.accounts.createKey(account.id, { name, scopes, expiresAt }, actor);
    return ApiKeyResponse.from(entity, key);
  }

  /** The keys of an account, without `key`. */
  @Get(':id/keys')
  @ApiOperation({ operationId: 'listKeys' })
  @ApiPage(ApiKeyResponse)
  async listKeys(@Param('id') id: string, @Query() query: PageQuery): Promise<Page<ApiKeyResponse>> {
    await this.find(id);
    const limit = limitOf(query);
    const rows = await this.store.listKeys(id, decodeCursor(query.cursor, '', TEXT_KEY), limit + 1);
    return toPage(
      rows,
      limit,
      (key) => key.id,
      (key) => ApiKeyResponse.from(key),
    );
  }

  /** Revokes a key; it is refused everywhere within 5 s. */
  @Delete(':id/keys/:key')
  @ApiOperation({ operationId: 'revokeKey' })
  @HttpCode(204)
  async revokeKey(@Param('id') id: string, @Param('key') key: string, @By() actor: Actor): Promise<void> {
    if (!(await this.accounts.revokeKey(id, key, actor))) throw notFound('key', key);
  }

  private async find(id: string): Promise<AccountEntity> {
    const account = await this.store.find(id);
    if (!account) throw notFound('account', id);
    return account;
  }
}

function changeOf(request: ChangeAccountRequest): AccountChange {
  return {
    name: request.name,
    slots: request.slots,
    quotaBytes: request.quota_bytes,
    quotaWaiting: request.quota_waiting,
    requestsPerS: request.requests_per_s,
  };
}

function nameTaken(): Problem {
  return new Problem(409, 'name-taken', 'another account has this name', {
    errors: [{ path: 'name', message: 'is taken: choose another' }],
  });
}

function notFound(what: string, id: string): Problem {
  const message = `there is no ${what} ${id.slice(0, 60)}`;
  return new Problem(404, `${what}-not-found`, message, { errors: [{ path: 'id', message }] });
}
