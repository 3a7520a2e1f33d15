import { Body, Controller, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AccountId, KeyId, NeedsScope } from '../../accounts/api-key.guard.js';
import { checkHeld, HeldKeys } from '../../accounts/held-keys.js';
import { ApiAccount, type Whose, WhoseRows } from '../../accounts/whose.js';
import { PullAcksService } from '../../endpoints/pull/pull-acks.service.js';
import { PullsService } from '../../endpoints/pull/pulls.service.js';
import { ApiExamples, ApiProblem } from '../../http/api-answers.js';
import { Problem } from '../../http/problem.js';
import { OperationWaits } from '../../operations/read/operation-waits.js';
import { gone } from '../acknowledge-sent.js';
import { AcksRequest, PullQuery } from './pull.request.js';
import { AckResponse, AcksResponse, PullResponse } from './pull.response.js';

/** Deliveries that one pull answers where it doesn't say how many. */
const LIMIT = 100;

@ApiTags('endpoints')
@Controller('v1/endpoints')
export class PullController {
  constructor(
    private readonly pulls: PullsService,
    private readonly acks: PullAcksService,
    private readonly waits: OperationWaits,
    private readonly keys: HeldKeys,
  ) {}

  /**
   * Leases deliveries of a pull endpoint, the oldest first: each is this consumer's for `lease_s`, and its attempt is in the log. With
   * `wait`, held until there is one or the time is up. What isn't acknowledged in time is offered again. At least once.
   */
  @Get(':id/pull')
  @ApiOperation({ operationId: 'pullDeliveries' })
  @NeedsScope('deliveries:redeliver')
  @ApiProblem(409, 'The endpoint is disabled: enable it first; or it is no pull endpoint')
  async pull(
    @AccountId() accountId: string,
    @WhoseRows() whose: Whose,
    @KeyId() keyId: string,
    @Param('id') id: string,
    @Query() query: PullQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PullResponse> {
    // HEAD is routed here as it is for any GET, and must change nothing (RFC 9110, 9.2.1); what it leased nobody would see.
    if (reply.request.method === 'HEAD')
      throw new Problem(405, 'method-not-allowed', 'a pull leases what it answers: use GET', {
        headers: { allow: 'GET' },
      });
    const waitMs = Number(query.wait ?? 0) * 1000;
    const held = waitMs > 0 ? this.keys.watch(keyId, gone(reply)) : gone(reply);
    const data = await this.pulls.pull(
      whose.account,
      id,
      {
        most: Number(query.limit ?? LIMIT),
        waitMs,
        leaseS: query.lease_s === undefined ? null : Number(query.lease_s),
      },
      { gone: held, hold: () => this.waits.hold(accountId, held) },
    );
    checkHeld(held);
    return { data };
  }

  /**
   * Ends the attempts of deliveries that were pulled: as delivered, or to be tried again by the endpoint's schedule. Each is answered for
   * itself; to say it again is harmless.
   */
  @Post(':id/acks')
  @ApiOperation({ operationId: 'acknowledgePulled' })
  @HttpCode(200)
  @NeedsScope('deliveries:redeliver')
  @ApiAccount()
  @ApiProblem(409, 'It is no pull endpoint')
  @ApiExamples(AcksRequest, {
    'Done, and not yet': {
      acks: [
        { id: 'dlv_0190f1c2a3b4c5d6e7f8091a2b3c4d5e', ok: true },
        { id: 'dlv_0190f1c2a3b4c5d6e7f8091a2b3c4d5f', ok: false, error: 'out of stock', http_status: 503 },
      ],
    },
  })
  async acknowledge(
    @WhoseRows() whose: Whose,
    @Param('id') id: string,
    @Body() { acks }: AcksRequest,
  ): Promise<AcksResponse> {
    const outcomes = await this.acks.acknowledge(
      whose.account,
      id,
      acks.map(({ id: delivery, ok, attempt, error, http_status }) => ({
        id: delivery,
        ok,
        attempt: attempt ?? undefined,
        error: error ?? null,
        httpStatus: http_status ?? null,
      })),
    );
    return { data: outcomes.map((outcome) => AckResponse.from(outcome)) };
  }
}
