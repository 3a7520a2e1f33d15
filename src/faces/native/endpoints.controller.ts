import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiTags, ApiOperation } from '@nestjs/swagger';
import { AccountId, By, HasScope, IsOperator, NeedsScope } from '../../accounts/api-key.guard.js';
import { Audit } from '../../accounts/audit.js';
import type { AuditAction } from '../../accounts/audit-action.js';
import type { Actor } from '../../accounts/audit.store.js';
import { ApiAccount, type Whose, WhoseRows } from '../../accounts/whose.js';
import { DeliveryReads } from '../../deliveries/delivery-reads.store.js';
import type { EndpointEntity } from '../../endpoints/endpoint.entity.js';
import { EndpointStore } from '../../endpoints/endpoint.store.js';
import { EndpointSettingsMaker } from '../../endpoints/endpoint-settings.js';
import { EndpointsService } from '../../endpoints/endpoints.service.js';
import { EndpointTests } from '../../endpoints/endpoint-tests.js';
import { ApiExamples, ApiPage, ApiProblem } from '../../http/api-answers.js';
import { NoFields } from '../../http/validation.pipe.js';
import { decodeCursor, type Page, TEXT_KEY, toPage } from '../../http/page.js';
import { RotateSecretRequest } from './account.request.js';
import { KnownSecretsResponse, SigningSecretResponse } from './account.response.js';
import { endpointDescription, fieldsOf } from './endpoint-description.js';
import { checkEnded } from './end-secret.js';
import { AttemptResponse } from './delivery.response.js';
import { ChangeEndpointRequest, CreateEndpointRequest, RecoverRequest } from './endpoint.request.js';
import { EndpointResponse, EndpointStatsResponse } from './endpoint.response.js';
import { RecoveryBegunResponse } from './recovery.response.js';
import { spanOf } from './recovery.request.js';
import { limitOf, OwnedPageQuery } from './operation.request.js';
import { withoutQuery } from './operation.response.js';

const DAY_S = 86_400;

@ApiTags('endpoints')
@Controller('v1/endpoints')
export class EndpointsController {
  constructor(
    private readonly endpoints: EndpointsService,
    private readonly settings: EndpointSettingsMaker,
    private readonly store: EndpointStore,
    private readonly deliveries: DeliveryReads,
    private readonly tests: EndpointTests,
    private readonly audit: Audit,
  ) {}

  /** Registers a URL for the account's events, or a consumer that pulls them; `secret` is told along. */
  @Post()
  @ApiOperation({ operationId: 'createEndpoint' })
  @HttpCode(201)
  @NeedsScope('endpoints:write')
  @ApiExamples(CreateEndpointRequest, {
    'The ends of operations': { url: 'https://example.com/hooks/ringback' },
    'Failures, with a header': {
      url: 'https://example.com/hooks/ringback',
      events: ['operation.failed', 'delivery.exhausted'],
      headers: [{ key: 'authorization', value: 'Bearer yours' }],
    },
    'A consumer that asks by itself': { mode: 'pull', lease_s: 60 },
  })
  @ApiProblem(429, 'URLs named too many new hosts in a minute')
  async create(
    @AccountId() accountId: string,
    @Body() request: CreateEndpointRequest,
    @By() actor: Actor,
  ): Promise<EndpointResponse> {
    const { endpoint, secret } = await this.endpoints.create(
      accountId,
      endpointDescription(request, null, ''),
    );
    await this.wrote(endpoint, actor, 'endpoint.created', { fields: fieldsOf(request) });
    return this.shown(endpoint, { secret });
  }

  /** The account's endpoints. */
  @Get()
  @ApiOperation({ operationId: 'listEndpoints' })
  @NeedsScope('operations:read')
  @ApiPage(EndpointResponse)
  async list(
    @WhoseRows() whose: Whose,
    @HasScope('endpoints:write') whole: boolean,
    @Query() query: OwnedPageQuery,
  ): Promise<Page<EndpointResponse>> {
    const limit = limitOf(query);
    const rows = await this.store.list(whose.account, decodeCursor(query.cursor, '', TEXT_KEY), limit + 1);
    return toPage(
      rows,
      limit,
      (endpoint) => endpoint.id,
      (endpoint) => this.shown(endpoint, { whole, whose }),
    );
  }

  /** One endpoint. */
  @Get(':id')
  @ApiOperation({ operationId: 'getEndpoint' })
  @NeedsScope('operations:read')
  @ApiAccount()
  async read(
    @WhoseRows() whose: Whose,
    @HasScope('endpoints:write') whole: boolean,
    @Param('id') id: string,
  ): Promise<EndpointResponse> {
    return this.shown(await this.endpoints.find(whose.account, id), { whole, whose });
  }

  /** Changes what is given; deliveries that still wait go to the new URL. */
  @Patch(':id')
  @ApiOperation({ operationId: 'changeEndpoint' })
  @ApiAccount()
  @NeedsScope('endpoints:write')
  @ApiExamples(ChangeEndpointRequest, { 'Another pace': { rate_per_s: 10, max_in_flight: 5 } })
  @ApiProblem(429, 'URLs named too many new hosts in a minute')
  async change(
    @WhoseRows() whose: Whose,
    @Param('id') id: string,
    @Body() request: ChangeEndpointRequest,
    @By() actor: Actor,
  ): Promise<EndpointResponse> {
    const accountId = await this.accountOf(whose, id);
    const endpoint = await this.endpoints.change(accountId, id, (current, url) =>
      endpointDescription(request, current, url),
    );
    await this.wrote(endpoint, actor, 'endpoint.changed', { fields: fieldsOf(request) });
    return this.shown(endpoint);
  }

  /** Deletes it and cancels what was still owed to it; the log stays. */
  @Delete(':id')
  @ApiOperation({ operationId: 'deleteEndpoint' })
  @ApiAccount()
  @HttpCode(204)
  @NeedsScope('endpoints:write')
  async remove(@WhoseRows() whose: Whose, @Param('id') id: string, @By() actor: Actor): Promise<void> {
    const accountId = await this.accountOf(whose, id);
    await this.endpoints.remove(accountId, id);
    await this.wrote({ accountId, id }, actor, 'endpoint.deleted');
  }

  /** The secret that signs what this endpoint is told. */
  @Get(':id/secret')
  @ApiOperation({ operationId: 'getEndpointSecret' })
  @ApiAccount()
  @NeedsScope('endpoints:write')
  async secret(
    @WhoseRows() whose: Whose,
    @Param('id') id: string,
    @By() actor: Actor,
  ): Promise<SigningSecretResponse> {
    const accountId = await this.accountOf(whose, id);
    const secret = await this.endpoints.secret(accountId, id);
    await this.wrote({ accountId, id }, actor, 'secret.read');
    return { secret };
  }

  /** The secrets that sign what this endpoint is told, with their ends and without their text. */
  @Get(':id/secrets')
  @ApiOperation({ operationId: 'listEndpointSecrets' })
  @NeedsScope('endpoints:write')
  @ApiAccount()
  async secrets(@WhoseRows() whose: Whose, @Param('id') id: string): Promise<KnownSecretsResponse> {
    return KnownSecretsResponse.from(await this.endpoints.secrets(whose.account, id));
  }

  /** Ends an old secret at once: it co-signs nothing from now on, in all processes within 5 s. */
  @Delete(':id/secrets/:secret_id')
  @ApiOperation({ operationId: 'endEndpointSecret' })
  @ApiAccount()
  @HttpCode(204)
  @NeedsScope('endpoints:write')
  @ApiProblem(409, 'It is the current one: rotate first')
  async endSecret(
    @WhoseRows() whose: Whose,
    @Param('id') id: string,
    @Param('secret_id') secretId: string,
    @By() actor: Actor,
  ): Promise<void> {
    const accountId = await this.accountOf(whose, id);
    checkEnded(await this.endpoints.endSecret(accountId, id, secretId), secretId);
    await this.wrote({ accountId, id }, actor, 'secret.ended');
  }

  /** A new secret signs from now on; all older ones co-sign for `overlap_s` at the most. */
  @Post(':id/rotate-secret')
  @ApiOperation({ operationId: 'rotateEndpointSecret' })
  @ApiAccount()
  @HttpCode(200)
  @NeedsScope('endpoints:write')
  @ApiExamples(RotateSecretRequest, { 'Within a day': { overlap_s: 86_400 } })
  async rotate(
    @WhoseRows() whose: Whose,
    @Param('id') id: string,
    @Body() request: RotateSecretRequest,
    @By() actor: Actor,
  ): Promise<SigningSecretResponse> {
    const accountId = await this.accountOf(whose, id);
    const overlap = request.overlap_s ?? DAY_S;
    const secret = await this.endpoints.rotate(accountId, id, overlap);
    await this.wrote({ accountId, id }, actor, 'secret.rotated', { overlap_s: overlap });
    return { secret };
  }

  /** Sends a signed sample now and answers with the attempt. */
  @Post(':id/test')
  @ApiOperation({ operationId: 'testEndpoint' })
  @ApiAccount()
  @HttpCode(200)
  @NeedsScope('endpoints:write')
  @ApiProblem(409, 'The endpoint is disabled: enable it first')
  async test(
    @NoFields() _body: unknown,
    @WhoseRows() whose: Whose,
    @IsOperator() isOperator: boolean,
    @Param('id') id: string,
  ): Promise<AttemptResponse> {
    const accountId = await this.accountOf(whose, id);
    const delivery = await this.tests.send(await this.endpoints.find(accountId, id));
    const [attempt] = await this.deliveries.attempts(delivery.id);
    return AttemptResponse.from(attempt!, isOperator);
  }

  /** Enables it, and sends what was paused. */
  @Post(':id/enable')
  @ApiOperation({ operationId: 'enableEndpoint' })
  @ApiAccount()
  @HttpCode(200)
  @NeedsScope('endpoints:write')
  async enable(
    @NoFields() _body: unknown,
    @WhoseRows() whose: Whose,
    @Param('id') id: string,
    @By() actor: Actor,
  ): Promise<EndpointResponse> {
    const accountId = await this.accountOf(whose, id);
    const endpoint = await this.endpoints.enable(accountId, id);
    await this.wrote(endpoint, actor, 'endpoint.enabled');
    return this.shown(endpoint);
  }

  /** Disables it: its deliveries are paused. */
  @Post(':id/disable')
  @ApiOperation({ operationId: 'disableEndpoint' })
  @ApiAccount()
  @HttpCode(200)
  @NeedsScope('endpoints:write')
  async disable(
    @NoFields() _body: unknown,
    @WhoseRows() whose: Whose,
    @Param('id') id: string,
    @By() actor: Actor,
  ): Promise<EndpointResponse> {
    const accountId = await this.accountOf(whose, id);
    const endpoint = await this.endpoints.disable(accountId, id);
    await this.wrote(endpoint, actor, 'endpoint.disabled');
    return this.shown(endpoint);
  }

  /**
   * Sends the exhausted deliveries of a time span again, with `pending` those that wait too, at the endpoint's own pace; survives
   * a crash. Enables the endpoint. Tests are never sent again.
   */
  @Post(':id/recover')
  @ApiOperation({ operationId: 'recoverEndpoint' })
  @ApiAccount()
  @HttpCode(202)
  @NeedsScope('deliveries:redeliver')
  @ApiExamples(RecoverRequest, {
    'All of it, since a time': { since: '2026-01-31T12:00:00Z', pending: true },
  })
  async recover(
    @WhoseRows() whose: Whose,
    @Param('id') id: string,
    @Body() request: RecoverRequest,
    @By() actor: Actor,
  ): Promise<RecoveryBegunResponse> {
    const accountId = await this.accountOf(whose, id);
    const span = spanOf(request);
    const { disabledAt } = await this.endpoints.find(accountId, id);
    const recovery = await this.endpoints.recover(accountId, id, span);
    if (disabledAt !== null) await this.wrote({ accountId, id }, actor, 'endpoint.enabled');
    await this.wrote({ accountId, id }, actor, 'bulk.started', { action: 'recover', ...span });
    return RecoveryBegunResponse.from(recovery);
  }

  /** Attempts by hour over the last day. */
  @Get(':id/stats')
  @ApiOperation({ operationId: 'getEndpointStats' })
  @NeedsScope('operations:read')
  @ApiAccount()
  async stats(@WhoseRows() whose: Whose, @Param('id') id: string): Promise<EndpointStatsResponse> {
    const { accountId } = await this.endpoints.find(whose.account, id);
    return EndpointStatsResponse.from(await this.store.stats(accountId, id, 24));
  }

  /** The account that a change is made in: the key's own or the one that is named; of `*`, whosever the endpoint is. */
  private async accountOf(whose: Whose, id: string): Promise<string> {
    return whose.account ?? (await this.endpoints.find(null, id)).accountId;
  }

  private wrote(
    { accountId, id }: Pick<EndpointEntity, 'accountId' | 'id'>,
    actor: Actor,
    action: AuditAction,
    details: Record<string, unknown> = {},
  ): Promise<void> {
    return this.audit.write({ accountId, actor, action, target: id, details });
  }

  /** `whole`: with the query of its URL, for those who could change it. */
  private shown(
    endpoint: EndpointEntity,
    { whole = true, secret, whose }: { whole?: boolean; secret?: string; whose?: Whose } = {},
  ): EndpointResponse {
    const { url, headers } = this.settings.destination(endpoint);
    return EndpointResponse.from(
      { ...endpoint, url: whole ? url : withoutQuery(url) },
      {
        headerNames: headers.map(({ key }) => key),
        certificate: this.settings.shownCertificate(endpoint),
        secret,
        whose,
      },
    );
  }
}
