import { Controller, Get, Param } from '@nestjs/common';
import { ApiTags, ApiOperation } from '@nestjs/swagger';
import { NeedsScope } from '../../accounts/api-key.guard.js';
import { ApiPage } from '../../http/api-answers.js';
import type { Page } from '../../http/page.js';
import { Problem } from '../../http/problem.js';
import { OperationTypes } from '../../operations/run/operation-types.js';
import { OperationTypeResponse } from './operation-type.response.js';

@ApiTags('operations')
@Controller('v1/operation-types')
@NeedsScope('operations:read')
export class OperationTypesController {
  constructor(private readonly types: OperationTypes) {}

  /** The operation types that this Ringback runs. */
  @Get()
  @ApiOperation({ operationId: 'listOperationTypes' })
  @ApiPage(OperationTypeResponse)
  list(): Page<OperationTypeResponse> {
    return { data: this.types.listed().map((type) => OperationTypeResponse.from(type)), next_cursor: null };
  }

  /** One operation type. */
  @Get(':name')
  @ApiOperation({ operationId: 'getOperationType' })
  read(@Param('name') name: string): OperationTypeResponse {
    const type = this.types.get(name);
    if (type && !type.internal) return OperationTypeResponse.from(type);
    const message = `there is no operation type ${name.slice(0, 60)}`;
    throw new Problem(404, 'operation-type-not-found', message, { errors: [{ path: 'name', message }] });
  }
}
