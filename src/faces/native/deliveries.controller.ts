import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiTags, ApiOperation } from '@nestjs/swagger';
import { AccountId, By, IsOperator, NeedsScope } from '../../accounts/api-key.guard.js';
import { Audit } from '../../accounts/audit.js';
import type { Actor } from '../../accounts/audit.store.js';
import { ApiAccount, type Whose, WhoseRows } from '../../accounts/whose.js';
import { DeliveryDispatcher } from '../../deliveries/delivery.dispatcher.js';
import { DeliveryReads, type ShownDelivery } from '../../deliveries/delivery-reads.store.js';
import { DeliveryStore } from '../../deliveries/delivery.store.js';
import { RecoveriesService } from '../../endpoints/recoveries.service.js';
import { ApiExamples, ApiPage, ApiProblem } from '../../http/api-answers.js';
import { toOrigin } from '../../http/filter-fields.js';
import { NoFields } from '../../http/validation.pipe.js';
import { type Page, pageOf } from '../../http/page.js';
import { Problem } from '../../http/problem.js';
import { OperationReads } from '../../operations/read/operation-reads.store.js';
import { SigningSecrets } from '../../signing/signing-secrets.store.js';
import { AttemptResponse, DeliveryDetailsResponse, DeliveryResponse } from './delivery.response.js';
import { deliveryFilter } from './delivery-filter.request.js';
import { ListDeliveriesQuery, RedeliverQuery } from './delivery.request.js';
import { RecoverDeliveriesRequest, spanOf } from './recovery.request.js';
import { RecoveryBegunResponse } from './recovery.response.js';
import { pageAsked } from './operation.request.js';

const REDELIVERABLE =
  'it must be Exhausted, Pending with no attempt in flight, or, with again=true, Delivered; its endpoint must still be there';

@ApiTags('deliveries')
@Controller('v1/deliveries')
export class DeliveriesController {
  constructor(
    private readonly store: DeliveryStore,
    private readonly deliveries: DeliveryReads,
    private readonly dispatcher: DeliveryDispatcher,
    private readonly operations: OperationReads,
    private readonly recoveries: RecoveriesService,
    private readonly secrets: SigningSecrets,
    private readonly audit: Audit,
  ) {}

  /** The log: every delivery of the account, oldest first. */
  @Get()
  @ApiOperation({ operationId: 'listDeliveries' })
  @NeedsScope('operations:read')
  @ApiPage(DeliveryResponse)
  async list(
    @WhoseRows() whose: Whose,
    @Query() query: ListDeliveriesQuery,
  ): Promise<Page<DeliveryResponse>> {
    const operation =
      query.operation === undefined ? undefined : await this.operations.find(whose.account, query.operation);
    if (operation === null) return { data: [], next_cursor: null };
    const filter = deliveryFilter(query, whose.account, operation?.operation.requestId);
    return pageOf(await this.deliveries.list(filter, pageAsked(query)), (delivery) =>
      DeliveryResponse.from(delivery, whose),
    );
  }

  /** One delivery with its bytes and every attempt. */
  @Get(':id')
  @ApiOperation({ operationId: 'getDelivery' })
  @NeedsScope('operations:read')
  @ApiAccount()
  async read(
    @WhoseRows() whose: Whose,
    @IsOperator() isOperator: boolean,
    @Param('id') id: string,
  ): Promise<DeliveryDetailsResponse> {
    const found = await this.deliveries.whole(whose.account, id);
    if (!found) throw notFound(id);
    const { delivery, attempts } = found;
    return {
      ...DeliveryResponse.from(delivery, whose),
      body: delivery.body,
      signing_fingerprints: await this.secrets.fingerprints(delivery.accountId, delivery.endpointId),
      attempts: attempts.map((attempt) => AttemptResponse.from(attempt, isOperator)),
    };
  }

  /** One attempt now, with the same id and bytes and a new signature; `again=true` takes a Delivered one too. */
  @Post(':id/redeliver')
  @ApiOperation({ operationId: 'redeliver' })
  @HttpCode(202)
  @NeedsScope('deliveries:redeliver')
  @ApiProblem(
    409,
    'Neither Exhausted nor Pending without an attempt in flight; with `again=true` nor Delivered',
  )
  async redeliver(
    @NoFields() _body: unknown,
    @WhoseRows() whose: Whose,
    @Param('id') id: string,
    @Query() query: RedeliverQuery,
    @By() actor: Actor,
  ): Promise<DeliveryResponse> {
    const accountId = await this.ownerOf(whose, id);
    if (!(await this.store.redeliver(accountId, id, query.again === 'true')))
      throw await this.refusal(accountId, id, `redelivered: ${REDELIVERABLE}`);
    this.dispatcher.wake();
    await this.audit.write({ accountId, actor, action: 'delivery.redelivered', target: id });
    return DeliveryResponse.from(await this.find(accountId, id), whose);
  }

  /**
   * Sends the exhausted callbacks of operations made in a time span again, with `pending` those that wait too, within the caps of
   * their origins; survives a crash. Those that their callers have acknowledged by poll are left.
   */
  @Post('recover')
  @ApiOperation({ operationId: 'recoverDeliveries' })
  @HttpCode(202)
  @NeedsScope('deliveries:redeliver')
  @ApiExamples(RecoverDeliveriesRequest, {
    'All of it, since a time': { since: '2026-01-31T12:00:00Z', pending: true },
    'Of one receiver': {
      since: '2026-01-31T12:00:00Z',
      origin: 'https://example.com',
      reason: 'schedule_spent',
    },
  })
  async recover(
    @AccountId() accountId: string,
    @Body() request: RecoverDeliveriesRequest,
    @By() actor: Actor,
  ): Promise<RecoveryBegunResponse> {
    const asked = {
      ...spanOf(request),
      origin: toOrigin(request.origin),
      reason: request.reason ?? null,
    };
    const recovery = await this.recoveries.begin({ ...asked, accountId, endpointId: null });
    const details = { action: 'recover', ...asked };
    await this.audit.write({ accountId, actor, action: 'bulk.started', target: recovery.id, details });
    return RecoveryBegunResponse.from(recovery);
  }

  /** Gives a Pending delivery up. */
  @Post(':id/cancel')
  @ApiOperation({ operationId: 'cancelDelivery' })
  @HttpCode(200)
  @NeedsScope('deliveries:redeliver')
  @ApiAccount()
  @ApiProblem(409, 'Not Pending')
  async cancel(
    @NoFields() _body: unknown,
    @WhoseRows() whose: Whose,
    @Param('id') id: string,
    @By() actor: Actor,
  ): Promise<DeliveryResponse> {
    const accountId = await this.ownerOf(whose, id);
    if (!(await this.store.cancel(accountId, id)))
      throw await this.refusal(accountId, id, 'canceled: only a Pending one can');
    await this.audit.write({ accountId, actor, action: 'delivery.canceled', target: id });
    return DeliveryResponse.from(await this.find(accountId, id), whose);
  }

  /** Whose a delivery is that is acted on. */
  private async ownerOf({ account }: Whose, id: string): Promise<string> {
    return account ?? (await this.find(null, id)).accountId;
  }

  private async find(accountId: string | null, id: string): Promise<ShownDelivery> {
    const delivery = await this.deliveries.find(accountId, id);
    if (!delivery) throw notFound(id);
    return delivery;
  }

  private async refusal(accountId: string, id: string, what: string): Promise<Problem> {
    const delivery = await this.deliveries.find(accountId, id);
    if (!delivery) return notFound(id);
    if (delivery.body === '')
      return new Problem(
        409,
        'delivery-expired',
        'its operation has expired, and its body with it: it cannot be sent again',
      );
    const flight = delivery.state === 'Pending' ? ', with an attempt in flight' : '';
    return new Problem(
      409,
      'delivery-state',
      `the delivery is ${delivery.state}${flight} and cannot be ${what}`,
    );
  }
}

function notFound(id: string): Problem {
  const message = `there is no delivery ${id.slice(0, 60)} in this account`;
  return new Problem(404, 'delivery-not-found', message, { errors: [{ path: 'id', message }] });
}
