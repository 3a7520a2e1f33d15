import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { NeedsScope } from '../../accounts/api-key.guard.js';
import { type Whose, WhoseRows } from '../../accounts/whose.js';
import { StatsStore } from '../../operations/stats/stats.store.js';
import { rangeOf, StatsQuery } from './stats.request.js';
import { DeliveryStatsResponse, OperationStatsResponse } from './stats.response.js';

@ApiTags('stats')
@Controller('v1/stats')
@NeedsScope('operations:read')
export class StatsController {
  constructor(private readonly stats: StatsStore) {}

  /** How many operations were accepted and ended, how long they took, and which types and error codes are most frequent. */
  @Get('operations')
  @ApiOperation({ operationId: 'getOperationStats' })
  async operations(@WhoseRows() whose: Whose, @Query() query: StatsQuery): Promise<OperationStatsResponse> {
    const range = rangeOf(query, whose.account, new Date());
    return OperationStatsResponse.from(await this.stats.operations(range), range);
  }

  /** How many attempts arrived and failed, how many deliveries were given up, and which origins and errors are most frequent. */
  @Get('deliveries')
  @ApiOperation({ operationId: 'getDeliveryStats' })
  async deliveries(@WhoseRows() whose: Whose, @Query() query: StatsQuery): Promise<DeliveryStatsResponse> {
    const range = rangeOf(query, whose.account, new Date());
    return DeliveryStatsResponse.from(await this.stats.deliveries(range), range);
  }
}
