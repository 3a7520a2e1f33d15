import { Controller, Get, Param, Res } from '@nestjs/common';
import { ApiTags, ApiOperation } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AccountId, NeedsScope } from '../../accounts/api-key.guard.js';
import { OperationsService } from '../../operations/operations.service.js';
import { acknowledgeSent } from '../acknowledge-sent.js';
import { sayWhenToAskAgain } from '../ask-again.js';
import { LroOperationResponse } from './lro.response.js';

@ApiTags('lro')
@Controller('lro/operations')
export class LroController {
  constructor(private readonly operations: OperationsService) {}

  /** What `Operation-Location` names: the status monitor that Azure's clients poll. */
  @Get(':id')
  @ApiOperation({ operationId: 'getLroOperation' })
  @NeedsScope('operations:read')
  async read(
    @AccountId() accountId: string,
    @Param('id') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<LroOperationResponse> {
    const { operation } = await this.operations.find(accountId, id);
    sayWhenToAskAgain(reply, this.operations, operation);
    acknowledgeSent(reply, this.operations, accountId, operation);
    return LroOperationResponse.from(operation);
  }
}
