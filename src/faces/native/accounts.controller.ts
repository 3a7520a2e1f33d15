import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiTags, ApiOperation } from '@nestjs/swagger';
import type { AccountEntity } from '../../accounts/account.entity.js';
import { type AccountChange, AccountStore, type KeyHolder } from '../../accounts/account.store.js';
import { AccountsService, DEFAULT_ACCOUNT } from '../../accounts/accounts.service.js';
import { By, Holder, NeedsScope } from '../../accounts/api-key.guard.js';
import { Audit } from '../../accounts/audit.js';
import type { Actor } from '../../accounts/audit.store.js';
import type { Scope } from '../../accounts/scopes.js';
import { ApiExamples, ApiPage, ApiProblem } from '../../http/api-answers.js';
import { decodeCursor, type Page, TEXT_KEY, toPage } from '../../http/page.js';
import { Problem } from '../../http/problem.js';
import { Quotas } from '../../operations/accept/quotas.js';
import {
  ChangeAccountRequest,
  CreateAccountRequest,
  CreateKeyRequest,
  ListAccountsQuery,
} from './account.request.js';
import { AccountResponse, ApiKeyResponse } from './account.response.js';
import { dateOf } from '../../http/instant.js';
import { limitOf, PageQuery } from './operation.request.js';

@ApiTags('admin')
@Controller('v1/accounts')
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
  @NeedsScope('admin')
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
  @NeedsScope('admin')
  @ApiPage(AccountResponse)
  async list(@Query() query: ListAccountsQuery): Promise<Page<AccountResponse>> {
    const limit = limitOf(query);
    const rows = await this.store.list(decodeCursor(query.cursor, '', TEXT_KEY), limit + 1);
    const loads = query.usage === 'true' ? await this.quotas.loads(rows.map(({ id }) => id)) : undefined;
    return toPage(
      rows,
      limit,
      (account) => account.id,
      (account) => AccountResponse.from(account, loads?.get(account.id)),
    );
  }

  /** One account. */
  @Get(':id')
  @ApiOperation({ operationId: 'getAccount' })
  @NeedsScope('admin')
  async read(@Param('id') id: string): Promise<AccountResponse> {
    return AccountResponse.from(await this.find(id));
  }

  /**
   * Changes what is given: slots hold from the next dispatch on, quotas within seconds, and its keys are refused everywhere within 5 s
   * where it is disabled.
   */
  @Patch(':id')
  @ApiOperation({ operationId: 'changeAccount' })
  @NeedsScope('admin')
  @ApiProblem(
    409,
    'Another account has this name; the account is your own, or `default`, and cannot be disabled',
  )
  @ApiExamples(ChangeAccountRequest, { 'More slots': { slots: 50 } })
  async change(
    @Holder() holder: KeyHolder,
    @Param('id') id: string,
    @Body() request: ChangeAccountRequest,
    @By() actor: Actor,
  ): Promise<AccountResponse> {
    if (request.disabled === true) await this.refuseNeeded(holder, id, 'disabled');
    const account = await this.accounts.change(id, { ...changeOf(request), disabled: request.disabled });
    if (account === 'name-taken') throw nameTaken();
    if (!account) throw notFound('account', id);
    this.quotas.changed(id);
    const action = request.disabled === true ? 'account.disabled' : 'account.changed';
    await this.audit.write({ accountId: id, actor, action, target: id, details: { ...request } });
    return AccountResponse.from(account);
  }

  /**
   * Deletes an account with all it has: operations, deliveries, endpoints, files, secrets. Its keys are refused within 5 s, its
   * rows go in rounds soon after, and what runs is stopped. Nothing of it can be had again.
   */
  @Delete(':id')
  @ApiOperation({ operationId: 'deleteAccount' })
  @HttpCode(204)
  @NeedsScope('admin')
  @ApiProblem(409, 'It is your own, or `default`')
  async remove(@Holder() holder: KeyHolder, @Param('id') id: string, @By() actor: Actor): Promise<void> {
    await this.refuseNeeded(holder, id, 'deleted');
    if (!(await this.accounts.remove(id))) throw notFound('account', id);
    await this.audit.write({ accountId: id, actor, action: 'account.deleted', target: id });
  }

  /** A new API key; `key` is shown this once. With `keys:write`, of the key's own account and with no scope that it lacks. */
  @Post(':id/keys')
  @ApiOperation({ operationId: 'createKey' })
  @NeedsScope('keys:write')
  @HttpCode(201)
  @ApiExamples(CreateKeyRequest, {
    'A key for submits': { name: 'acme backend', scopes: ['operations:write', 'operations:read'] },
  })
  async createKey(
    @Holder() holder: KeyHolder,
    @Param('id') id: string,
    @Body() request: CreateKeyRequest,
    @By() actor: Actor,
  ): Promise<ApiKeyResponse> {
    const account = await this.findOf(holder, id);
    refuseScopes(holder, request.scopes);
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
  @NeedsScope('keys:write')
  @ApiPage(ApiKeyResponse)
  async listKeys(
    @Holder() holder: KeyHolder,
    @Param('id') id: string,
    @Query() query: PageQuery,
  ): Promise<Page<ApiKeyResponse>> {
    await this.findOf(holder, id);
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
  @NeedsScope('keys:write')
  @HttpCode(204)
  async revokeKey(
    @Holder() holder: KeyHolder,
    @Param('id') id: string,
    @Param('key') key: string,
    @By() actor: Actor,
  ): Promise<void> {
    refuseOthers(holder, id);
    const revoked = await this.store.findKey(id, key);
    if (!revoked) throw notFound('key', key);
    refuseScopes(holder, revoked.scopes);
    if (!(await this.accounts.revokeKey(id, key, actor))) throw notFound('key', key);
  }

  /** An account whose keys the holder may see to: any with `admin`, else its own. */
  private async findOf(holder: KeyHolder, id: string): Promise<AccountEntity> {
    refuseOthers(holder, id);
    return this.find(id);
  }

  /** Nobody locks himself out, and the default account is made again by every start. */
  private async refuseNeeded(holder: KeyHolder, id: string, what: string): Promise<void> {
    const { name } = await this.find(id);
    if (holder.accountId !== id && name !== DEFAULT_ACCOUNT) return;
    const message = `the account ${name} cannot be ${what}: it is ${holder.accountId === id ? 'that of this API key' : 'needed'}`;
    throw new Problem(409, 'account-needed', message, { errors: [{ path: 'id', message }] });
  }

  private async find(id: string): Promise<AccountEntity> {
    const account = await this.store.find(id);
    if (!account) throw notFound('account', id);
    return account;
  }
}

function changeOf(request: CreateAccountRequest | ChangeAccountRequest): Omit<AccountChange, 'disabled'> {
  return {
    name: request.name,
    slots: request.slots,
    quotaBytes: request.quota_bytes,
    quotaWaiting: request.quota_waiting,
    requestsPerS: request.requests_per_s,
  };
}

/** Without `admin` a key sees its own account alone. */
function refuseOthers(holder: KeyHolder, id: string): void {
  if (!holder.scopes.includes('admin') && holder.accountId !== id) throw notFound('account', id);
}

/** A key gives, and takes, no more than it has. */
function refuseScopes(holder: KeyHolder, scopes: readonly Scope[]): void {
  const lacking = scopes.filter((scope) => !holder.scopes.includes(scope));
  if (holder.scopes.includes('admin') || lacking.length === 0) return;
  const message = `this API key lacks ${lacking.join(', ')}, and sees to no key that has more than it has`;
  throw new Problem(403, 'forbidden', message, { errors: [{ path: 'scopes', message }] });
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
