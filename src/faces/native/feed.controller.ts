import { Readable } from 'node:stream';
import { Controller, Get, Headers, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { IsOptional } from 'class-validator';
import type { FastifyReply } from 'fastify';
import type { KeyHolder } from '../../accounts/account.store.js';
import { Holder, NeedsScope } from '../../accounts/api-key.guard.js';
import { HeldKeys } from '../../accounts/held-keys.js';
import { IsAccount, type Whose, WhoseRows } from '../../accounts/whose.js';
import { OperationConfig } from '../../config/config.js';
import { ApiStream } from '../../http/api-answers.js';
import { Feed } from '../../operations/feed/feed.js';
import { OperationWaits } from '../../operations/read/operation-waits.js';
import { gone } from '../acknowledge-sent.js';
import { checkedEventId, EVENT_STREAM } from './event-streams.js';
import { feedStream } from './feed-stream.js';
import { FeedEventResponse } from './feed.response.js';

export class FeedQuery {
  @IsOptional()
  @IsAccount()
  account?: string;
}

@ApiTags('stats')
@Controller('v1/feed')
export class FeedController {
  constructor(
    private readonly feed: Feed,
    private readonly waits: OperationWaits,
    private readonly keys: HeldKeys,
    private readonly config: OperationConfig,
  ) {}

  /** What happens, as it happens, as server-sent events: operations that ended, attempts that were made, endpoints that were disabled. */
  @Get()
  @ApiOperation({ operationId: 'getFeed' })
  @NeedsScope('operations:read')
  @ApiStream(FeedEventResponse)
  async read(
    @Holder() holder: KeyHolder,
    @WhoseRows() { account }: Whose,
    @Query() _query: FeedQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const after = lastEventId === undefined ? undefined : Number(checkedEventId(lastEventId));
    const signal = this.keys.watch(holder.keyId, gone(reply));
    // Before it is asked where to begin: from there on nothing is passed over.
    this.feed.listen(signal);
    const begin = await this.feed.begin(after);
    const held = this.waits.hold(holder.accountId, signal);
    const stream = feedStream(this.feed, {
      accountId: account,
      begin,
      held,
      heartbeatMs: this.config.heartbeatS * 1000,
      signal,
    });
    await reply.headers(EVENT_STREAM).send(Readable.from(stream));
  }
}
